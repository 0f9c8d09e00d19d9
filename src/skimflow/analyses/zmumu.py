"""Z→μμ: a pair of isolated muons of opposite charge, one of which fired a single-muon trigger.

SYSTEMS section 2b, with what 2e says of it: the pair nearest to the Z mass (or the leading one, as configured) instead
of the first in the file, and isolation in the cone that the scale factors were measured for. The skim keeps events that
may pass under any correction of the momenta; the selection proper is made when histograms are filled.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Kept, Objects, Observed, Selection
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.leptons import MUON, Leptons, collect
from skimflow.physics.resonance import choose, opposite_pairs

_KINEMATICS = ("pt", "eta", "phi", "mass", "charge")
REGION = "zmumu"
GEN_PT = "Muon_genPt"
_GENERATED = ("Muon_genPartIdx", "GenPart_pt")


def branches(settings: Mapping[str, Any]) -> list[str]:
    return ["nMuon", *_muon_branches(settings), *settings["paths"], *settings["filters"]]


def keep(settings: Mapping[str, Any], kind: str) -> Kept:
    muons = [*_muon_branches(settings), "Muon_nTrackerLayers"]
    events = ["PV_npvs", "PV_npvsGood", "MET_pt", "MET_phi", "PuppiMET_pt", "PuppiMET_phi", *settings["paths"]]
    if kind == "data":
        return Kept([*muons, *events, *settings["filters"]])
    prefiring = [f"L1PreFiringWeight_{way}" for way in ("Nom", "Up", "Dn")]
    return Kept([*muons, *events, *settings["filters"], "Pileup_nTrueInt"], prefiring, _GENERATED, (GEN_PT,))


def select(columns: Columns, settings: Mapping[str, Any]) -> Selection:
    """One candidate an event, loose enough for all variations."""
    events = len(columns["nMuon"])
    muons = _muons(columns, settings, settings["margin"])
    one, _ = opposite_pairs(muons, events)
    steps = [
        ("trigger", _fired(columns, settings)),
        *((name, columns[name].astype(bool)) for name in settings["filters"]),
        ("two_muons", np.bincount(muons.event, minlength=events) >= 2),
        ("opposite_charge", np.bincount(muons.event[one], minlength=events) > 0),
    ]
    return Selection(steps, {}, [], derived=_generated(columns))


def observe(columns: Columns, settings: Mapping[str, Any]) -> Observed:
    """The pair of each event, from muons as they are corrected."""
    events = len(columns["nMuon"])
    muons = _muons(columns, settings)
    lead, sublead, z = choose(muons, *opposite_pairs(muons, events), settings["pair"])
    event, low, high = muons.event[lead], *settings["mass"]
    good = (muons.pt[lead] > settings["lead_pt"]) & (z.mass > low) & (z.mass < high)
    passed = np.zeros(events, bool)
    passed[event[good]] = True
    passed &= _fired(columns, settings)
    observables = {
        name: _scatter(event, v, events) for name, v in _of_pair(z, muons.at(lead), muons.at(sublead)).items()
    }
    observables |= {"npv": columns["PV_npvs"].astype(float), "met": columns["PuppiMET_pt"].astype(float)}
    both = np.stack([lead, sublead], axis=1).reshape(-1)
    legs = Objects(muons.event[both], {"pt": muons.pt[both], "eta": muons.eta[both]})
    return Observed({REGION: passed}, observables, {"Muon": legs})


def _generated(columns: Columns) -> Columns:
    """pT of the generated muon of each muon, NaN without one (GeV); nothing in files that do not tell."""
    if not all(name in columns for name in _GENERATED):
        return {}
    match, pt = columns["Muon_genPartIdx"].astype(np.int64), columns["GenPart_pt"]
    first = np.repeat(np.cumsum(columns["nGenPart"]) - columns["nGenPart"], columns["nMuon"])
    found = match >= 0
    result = np.full(len(match), np.nan, np.float32)
    result[found] = pt[(first + match)[found]]
    return {GEN_PT: result}


def _of_pair(z: PtEtaPhiM, lead: Leptons, sublead: Leptons) -> Columns:
    momentum = z.pt * np.sinh(z.eta)
    return {
        "mass": z.mass,
        "pt": z.pt,
        "rapidity": np.arcsinh(momentum / np.hypot(z.mass, z.pt)),
        "lead_pt": lead.pt,
        "lead_eta": lead.eta,
        "sublead_pt": sublead.pt,
        "sublead_eta": sublead.eta,
    }


def _muons(columns: Columns, settings: Mapping[str, Any], margin: float = 1.0) -> Leptons:
    good = (columns[f"Muon_{settings['id']}"] == 1) & (columns["Muon_pt"] > margin * settings["min_pt"])
    good &= np.abs(columns["Muon_eta"]) < settings["max_eta"]
    good &= columns[f"Muon_{settings['isolation']}"] < settings["max_isolation"]
    for name in ("dxy", "dz"):
        if settings[f"max_{name}"] is not None:
            good &= np.abs(columns[f"Muon_{name}"]) < settings[f"max_{name}"]
    return collect(MUON, columns, "Muon", good)


def _muon_branches(settings: Mapping[str, Any]) -> list[str]:
    limited = [name for name in ("dxy", "dz") if settings[f"max_{name}"] is not None]
    return [f"Muon_{name}" for name in (*_KINEMATICS, settings["id"], settings["isolation"], *limited)]


def _fired(columns: Columns, settings: Mapping[str, Any]) -> np.ndarray:
    return np.logical_or.reduce([columns[path].astype(bool) for path in settings["paths"]])


def _scatter(event: np.ndarray, values: np.ndarray, events: int) -> np.ndarray:
    """Values of the events that have one, NaN for the others, shape (events,)."""
    result = np.full(events, np.nan)
    result[event] = values
    return result
