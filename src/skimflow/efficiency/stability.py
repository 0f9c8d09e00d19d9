"""Is an efficiency constant? χ² and trend over runs, blocks of runs, eras and other variables, for binomial counts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, xlogy
from scipy.stats import chi2

from skimflow.counts import Binned
from skimflow.efficiency.intervals import Estimate, effective_counts, interval, weighted_interval

Array = np.ndarray
BLOCK, ERA = "block", "era"

_LEAST = 5.0  # expected events of each kind in each bin, for χ² to be the distribution (Cochran)
_TOYS = 9999
_SUMS = Binned._fields
_WEIGHTED = ("passed_sumw", "passed_sumw2", "total_sumw", "total_sumw2")


class Constancy(NamedTuple):
    """Tests of one efficiency for all bins.

    `chi2` is the likelihood ratio to one efficiency per bin. `change` is the difference of efficiency from the first
    to the last place, on a straight line, with its error. `toys`: p-values come from toys. `reason` says why there is
    no test; its numbers are NaN.
    """

    bins: int
    chi2: float
    ndf: int
    p_value: float
    change: float
    change_error: float
    trend_p_value: float
    toys: bool
    reason: str


def constancy(passed: Array, total: Array, place: Array) -> Constancy:
    """Test that all bins have one efficiency, against anything else and against a trend.

    The trend is that of Cochran (Biometrics 10 (1954) 417) and Armitage (Biometrics 11 (1955) 375): the score test for
    the slope of a logistic regression, which needs no fit and works where all events of a bin pass or fail.

    Where some bin expects fewer than five passing or failing events, neither statistic follows its distribution. Then
    p-values come from 9999 toys of the same numbers of events in each bin and of passing events in all (multivariate
    hypergeometric: the efficiency drops out), with a seed made from the counts. Effective counts, which are not whole
    numbers, have no such toys.

    Args:
        passed, total: counts, shape (bins,); bins without events are left out.
        place: where each bin is, shape (bins,); only distances relative to the whole range matter.
    """
    n = np.asarray(total, float)
    k, place, n = (np.asarray(values, float)[n > 0] for values in (passed, place, n))
    if len(n) < 2:
        return Constancy(len(n), np.nan, 0, np.nan, np.nan, np.nan, np.nan, False, "fewer than two bins with events")
    x = (place - place.min()) / np.ptp(place)
    ratio, change = _likelihood_ratio(k, n), _change(k, n, x)
    mean, whole = k.sum() / n.sum(), np.all(k == np.round(k)) and np.all(n == np.round(n))
    spread = n @ (x - n @ x / n.sum()) ** 2
    error = np.sqrt(mean * (1 - mean) / spread)
    significance = abs(change) / error if error > 0 else 0.0
    p_values = float(chi2.sf(ratio, len(n) - 1)), float(2 * ndtr(-significance))
    toys = bool(whole and n.min() * min(mean, 1 - mean) < _LEAST)
    if toys:
        throws = _throws(k, n)
        p_values = _rank(_likelihood_ratio(throws, n), ratio), _rank(abs(_change(throws, n, x)), abs(change))
    return Constancy(len(n), float(ratio), len(n) - 1, p_values[0], float(change), float(error), p_values[1], toys, "")


def blocks(size: Array, least: float) -> Array:
    """Neighbours put together until a block has at least `least` (events, or luminosity); the rest joins the last.

    Args:
        size: of each run, in order, shape (runs,).

    Returns:
        Number of the block of each run, shape (runs,), from 0.
    """
    number, current, held = np.zeros(len(size), np.int64), 0, 0.0
    for i, one in enumerate(size):
        number[i] = current
        held += float(one)
        if held >= least:
            current, held = current + 1, 0.0
    return np.minimum(number, max(current - 1, 0))


def stability(table: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Efficiencies by run, block of runs, era and further variables, and the tests of their constancy.

    Args:
        table: of `efficiency.efficiencies`.
        settings: those of `targets.stability_settings`.

    Returns:
        Efficiencies: for each sample, reference and path, one row for each bin; `by` is the variable, `block` or
        `era`, and `x_low` to `x_high` its edges (of blocks and eras: first and last run that is there). Tests: one row
        for each sample, reference, path and `by`, with the columns of `Constancy`. Underflow and overflow are in
        neither, nor are prescaled paths, whose rate follows the prescale.
    """
    weighted = (table["kind"] == "data") & table["trigger"].isin(settings["prescaled"])
    rows = table[(table["dataset"] == "all") & ~weighted]
    keys = ["sample", "kind", "reference", "trigger", "meaning"]
    efficiencies, tests = [], []
    for values, mine in rows.groupby(keys, sort=False):
        labels = dict(zip(keys, values, strict=True))
        for by, bins in _divisions(mine, settings):
            found = constancy(*_counts(bins, labels["kind"]), bins["place"])
            tests.append(labels | {"by": by} | found._asdict())
            value, low, high = _estimate(bins, labels["kind"], **settings["interval"])
            efficiencies.append(bins.assign(**labels, by=by, efficiency=value, low=low, high=high))
    order = [*keys, "by", "x_low", "x_high", *_SUMS, "efficiency", "low", "high"]
    return pd.concat(efficiencies, ignore_index=True)[order], pd.DataFrame(tests)


def _divisions(rows: pd.DataFrame, settings: Mapping[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ways to divide the events of one path, and the bins of each; runs are in order, at equal distances."""
    runs = rows[rows["variable"] == settings["variable"]].sort_values("x_low").reset_index(drop=True)
    yield settings["variable"], runs.assign(place=runs.index)
    if settings["block_events"]:
        yield BLOCK, _together(runs, blocks(runs["total_n"].to_numpy(), settings["block_events"]))
    if settings["eras"]:
        windows = sorted(settings["eras"].values())
        era = np.searchsorted([first for first, _ in windows], runs["x_low"], side="right") - 1
        inside = np.array([i >= 0 and run <= windows[i][1] for i, run in zip(era, runs["x_low"], strict=True)], bool)
        yield ERA, _together(runs[inside], era[inside])
    for variable in settings["against"]:
        bins = rows[(rows["variable"] == variable) & np.isfinite(rows["x_low"]) & np.isfinite(rows["x_high"])]
        yield variable, bins.assign(place=(bins["x_low"] + bins["x_high"]) / 2)


def _together(runs: pd.DataFrame, number: Array) -> pd.DataFrame:
    ways = {"x_low": "min", "x_high": "max"} | dict.fromkeys(_SUMS, "sum")
    added = runs.groupby(np.asarray(number, np.int64)).agg(ways).reset_index(drop=True)
    return added.assign(place=added.index)


def _counts(bins: pd.DataFrame, kind: str) -> tuple[Array, Array]:
    if kind == "data":
        return bins["passed_n"].to_numpy(), bins["total_n"].to_numpy()
    return effective_counts(*(bins[name].to_numpy() for name in _WEIGHTED))


def _estimate(bins: pd.DataFrame, kind: str, method: str, level: float) -> Estimate:
    if kind == "data":
        return interval(*_counts(bins, kind), method, level)
    return weighted_interval(*(bins[name].to_numpy() for name in _WEIGHTED), method, level)


def _likelihood_ratio(k: Array, n: Array) -> Array:
    """Twice the logarithm of the likelihood ratio; of k of shape (bins,), or of each row of (toys, bins)."""
    mean = k.sum(axis=-1, keepdims=True) / n.sum()
    terms = xlogy(k, k / n) + xlogy(n - k, 1 - k / n) - xlogy(k, mean) - xlogy(n - k, 1 - mean)
    return np.maximum(2 * terms.sum(axis=-1), 0)


def _change(k: Array, n: Array, x: Array) -> Array:
    """Slope of the straight line through the efficiencies, each with the weight of its events."""
    from_mean = x - n @ x / n.sum()
    return k @ from_mean / (n @ from_mean**2)


def _throws(k: Array, n: Array) -> Array:
    numbers, passing = n.astype(np.int64), int(k.sum())
    rng = np.random.default_rng([passing, *numbers])
    return rng.multivariate_hypergeometric(numbers, passing, _TOYS, method="marginals")


def _rank(toys: Array, observed: float) -> float:
    """Fraction of toys at least as extreme, the observation among them."""
    return float((1 + np.count_nonzero(toys >= observed * (1 - 1e-9))) / (1 + len(toys)))
