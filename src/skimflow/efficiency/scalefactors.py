"""Scale factors: efficiency in data over efficiency in simulation, with statistical and systematic parts.

Where there is no scale factor (no events, or a simulated efficiency of 0) the number is NaN: it is never taken as 1,
and the published files give none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from skimflow.efficiency.intervals import Array, Estimate, effective_counts
from skimflow.errors import ConfigError

EDGES = ("x_low", "x_high", "y_low", "y_high")
_SUMS = ("passed_sumw", "passed_sumw2", "total_sumw", "total_sumw2")
_SPAN, _HALVINGS = 40.0, 70


class Binomial(NamedTuple):
    """Passing and all events, arrays of one shape; effective numbers where events are weighted."""

    passed: Array
    total: Array


def ratio(data: Binomial, simulation: Binomial, level: float) -> Estimate:
    """Ratio of two efficiencies with its score interval (Koopman, Biometrics 40 (1984) 513).

    For each candidate ratio the two efficiencies that fit best under it give the variance: so the interval is
    asymmetric, and right where all events of one or both pass, where the propagation of errors would give zero. Its
    coverage near 1 is computed in tests/unit/test_scalefactors.py. The two samples must be independent.

    Args:
        data, simulation: counts of one shape; fractions are allowed.
        level: confidence level, between 0 and 1.

    Returns:
        Where there is no event in one of them, or none passes in simulation: NaN in [0, inf].
    """
    k, n, j, m = np.broadcast_arrays(*(np.asarray(v, float) for v in (*data, *simulation)))
    known = (n > 0) & (m > 0) & (j > 0)
    k, n, j, m = (np.where(known, v, 1.0) for v in (k, n, j, m))
    z = -ndtri((1 - level) / 2)
    low, high = (_crossing(k, n, j, m, target) for target in (z, -z))
    value = np.where(known, k / n * m / j, np.nan)
    return Estimate(value, np.where(known & (k > 0), low, 0.0), np.where(known, high, np.inf))


def _crossing(k: Array, n: Array, j: Array, m: Array, target: float) -> Array:
    """The ratio at which the score, which falls with the ratio, is `target`: bisection in its logarithm."""
    low, high = np.full(k.shape, -_SPAN), np.full(k.shape, _SPAN)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _score(np.exp(middle), k, n, j, m) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp((low + high) / 2)


def _score(r: Array, k: Array, n: Array, j: Array, m: Array) -> Array:
    """(ε₁ - r ε₂) over its standard deviation, at the efficiencies of largest likelihood with ε₁ = r ε₂.

    Those solve a quadratic equation (Miettinen, Nurminen, Stat. Med. 4 (1985) 213).
    """
    b = n * r + k + m + j * r
    second = 2 * (k + j) / (b + np.sqrt(np.maximum(b**2 - 4 * (n + m) * r * (k + j), 0)))
    first = np.minimum(r * second, 1)
    variance = first * (1 - first) / n + r**2 * second * (1 - second) / m
    return (k / n - r * j / m) / np.sqrt(np.maximum(variance, 1e-300))


def equivalent_counts(estimate: Estimate, level: float) -> Binomial:
    """The binomial that is as uncertain as an efficiency which is no ratio of counts, such as the result of a fit.

    n = ε(1 - ε)/σ² with σ half the interval over its number of standard deviations; at 0 and 1, the n whose Wilson
    interval ends where this one does.
    """
    z2 = ndtri((1 - level) / 2) ** 2
    value, low, high = (np.clip(np.nan_to_num(np.asarray(v, float)), 0, 1) for v in estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = value * (1 - value) * z2 / ((high - low) / 2) ** 2
        number = np.select([value == 1, value == 0], [z2 * low / (1 - low), z2 * (1 - high) / high], inside)
    number = np.where(np.isfinite(estimate.value) & np.isfinite(number), number, 0.0)
    return Binomial(value * number, number)


def scale_factors(tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> pd.DataFrame:
    """Scale factors in the report bins of one or two variables.

    Args:
        tables: of `efficiency.efficiencies`; this measurement's as "", others by their name.
        settings: those of `targets.scale_factor_settings`.

    Returns:
        One row for each scale factor (`name`) and bin: `data` and `simulation` (efficiencies, with `…_sample`,
        `…_meaning`, and the interval `…_low`, `…_high`), `nominal`, and the values `…_up`, `…_down` for `stat`, for
        each systematic source, and (without prefix) for all in quadrature. NaN where there is none; a source that
        cannot be evaluated in a bin leaves no total there either.

    Raises:
        ConfigError: a table has no such efficiency, or an alternative has other bins.
    """
    frames = [_one(name, entry, tables) for name, entry in settings["entries"].items()]
    return pd.concat(frames, ignore_index=True)


def systematics(entry: Mapping[str, Any]) -> list[str]:
    """What the input `systematic` of a scale factor may be."""
    sources = ["stat", *entry["systematics"]]
    return ["nominal", *(f"{source}_{way}" for source in sources for way in ("up", "down")), "up", "down"]


def _one(name: str, entry: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    data, simulation = _pair(name, entry["nominal"], entry, tables)
    nominal = _quotient(data, simulation)
    estimate = ratio(_counts(data), _counts(simulation), float(data["level"].iloc[0]))
    frame = data[["trigger", "variable", *EDGES]].copy()
    frame.insert(0, "name", name)
    for kind, rows in (("data", data), ("simulation", simulation)):
        frame = frame.assign(**{f"{kind}_sample": rows["sample"], f"{kind}_meaning": rows["meaning"]})
        frame = frame.assign(**{kind: rows["efficiency"], f"{kind}_low": rows["low"], f"{kind}_high": rows["high"]})
    # A weighted efficiency above 1 is a ratio outside the interval of the nearest possible one.
    up, down = np.maximum(estimate.high - nominal, 0), np.minimum(estimate.low - nominal, 0)
    frame = frame.assign(nominal=nominal, stat_up=nominal + up, stat_down=nominal + down)
    ups, downs = up**2, down**2
    for source, both in _shifts(name, entry, tables, data, nominal):
        frame = frame.assign(**{f"{source}_up": nominal + both[0], f"{source}_down": nominal + both[1]})
        ups, downs = ups + np.maximum(*both).clip(0) ** 2, downs + np.minimum(*both).clip(None, 0) ** 2
    return frame.assign(up=nominal + np.sqrt(ups), down=(nominal - np.sqrt(downs)).clip(0))


def _shifts(
    name: str, entry: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], data: pd.DataFrame, nominal: pd.Series
) -> Iterator[tuple[str, tuple[Array, Array]]]:
    """For each source, how far its up and down variations are from the nominal value, with their signs."""
    for source, variation in entry["systematics"].items():
        where = f"{name}: {source}"
        shifts = []
        for choice in filter(None, (variation["up"], variation["down"])):
            other = _pair(where, choice, entry, tables)
            if not np.array_equal(other[0][list(EDGES)], data[list(EDGES)], equal_nan=True):
                raise ConfigError(f"scale_factors: {where}: its bins are others than those of the nominal value")
            shifts.append((_quotient(*other) - nominal).to_numpy())
        if len(shifts) == 1:
            shifts.append(0 * shifts[0] if variation["one_sided"] else -shifts[0])
        yield source, (shifts[0], shifts[1])


def _pair(
    where: str, choice: Mapping[str, Any], entry: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of data and of simulation, bin by bin."""
    table, variable = tables[choice["measurement"]], ":".join(entry["variables"])
    found = []
    for sample, reference in (
        (choice["data"], choice["reference"]),
        (choice["simulation"], choice["simulation_reference"]),
    ):
        wanted = {"sample": sample, "trigger": choice["trigger"], "variable": variable, "dataset": "all"}
        if "reference" in table:
            wanted["reference"] = reference
        rows = table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])]
        found.append(_inside(rows))
        if found[-1].empty or found[-1][list(EDGES)].duplicated().any():
            what = "no" if found[-1].empty else "more than one"
            keys = ", ".join(f"{key} {value}" for key, value in wanted.items())
            raise ConfigError(f"scale_factors: {where}: {what} efficiency of {keys}")
    if not np.array_equal(*(rows[list(EDGES)] for rows in found), equal_nan=True):
        raise ConfigError(f"scale_factors: {where}: data and simulation have different bins")
    return found[0], found[1]


def _inside(rows: pd.DataFrame) -> pd.DataFrame:
    """Bins that are no under- or overflow."""
    return rows[~np.isinf(rows[list(EDGES)]).any(axis=1)].reset_index(drop=True)


def _quotient(data: pd.DataFrame, simulation: pd.DataFrame) -> pd.Series:
    return data["efficiency"] / simulation["efficiency"].where(simulation["efficiency"] > 0)


def _counts(rows: pd.DataFrame) -> Binomial:
    """Effective counts of efficiencies.

    From the interval where the sums do not say it: a fit is not their ratio, and events of a prescaled path, which
    count several times, can have a larger sum of squares than all events.
    """
    passed, total = effective_counts(*(rows[name] for name in _SUMS))
    value, level = rows["efficiency"].to_numpy(), float(rows["level"].iloc[0])
    sums = rows["passed_sumw"] / rows["total_sumw"].where(rows["total_sumw"] > 0)
    counted = np.isclose(sums, value, rtol=1e-9, atol=0, equal_nan=True) & (rows["passed_sumw2"] <= rows["total_sumw2"])
    fitted = equivalent_counts(Estimate(value, rows["low"].to_numpy(), rows["high"].to_numpy()), level)
    return Binomial(np.where(counted, passed, fitted.passed), np.where(counted, total, fitted.total))
