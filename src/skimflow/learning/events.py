"""Events of skims of `agc_ttbar` as arrays of one shape, for learning."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skimflow.analyses import agc_ttbar
from skimflow.analyses.base import Columns
from skimflow.errors import InputError
from skimflow.histograms.job import pieces
from skimflow.physics import assignment
from skimflow.physics.kinematics import PtEtaPhiM

Array = np.ndarray
Settings = Mapping[str, Any]
JETS = 4
"""Leading jets that an assignment is learned with."""


class Assigned(NamedTuple):
    """Events of region 4j2b whose four leading jets are the four quarks.

    Shapes: event numbers (events,); features (events, 12, 20); right jets of each assignment (events, 12); the place of
    the three jets of the largest pT in the assignments, (events, 12), bool: those that take them for the hadronic top.
    """

    number: Array
    features: Array
    right: Array
    leading: Array


def assigned(files: Iterable[str | Path], settings: Settings, wrapped: bool) -> Assigned:
    """Events to learn the assignment of jets from.

    Args:
        files: events of skims with `partons`.
        settings: the selection.
        wrapped: of `assignment.features`.

    Raises:
        InputError: the skims do not say where jets come from, or have no quark-gluon discriminant.
    """
    parts = [_assigned(columns, settings, wrapped, path) for path in files for columns in pieces(path)]
    return Assigned(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _assigned(columns: Columns, settings: Settings, wrapped: bool, path: str | Path) -> Assigned:
    for name in (agc_ttbar.PARTON, "Jet_qgl"):
        if name not in columns:
            raise InputError("missing_branch", f"{path}: has no {name}; set selection: partons and use files with it")
    chosen = agc_ttbar.observe(columns, settings).regions[agc_ttbar.FOUR_TWO]
    names = ("pt", "eta", "phi", "mass", settings["jets"]["btag"], "qgl", "parton")
    values = {name: _leading(columns, settings, chosen, f"Jet_{name}") for name in names}
    events = assignment.complete(values["parton"])
    p4 = PtEtaPhiM(*(values[name][events] for name in names[:4]))
    btag = values[settings["jets"]["btag"]][events]
    jets = assignment.Jets(p4, btag, values["qgl"][events])
    lepton = PtEtaPhiM(*(part[chosen][events] for part in leptons(columns, settings)))
    right = assignment.right_jets(values["parton"][events].astype(np.int64))
    found = assignment.features(jets, lepton, wrapped)
    place = assignment.FEATURES.index("pt_w1w2btophad")
    top = assignment.assignments(JETS)[:, :3]
    tagged = (btag > settings["jets"]["min_btag"])[:, top].any(axis=-1)
    pt = np.where(tagged, found[..., place], -1.0)
    leading = np.isclose(pt, pt.max(axis=1, keepdims=True), rtol=1e-9) if len(pt) else tagged
    return Assigned(columns["event"][chosen][events], found, right, leading)


def _leading(columns: Columns, settings: Settings, chosen: Array, name: str) -> Array:
    """A quantity of the leading selected jets of chosen events, shape (events, JETS)."""
    good = agc_ttbar.good_jets(columns, settings)
    event = np.repeat(np.arange(len(chosen)), columns["nJet"])[good]
    place = np.arange(len(event)) - np.searchsorted(event, event)
    mine = chosen[event] & (place < JETS)
    return columns[name][good][mine].astype(float).reshape(-1, JETS)


def leptons(columns: Columns, settings: Settings) -> PtEtaPhiM:
    """The selected lepton of each event (of several, the last), shape (events,); zeros without one."""
    events = len(columns["nJet"])
    found = PtEtaPhiM(*(np.zeros(events) for _ in range(4)))
    goods = {"Electron": agc_ttbar.good_electrons, "Muon": agc_ttbar.good_muons}
    for collection, good in goods.items():
        mask = good(columns, settings)
        event = np.repeat(np.arange(events), columns[f"n{collection}"])[mask]
        for values, name in zip(found, PtEtaPhiM._fields, strict=True):
            values[event] = columns[f"{collection}_{name}"][mask]
    return found


def observed(path: str | Path, settings: Settings) -> Array:
    """m_bjj, pT of the lepton and of the leading selected jet of the events of region 4j2b, shape (events, 3); GeV."""
    parts = []
    for columns in pieces(path):
        seen = agc_ttbar.observe(columns, settings)
        chosen = seen.regions[agc_ttbar.FOUR_TWO]
        m_bjj = seen.observables[agc_ttbar.M_BJJ][chosen]
        leading = _leading(columns, settings, chosen, "Jet_pt").max(axis=1, initial=0)
        parts.append(np.stack([m_bjj, leptons(columns, settings).pt[chosen], leading], axis=1))
    return np.concatenate(parts)
