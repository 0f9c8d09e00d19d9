"""How far a probe and its reference are independent: α = ε_ref·ε_probe/ε_both, from simulation."""

import numpy as np

from skimflow.counts import Binned
from skimflow.efficiency.intervals import Array, Estimate, weighted_interval

_TINY = 1e-12
"""The lower end of an interval of efficiencies that is zero but for rounding."""


def alpha(every: Binned, accepted: Binned, method: str, level: float) -> Estimate:
    """The efficiency without reference over that among events which the reference accepts; 1 for independent triggers.

    The two samples overlap, so the events are taken apart: with a fraction f accepted, and the efficiencies a of these
    and b of the others, which are independent, α = f + (1 - f)·b/a. Each of the three is moved to the ends of its own
    interval, and what that does to α is added in quadrature, upward and downward moves apart.

    Args:
        every: counts without reference, in some bins.
        accepted: those with it, in the same bins, a part of `every`.
        method, level: of the intervals of f, a and b.

    Returns:
        Shapes as the counts; not finite, with [0, inf], where the reference accepts nothing or none of that passes.
    """
    others = Binned(*(whole - part for whole, part in zip(every, accepted, strict=True)))
    sums = accepted.total_sumw, accepted.total_sumw2, every.total_sumw, every.total_sumw2
    f = weighted_interval(*sums, method, level)
    a, b = _efficiency(accepted, method, level), _efficiency(others, method, level)
    # Where the reference accepts everything, f is 1 and b is no matter.
    b = b._replace(value=np.where(np.isnan(b.value), a.value, b.value))
    value = _alpha(f.value, a.value, b.value)
    moved = [_alpha(end, a.value, b.value) for end in (f.low, f.high)]
    moved += [_alpha(f.value, end, b.value) for end in (a.low, a.high)]
    moved += [_alpha(f.value, a.value, end) for end in (b.low, b.high)]
    known = np.isfinite(value)
    steps = np.array(moved) - np.where(known, value, 0)
    low, high = (np.sqrt((side**2).sum(axis=0)) for side in (np.minimum(steps, 0), np.maximum(steps, 0)))
    return Estimate(value, np.where(known, value - low, 0), np.where(known, value + high, np.inf))


def _alpha(f: Array, a: Array, b: Array) -> Array:
    ratio = np.divide(b, a, out=np.where(a <= _TINY, np.inf, np.nan), where=a > _TINY)
    return f + np.multiply(1 - f, ratio, out=np.zeros(f.shape), where=f != 1)


def _efficiency(content: Binned, method: str, level: float) -> Estimate:
    sums = content.passed_sumw, content.passed_sumw2, content.total_sumw, content.total_sumw2
    return weighted_interval(*sums, method, level)
