"""Pairs of leptons of one flavour: which pair of an event is taken."""

import numpy as np

from skimflow.physics.kinematics import PtEtaPhiM, pair
from skimflow.physics.leptons import Leptons, combinations

Array = np.ndarray
Z_MASS = 91.1876
"""GeV (Particle Data Group)."""
NEAREST, LEADING = "nearest_z", "leading"


def opposite_pairs(leptons: Leptons, events: int) -> tuple[Array, Array]:
    """All pairs of opposite charge, the one of larger pT first (at equal pT the order in the file decides).

    Args:
        leptons: those of all events, `event` ascending.
        events: number of events.

    Returns:
        Places in `leptons`, both of shape (pairs,), events ascending.
    """
    one, other = combinations(leptons.event, leptons.event, events)
    keep = (one < other) & (leptons.charge[one] * leptons.charge[other] < 0)
    one, other = one[keep], other[keep]
    swap = leptons.pt[other] > leptons.pt[one]
    return np.where(swap, other, one), np.where(swap, one, other)


def choose(leptons: Leptons, one: Array, other: Array, rule: str) -> tuple[Array, Array, PtEtaPhiM]:
    """One pair an event.

    Args:
        one, other: of `opposite_pairs`.
        rule: `nearest_z`: the mass nearest to that of the Z; `leading`: the largest sum of pT.

    Returns:
        Places of the two in `leptons`, and the sum of their four-vectors; shape (events with a pair,).
    """
    p4 = pair(leptons.at(one).p4, leptons.at(other).p4)
    worse = np.abs(p4.mass - Z_MASS) if rule == NEAREST else -(leptons.pt[one] + leptons.pt[other])
    event = leptons.event[one]
    order = np.lexsort((worse, event))
    first = order[np.diff(event[order], prepend=-1) > 0]
    return one[first], other[first], PtEtaPhiM(*(values[first] for values in p4))
