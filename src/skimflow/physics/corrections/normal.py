"""The normal distribution and the double-sided Crystal Ball, on arrays and without scipy: a skim imports numpy only."""

import math
from typing import NamedTuple

import numpy as np

Array = np.ndarray


def _highest_first(*lines: str) -> tuple[float, ...]:
    return tuple(float(number) for line in lines for number in line.split())


# Wichura's PPND16 (algorithm AS 241, Applied Statistics 37 (1988) 477): numerator and denominator, highest power first.
_CENTRE = (
    _highest_first(
        "2509.0809287301226727 33430.575583588128105 67265.770927008700853 45921.953931549871457",
        "13731.693765509461125 1971.5909503065514427 133.14166789178437745 3.3871328727963666080",
    ),
    _highest_first(
        "5226.4952788528545610 28729.085735721942674 39307.895800092710610 21213.794301586595867",
        "5394.1960214247511077 687.18700749205790830 42.313330701600911252 1.0",
    ),
)
_NEAR = (
    _highest_first(
        "7.74545014278341407640e-4 0.0227238449892691845833 0.241780725177450611770 1.27045825245236838258",
        "3.64784832476320460504 5.76949722146069140550 4.63033784615654529590 1.42343711074968357734",
    ),
    _highest_first(
        "1.05075007164441684324e-9 5.47593808499534494600e-4 0.0151986665636164571966 0.148103976427480074590",
        "0.689767334985100004550 1.67638483018380384940 2.05319162663775882187 1.0",
    ),
)
_FAR = (
    _highest_first(
        "2.01033439929228813265e-7 2.71155556874348757815e-5 1.24266094738807843860e-3 0.0265321895265761230930",
        "0.296560571828504891230 1.78482653991729133580 5.46378491116411436990 6.65790464350110377720",
    ),
    _highest_first(
        "2.04426310338993978564e-15 1.42151175831644588870e-7 1.84631831751005468180e-5 7.86869131145613259100e-4",
        "0.0148753612908506148525 0.136929880922735805310 0.599832206555887937690 1.0",
    ),
)

_erfc = np.frompyfunc(math.erfc, 1, 1)


def cdf(x: Array) -> Array:
    """Probability of a standard normal number below x, shape as x."""
    return 0.5 * np.asarray(_erfc(-np.asarray(x, float) / math.sqrt(2)), float)


def quantile(probability: Array) -> Array:
    """The x below which a standard normal number is with this probability, in (0, 1); shape as the argument.

    To about 1e-16 (algorithm AS 241). At 0 and 1 it is -inf and inf; outside [0, 1] NaN.
    """
    p = np.asarray(probability, float)
    q = p - 0.5
    result = np.asarray(q * _ratio(_CENTRE, 0.180625 - q * q))
    outer = np.abs(q) > 0.425
    if outer.any():
        result[outer] = np.sign(q[outer]) * _tail(np.minimum(p[outer], 1 - p[outer]))
    return result


def _tail(small: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sqrt(-np.log(small))
        far = np.where(np.isposinf(r), np.inf, _ratio(_FAR, np.where(np.isposinf(r), 5, r) - 5))
    return np.where(r <= 5, _ratio(_NEAR, np.minimum(r, 5) - 1.6), far)


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    over, under = (np.full_like(x, coefficients[0]) for coefficients in polynomials)
    for a, b in zip(polynomials[0][1:], polynomials[1][1:], strict=True):
        over, under = over * x + a, under * x + b
    return over / under


class CrystalBall(NamedTuple):
    """A Gaussian whose two tails are powers, |x - mean| > alpha·sigma with density ∝ |x|⁻ⁿ, alike on both sides.

    With z = (x - mean)/sigma the density is N exp(-z²/2) in the core and N (n/α)ⁿ exp(-α²/2) (n/α - α + |z|)⁻ⁿ in the
    tails, so that value and slope are continuous (J. Gaiser, SLAC-R-255 (1982), appendix F, with a second tail). One
    tail holds N·T with T = n/α exp(-α²/2)/(n - 1), and 1/N = 2T + √(2π)(1 - 2Φ(-α)).

    Parameters are numbers or arrays that broadcast with the argument; alpha > 0, n > 1, sigma > 0.
    """

    mean: Array
    sigma: Array
    alpha: Array
    n: Array

    def cdf(self, x: Array) -> Array:
        """Probability below x."""
        z = (np.asarray(x, float) - self.mean) / self.sigma
        tail, norm = self._parts()
        power = norm * tail * self._falloff(np.maximum(np.abs(z), self.alpha)) ** (1 - self.n)
        core = norm * (tail + math.sqrt(2 * math.pi) * (cdf(z) - cdf(-self.alpha)))
        return np.where(np.abs(z) <= self.alpha, core, np.where(z < 0, power, 1 - power))

    def quantile(self, probability: Array) -> Array:
        """The x below which a number is with this probability, in (0, 1)."""
        p = np.asarray(probability, float)
        tail, norm = self._parts()
        below = np.minimum(p, 1 - p)  # both tails are alike: work in the lower half
        in_tail = below < norm * tail
        ratio = np.where(in_tail, below, norm * tail) / (norm * tail)
        far = self.n / self.alpha - self.alpha - self.n / self.alpha * ratio ** (-1 / (self.n - 1))
        inside = np.where(in_tail, 0.5, (below / norm - tail) / math.sqrt(2 * math.pi) + cdf(-self.alpha))
        z = np.where(in_tail, far, quantile(np.clip(inside, 0, 0.5)))
        return self.mean + self.sigma * np.where(p > 0.5, -z, z)

    def _falloff(self, z: Array) -> Array:
        return 1 + (z - self.alpha) * self.alpha / self.n

    def _parts(self) -> tuple[Array, Array]:
        """Area of one tail with the core's peak at 1, and the norm."""
        alpha, n = np.asarray(self.alpha, float), np.asarray(self.n, float)
        tail = n / alpha * np.exp(-(alpha**2) / 2) / (n - 1)
        return tail, 1 / (2 * tail + math.sqrt(2 * math.pi) * (1 - 2 * cdf(-alpha)))
