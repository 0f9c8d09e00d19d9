"""The same selection with coffea's NanoEvents, which reads columns when they are used.

`python coffea_nanoevents.py FILE RUN FIRST LAST` prints how many events are selected, and how many of them fired.
"""

import json
import sys
import warnings

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

NanoAODSchema.warn_missing_crossrefs = False


def main(path: str, run: int, first: int, last: int) -> dict[str, int]:
    warnings.simplefilter("ignore")
    events = NanoEventsFactory.from_root({path: "Events"}, schemaclass=NanoAODSchema, mode="virtual").events()
    section = events.luminosityBlock
    events = events[(events.run == run) & (section >= first) & (section <= last)]
    electrons = events.Electron[events.Electron.mvaFall17V2Iso_WP90 == 1]
    muons = events.Muon[(events.Muon.tightId == 1) & (events.Muon.pfRelIso04_all < 0.15)]
    candidate = (ak.num(electrons) == 1) & (ak.num(muons) == 1)
    events, e, m = events[candidate], electrons[candidate][:, 0], muons[candidate][:, 0]
    lead = ak.where(e.pt >= m.pt, e.pt, m.pt)
    sub, sub_phi = ak.where(e.pt >= m.pt, m.pt, e.pt), ak.where(e.pt >= m.pt, m.phi, e.phi)
    px, py = (e.pt * f(e.phi) + m.pt * f(m.phi) for f in (np.cos, np.sin))
    ptll = np.hypot(px, py)
    mll = np.sqrt(np.maximum(2 * e.pt * m.pt * (np.cosh(e.eta - m.eta) - np.cos(e.phi - m.phi)), 0))
    met, phi = events.PuppiMET.pt, events.PuppiMET.phi
    mt_higgs = np.sqrt(mll**2 + 2 * met * (np.hypot(ptll, mll) - ptll * np.cos(np.arctan2(py, px) - phi)))
    mt_l2 = np.sqrt(2 * sub * met * (1 - np.cos(sub_phi - phi)))
    passed = (e.charge * m.charge < 0) & (lead > 25) & (sub > 15) & (abs(e.eta) < 2.5) & (abs(m.eta) < 2.4)
    passed = passed & (mll > 12) & (mt_higgs > 60) & (mt_l2 > 30) & (ptll > 30) & (met > 20)
    hlt = events.HLT.Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ
    hlt = hlt | events.HLT.Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ
    return {"selected": int(ak.sum(passed)), "fired": int(ak.sum(passed & hlt))}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:5]))))
