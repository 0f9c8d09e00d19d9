"""From the legs of a cross trigger, as tag and probe measures them, to its efficiency for eμ events."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skimflow.efficiency.intervals import Estimate

Array = np.ndarray


class Legs(NamedTuple):
    """Two legs of one lepton in the same bins, shape (bins,): what fires the tighter one fires the looser one too."""

    loose: Estimate
    tight: Estimate


class CrossTrigger(NamedTuple):
    """Efficiency of each event, shape (events,), and of the sample, shape (); without data for a leg NaN and [0, 1]."""

    events: Estimate
    sample: Estimate


def bin_of(edges: Sequence[Array], values: Sequence[Array], open_: Sequence[bool] | None = None) -> Array:
    """Bin of each lepton in an efficiency map, flattened in the order of the variables; shape (leptons,).

    What lies outside of a variable has no bin: -1. Above the last edge it is taken at the last bin if the variable is
    one of `open_`, as all are by default.
    """
    index, inside = np.zeros(len(values[0]), int), np.ones(len(values[0]), bool)
    for limits, value, beyond in zip(edges, values, open_ or [True] * len(edges), strict=True):
        place = np.searchsorted(limits, value, side="right") - 1
        inside &= (place >= 0) & (beyond | (place < len(limits) - 1))
        index = index * (len(limits) - 1) + place.clip(0, len(limits) - 2)
    return np.where(inside, index, -1)


def cross_trigger(
    muon: Legs,
    electron: Legs,
    muon_bin: Array,
    electron_bin: Array,
    dz: Estimate,
    weight: Array | None = None,
    accepted: bool = False,
) -> CrossTrigger:
    """Efficiency of the OR of two paths, one with the looser muon leg and the tighter electron leg, one the other way.

    As the tighter leg of a lepton implies its looser one, both paths fire when both tighter legs do, and the OR of
    Mu12_Ele23 and Mu23_Ele12 is ε = (ε_Mu12 ε_Ele23 + ε_Mu23 ε_Ele12 - ε_Mu23 ε_Ele23) ε_dz. The legs of different
    leptons are independent; the vertex-distance (DZ) filter looks at the same two leptons for both paths, so it is one
    factor.

    Uncertainties are propagated to first order, upwards and downwards by themselves. Events in one bin share its
    uncertainty, and the legs of a lepton, measured on the same probes, are correlated as nested binomials are:
    ρ² = ε_tight (1 - ε_loose) / (ε_loose (1 - ε_tight)).

    Args:
        muon, electron: efficiencies in bins.
        muon_bin, electron_bin: those of the leptons of each event, of `bin_of`, shape (events,).
        dz: of the filter, shape ().
        weight: of each event in the sample; 1 by default.
        accepted: the events are those that the trigger accepted, of the sample that is meant: each stands for 1/ε.
    """
    m, e = _at(muon, muon_bin), _at(electron, electron_bin)
    w = np.ones(len(muon_bin)) if weight is None else np.asarray(weight, float)
    pairs = m.loose.value * e.tight.value + m.tight.value * e.loose.value - m.tight.value * e.tight.value
    # How the efficiency changes with the looser and with the tighter leg of each lepton.
    slopes_m = np.stack([e.tight.value, e.loose.value - e.tight.value]) * dz.value
    slopes_e = np.stack([m.tight.value, m.loose.value - m.tight.value]) * dz.value
    every = pairs * dz.value
    stands = w / every if accepted else w
    mean = np.sum(w) / np.sum(stands) if accepted else np.sum(w / w.sum() * every)
    # How the mean changes with the efficiency of each event, on which its share depends where events are accepted ones.
    share = stands / stands.sum() * (mean / every if accepted else 1)
    binned_m = _binned(slopes_m * share, muon_bin, len(muon.loose.value))
    binned_e = _binned(slopes_e * share, electron_bin, len(electron.loose.value))

    def spread(up: bool) -> tuple[Array, Array]:
        d = _side(dz, up)
        events = _variance(slopes_m, m, up) + _variance(slopes_e, e, up) + (pairs * d) ** 2
        sample = np.nansum(_variance(binned_m, muon, up)) + np.nansum(_variance(binned_e, electron, up))
        return np.sqrt(events), np.sqrt(sample + (np.sum(share * pairs) * d) ** 2)

    down, up = spread(False), spread(True)
    values = zip((every, mean), down, up, strict=True)
    return CrossTrigger(*(_bounded(v, v - low, v + high) for v, low, high in values))


def _at(legs: Legs, index: Array) -> Legs:
    """The legs of each event; without a bin there is no data."""
    inside = index >= 0

    def taken(estimate: Estimate) -> Estimate:
        return Estimate(*(np.where(inside, v[index], n) for v, n in zip(estimate, (np.nan, 0, 1), strict=True)))

    return Legs(taken(legs.loose), taken(legs.tight))


def _binned(slopes: Array, index: Array, bins: int) -> Array:
    """Sums in the bins of a map, shape (2, bins)."""
    inside = index >= 0
    return np.stack([np.bincount(index[inside], row[inside], bins) for row in slopes])


def _variance(slopes: Array, legs: Legs, up: bool) -> Array:
    """Square of the shift from both legs of a lepton, whose slopes have shape (2, ...)."""
    one, other = (
        slope * np.where(slope < 0, _side(leg, not up), _side(leg, up)) for slope, leg in zip(slopes, legs, strict=True)
    )
    tight, loose = legs.tight.value, legs.loose.value
    below = loose * (1 - tight)
    rho2 = np.divide(tight * (1 - loose), below, out=np.zeros_like(below), where=below > 0)
    return one**2 + other**2 + 2 * np.sqrt(rho2.clip(0, 1)) * one * other


def _side(estimate: Estimate, up: bool) -> Array:
    return np.abs((estimate.high if up else estimate.low) - estimate.value)


def _bounded(value: Array, low: Array, high: Array) -> Estimate:
    known = np.isfinite(value)
    return Estimate(value, np.where(known, np.clip(low, 0, 1), 0.0), np.where(known, np.clip(high, 0, 1), 1.0))
