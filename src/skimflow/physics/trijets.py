"""The hadronic top quark as three jets: of all combinations of an event, the one of the largest pT."""

import itertools
from typing import NamedTuple

import numpy as np

from skimflow.physics.kinematics import PtEtaPhiM, cartesian

Array = np.ndarray


class Trijets(NamedTuple):
    """The chosen combination of each event, shape (events,); NaN in events without one. GeV."""

    pt: Array
    mass: Array


def leading_trijets(jets: PtEtaPhiM, btag: Array, counts: Array, min_btag: float) -> Trijets:
    """The combination of three jets of the largest pT among those with a jet that is tagged above `min_btag`.

    Of combinations of equal pT the first one, in the order of the jets, is taken.

    Args:
        jets: those of all events one after the other, shape (jets,).
        btag: b-tag discriminant of each, shape (jets,).
        counts: jets of each event, shape (events,).
    """
    pt, mass = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    vectors, first = np.stack(cartesian(jets)), np.cumsum(counts) - counts
    for number in np.unique(counts[counts >= 3]).tolist():
        events = np.flatnonzero(counts == number)
        place = first[events][:, None] + np.arange(number)
        triple = np.array(list(itertools.combinations(range(number), 3)))
        own = vectors[:, place]
        px, py, pz, energy = own[..., triple[:, 0]] + own[..., triple[:, 1]] + own[..., triple[:, 2]]
        tagged = (btag[place] > min_btag)[:, triple].any(axis=-1)
        pt2 = np.where(tagged, px**2 + py**2, -1.0)
        best = np.argmax(pt2, axis=1)[:, None]
        x, y, z, e, p2 = (np.take_along_axis(part, best, axis=1)[:, 0] for part in (px, py, pz, energy, pt2))
        found = p2 >= 0
        pt[events[found]] = np.sqrt(p2[found])
        mass[events[found]] = np.sqrt(np.maximum(e**2 - x**2 - y**2 - z**2, 0))[found]
    return Trijets(pt, mass)
