"""Turn-on curves: models, binomial likelihood fit with iminuit, band, goodness of fit, and the table of parameters.

Models, with z = (x - threshold)/scale and Φ the normal cumulative distribution: ε(x) = floor + (plateau - floor) Φ(z)

- `erf`: scale = width, in units of x. The trigger sees x with an error of one size everywhere.
- `step`: scale = width · x. The trigger cuts at the threshold on x with a relative error, so width is a resolution
  (0.05 is 5 %): a step convolved with a Gaussian that widens with x. (Convolved with one of fixed width, a step is the
  error function.) It rises steeply, nears the plateau slowly, and Φ(z) ends at Φ(1/width).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from iminuit import Minuit
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri, xlogy
from scipy.stats import chi2

from skimflow.counts import Axis, binned
from skimflow.counts.views import select
from skimflow.efficiency.intervals import Estimate, effective_counts

Array = np.ndarray
MODELS = ("erf", "step")
PARAMETERS = ("plateau", "threshold", "width", "floor")

_LABELS = ("sample", "kind", "reference", "trigger")
_TINY = 1e-12
_POINTS = 8
_LEAST = 5.0  # expected passing and failing events of a cell of the goodness of fit
_POOR = 1e-3  # p-value below which the model is said not to describe the data
_NO_RISE = 11.8  # 2 Δ ln L of two parameters at three sigma


class TurnOn(NamedTuple):
    """A fitted turn-on: value and MINOS interval of each parameter, shapes (3,), or (4,) with a floor.

    `chi2` is the likelihood ratio to the saturated model. `reason` says why the numbers must not be used; it is empty
    for a good fit. Where there is no fit, they are NaN.
    """

    model: str
    value: Array
    low: Array
    high: Array
    covariance: Array
    chi2: float
    ndf: int
    p_value: float
    events: float
    reason: str


def fit(passed: Array, total: Array, edges: Array, model: str, level: float, floor: bool = False) -> TurnOn:
    """Maximum-likelihood fit of a turn-on to binomial counts.

    A bin's efficiency is the model averaged over the bin, with the bin's events on a straight line whose slope is that
    between its neighbours: a turn-on narrower than the bins does not bias the threshold.

    The goodness of fit is taken in neighbouring bins put together until five events are expected to pass and five to
    fail, for otherwise the likelihood ratio does not follow χ². The fit itself uses all bins, so that p-values are, if
    anything, too small (Chernoff and Lehmann, Ann. Math. Stat. 25 (1954) 579).

    Args:
        passed, total: counts, shape (bins,), 0 <= passed <= total; fractions are allowed (effective counts).
        edges: of the bins, shape (bins + 1,), none below zero for `step`.
        model: one of `MODELS`.
        level: confidence level of the MINOS intervals. One that meets a limit of its parameter ends there.
        floor: fit the efficiency far below the threshold too, instead of zero.

    Raises:
        ValueError: unknown model, or counts that are none.
    """
    k, n, edges = (np.asarray(values, float) for values in (passed, total, edges))
    if model not in MODELS:
        raise ValueError(f"unknown turn-on model {model} (known: {', '.join(MODELS)})")
    if not (np.all(k >= 0) and np.all(k <= n)):
        raise ValueError("counts must satisfy 0 <= passed <= total")
    empty = _no_fit(model, floor, n.sum())
    size, filled = len(empty.value), int(np.count_nonzero(n))
    if filled <= size:
        return empty._replace(reason=f"too few events: {filled} bins have any, for {size} parameters")
    average = _Average(n, edges, model)
    minuit = _minimum(k, n, edges, average, size)
    expected = average(np.array(minuit.values))
    found = empty._replace(value=np.array(minuit.values), **_goodness(k, n, expected, size))
    reason = _trouble(minuit, found, _deviance(k, n, np.full(len(n), k.sum() / n.sum())).sum())
    if reason:
        return found._replace(reason=reason)
    low, high = _minos(minuit, level)
    return found._replace(low=low, high=high, covariance=np.array(minuit.covariance), reason=_poor(found.p_value))


def _no_fit(model: str, floor: bool, events: float, reason: str = "") -> TurnOn:
    nothing = np.full(4 if floor else 3, np.nan)
    covariance = np.full((len(nothing), len(nothing)), np.nan)
    return TurnOn(model, nothing, nothing, nothing, covariance, np.nan, 0, np.nan, events, reason)


def curve(model: str, parameters: Array, x: Array) -> Array:
    """Efficiency at x, of its shape, for parameters in the order of `PARAMETERS`, with or without floor."""
    plateau, _, _, floor = _four(parameters)
    return floor + (plateau - floor) * ndtr(_z(model, parameters, x)[0])


def band(turn_on: TurnOn, x: Array, level: float) -> Estimate:
    """The curve at x and its confidence band at each x.

    The covariance is propagated to logit ε, where the band is symmetric, and from there to ε: so it stays within
    [0, 1], and needs no random numbers.
    """
    z, scale = _z(turn_on.model, turn_on.value, x)
    plateau, _, width, floor = _four(turn_on.value)
    slope = (plateau - floor) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    derivatives = [ndtr(z), -slope / scale, -slope * z / width, 1 - ndtr(z)][: len(turn_on.value)]
    variance = np.einsum("i...,ij,j...->...", derivatives, turn_on.covariance, derivatives)
    value = curve(turn_on.model, turn_on.value, x)
    inside = np.clip(value, 1e-100, 1 - 1e-15)
    half = ndtri((1 + level) / 2) * np.sqrt(np.maximum(variance, 0)) / (inside * (1 - inside))
    return Estimate(value, expit(logit(inside) - half), expit(logit(inside) + half))


def turn_ons(counts: pa.Table, efficiencies: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Turn-ons of every path, and of all together, of every sample with each reference.

    Args:
        counts: aggregated counts; fits use their fine bins.
        efficiencies: of `efficiency.efficiencies`: which samples and paths there are, and the meaning of the ratios.
        settings: those of `targets.turn_on_settings`.

    Returns:
        One row for each sample, reference, path and configured turn-on. `valid` is false where `reason` says why.
        Widths are in units of the variable for `erf`, and fractions of it for `step`. Simulation is fitted through
        effective counts.
    """
    totals = efficiencies[(efficiencies["variable"] == "all") & (efficiencies["dataset"] == "all")]
    rows = []
    for total in totals.to_dict("records"):
        datasets = [name for name, d in settings["datasets"].items() if d["sample"] == total["sample"]]
        mine = select(counts, "trigger", datasets, name=total["trigger"], reference=total["reference"])
        for wanted in settings["turn_ons"]:
            variable, (low, high) = wanted["variable"], wanted["range"]
            edges = Axis(settings["axes"][variable]).edges
            inside = edges[(edges > low - 1e-9) & (edges < high + 1e-9)]
            if total["kind"] == "data" and total["trigger"] in settings["prescaled"]:
                found = _no_fit(wanted["model"], wanted["floor"], total["total_n"], "prescaled, and not fitted")
            else:
                rows_of = select(mine, "trigger", variable=variable)
                found = _fitted(rows_of, edges, inside, total["kind"], wanted, settings)
            place = {"variable": variable, "x_low": low, "x_high": high}
            about = {"level": settings["level"], "meaning": total["meaning"]}
            rows.append({key: total[key] for key in _LABELS} | place | as_row(found) | about)
    return pd.DataFrame(rows)


def as_row(turn_on: TurnOn) -> dict[str, Any]:
    """A turn-on as columns of a table."""
    row: dict[str, Any] = {"model": turn_on.model, "events": turn_on.events}
    size = len(turn_on.value)
    for i, name in enumerate(PARAMETERS):
        ends = (turn_on.value[i], turn_on.low[i], turn_on.high[i]) if i < size else (np.nan,) * 3
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), map(float, ends), strict=True))
    for i, j in zip(*np.triu_indices(4), strict=True):
        row[f"cov_{PARAMETERS[i]}_{PARAMETERS[j]}"] = float(turn_on.covariance[i, j]) if j < size else np.nan
    row |= {"chi2": turn_on.chi2, "ndf": turn_on.ndf, "p_value": turn_on.p_value}
    return row | {"valid": not turn_on.reason, "reason": turn_on.reason}


def from_row(row: Mapping[str, Any]) -> TurnOn:
    """The turn-on that `as_row` made a row of (a fit without floor has none in its row)."""
    names = PARAMETERS if np.isfinite(row["floor"]) else PARAMETERS[:3]
    value, low, high = (np.array([row[name + end] for name in names]) for end in ("", "_low", "_high"))
    upper = np.array([[row.get(f"cov_{a}_{b}", 0.0) for b in names] for a in names])
    covariance = upper + np.triu(upper, 1).T
    numbers = (row[name] for name in ("chi2", "ndf", "p_value", "events", "reason"))
    return TurnOn(row["model"], value, low, high, covariance, *numbers)


def _fitted(
    rows: pa.Table, fine: Array, edges: Array, kind: str, wanted: Mapping[str, Any], settings: Mapping[str, Any]
) -> TurnOn:
    content = binned(rows, [fine], [edges])
    passed, total = content.passed_n, content.total_n
    if kind == "mc":
        sums = content.passed_sumw, content.passed_sumw2, content.total_sumw, content.total_sumw2
        passed, total = effective_counts(*sums)
    # Underflow and overflow of the range are no part of the fit.
    return fit(passed[1:-1], total[1:-1], edges, wanted["model"], settings["level"], wanted["floor"])


class _Average:
    """The model averaged over each bin, shape (bins,), by Gauss-Legendre quadrature."""

    def __init__(self, total: Array, edges: Array, model: str):
        self._model = model
        width, centre = np.diff(edges)[:, None], ((edges[1:] + edges[:-1]) / 2)[:, None]
        density = np.where(total > 0, total, 1.0)[:, None] / width
        slope = np.gradient(total / width[:, 0], centre[:, 0])[:, None]
        most = 2 * density / width  # steeper, it would be negative at one end
        points, weights = np.polynomial.legendre.leggauss(_POINTS)
        self._x = centre + width / 2 * points
        self._weight = weights / 2 * (1 + np.clip(slope, -most, most) / density * (self._x - centre))

    def __call__(self, parameters: Array) -> Array:
        return (curve(self._model, parameters, self._x) * self._weight).sum(axis=1)


def _four(parameters: Array) -> Array:
    return np.append(parameters, 0.0)[:4]


def _z(model: str, parameters: Array, x: Array) -> tuple[Array, Array]:
    """Distance from the threshold in units of the scale, and the scale; shapes of x."""
    _, threshold, width, _ = _four(parameters)
    x = np.asarray(x, float)
    scale = width * np.maximum(x, _TINY) if model == "step" else np.full(x.shape, width)
    return (x - threshold) / scale, scale


def _deviance(k: Array, n: Array, efficiency: Array) -> Array:
    """Twice the logarithm of the likelihood ratio to the saturated model, of each bin."""
    e = np.clip(efficiency, _TINY, 1 - _TINY)
    observed = k / np.where(n > 0, n, 1.0)
    best = xlogy(k, observed) + xlogy(n - k, 1 - observed)
    return 2 * (best - xlogy(k, e) - xlogy(n - k, 1 - e))


def _minimum(k: Array, n: Array, edges: Array, average: _Average, size: int) -> Minuit:
    """MIGRAD and HESSE from the best point of a coarse grid, so that no guess is needed."""

    def deviance(parameters: Array) -> float:
        return float(_deviance(k, n, average(parameters)).sum())

    share = np.cumsum(n) / n.sum()
    plateau = min(k[share > 0.5].sum() / n[share > 0.5].sum(), 0.99)
    thresholds = edges[np.unique(np.searchsorted(share, np.linspace(0, 0.95, 20)))]
    relative = average._model == "step"
    top = 1.0 if relative else float(edges[-1] - edges[0])
    least = min(1e-3 if relative else 0.01 * np.diff(edges).min(), top / 10)
    widths = np.geomspace(10 * least, top / 2, 6)
    grid = [np.array([plateau, threshold, width]) for threshold in thresholds for width in widths]
    start = np.append(min(grid, key=deviance), [0.01] * (size - 3))
    minuit = Minuit(deviance, start, name=PARAMETERS[:size])
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [(0, 1), (min(0.0, edges[0]), edges[-1]), (least, top), (0, 1)][:size]
    minuit.errors = np.array([0.01, 0.1 * np.diff(edges).min(), 0.1 * start[2], 0.01])[:size]
    minuit.migrad()
    minuit.hesse()
    return minuit


def _trouble(minuit: Minuit, found: TurnOn, constant: float) -> str:
    """Why the parameters mean nothing, or an empty text."""
    if constant - minuit.fval < _NO_RISE:
        return "no turn-on: the curve is no better than one value"
    for parameter in minuit.params:
        low, high = parameter.lower_limit, parameter.upper_limit
        for limit in (low, high):
            # A floor of zero is what most triggers have.
            if abs(parameter.value - limit) < 1e-4 * (high - low) and (parameter.name, limit) != ("floor", 0):
                return f"the {parameter.name} ends at its limit, {limit:g}"
    if not (minuit.valid and minuit.accurate):
        return "the fit does not converge"
    return "too few events: no degree of freedom is left to test the model" if found.ndf < 1 else ""


def _poor(p_value: float) -> str:
    return f"the model does not describe the data (p-value {p_value:.1g})" if p_value < _POOR else ""


def _minos(minuit: Minuit, level: float) -> tuple[Array, Array]:
    minuit.minos(cl=level)
    ends: tuple[list[float], list[float]] = ([], [])
    for parameter in minuit.params:
        errors = minuit.merrors[parameter.name]
        found = ((errors.lower, errors.lower_valid), (errors.upper, errors.upper_valid))
        limits = (parameter.lower_limit, parameter.upper_limit)
        for side, (error, valid), limit in zip(ends, found, limits, strict=True):
            side.append(parameter.value + error if valid else _crossing(minuit, parameter.name, limit, level))
    return np.array(ends[0]), np.array(ends[1])


def _crossing(minuit: Minuit, name: str, limit: float, level: float) -> float:
    """Where the profile likelihood has risen enough, or the limit of the parameter if it never does.

    MINOS loses its way where a width is small beside the bins: the likelihood is flat there.
    """
    best, enough = minuit.values[name], minuit.fval + ndtri((1 + level) / 2) ** 2

    def above(value: float) -> float:
        return float(minuit.mnprofile(name, grid=np.array([value]))[1][0]) - enough

    return float(brentq(above, best, limit, rtol=1e-6)) if above(limit) > 0 else float(limit)


def _goodness(k: Array, n: Array, efficiency: Array, size: int) -> dict[str, Any]:
    cell = _cells(n * efficiency, n * (1 - efficiency))
    k, n, expected = (np.bincount(cell, values) for values in (k, n, n * efficiency))
    value, ndf = float(_deviance(k, n, expected / n).sum()), len(n) - size
    return {"chi2": value, "ndf": ndf, "p_value": float(chi2.sf(value, ndf)) if ndf > 0 else np.nan}


def _cells(passing: Array, failing: Array) -> Array:
    """Cell of each bin: full when enough are expected to pass and to fail; what is left joins the last one."""
    cell = np.zeros(len(passing), np.int64)
    current, sums = 0, np.zeros(2)
    for i, both in enumerate(zip(passing, failing, strict=True)):
        cell[i] = current
        sums += both
        if sums.min() >= _LEAST:
            current, sums = current + 1, np.zeros(2)
    return np.minimum(cell, max(current - 1, 0))
