"""Z→μμ: a pair of isolated muons of opposite charge, in events that fired a single-muon trigger.

SYSTEMS section 2b, with what 2e says of it: the pair nearest to the Z mass (or the leading one, as configured) instead
of the first in the file, and isolation in the cone that the scale factors were measured for. The skim keeps events that
may pass under any correction of the momenta; the selection proper is made when histograms are filled. (Identification
and isolation are those of the file: isolation relative to the corrected momentum would differ by less than 1 %.)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Flow, Kept, Objects, Observed, Selection
from skimflow.physics.cuts import Cuts, Pairs, chosen, near_vertex, pairs
from skimflow.physics.leptons import MUON, Leptons, collect

_KINEMATICS = ("pt", "eta", "phi", "mass", "charge")
REGION = "zmumu"
GEN_PT = "Muon_genPt"
_GENERATED = ("Muon_genPartIdx", "GenPart_pt")
_OPTIONAL = (
    *(f"L1PreFiringWeight_{way}" for way in ("Nom", "Up", "Dn")),
    *(f"MET_MetUnclustEnUpDelta{axis}" for axis in "XY"),
    *(f"PuppiMET_{name}Unclustered{way}" for name in ("pt", "phi") for way in ("Up", "Down")),
)


def branches(settings: Mapping[str, Any]) -> list[str]:
    return ["nMuon", *_muon_branches(settings), *settings["paths"], *settings["filters"]]


def keep(settings: Mapping[str, Any], kind: str) -> Kept:
    muons = [*_muon_branches(settings), "Muon_nTrackerLayers"]
    events = ["PV_npvs", "PV_npvsGood", "MET_pt", "MET_phi", "PuppiMET_pt", "PuppiMET_phi", *settings["paths"]]
    if kind == "data":
        return Kept([*muons, *events, *settings["filters"]])
    return Kept([*muons, *events, *settings["filters"], "Pileup_nTrueInt"], _OPTIONAL, _GENERATED, (GEN_PT,))


def select(columns: Columns, settings: Mapping[str, Any]) -> Selection:
    """One candidate an event, loose enough for all variations."""
    events = len(columns["nMuon"])
    muons = _muons(columns, settings, settings["margin"])
    cuts = _passing(columns, muons, _opposite(muons, events), settings)
    return Selection(cuts.steps(), {}, [], derived=generated_momenta(columns))


def observe(columns: Columns, settings: Mapping[str, Any]) -> Observed:
    """The pair of each event, from muons as they are corrected."""
    events = len(columns["nMuon"])
    muons = _muons(columns, settings)
    opposite = _opposite(muons, events)
    z = chosen(opposite, muons, settings["pair"])
    observables = {name: _scatter(z.event, values, events) for name, values in _of_pair(z, muons).items()}
    observables |= {"npv": columns["PV_npvs"].astype(float), "met": columns["PuppiMET_pt"].astype(float)}
    cuts = _passing(columns, muons, opposite, settings)
    low, high = settings["mass"]
    cuts.add("lead_pt", observables["lead_pt"] > settings["lead_pt"])
    cuts.add("mass", (observables["mass"] > low) & (observables["mass"] < high))
    flow = Flow(cuts, {name: name if name in observables else "" for name in cuts.names})
    passed = cuts.passed()
    return Observed({REGION: passed}, observables, {"Muon": _legs(z, muons, passed)}, flows={REGION: flow})


def _passing(columns: Columns, muons: Leptons, opposite: Pairs, settings: Mapping[str, Any]) -> Cuts:
    """The cuts that the skim makes, loosely, and the selection proper again."""
    events = len(columns["nMuon"])
    cuts = Cuts(events)
    cuts.add("trigger", np.logical_or.reduce([columns[path].astype(bool) for path in settings["paths"]]))
    for name in settings["filters"]:
        cuts.add(name, columns[name].astype(bool))
    cuts.add("two_muons", np.bincount(muons.event, minlength=events) >= 2)
    cuts.add("opposite_charge", np.bincount(opposite.event, minlength=events) > 0)
    return cuts


def _opposite(muons: Leptons, events: int) -> Pairs:
    every = pairs(muons, events)
    return every.at(every.charge == 0)


def _legs(z: Pairs, muons: Leptons, passed: np.ndarray) -> Objects:
    """Both muons of the pair in events that are selected: of no others a weight is asked."""
    kept = z.at(passed[z.event])
    both = muons.at(np.stack([kept.first, kept.second], axis=1).reshape(-1))
    return Objects(both.event, {"pt": both.pt, "eta": both.eta, "phi": both.phi})


def generated_momenta(columns: Columns) -> Columns:
    """pT of the generated muon of each muon, NaN without one (GeV); nothing in files that do not tell."""
    if not all(name in columns for name in _GENERATED):
        return {}
    match, pt = columns["Muon_genPartIdx"].astype(np.int64), columns["GenPart_pt"]
    number = columns["nGenPart"].astype(np.int64)  # unsigned in files, and numpy adds those to signed ones as floats
    first = np.repeat(np.cumsum(number) - number, columns["nMuon"])
    found = match >= 0
    result = np.full(len(match), np.nan, np.float32)
    result[found] = pt[(first + match)[found]]
    return {GEN_PT: result}


def _of_pair(z: Pairs, muons: Leptons) -> Columns:
    lead, sublead = muons.at(z.first), muons.at(z.second)
    momentum = z.p4.pt * np.sinh(z.p4.eta)
    return {
        "mass": z.p4.mass,
        "pt": z.p4.pt,
        "rapidity": np.arcsinh(momentum / np.hypot(z.p4.mass, z.p4.pt)),
        "lead_pt": lead.pt,
        "lead_eta": lead.eta,
        "sublead_pt": sublead.pt,
        "sublead_eta": sublead.eta,
    }


def _muons(columns: Columns, settings: Mapping[str, Any], margin: float = 1.0) -> Leptons:
    good = (columns[f"Muon_{settings['id']}"] == 1) & (columns["Muon_pt"] > margin * settings["min_pt"])
    good &= np.abs(columns["Muon_eta"]) < settings["max_eta"]
    good &= columns[f"Muon_{settings['isolation']}"] < settings["max_isolation"]
    if _limited(settings):
        good &= near_vertex(columns, "Muon", settings["max_dxy"], settings["max_dz"])
    return collect(MUON, columns, "Muon", good)


def _limited(settings: Mapping[str, Any]) -> list[str]:
    return [name for name in ("dxy", "dz") if settings[f"max_{name}"] is not None]


def _muon_branches(settings: Mapping[str, Any]) -> list[str]:
    return [f"Muon_{name}" for name in (*_KINEMATICS, settings["id"], settings["isolation"], *_limited(settings))]


def _scatter(event: np.ndarray, values: np.ndarray, events: int) -> np.ndarray:
    """Values of the events that have one, NaN for the others, shape (events,)."""
    result = np.full(events, np.nan)
    result[event] = values
    return result
