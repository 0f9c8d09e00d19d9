"""Named cuts on events in one word each, and the cuts on objects that selections are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skimflow.errors import ConfigError, InputError
from skimflow.physics.kinematics import PtEtaPhiM, delta_phi, pair
from skimflow.physics.leptons import Leptons, combinations

Array = np.ndarray
Z_MASS = 91.1876
"""GeV (Particle Data Group, Prog. Theor. Exp. Phys. 2022, 083C01)."""
NEAREST_Z, LEADING = CHOICES = ("nearest_z", "leading")
MET_FILTERS = (
    "Flag_goodVertices",
    "Flag_globalSuperTightHalo2016Filter",
    "Flag_HBHENoiseFilter",
    "Flag_HBHENoiseIsoFilter",
    "Flag_EcalDeadCellTriggerPrimitiveFilter",
    "Flag_BadPFMuonFilter",
    "Flag_BadPFMuonDzFilter",
    "Flag_eeBadScFilter",
)
"""Recommended for 2016 in the Ultra Legacy samples; 2017 and 2018 take `Flag_ecalBadCalibFilter` too."""
_MOST = 64


class Step(NamedTuple):
    """A line of a cutflow: what is left after this cut and all before it."""

    name: str
    events: int
    sumw: float
    sumw2: float


class Cuts:
    """Up to 64 named cuts on n events: bit i of an event's word says whether it passes cut i.

    Args:
        events: how many.
    """

    def __init__(self, events: int):
        self.names: list[str] = []
        self.packed = np.zeros(events, np.uint64)

    def add(self, name: str, passed: Array) -> None:
        """Add a cut.

        Args:
            name: of the cut.
            passed: shape (events,), bool.

        Raises:
            ConfigError: the name is taken, there are 64 cuts, or the mask is not of this form.
        """
        if name in self.names:
            raise ConfigError(f"there is a cut {name} already")
        if len(self.names) == _MOST:
            raise ConfigError(f"cut {name}: one word holds {_MOST} cuts; leave some out, or join them")
        passed = np.asarray(passed)
        if passed.dtype != bool or passed.shape != self.packed.shape:
            raise ConfigError(
                f"cut {name}: it is {passed.dtype} of shape {passed.shape}, not bool of shape {self.packed.shape}"
            )
        self.packed |= passed.astype(np.uint64) << np.uint64(len(self.names))
        self.names.append(name)

    def passed(self, names: Iterable[str] | None = None) -> Array:
        """Events that pass all of these cuts, or all there are; shape (events,), bool."""
        return self.region(dict.fromkeys(self.names if names is None else names, True))

    def region(self, wanted: Mapping[str, bool]) -> Array:
        """Events that pass the cuts with True and fail those with False, whatever the others say; (events,), bool."""
        asked, value = np.uint64(0), np.uint64(0)
        for name, passes in wanted.items():
            bit = np.uint64(1) << np.uint64(self._index(name))
            asked |= bit
            value |= bit if passes else np.uint64(0)
        return self.packed & asked == value

    def n_minus_one(self, name: str, names: Iterable[str] | None = None) -> Array:
        """Events that pass all of these cuts (all there are) but one, whatever that one says; shape (events,), bool."""
        self._index(name)
        return self.passed([other for other in (self.names if names is None else names) if other != name])

    def cutflow(self, names: Sequence[str] | None = None, weights: Array | None = None) -> list[Step]:
        """What is left after each cut, in this order; before the first one it is `all`.

        Args:
            names: the cuts, in the order of adding if not given.
            weights: shape (events,); 1 if not given.
        """
        w = np.ones(len(self.packed)) if weights is None else np.asarray(weights, float)
        left, steps = np.ones(len(self.packed), bool), [("all", np.ones(len(self.packed), bool))]
        for name in self.names if names is None else names:
            left = left & self.passed([name])
            steps.append((name, left))
        return [Step(name, int(m.sum()), float(w[m].sum()), float((w[m] ** 2).sum())) for name, m in steps]

    def steps(self, names: Iterable[str] | None = None) -> list[tuple[str, Array]]:
        """Name and mask of each cut, as `analyses.base.Selection` takes them."""
        return [(name, self.passed([name])) for name in (self.names if names is None else names)]

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise ConfigError(f"no cut {name!r}; there are: {', '.join(self.names)}")
        return self.names.index(name)


class Directions(NamedTuple):
    """Objects of many events, shape (n,) each, with the event of each one ascending."""

    event: Array
    eta: Array
    phi: Array


class Pairs(NamedTuple):
    """Pairs of leptons of one event, shape (pairs,)."""

    event: Array
    first: Array
    """Place of the one with the higher pT in the list of leptons."""
    second: Array
    p4: PtEtaPhiM
    charge: Array
    """Sum of both: 0 for opposite signs."""

    def at(self, index: Array) -> "Pairs":
        """The pairs at these places, or of a mask."""
        p4 = PtEtaPhiM(*(values[index] for values in self.p4))
        return Pairs(self.event[index], self.first[index], self.second[index], p4, self.charge[index])


def delta_r(one: Directions, other: Directions, i: Array, j: Array) -> Array:
    """√(Δη² + Δφ²), φ wrapped, of objects at places i of one list and j of another; shape as i."""
    return np.hypot(one.eta[i] - other.eta[j], delta_phi(one.phi[i], other.phi[j]))


def apart(one: Directions, other: Directions, min_delta_r: float, events: int) -> Array:
    """Objects with no object of another list of their event within a cone: jets cleaned of leptons, say.

    Args:
        min_delta_r: half-opening of the cone; on its edge is outside, so apart.
        events: number of events.

    Returns:
        Shape of `one`, bool.
    """
    i, j = combinations(one.event, other.event, events)
    near = delta_r(one, other, i, j) < min_delta_r
    return np.bincount(i[near], minlength=len(one.event)) == 0


def pairs(leptons: Leptons, events: int) -> Pairs:
    """Every pair of leptons of each event, whatever their charges. At equal pT the one that comes first leads.

    Args:
        leptons: shape (n,), in the order of events.
        events: number of events.
    """
    i, j = combinations(leptons.event, leptons.event, events)
    i, j = i[i < j], j[i < j]
    swap = leptons.pt[j] > leptons.pt[i]
    first, second = np.where(swap, j, i), np.where(swap, i, j)
    one, other = leptons.at(first), leptons.at(second)
    return Pairs(leptons.event[first], first, second, pair(one.p4, other.p4), one.charge + other.charge)


def chosen(candidates: Pairs, leptons: Leptons, by: str) -> Pairs:
    """At most one pair an event.

    Args:
        candidates: such as the pairs of opposite sign.
        by: `nearest_z` takes the mass nearest to the Z boson's, `leading` the highest pT of the first lepton, then of
            the second. Between equals the pair that comes first.

    Raises:
        ConfigError: another choice.
    """
    if by == NEAREST_Z:
        order = np.lexsort((np.abs(candidates.p4.mass - Z_MASS), candidates.event))
    elif by == LEADING:
        pt = leptons.pt
        order = np.lexsort((-pt[candidates.second], -pt[candidates.first], candidates.event))
    else:
        raise ConfigError(f"pairs are chosen by {' or '.join(CHOICES)}, not {by!r}")
    event = candidates.event[order]
    return candidates.at(order[np.append(True, event[1:] != event[:-1])] if len(event) else order)


def number(event: Array, keep: Array, events: int) -> Array:
    """How many objects of each event are kept, shape (events,): 0 for a veto, at least so many for a cut."""
    return np.bincount(event[keep], minlength=events)


def met_filters(columns: Mapping[str, Array], names: Sequence[str] = MET_FILTERS) -> Array:
    """Events that pass all filters against spurious missing momentum, shape (events,), bool.

    Raises:
        InputError: the file lacks one: an event that was not asked has not passed.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError("missing_branch", f"MET filters: no branch {', '.join(missing)}")
    return np.logical_and.reduce([columns[name].astype(bool) for name in names])


def near_vertex(
    columns: Mapping[str, Array],
    collection: str,
    max_dxy: float | None = None,
    max_dz: float | None = None,
    max_sip3d: float | None = None,
) -> Array:
    """Objects with impact parameters below the limits, which are exclusive; shape (n,), bool.

    Args:
        collection: `Electron` or `Muon`.
        max_dxy, max_dz: of |dxy| and |dz| (cm).
        max_sip3d: of the significance of the impact parameter in space.
    """
    limits = {"dxy": max_dxy, "dz": max_dz, "sip3d": max_sip3d}
    asked = {name: limit for name, limit in limits.items() if limit is not None}
    if not asked:
        raise ConfigError(f"impact parameters of {collection}: give at least one of {', '.join(limits)}")
    return np.logical_and.reduce([np.abs(columns[f"{collection}_{name}"]) < limit for name, limit in asked.items()])
