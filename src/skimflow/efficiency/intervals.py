"""Confidence and credible intervals for an efficiency.

Central intervals: at most (1 - level)/2 on either side. Without events there is no data: the efficiency is NaN and the
interval [0, 1].
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri

Array = np.ndarray
METHODS = ("clopper_pearson", "wilson", "jeffreys", "bayes_uniform")


class Estimate(NamedTuple):
    """Efficiency and interval, shapes as the counts."""

    value: Array
    low: Array
    high: Array


def interval(passed: Array, total: Array, method: str, level: float) -> Estimate:
    """Interval for `passed` of `total` events.

    Args:
        passed, total: counts of one shape, 0 <= passed <= total. Fractions are allowed (effective counts).
        method: `clopper_pearson` (Biometrika 26 (1934) 404; never undercovers), `wilson` (J. Am. Stat. Assoc. 22 (1927)
            209; covers on average), `jeffreys` (equal-tailed posterior for the prior Beta(1/2, 1/2), closed at 0 and 1
            as in Brown, Cai, DasGupta, Stat. Sci. 16 (2001) 101), `bayes_uniform` (the same for a flat prior, not
            closed).
        level: confidence level, between 0 and 1.

    Raises:
        ValueError: counts are negative, more pass than there are, or the method is unknown.
    """
    k, n = np.broadcast_arrays(np.asarray(passed, float), np.asarray(total, float))
    if not (np.all(k >= 0) and np.all(k <= n)):
        raise ValueError("counts must satisfy 0 <= passed <= total")
    if method not in METHODS:
        raise ValueError(f"unknown interval method {method} (known: {', '.join(METHODS)})")
    tail = (1 - level) / 2
    low, high = _wilson(k, n, tail) if method == "wilson" else _beta(k, n, tail, method)
    empty = n == 0
    value = np.divide(k, n, out=np.full(k.shape, np.nan), where=~empty)
    return Estimate(value, np.where(empty, 0.0, low), np.where(empty, 1.0, high))


def weighted_interval(
    passed_sumw: Array, passed_sumw2: Array, total_sumw: Array, total_sumw2: Array, method: str, level: float
) -> Estimate:
    """Interval for weighted events, through the number of unweighted events with the same variance.

    The variance of ε = Σw_pass / Σw is [(1 - ε)² Σw²_pass + ε² Σw²_fail] / (Σw)². A binomial of n events has
    ε(1 - ε)/n: so n = ε(1 - ε)/variance, and `interval` is applied to nε of n. Where all or none pass, the variance
    says nothing and n = (Σw)²/Σw² (Kish, Survey Sampling (1965)). Coverage is shown by tests/unit/test_intervals.py:
    Clopper-Pearson holds its level; the others fall short where few events of very different weight fail (61 % instead
    of 68 % for six failing events with exponential weights).

    Negative weights are allowed; ε may then fall outside [0, 1] and is given as it is, with the interval of the nearest
    possible efficiency. A total of zero or less, or no effective event, is "no data".

    Args:
        passed_sumw, passed_sumw2, total_sumw, total_sumw2: sums over passing and over all events, of one shape.
    """
    passed, total = effective_counts(passed_sumw, passed_sumw2, total_sumw, total_sumw2)
    estimate = interval(passed, total, method, level)
    w = np.asarray(total_sumw, float)
    value = np.asarray(passed_sumw, float) / np.where(total > 0, w, 1.0)
    return Estimate(np.where(total > 0, value, np.nan), estimate.low, estimate.high)


def effective_counts(
    passed_sumw: Array, passed_sumw2: Array, total_sumw: Array, total_sumw2: Array
) -> tuple[Array, Array]:
    """Passing and all events of the unweighted binomial that `weighted_interval` takes; events of weight 1 are counted.

    Without usable events both are 0. An efficiency outside [0, 1] is taken at the nearest end.
    """
    wp, wp2, w, w2 = (np.asarray(v, float) for v in (passed_sumw, passed_sumw2, total_sumw, total_sumw2))
    usable = (w > 0) & (w2 > 0)
    safe_w, safe_w2 = np.where(usable, w, 1.0), np.where(usable, w2, 1.0)
    inside = np.clip(wp / safe_w, 0, 1)
    variance = ((1 - inside) ** 2 * wp2 + inside**2 * np.maximum(w2 - wp2, 0)) / safe_w**2
    kish = safe_w**2 / safe_w2
    known = (inside > 0) & (inside < 1) & (variance > 0)
    number = np.where(known, inside * (1 - inside) / np.where(known, variance, 1.0), kish)
    return np.where(usable, inside * number, 0), np.where(usable, number, 0)


def _wilson(k: Array, n: Array, tail: float) -> tuple[Array, Array]:
    z2, safe = ndtri(tail) ** 2, np.where(n > 0, n, 1.0)
    p = k / safe
    centre = (p + z2 / (2 * safe)) / (1 + z2 / safe)
    half = np.sqrt(z2) / (1 + z2 / safe) * np.sqrt(p * (1 - p) / safe + z2 / (4 * safe**2))
    # Exact at the ends, where rounding would leave 1e-17 instead of 0.
    return np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)


def _beta(k: Array, n: Array, tail: float, method: str) -> tuple[Array, Array]:
    """Quantiles of Beta(k + a, n - k + b), with the a and b of each end and method."""
    prior = {"clopper_pearson": (0, 1, 1, 0), "jeffreys": (0.5,) * 4, "bayes_uniform": (1,) * 4}[method]
    low = betaincinv(np.maximum(k + prior[0], 1e-9), n - k + prior[1], tail)
    high = betaincinv(k + prior[2], np.maximum(n - k + prior[3], 1e-9), 1 - tail)
    if method == "bayes_uniform":
        return low, high
    return np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
