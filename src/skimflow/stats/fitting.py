"""Maximum likelihood fits with MINUIT, what they say about each parameter, and how far the result can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from iminuit import Minuit
from scipy.stats import chi2

from skimflow.stats.likelihood import Likelihood

Array = np.ndarray
_STEP, _DEGENERATE, _CALLS = 0.02, 1e-5, 100_000
_POOR = 0.001


@dataclass(frozen=True)
class Fit:
    """The result of a fit of n parameters.

    Args:
        names, values, errors: of the parameters; the error is 0 for one that is constant, NaN where it is not known.
        nominal, widths: their values and uncertainties before the fit.
        correlation: shape (n, n).
        twice_nll: -2 ln L at the minimum.
        poi: the parameter of interest.
        interval: its MINOS interval (68.3 %), lower and upper end; NaN where it is not known.
        p_value: goodness of fit, against the saturated model; NaN without degrees of freedom.
        freedom: degrees of freedom.
        valid: whether the result may be used; `reason` says why not.
        notes: what a reader should know.
    """

    names: tuple[str, ...]
    values: Array
    errors: Array
    nominal: Array
    widths: Array
    correlation: Array
    twice_nll: float
    poi: str | None
    interval: tuple[float, float]
    p_value: float
    freedom: int
    valid: bool
    reason: str = ""
    notes: tuple[str, ...] = field(default=())

    def of(self, name: str) -> tuple[float, float]:
        """Value and error of a parameter."""
        place = self.names.index(name)
        return float(self.values[place]), float(self.errors[place])

    def table(self) -> pd.DataFrame:
        """One row a parameter: value, error, and for those with a constraint pull and remaining uncertainty.

        `pull` is the distance from the nominal value and `constraint` the error, both in units of the uncertainty
        before the fit.
        """
        width = np.where(self.widths > 0, self.widths, np.nan)
        return pd.DataFrame(
            {
                "parameter": self.names,
                "value": self.values,
                "error": self.errors,
                "nominal": self.nominal,
                "width": self.widths,
                "pull": (self.values - self.nominal) / width,
                "constraint": self.errors / width,
            }
        )

    def correlations(self) -> pd.DataFrame:
        """The correlation matrix with names, of the parameters that were fitted."""
        fitted = self.errors > 0
        names = [name for name, kept in zip(self.names, fitted, strict=True) if kept]
        return pd.DataFrame(self.correlation[np.ix_(fitted, fitted)], names, names)

    def document(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        rows = self.table().astype(object).where(lambda table: table.notna(), None)
        low, high = (None if np.isnan(end) else end for end in self.interval)
        return {
            "valid": self.valid,
            "reason": self.reason,
            "notes": list(self.notes),
            "poi": self.poi,
            "interval": [low, high],
            "twice_nll": self.twice_nll,
            "p_value": None if np.isnan(self.p_value) else self.p_value,
            "degrees_of_freedom": self.freedom,
            "parameters": rows.to_dict("records"),
            "correlation": np.where(np.isnan(self.correlation), None, self.correlation).tolist(),
        }


def fit(likelihood: Likelihood, fixed: Mapping[str, float] | None = None, minos: bool = True) -> Fit:
    """Fit all parameters.

    MINUIT's HESSE chooses steps so wide that the errors of a model with nearly degenerate parameters are off by some
    per cent (docs/fits.md). So the second derivatives at the minimum are taken again, with steps that are
    a fixed small part of each parameter's own scale.

    Args:
        fixed: parameters that are held, by name, and their values.
        minos: find the MINOS interval of the parameter of interest.
    """
    minuit = minimise(likelihood, fixed)
    values, held = np.array(minuit.values), np.array(minuit.fixed)
    covariance = _covariance(likelihood, values, held)
    errors = np.full(len(values), np.nan) if covariance is None else np.sqrt(np.diag(covariance))
    reason = "" if minuit.valid else "MINUIT did not converge"
    if covariance is None and not reason:
        reason = "some combination of parameters is not determined by the data, so there are no errors"
    p_value = _p_value(likelihood, minuit.fval)
    return Fit(
        names=tuple(likelihood.names),
        values=values,
        errors=errors,
        nominal=likelihood.nominal,
        widths=np.where(held, 0.0, likelihood.widths),
        correlation=_correlation(covariance, len(values)),
        twice_nll=float(minuit.fval),
        poi=likelihood.poi,
        interval=_interval(minuit, likelihood, values, errors) if minos and not reason else (np.nan, np.nan),
        p_value=p_value,
        freedom=likelihood.freedom,
        valid=not reason,
        reason=reason,
        notes=tuple(_notes(likelihood, values, held, p_value)),
    )


def minimise(
    likelihood: Likelihood,
    fixed: Mapping[str, float] | None = None,
    start: Array | None = None,
    steps: Array | None = None,
) -> Minuit:
    """MIGRAD's minimum, without errors.

    Args:
        fixed: parameters that are held, by name, and their values.
        start, steps: first values and first steps, shape (n,).
    """
    values, held = (likelihood.start if start is None else start).copy(), likelihood.constant.copy()
    for name, value in (fixed or {}).items():
        place = likelihood.index(name)
        values[place], held[place] = value, True
    minuit = Minuit(likelihood, values, name=likelihood.names)
    minuit.errordef = Minuit.LEAST_SQUARES  # -2 ln L
    minuit.print_level = 0  # MINUIT has one for the whole process, which cabinetry sets to 1
    minuit.limits = [tuple(pair) for pair in likelihood.bounds]
    for name in fixed or {}:
        minuit.limits[name] = None
        minuit.values[name] = fixed[name]
    minuit.fixed = held
    if steps is not None:
        minuit.errors = np.where(steps > 0, steps, 0.1)
    minuit.migrad(ncall=_CALLS)
    if not minuit.valid:
        minuit.strategy = 2
        minuit.simplex().migrad(ncall=_CALLS)
    return minuit


def ranking(likelihood: Likelihood, found: Fit, parameters: Sequence[str] | None = None) -> pd.DataFrame:
    """How far each parameter moves the parameter of interest, largest first.

    The fit is repeated with one parameter held at its fitted value ± its error before (`prefit`) and after (`postfit`)
    the fit; the impact is the change of the parameter of interest.

    Args:
        found: the fit of all parameters.
        parameters: all but those of the finite simulation by default.

    Returns:
        The columns of `Fit.table`, and prefit_up, prefit_down, postfit_up, postfit_down.
    """
    poi = likelihood.index(None)
    if parameters is None:
        parameters = [name for name in found.names if not name.startswith("staterror_")]
    rows = found.table()
    rows = rows[rows["parameter"].isin(parameters) & (rows["parameter"] != likelihood.poi) & (found.errors > 0)]
    impacts = []
    for name, value, error, width in rows[["parameter", "value", "error", "width"]].itertuples(index=False):
        sides = [_impact(likelihood, found, poi, name, value, shift) for shift in (width, -width, error, -error)]
        impacts.append(sides)
    columns = ["prefit_up", "prefit_down", "postfit_up", "postfit_down"]
    rows = rows.assign(**dict(zip(columns, np.reshape(impacts, (-1, 4)).T, strict=True)))
    order = rows[columns[2:]].abs().max(axis=1).sort_values(ascending=False, kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def _impact(likelihood: Likelihood, found: Fit, poi: int, name: str, value: float, shift: float) -> float:
    if shift == 0:
        return 0.0
    low, high = likelihood.bounds[likelihood.index(name)]
    held = {name: float(np.clip(value + shift, low, high))}
    moved = minimise(likelihood, held, found.values, found.errors)
    return float(moved.values[poi] - found.values[poi]) if moved.valid else np.nan


def scan(likelihood: Likelihood, parameter: str, low: float, high: float, steps: int = 21) -> pd.DataFrame:
    """Profile likelihood: 2 Δ ln L above the minimum for values of a parameter from `low` to `high`."""
    best, values = minimise(likelihood), np.linspace(low, high, steps)
    start = np.array(best.values)
    heights = [minimise(likelihood, {parameter: value}, start).fval - best.fval for value in values.tolist()]
    return pd.DataFrame({parameter: values, "twice_delta_nll": heights})


def _covariance(likelihood: Likelihood, best: Array, held: Array) -> Array | None:
    """Inverse of half the second derivatives of -2 ln L, 0 for parameters that are held; None if not positive."""
    free = np.flatnonzero(~held)
    covariance = np.zeros((len(best), len(best)))
    if not len(free):
        return covariance
    steps = _steps(likelihood, best, free)
    if steps is None:
        return None
    # At a limit the derivatives are those a step inside of it.
    low, high = likelihood.bounds[free].T
    centre = best.copy()
    centre[free] = np.clip(best[free], low + 1.01 * steps, high - 1.01 * steps)
    second = _second_derivatives(likelihood, centre, free, steps)
    # In units in which each parameter alone has an error of one. A small eigenvalue is then a combination of parameters
    # that the data hardly know, and one that is all rounding gives no error.
    unit = np.sqrt(2 / np.maximum(np.diag(second), 1e-300))
    scaled = second * np.outer(unit, unit) / 2
    if not np.linalg.eigvalsh(scaled).min() > _DEGENERATE:
        return None
    covariance[np.ix_(free, free)] = np.linalg.inv(scaled) * np.outer(unit, unit)
    return covariance


def _steps(likelihood: Likelihood, best: Array, free: Array) -> Array | None:
    """A small part of how far each parameter alone raises -2 ln L by one, shape (free,)."""
    width = np.where(likelihood.widths[free] > 0, likelihood.widths[free], 0.1)
    low, high = likelihood.bounds[free].T
    for _ in range(3):
        step = np.minimum(_STEP * width, (high - low) / 4)
        centre = np.clip(best[free], low + step, high - step)
        curvature = np.array([_curvature(likelihood, best, *one) for one in zip(free, centre, step, strict=True)])
        if not (curvature > 0).all():
            return None
        width = np.sqrt(2 / curvature)
    return np.minimum(_STEP * width, (high - low) / 4)


def _curvature(likelihood: Likelihood, best: Array, place: int, centre: float, step: float) -> float:
    heights = []
    for shift in (-step, 0, step):
        at = best.copy()
        at[place] = centre + shift
        heights.append(likelihood(at))
    return (heights[0] - 2 * heights[1] + heights[2]) / step**2


def _second_derivatives(likelihood: Likelihood, centre: Array, free: Array, steps: Array) -> Array:
    """Central differences, exact to second order in the steps."""

    def height(*shifts: tuple[int, float]) -> float:
        at = centre.copy()
        for place, sign in shifts:
            at[free[place]] += sign * steps[place]
        return likelihood(at)

    size, middle = len(free), height()
    alone = np.array([[height((i, sign)) for sign in (1, -1)] for i in range(size)])
    second = np.diag((alone.sum(axis=1) - 2 * middle) / steps**2)
    for i in range(size):
        for j in range(i):
            both = height((i, 1), (j, 1)) + height((i, -1), (j, -1))
            mixed = (both - alone[i].sum() - alone[j].sum() + 2 * middle) / 2
            second[i, j] = second[j, i] = mixed / (steps[i] * steps[j])
    return second


def _correlation(covariance: Array | None, size: int) -> Array:
    if covariance is None:
        return np.full((size, size), np.nan)
    errors = np.sqrt(np.diag(covariance))
    inverse = np.where(errors > 0, 1 / np.where(errors > 0, errors, 1), 0)
    correlation = covariance * np.outer(inverse, inverse)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _interval(minuit: Minuit, likelihood: Likelihood, values: Array, errors: Array) -> tuple[float, float]:
    """The MINOS interval of the parameter of interest, which ends where its bounds do."""
    unknown = (np.nan, np.nan)
    if likelihood.poi is None or minuit.fixed[likelihood.poi]:
        return unknown
    place = likelihood.index(None)
    try:
        minuit.errors = np.where(errors > 0, errors, 0.1)
        minuit.minos(likelihood.poi)
    except RuntimeError:  # MINUIT found a better minimum on the way, or none
        return unknown
    error, low, high = minuit.merrors[likelihood.poi], *likelihood.bounds[place]
    lower = values[place] + error.lower if error.lower_valid else low if error.at_lower_limit else np.nan
    upper = values[place] + error.upper if error.upper_valid else high if error.at_upper_limit else np.nan
    lower, upper = np.clip([lower, upper], low, high)  # NaN stays
    return float(lower), float(upper)


def _p_value(likelihood: Likelihood, twice_nll: float) -> float:
    if likelihood.freedom <= 0:
        return np.nan
    return float(chi2.sf(twice_nll - likelihood.saturated(), likelihood.freedom))


def _notes(likelihood: Likelihood, values: Array, held: Array, p_value: float) -> list[str]:
    low, high = likelihood.bounds.T
    margin = 1e-4 * (high - low)
    at_limit = ~held & ((values < low + margin) | (values > high - margin))
    notes = [
        f"{name} is at its limit, {value:.4g}"
        for name, value, limited in zip(likelihood.names, values, at_limit, strict=True)
        if limited
    ]
    if p_value < _POOR:
        notes.append(f"the model does not describe the data: p-value {p_value:.2g}")
    return notes
