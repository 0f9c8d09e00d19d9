"""Two muons: pairs of opposite charge, and what surrounds them, for the trigger emulator (SYSTEMS section 3).

A row is a pair. It also holds what belongs to the event: the two leading muons, and the context. An event without a
pair (equal charges, or fewer muons than two) has one row whose `pair` is -1, because a trigger decides about it too. So
the pairs are the rows with `pair` ≥ 0, and the events are the rows with `pair` ≤ 0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Selection
from skimflow.errors import ConfigError
from skimflow.physics.kinematics import delta_phi, pair
from skimflow.physics.leptons import MUON, Leptons, collect, combinations

Array = np.ndarray
IDENTITY = ("run", "luminosityBlock", "event")
PAIR = ("m_mumu", "pt_mumu", "eta_mumu", "dr_mumu")
_KINEMATICS = ("pt", "eta", "phi", "mass", "charge")
_OTHERS = ("iso", "id", "dxy", "dz")
OF_MUON = ("pt", "eta", *_OTHERS, "charge")


def branches(settings: Mapping[str, Any]) -> list[str]:
    """Without those that the settings declare absent."""
    muon, absent = settings["muon"], set(settings["absent"])
    cut = [_branch(muon["required_id"])] if muon["required_id"] else []
    named = [f"Muon_{name}" for name in _KINEMATICS] + cut
    _check(absent, [*named, *([_branch(muon["isolation"])] if muon["max_isolation"] is not None else [])], settings)
    others = [*_other_branches(muon).values(), *settings["context"]]
    return list(dict.fromkeys(["nMuon", *named, *(name for name in others if name not in absent)]))


def select(columns: Columns, settings: Mapping[str, Any]) -> Selection:
    """Candidates are rows as above; they have no cuts of their own, so that every row of the steps is kept."""
    muons, others = _muons(columns, settings)
    events = len(columns["nMuon"])
    number = np.bincount(muons.event, minlength=events)
    enough = number >= settings["min_muons"]
    one, other = _pairs(muons, enough, events, settings)
    pairs = np.bincount(muons.event[one], minlength=events)
    lonely = np.flatnonzero(enough & (pairs == 0))
    event = np.concatenate([muons.event[one], lonely])
    order = np.argsort(event, kind="stable")
    event, none = event[order], np.full(len(lonely), -1)
    one, other = (np.concatenate([places, none])[order] for places in (one, other))
    rows = {"pair": _number(event, one), **_of_pairs(muons, others, one, other)}
    rows |= _of_events(muons, others, number, event)
    rows |= {"n_muons": number[event], "n_pairs": pairs[event]}
    rows |= {name: _context(columns, name, event, settings) for name in settings["context"]}
    return Selection([("muons", enough)], rows, [], event)


def _branch(name: str) -> str:
    return f"Muon_{name}"


def _other_branches(muon: Mapping[str, Any]) -> dict[str, str]:
    """Branches of what each muon carries beside its kinematics, by the name of the column."""
    names = {"iso": muon["isolation"], "id": muon["id"], "dxy": "dxy", "dz": "dz"}
    return {column: _branch(name) for column, name in names.items()}


def _check(absent: set[str], needed: list[str], settings: Mapping[str, Any]) -> None:
    """Raises ConfigError where a branch that is declared absent is needed, or used by nothing."""
    for name in absent & {"nMuon", *needed}:
        raise ConfigError(f"absent: {name} is needed by the selection of dimuon: no muon can be selected without it")
    known = {*IDENTITY, *_other_branches(settings["muon"]).values(), *settings["context"]}
    for name in sorted(absent - known):
        raise ConfigError(f"absent: dimuon does not read {name} (it reads {', '.join(sorted(known))})")


def _muons(columns: Columns, settings: Mapping[str, Any]) -> tuple[Leptons, Columns]:
    """Good muons by event and falling pT, shape (muons,), and the other quantities of each; NaN if absent."""
    muon = settings["muon"]
    good = (columns["Muon_pt"] > muon["min_pt"]) & (np.abs(columns["Muon_eta"]) < muon["max_eta"])
    if muon["required_id"]:
        good &= columns[_branch(muon["required_id"])] > 0
    if muon["max_isolation"] is not None:
        good &= columns[_branch(muon["isolation"])] < muon["max_isolation"]
    leptons = collect(MUON, columns, "Muon", good)
    order = np.lexsort((-leptons.pt, leptons.event))
    nothing = np.full(len(good), np.nan, np.float32)
    absent = settings["absent"]
    others = {name: nothing if b in absent else columns[b] for name, b in _other_branches(muon).items()}
    return leptons.at(order), {name: values[good][order].astype(np.float32) for name, values in others.items()}


def _pairs(muons: Leptons, enough: Array, events: int, settings: Mapping[str, Any]) -> tuple[Array, Array]:
    """Places of the two muons of each pair of opposite charge, the leading one first; events ascending."""
    one, other = combinations(muons.event, muons.event, events)
    keep = (one < other) & (muons.charge[one] * muons.charge[other] < 0) & enough[muons.event[one]]
    one, other = one[keep], other[keep]
    heavy = pair(muons.at(one).p4, muons.at(other).p4).mass > settings["min_mass"]
    return one[heavy], other[heavy]


def _of_pairs(muons: Leptons, others: Columns, one: Array, other: Array) -> Columns:
    mumu = _together(muons, one, other)
    values = dict(zip(PAIR, (mumu["m"], mumu["pt"], mumu["eta"], mumu["dr"]), strict=True))
    return values | _of_muon("lead", muons, others, one) | _of_muon("sublead", muons, others, other)


def _of_events(muons: Leptons, others: Columns, number: Array, event: Array) -> Columns:
    """The two leading muons of each event, whatever their charges; what is not there is NaN, its charge 0."""
    first = np.cumsum(number) - number
    one, other = (np.where(number > k, first + k, -1)[event] for k in (0, 1))
    both = _together(muons, one, other)
    charge = np.where(other < 0, 0, muons.charge[one] * muons.charge[other]) if len(muons.pt) else np.zeros(len(event))
    values = _of_muon("mu1", muons, others, one) | _of_muon("mu2", muons, others, other)
    return values | {"m_12": both["m"], "dr_12": both["dr"], "charge_product": charge.astype(np.int32)}


def _together(muons: Leptons, one: Array, other: Array) -> Columns:
    """Of two muons at these places: mass, pT, η and distance ΔR; NaN where one is not there (place -1)."""
    there = (one >= 0) & (other >= 0)
    left, right = muons.at(one[there]), muons.at(other[there])
    both = pair(left.p4, right.p4)
    distance = np.hypot(np.subtract(left.eta, right.eta, dtype=float), delta_phi(left.phi, right.phi))
    values = {"m": both.mass, "pt": both.pt, "eta": both.eta, "dr": distance}
    found = {name: np.full(len(one), np.nan, np.float32) for name in values}
    for name, known in values.items():
        found[name][there] = known
    return found


def _of_muon(prefix: str, muons: Leptons, others: Columns, place: Array) -> Columns:
    """Quantities of the muons at these places; NaN and charge 0 where there is none (place -1)."""
    there = place >= 0
    values = {"pt": muons.pt, "eta": muons.eta, **others, "charge": muons.charge}
    found = {}
    for name in OF_MUON:
        nothing = np.zeros(len(place), np.int32) if name == "charge" else np.full(len(place), np.nan, np.float32)
        nothing[there] = values[name][place[there]]
        found[f"{prefix}_{name}"] = nothing
    return found


def _context(columns: Columns, name: str, event: Array, settings: Mapping[str, Any]) -> Array:
    return np.full(len(event), np.nan, np.float32) if name in settings["absent"] else columns[name][event]


def _number(event: Array, one: Array) -> Array:
    """Number of each pair within its event, from 0; -1 for a row without a pair. `event` is ascending."""
    first = np.diff(event, prepend=-1) > 0
    number = np.arange(len(event)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    return np.where(one < 0, -1, number).astype(np.int32)
