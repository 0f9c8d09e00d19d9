"""Efficiencies from the mass spectra of passing and failing probes: signal is counted in a window or fitted.

Both ways are likelihoods of Poisson counts in which the efficiency is a parameter, so that background in either
spectrum widens its interval as it should. A likelihood interval is too short where few probes fail or pass (for n
probes that all pass it ends at exp(-1/2n), where Clopper and Pearson end at 0.16^(1/n)): no interval here is shorter
than that of Clopper and Pearson for as many signal probes without background.

Weighted spectra are taken as counts of Σw/Σw² times their content (Bohm and Zech, NIM A748 (2014) 1).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from iminuit import Minuit
from iminuit.cost import poisson_chi2
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtrc, chdtri, erfc, voigt_profile

from skimflow.efficiency.intervals import Estimate, interval

Array = np.ndarray
Z_WIDTH = 2.4955
_BINOMIAL = "clopper_pearson"
_POWERS = ("n_low", "n_high")
_FEWEST, _SHAPELESS, _TAILLESS = 20.0, 10.0, 1000.0
_SPECTRA = ("passed", "failed")
_FINER = 4
_POOR = 1e-3
_TINY = 1e-9


class Spectra(NamedTuple):
    """Mass spectra for each bin of probes.

    `edges` of the mass in GeV, shape (m + 1,), evenly spaced; sums of weights of passing and failing probes and of
    squared weights, shapes (bins, m).
    """

    edges: Array
    passed: Array
    failed: Array
    passed_sumw2: Array
    failed_sumw2: Array

    @property
    def scale(self) -> Array:
        """Events of weight 1 for a unit of weight, shape (bins, 1): 1 for data."""
        w = (self.passed + self.failed).sum(axis=1, keepdims=True)
        w2 = (self.passed_sumw2 + self.failed_sumw2).sum(axis=1, keepdims=True)
        return np.divide(w, w2, out=np.zeros_like(w, float), where=(w > 0) & (w2 > 0))


class Windows(NamedTuple):
    """Signal window and the sidebands of either side, in GeV; symmetric, so that a straight background is exact."""

    signal: tuple[float, float] = (81, 101)
    below: tuple[float, float] = (71, 81)
    above: tuple[float, float] = (101, 111)


WINDOWS = Windows()


def counting(spectra: Spectra, level: float, windows: Windows = WINDOWS) -> Estimate:
    """Efficiency from counts in the signal window, less the background that the sidebands say.

    With P and F passing and failing probes in the window, p and f in the sidebands, and τ the width of the window over
    that of the sidebands: ε = (P - τp) / (P - τp + F - τf), within [0, 1]. Signal in the sidebands cancels, as it has
    the same share of both; a curved background does not. The interval is that of the profile likelihood of the four
    Poisson counts, whose expectations are εN + τλ_p, (1 - ε)N + τλ_f, λ_p and λ_f (see the module for its least
    length). Without signal there is no data.

    Returns:
        Estimates of shape (bins,).

    Raises:
        ValueError: a window does not end at edges of the mass, or the sidebands are not symmetric.
    """
    inside, outside, tau = _chosen(spectra.edges, windows)
    scale = spectra.scale[:, 0]
    counts = [
        (content[:, where].sum(axis=1) * scale).clip(0)
        for content in (spectra.passed, spectra.failed)
        for where in (inside, outside)
    ]
    return _gathered([_counted(*map(float, four), tau, level) for four in zip(*counts, strict=True)])


def unbounded(spectra: Spectra, windows: Windows = WINDOWS) -> Array:
    """The ratio of `counting` for means over bins, shape (bins,): without the bounds of 0 and 1, and without the bias
    that a ratio of numbers with errors has. NaN where the signal is not five times its error: a ratio to such a number
    may be anything.

    Where few probes fail, more background than there is may be taken from them; cutting the ratio at 1 then makes the
    mean too low. And with S = s_p + s_f, the expectation of s_p/S is larger than the ratio of the expectations by
    (ε Var s_f - (1 - ε) Var s_p)/S², to second order in the errors.
    """
    inside, outside, tau = _chosen(spectra.edges, windows)
    signal, variance = [], []
    for content in (spectra.passed, spectra.failed):
        window, sides = content[:, inside].sum(axis=1), content[:, outside].sum(axis=1)
        signal.append(window - tau * sides)
        variance.append((window + tau**2 * sides) / spectra.scale[:, 0].clip(1e-300))
    total = signal[0] + signal[1]
    known = np.where(total > 5 * np.sqrt(variance[0] + variance[1]), total, np.nan)
    ratio = signal[0] / known
    return ratio - (ratio * variance[1] - (1 - ratio) * variance[0]) / known**2


class Fits(NamedTuple):
    """Mass fits of each bin of probes, shapes (bins,) unless said otherwise."""

    estimate: Estimate
    """Of valid fits; others are no data."""
    valid: Array
    reason: list[str]
    """Why a fit is not valid; empty where it is."""
    chi2: Array
    """Likelihood ratio to the saturated model (Baker and Cousins, NIM 221 (1984) 437), neighbouring mass bins joined
    until five probes are expected, over the dispersion."""
    ndf: Array
    probability: Array
    """Of a χ² this large or larger."""
    names: tuple[str, ...]
    values: Array
    """Fitted parameters, valid or not, shape (bins, parameters)."""
    curves: Array
    """Expected contents, shape (bins, 4, m): passing probes, their background, failing probes, their background."""


def fit(
    spectra: Spectra,
    level: float,
    signal: str = "crystal_ball",
    background: str = "exponential",
    dispersion: Array | float = 1.0,
) -> Fits:
    """Efficiency from a fit to both spectra at once: extended, binned, with the efficiency as a parameter.

    The signal has one shape in both spectra: that is stable with few failing probes, and where it is not true the fit
    is poor and says so. It is a Gaussian with a power law on either side (`crystal_ball`, two-sided, after SLAC-R-236
    (1980)), which follows the distortion of the peak that pT bins of the probe make; or `voigt`, a Breit-Wigner of the
    Z's width with a Gaussian resolution, which does not, but has fewer parameters. Each spectrum has a background of
    its own: `exponential`, or `cms`, erfc × exp as RooCMSShape of cmssw's PhysicsTools/TagAndProbe, for pT cuts that
    leave a shoulder below the peak. Parameters that few probes do not tell are fixed: the shape of a background of less
    than five probes beside the peak, the powers of the tails below a thousand probes. The interval is that of MINOS.

    A fit is not valid if there are too few probes, no minimum or no interval was found, or the probability of its χ² is
    below 0.001.

    `dispersion`, shape (bins,), is the variance of a number of probes over its mean: of `dispersion`, where an event
    may give two probes of one mass. It divides χ². The efficiency has no use for it: each probe fires by itself.

    Raises:
        ValueError: signal or background are unknown.
    """
    for name, known in ((signal, _SIGNALS), (background, _BACKGROUNDS)):
        if name not in known:
            raise ValueError(f"unknown shape {name} (known: {', '.join(known)})")
    scale = spectra.scale
    passed, failed = ((content * scale).clip(0) for content in (spectra.passed, spectra.failed))
    model = _Model(spectra.edges, signal, background)
    each = zip(passed, failed, np.broadcast_to(dispersion, len(passed)), strict=True)
    fitted = [_fitted(model, p, f, level, float(d)) for p, f, d in each]
    curves = np.array([one.curves for one in fitted]).reshape(-1, 4, len(spectra.edges) - 1)
    return Fits(
        _gathered([one.estimate for one in fitted]),
        np.array([not one.reason for one in fitted], bool),
        [one.reason for one in fitted],
        *np.array([one.goodness for one in fitted], float).reshape(-1, 3).T,
        model.names,
        np.array([one.values for one in fitted]).reshape(-1, len(model.names)),
        curves / np.where(scale > 0, scale, 1)[:, :, None],
    )


def dispersion(pairs: Array, twins: Array) -> Array:
    """Variance over mean of a number of pairs, shape (bins,), of which `twins` events gave two each, of one mass.

    Then n₁ + n₂ events give n₁ + 2n₂ pairs with the variance n₁ + 4n₂.
    """
    pairs = np.asarray(pairs, float)
    return 1 + 2 * np.divide(twins, pairs, out=np.zeros_like(pairs), where=pairs > 0)


_NO_DATA = Estimate(math.nan, 0.0, 1.0)


def _gathered(estimates: list[Estimate]) -> Estimate:
    return Estimate(*np.array(estimates, float).reshape(-1, 3).T)


def _least(estimate: Estimate, passed: float, total: float, level: float) -> Estimate:
    """The estimate with at least the interval of so many probes without background."""
    binomial = interval(min(passed, total), total, _BINOMIAL, level)
    return Estimate(estimate.value, min(estimate.low, float(binomial.low)), max(estimate.high, float(binomial.high)))


# Counting.


def _chosen(edges: Array, windows: Windows) -> tuple[Array, Array, float]:
    """Mass bins of the window and of the sidebands, and the ratio of their widths."""
    ends = np.array(windows, float)
    if not np.isclose(ends.reshape(-1, 1), edges).any(axis=1).all():
        raise ValueError(f"windows {windows} do not end at edges of the mass bins")
    centre = ends.mean(axis=1)
    if not np.isclose(centre[1] + centre[2], 2 * centre[0]) or not np.isclose(*np.diff(ends[1:]).reshape(2)):
        raise ValueError(f"sidebands {windows.below} and {windows.above} are not symmetric about {windows.signal}")
    middle = (edges[:-1] + edges[1:]) / 2
    inside, below, above = ((middle > low) & (middle < high) for low, high in ends)
    return inside, below | above, float(inside.sum() / (below | above).sum())


def _counted(
    passed: float, passed_side: float, failed: float, failed_side: float, tau: float, level: float
) -> Estimate:
    signal = max(passed - tau * passed_side, 0.0), max(failed - tau * failed_side, 0.0)
    total = sum(signal)
    if total <= 0:
        return _NO_DATA

    def profile(efficiency: float) -> float:
        """-2 ln of the likelihood ratio, with the amount of signal that suits this efficiency best."""

        def distance(amount: float) -> float:
            one = _on_off(passed, passed_side, efficiency * amount, tau)
            return one + _on_off(failed, failed_side, (1 - efficiency) * amount, tau)

        largest = passed + failed + 5 * math.sqrt(passed + failed) + 5
        return minimize_scalar(distance, bounds=(0, largest), method="bounded", options={"xatol": 1e-6 * largest}).fun

    value = signal[0] / total
    best, rise = profile(value), chdtri(1, 1 - level)

    def excess(efficiency: float) -> float:
        return profile(efficiency) - best - rise

    low = brentq(excess, 0, value, xtol=1e-7) if value > 0 and excess(0) > 0 else 0.0
    high = brentq(excess, value, 1, xtol=1e-7) if value < 1 and excess(1) > 0 else 1.0
    return _least(Estimate(value, low, high), signal[0], total, level)


def _on_off(on: float, off: float, signal: float, tau: float) -> float:
    """-2 ln of the likelihood ratio of counts in window and sidebands for this much signal, for the best background."""
    b = tau * (on + off) - (1 + tau) * signal
    background = (b + math.sqrt(b * b + 4 * (1 + tau) * tau * off * signal)) / (2 * (1 + tau) * tau)
    return _deviance(on, signal + tau * background) + _deviance(off, background)


def _deviance(count: float, expected: float) -> float:
    return 2 * (expected - count + (count * math.log(count / max(expected, _TINY)) if count else 0.0))


# Fitting.


def _crystal_ball(
    mass: Array, mean: float, sigma: float, alpha_low: float, alpha_high: float, n_low: float, n_high: float
) -> Array:
    """Gaussian core, and from `alpha` widths away power laws that continue it smoothly."""
    x = (mass - mean) / sigma
    alpha, n = np.where(x < 0, alpha_low, alpha_high), np.where(x < 0, n_low, n_high)
    beyond = np.maximum(np.abs(x) - alpha, 0)
    return np.exp(np.where(beyond > 0, -n * np.log1p(alpha * beyond / n) - alpha**2 / 2, -(x**2) / 2))


def _voigt(mass: Array, mean: float, sigma: float) -> Array:
    return voigt_profile(mass - mean, sigma, Z_WIDTH / 2)


def _exponential(mass: Array, slope: float) -> Array:
    return np.exp(-slope * (mass - mass[0]))


def _cms(mass: Array, slope: float, edge: float, rise: float) -> Array:
    return erfc((edge - mass) * rise) * np.exp(-slope * (mass - mass[0]))


class _Shape(NamedTuple):
    """A function of the mass, and where each of its parameters starts and ends."""

    density: Callable[..., Array]
    parameters: dict[str, tuple[float, tuple[float, float]]]


_MEAN, _SLOPE = {"mean": (91.0, (88.0, 94.0))}, {"slope": (0.02, (-0.1, 0.3))}
_ALPHA, _POWER = (1.2, (0.3, 5.0)), (2.0, (0.5, 30.0))
_TAILS = {"alpha_low": _ALPHA, "alpha_high": _ALPHA, "n_low": _POWER, "n_high": _POWER}
_SIGNALS = {
    "crystal_ball": _Shape(_crystal_ball, {**_MEAN, "sigma": (2.0, (0.3, 6.0)), **_TAILS}),
    "voigt": _Shape(_voigt, {**_MEAN, "sigma": (1.5, (0.05, 6.0))}),
}
_BACKGROUNDS = {
    "exponential": _Shape(_exponential, _SLOPE),
    "cms": _Shape(_cms, {**_SLOPE, "edge": (65.0, (40.0, 90.0)), "rise": (0.05, (0.01, 0.3))}),
}


class _Model:
    """Expected contents of both spectra; parameters in the order of `names`."""

    def __init__(self, edges: Array, signal: str, background: str):
        step = np.diff(edges)[:, None] / _FINER
        self._points = (edges[:-1, None] + step * (np.arange(_FINER) + 0.5)).reshape(-1)
        self._signal, self._background = _SIGNALS[signal], _BACKGROUNDS[background]
        self._first = 2 + len(self._signal.parameters)
        own = {"efficiency": (0.5, (0, 1)), "signal": (0, (0, None)), **self._signal.parameters}
        for spectrum in _SPECTRA:
            own[f"background_{spectrum}"] = (0, (0, None))
            own |= {f"{name}_{spectrum}": place for name, place in self._background.parameters.items()}
        self.names = tuple(own)
        self.start = {name: start for name, (start, _) in own.items()}
        self.limits = {name: limits for name, (_, limits) in own.items()}

    def __call__(self, values: Array) -> Array:
        """Passing probes, their background, failing probes, their background; shape (4, m)."""
        peak = values[1] * self._fractions(self._signal, values[2 : self._first])
        passed, failed = (
            row[0] * self._fractions(self._background, row[1:]) for row in np.reshape(values[self._first :], (2, -1))
        )
        return np.stack([values[0] * peak + passed, passed, (1 - values[0]) * peak + failed, failed])

    def _fractions(self, shape: _Shape, values: Array) -> Array:
        """Share of each mass bin in a shape."""
        content = shape.density(self._points, *values).reshape(-1, _FINER).sum(axis=1)
        return content / max(content.sum(), _TINY)

    def undetermined(self, start: dict[str, float]) -> list[str]:
        """Parameters that so few probes do not tell: the shape of a small background, the powers of the tails."""
        names = [
            f"{n}_{s}" for s in _SPECTRA if start[f"background_{s}"] < _SHAPELESS for n in self._background.parameters
        ]
        return names + [name for name in _POWERS if name in self.names and start["signal"] < _TAILLESS]


class _Fitted(NamedTuple):
    estimate: Estimate
    reason: str
    goodness: tuple[float, float, float]
    values: list[float]
    curves: Array


def _fitted(model: _Model, passed: Array, failed: Array, level: float, dispersion: float) -> _Fitted:
    observed = np.stack([passed, failed])
    if observed.sum() < _FEWEST:
        values, curves = [math.nan] * len(model.names), np.zeros((4, len(passed)))
        return _Fitted(_NO_DATA, f"only {observed.sum():.3g} probes", (math.nan, 0, math.nan), values, curves)

    def cost(values: Array) -> float:
        return poisson_chi2(observed.reshape(-1), np.maximum(model(values)[::2], _TINY).reshape(-1))

    start = _start(model, passed, failed)
    minuit = Minuit(cost, [start[name] for name in model.names], name=model.names)
    for name, limits in model.limits.items():
        minuit.limits[name] = limits
    for name in model.undetermined(start):
        minuit.fixed[name] = True
    minuit.migrad()
    values = list(minuit.values)
    curves = model(np.array(values))
    goodness = _goodness(observed, curves[::2], minuit.nfit, dispersion)
    estimate, reason = _interval(minuit, level)
    if not reason and goodness[2] < _POOR:
        reason = f"the fit is poor: χ² is {goodness[0]:.0f} for {goodness[1]:.0f} degrees of freedom"
    return _Fitted(_NO_DATA if reason else estimate, reason, goodness, values, curves)


def _start(model: _Model, passed: Array, failed: Array) -> dict[str, float]:
    """Where to start: the outer quarters of the mass range on either side are taken for background."""
    edge, start, signal = len(passed) // 4, dict(model.start), []
    for name, content in zip(_SPECTRA, (passed, failed), strict=True):
        background = max(2 * float(content[:edge].sum() + content[-edge:].sum()), 1.0)
        start[f"background_{name}"] = background
        signal.append(max(float(content.sum()) - background, 1.0))
    return start | {"efficiency": min(max(signal[0] / sum(signal), 0.02), 0.98), "signal": sum(signal)}


def _interval(minuit: Minuit, level: float) -> tuple[Estimate, str]:
    if not minuit.valid:
        return _NO_DATA, "no minimum was found"
    minuit.minos("efficiency", cl=level)
    if not _found(minuit) and _POWERS[0] in minuit.parameters:
        # The likelihood hardly depends on the powers of the tails, and the search for the ends may get lost there.
        minuit.fixed[_POWERS] = True
        minuit.migrad().minos("efficiency", cl=level)
    if not minuit.valid or not _found(minuit):
        return _NO_DATA, "no interval was found"
    value, error = minuit.values["efficiency"], minuit.merrors["efficiency"]
    low = 0.0 if error.at_lower_limit else value + error.lower
    high = 1.0 if error.at_upper_limit else value + error.upper
    signal = minuit.values["signal"]
    return _least(Estimate(value, low, high), value * signal, signal, level), ""


def _found(minuit: Minuit) -> bool:
    """Whether both ends of the interval were found."""
    error = minuit.merrors["efficiency"]
    return (error.lower_valid or error.at_lower_limit) and (error.upper_valid or error.at_upper_limit)


def _goodness(observed: Array, expected: Array, parameters: int, dispersion: float) -> tuple[float, float, float]:
    """χ², degrees of freedom and probability, with mass bins joined until five probes are expected."""
    chi2, joined = 0.0, 0
    for content, model in zip(observed, expected, strict=True):
        group = np.minimum(np.cumsum(model) // 5, max(model.sum() // 5 - 1, 0)).astype(int)
        wanted = np.bincount(group, model)
        chi2 += poisson_chi2(np.bincount(group, content)[wanted > 0], wanted[wanted > 0])
        joined += np.count_nonzero(wanted > 0)
    ndf, chi2 = joined - parameters, chi2 / dispersion
    return chi2, max(ndf, 0), chdtrc(ndf, chi2) if ndf > 0 else math.nan
