"""Which jet is which quark of tt̄ → b qq' b ℓν: all assignments of four jets, and what tells the right one.

An assignment is (w1, w2, b_had, b_lep). The jets of the W are interchangeable; of each pair the one with w1 behind w2
is kept, as in the Analysis Grand Challenge, whose models expect their features in this order (SYSTEMS 5c).
"""

import itertools
from typing import NamedTuple

import numpy as np

from skimflow.physics.kinematics import PtEtaPhiM, cartesian, delta_phi
from skimflow.physics.partons import LEPTONIC_TOP, TOP, W

Array = np.ndarray

FEATURES = (
    *("deltar_leptonbtoplep", "deltar_w1w2", "deltar_w1btophad", "deltar_w2btophad"),
    *("mass_leptonbtoplep", "mass_w1w2", "mass_w1w2btophad", "pt_w1w2btophad"),
    *("pt_w1", "pt_w2", "pt_btophad", "pt_btoplep"),
    *("btag_w1", "btag_w2", "btag_btophad", "btag_btoplep"),
    *("qgl_w1", "qgl_w2", "qgl_btophad", "qgl_btoplep"),
)
ORIGINS = (W, W, TOP, LEPTONIC_TOP)
"""What the jets of the right assignment come from."""


class Jets(NamedTuple):
    """n jets of each event, shape (events, n); GeV."""

    p4: PtEtaPhiM
    btag: Array
    qgl: Array


def assignments(jets: int) -> Array:
    """Places of the four jets of each assignment, shape (n!/(2(n-4)!), 4): 12, 60, 180 for 4, 5, 6 jets."""
    chosen = [four for four in itertools.permutations(range(jets), 4) if four[0] > four[1]]
    return np.array(chosen, np.int64).reshape(-1, 4)


def features(jets: Jets, lepton: PtEtaPhiM, wrapped: bool = True) -> Array:
    """FEATURES of each assignment, shape (events, assignments, 20).

    Args:
        jets: shape (events, n).
        lepton: shape (events,).
        wrapped: differences of φ are angles. (The Grand Challenge subtracts them as they are, so ΔR reaches 2π.)
    """
    places = assignments(jets.btag.shape[1])
    w1, w2, hadronic, leptonic = (PtEtaPhiM(*(v[:, places[:, i]] for v in jets.p4)) for i in range(4))
    alone = PtEtaPhiM(*(values[:, None] for values in lepton))
    pairs = ((alone, leptonic), (w1, w2), (w1, hadronic), (w2, hadronic))
    top = _sum(w1, w2, hadronic)
    columns = [
        *(_distance(*pair, wrapped) for pair in pairs),
        *(_mass(_sum(*group)) for group in ((alone, leptonic), (w1, w2))),
        _mass(top),
        np.hypot(top[0], top[1]),
        *(values[:, places[:, i]] for values in (jets.p4.pt, jets.btag, jets.qgl) for i in range(4)),
    ]
    return np.stack([np.asarray(column, float) for column in columns], axis=-1)


def right_jets(origin: Array) -> Array:
    """How many jets of each assignment are where they came from, shape (events, assignments).

    Args:
        origin: of `partons.jet_partons`, shape (events, n).
    """
    return (origin[:, assignments(origin.shape[1])] == np.array(ORIGINS)).sum(axis=-1)


def complete(origin: Array) -> Array:
    """Events whose jets are the four quarks, shape (events,), bool.

    (That the labels add up to 48, as the Grand Challenge asks, is also so for two jets of a W and two of nothing.)
    """
    return (np.sort(origin, axis=1) == np.sort(np.array(ORIGINS))).all(axis=1)


def _distance(one: PtEtaPhiM, other: PtEtaPhiM, wrapped: bool) -> Array:
    phi = delta_phi(one.phi, other.phi) if wrapped else one.phi - other.phi
    return np.hypot(one.eta - other.eta, phi)


def _sum(*parts: PtEtaPhiM) -> list[Array]:
    return [sum(component) for component in zip(*(cartesian(part) for part in parts), strict=True)]


def _mass(total: list[Array]) -> Array:
    px, py, pz, energy = total
    return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0))
