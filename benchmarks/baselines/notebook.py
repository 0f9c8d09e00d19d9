"""The notebook's algorithm, written afresh from SYSTEMS 1b: awkward records, jets that nobody uses.

`python notebook.py FILE RUN FIRST LAST` prints how many events are selected, and how many of them fired.
"""

import json
import sys

import awkward as ak
import numpy as np
import uproot
import vector

PATHS = ["HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ", "HLT_Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ"]
ELECTRON = ["pt", "eta", "phi", "mass", "mvaFall17V2Iso_WP90", "charge"]
MUON = ["pt", "eta", "phi", "mass", "tightId", "charge", "pfRelIso04_all"]
JET = ["pt", "eta", "phi", "mass", "btagDeepFlavB", "jetId", "puId"]
EVENT = ["PuppiMET_pt", "PuppiMET_phi", "run", "luminosityBlock", "nJet", *PATHS]
COLUMNS = [
    *(f"Electron_{field}" for field in ELECTRON),
    *(f"Muon_{field}" for field in MUON),
    *(f"Jet_{field}" for field in JET),
    *EVENT,
]


def main(path: str, run: int, first: int, last: int) -> dict[str, int]:
    vector.register_awkward()
    selected = fired = 0
    with uproot.open(path) as file:
        for batch in file["Events"].iterate(COLUMNS, step_size=1_250_000, library="ak"):
            section = batch.luminosityBlock
            good = batch[(batch.run == run) & (section >= first) & (section <= last)]
            passed, hlt = select(good)
            selected += int(ak.sum(passed))
            fired += int(ak.sum(passed & hlt))
    return {"selected": selected, "fired": fired}


def leptons(events: ak.Array, name: str, flavour: int, tight: ak.Array) -> ak.Array:
    fields = {field: events[f"{name}_{field}"] for field in ("pt", "eta", "phi", "mass", "charge")}
    fields["flavour"] = ak.ones_like(events[f"{name}_charge"]) * flavour
    return ak.zip(fields, with_name="Momentum4D")[tight]


def select(events: ak.Array) -> tuple[ak.Array, ak.Array]:
    electrons = leptons(events, "Electron", 11, events.Electron_mvaFall17V2Iso_WP90 == 1)
    tight = (events.Muon_tightId == 1) & (events.Muon_pfRelIso04_all < 0.15)
    muons = leptons(events, "Muon", 13, tight)
    both = ak.concatenate([electrons, muons], axis=1)
    both = both[ak.argsort(both.pt, axis=1, ascending=False)]
    two = ak.num(both) == 2
    pair = ak.mask(both, two)
    lead, sublead = pair[:, 0], pair[:, 1]
    ll = lead + sublead
    met, phi = events.PuppiMET_pt, events.PuppiMET_phi
    energy = np.sqrt(ll.pt**2 + ll.mass**2)
    mt_higgs = np.sqrt(ll.mass**2 + 2 * (energy * met - ll.pt * met * np.cos(wrapped(ll.phi - phi))))
    mt_l2 = np.sqrt(2 * sublead.pt * met * (1 - np.cos(wrapped(sublead.phi - phi))))
    central = ak.all(abs(both.eta) < ak.where(both.flavour == 11, 2.5, 2.4), axis=1)
    passed = (lead.flavour != sublead.flavour) & (lead.charge * sublead.charge < 0)
    passed = passed & (lead.pt > 25) & (sublead.pt > 15) & central & (ll.mass > 12) & (mt_higgs > 60)
    passed = ak.fill_none(passed & (mt_l2 > 30) & (ll.pt > 30) & (met > 20), False)
    return passed, (events[PATHS[0]] == 1) | (events[PATHS[1]] == 1)


def wrapped(angle: ak.Array) -> ak.Array:
    return (angle + np.pi) % (2 * np.pi) - np.pi


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:5]))))
