"""Upper limits (CLs) and discovery significances, observed and expected, in the asymptotic approximation.

Formulae: Cowan, Cranmer, Gross, Vitells, Eur. Phys. J. C 71 (2011) 1554 (arXiv:1007.1727); CLs: Read, J. Phys. G 28
(2002) 2693. They hold from about five expected events on; below, compare with toys. The minimum of Asimov data is known
without a fit, and no fit here needs errors, so a limit takes two quick fits for each signal strength that is tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from skimflow.errors import ConfigError, SkimflowError
from skimflow.stats.fitting import minimise
from skimflow.stats.likelihood import Likelihood

Array = np.ndarray
LEVEL = 0.95
BANDS = {"minus_2": -2, "minus_1": -1, "median": 0, "plus_1": 1, "plus_2": 2}
"""Columns of expected limits, and the standard deviations of the background that they stand for."""
_PRECISION, _DOUBLINGS = 1e-4, 60


@dataclass(frozen=True)
class Limit:
    """Upper limit on the parameter of interest.

    Args:
        level: confidence level.
        observed: from the data.
        expected: without signal, at -2, -1, 0, 1, 2 standard deviations of the background, shape (5,).
        blind: there are no data, so the observed limit is that of Asimov data.
    """

    poi: str
    level: float
    observed: float
    expected: Array
    blind: bool

    def row(self) -> dict[str, float | str]:
        """Limits by name, for a table."""
        expected = dict(zip((f"expected_{band}" for band in BANDS), self.expected.tolist(), strict=True))
        return {"poi": self.poi, "level": self.level, "observed": np.nan if self.blind else self.observed, **expected}


@dataclass(frozen=True)
class Significance:
    """Against the hypothesis of no signal, one-sided: p-values, and as standard deviations.

    Args:
        expected, expected_p: for a signal of its nominal size.
        blind: there are no data, so `observed` is that of Asimov data.
    """

    poi: str
    observed: float
    observed_p: float
    expected: float
    expected_p: float
    blind: bool


def limit(likelihood: Likelihood, level: float = LEVEL) -> Limit:
    """CLs upper limit on the parameter of interest, which is taken as not negative; test statistic q̃μ.

    Raises:
        ConfigError: the model has no parameter of interest, or data and model do not bound it.
        SkimflowError: a fit did not converge.
    """
    if not 0 < level < 1:
        raise ConfigError(f"a confidence level is between 0 and 1, not {level:g}")
    tests = _Tests(likelihood)
    # The expected CLs for a background N standard deviations up is (1 - Φ(√qA - N)) / Φ(N).
    targets = [n - norm.ppf((1 - level) * norm.cdf(n)) for n in BANDS.values()]
    guess = 1 / tests.asimov_root(1.0) if tests.asimov_root(1.0) > 0 else 1.0
    expected = [_root(lambda mu, t=target: tests.asimov_root(mu) - t, target * guess, tests) for target in targets]
    wanted = norm.isf(1 - level)
    observed = _root(lambda mu: norm.isf(tests.cls(mu)) - wanted, expected[2], tests)
    return Limit(tests.poi, level, observed, np.array(expected), likelihood.blind)


def limits(likelihoods: Mapping[float, Likelihood], level: float = LEVEL) -> pd.DataFrame:
    """Limits of one model for several signals, such as masses: one row each, in their order."""
    return pd.DataFrame([{"signal": signal, **limit(one, level).row()} for signal, one in likelihoods.items()])


def significance(likelihood: Likelihood) -> Significance:
    """Discovery significance with the test statistic q0: √q0 standard deviations.

    Raises:
        ConfigError: the model has no parameter of interest.
        SkimflowError: a fit did not converge.
    """
    tests = _Tests(likelihood)
    observed = _distance(tests.at(0.0) - tests.free)
    size = float(likelihood.nominal[likelihood.index(None)]) or 1.0
    truth = _converged(likelihood, {tests.poi: size})[1]
    injected = likelihood.with_data(likelihood.expected(truth))
    expected = _distance(_converged(injected, {tests.poi: 0.0})[0] - injected(truth))
    # From the significance, and not the other way round: of a p-value of 1e-400 nothing would be left.
    p_values = norm.sf([observed, expected]).tolist()
    return Significance(tests.poi, observed, p_values[0], expected, p_values[1], likelihood.blind)


class _Tests:
    """Test statistics of one model and its data, each signal strength tried once."""

    def __init__(self, likelihood: Likelihood):
        place = likelihood.index(None)
        self.poi = likelihood.names[place]
        self.likelihood = likelihood
        positive = likelihood.bounded(self.poi, 0.0, np.inf)
        self.free, best = _converged(positive)
        self.best = float(best[place])
        self.background = _converged(likelihood, {self.poi: 0.0})[1]
        self.asimov = likelihood.with_data(likelihood.expected(self.background))
        self.floor = self.asimov(self.background)
        self.at = cache(self._at)
        self.asimov_root = cache(self._asimov_root)

    def _at(self, mu: float) -> float:
        return _converged(self.likelihood, {self.poi: mu}, self.background)[0]

    def _asimov_root(self, mu: float) -> float:
        """√q̃A, the distance of this signal strength from none, in standard deviations."""
        return _distance(_converged(self.asimov, {self.poi: mu}, self.background)[0] - self.floor)

    def cls(self, mu: float) -> float:
        """CLs of the data, eqs. 65 and 66 of the paper."""
        root, asimov = 0.0 if self.best > mu else _distance(self.at(mu) - self.free), self.asimov_root(mu)
        if root <= asimov:
            signal, background = root, root - asimov
        else:
            signal, background = ((root**2 + sign * asimov**2) / (2 * asimov) for sign in (1, -1))
        return float(np.exp(norm.logsf(signal) - norm.logsf(background)))


def _converged(
    likelihood: Likelihood, fixed: Mapping[str, float] | None = None, start: Array | None = None
) -> tuple[float, Array]:
    """-2 ln L at the minimum, and where that is."""
    minuit = minimise(likelihood, fixed, start)
    if not minuit.valid:
        held = ", ".join(f"{name} held at {value:.4g}" for name, value in (fixed or {}).items()) or "nothing held"
        raise SkimflowError(f"no limit or significance: a fit with {held} did not converge")
    return float(minuit.fval), np.array(minuit.values)


def _distance(twice_delta: float) -> float:
    """Standard deviations; rounding of two minima that are the same can make the difference negative."""
    return float(np.sqrt(max(twice_delta, 0.0)))


def _root(function: Callable[[float], float], guess: float, tests: _Tests) -> float:
    """Where a rising function of the signal strength is zero."""
    low = high = guess
    for _ in range(_DOUBLINGS):
        if function(high) > 0:
            break
        low, high = high, 2 * high
    else:
        raise ConfigError(f"no limit: the data do not bound {tests.poi}; does it act on any sample with a yield?")
    while function(low) > 0:
        low /= 2
    return float(brentq(function, low, high, xtol=_PRECISION * low, rtol=_PRECISION))
