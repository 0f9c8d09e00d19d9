"""Tag and probe: pairs of leptons of one flavour near the Z mass, whose trigger legs are measured on the probe.

The event is there because of the tag: it fired a single-lepton path, and the tag is matched to the object of that path.
So the probe was not asked for anything by the trigger, and a matched object says whether it would fire a leg. Both
leptons of an event may be the tag; each ordered pair is a candidate. All cuts are strict inequalities.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Selection
from skimflow.physics.kinematics import pair
from skimflow.physics.leptons import Leptons, collect, combinations
from skimflow.physics.trigger_objects import BRANCHES, FLAVOURS, matched, requirement

_KINEMATICS = ("pt", "eta", "phi", "mass", "charge")
_TAG = "tag"
DZ = "dz"


def branches(settings: Mapping[str, Any]) -> list[str]:
    collection, dz = _collection(settings), settings["dz"] or {}
    leptons = [settings[role][key] for role in ("tag", "probe") for key in ("id", "isolation")]
    lepton = [f"{collection}_{name}" for name in dict.fromkeys((*_KINEMATICS, *filter(None, leptons)))]
    return [f"n{collection}", *lepton, *BRANCHES, "PV_npvs", *settings["tag"]["paths"], *dz.values()]


def select(columns: Columns, settings: Mapping[str, Any]) -> Selection:
    """Candidates are ordered pairs; `decisions` holds the legs, and `dz` if it is asked for."""
    collection, events = _collection(settings), len(columns["PV_npvs"])
    everyone = np.ones(len(columns[f"{collection}_pt"]), bool)
    leptons = collect(FLAVOURS[settings["flavour"]], columns, collection, everyone)
    fires = matched(leptons, columns, _requirements(settings), settings["max_delta_r"])
    triggered = np.logical_or.reduce([columns[path] for path in settings["tag"]["paths"]]).astype(bool)
    tag = _good(columns, collection, settings["tag"]) & fires[_TAG] & triggered[leptons.event]
    one, other = _pairs(leptons, tag, _good(columns, collection, settings["probe"]), events, settings)
    event = leptons.event[one]
    steps = [
        ("tag_trigger", triggered),
        ("tag", _some(leptons.event[tag], events)),
        ("pair", _some(event, events)),
    ]
    quantities = _quantities(leptons.at(one), leptons.at(other), columns["PV_npvs"][event])
    legs = {name: fires[name][other] for name in settings["legs"]}
    dz, asked = _dz(columns, event, settings["dz"])
    return Selection(steps, quantities, [], event, legs | dz, asked)


def _collection(settings: Mapping[str, Any]) -> str:
    return settings["flavour"].capitalize()


def _requirements(settings: Mapping[str, Any]) -> dict:
    wanted = {_TAG: settings["tag"]["object"], **settings["legs"]}
    menu = settings["flavour"], settings["nanoaod"], settings["year"]
    return {name: requirement(spec, *menu) for name, spec in wanted.items()}


def _good(columns: Columns, collection: str, cuts: Mapping[str, Any]) -> np.ndarray:
    """Which leptons pass offline requirements, shape (leptons,)."""
    eta = np.abs(columns[f"{collection}_eta"])
    good = (columns[f"{collection}_{cuts['id']}"] >= cuts["min_id"]) & (columns[f"{collection}_pt"] > cuts["min_pt"])
    good &= eta < cuts["max_eta"]
    if cuts["isolation"]:
        good &= columns[f"{collection}_{cuts['isolation']}"] < cuts["max_isolation"]
    if cuts["gap"]:
        good &= (eta < cuts["gap"][0]) | (eta > cuts["gap"][1])
    return good


def _pairs(
    leptons: Leptons, tag: np.ndarray, probe: np.ndarray, events: int, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Places of tag and probe of each pair in the mass window, events ascending."""
    one, other = combinations(leptons.event[tag], leptons.event[probe], events)
    one, other = np.flatnonzero(tag)[one], np.flatnonzero(probe)[other]
    keep = one != other
    if settings["opposite_charge"]:
        keep &= leptons.charge[one] * leptons.charge[other] < 0
    one, other = one[keep], other[keep]
    mass = pair(leptons.at(one).p4, leptons.at(other).p4).mass
    keep = (mass > settings["mass"][0]) & (mass < settings["mass"][1])
    return one[keep], other[keep]


def _quantities(tag: Leptons, probe: Leptons, npv: np.ndarray) -> Columns:
    return {
        "probe_pt": probe.pt,
        "probe_eta": probe.eta,
        "probe_abs_eta": np.abs(probe.eta),
        "probe_phi": probe.phi,
        "tag_pt": tag.pt,
        "mass": pair(tag.p4, probe.p4).mass,
        "npv": npv,
    }


def _dz(columns: Columns, event: np.ndarray, paths: Mapping[str, str] | None) -> tuple[Columns, Columns]:
    """Whether the path with the filter fired, asked once for each event in which the path without it did."""
    if not paths:
        return {}, {}
    first = np.diff(event, prepend=-1) > 0
    fired, reference = (columns[paths[key]][event].astype(bool) for key in ("path", "reference"))
    return {DZ: fired}, {DZ: first & reference}


def _some(event: np.ndarray, events: int) -> np.ndarray:
    """Which events are named at least once, shape (events,)."""
    return np.bincount(event, minlength=events) > 0
