"""Where a Z peak is, and how wide: a binned fit of a Breit-Wigner with the detector's resolution, and background."""

from typing import NamedTuple

import numpy as np
from iminuit import Minuit
from iminuit.cost import poisson_chi2
from scipy.special import voigt_profile

from skimflow.efficiency.tagandprobe import Z_WIDTH
from skimflow.errors import InputError

Array = np.ndarray
_FINER = 8
_LEAST = 50.0
_LOSS, _LOSS_WEIGHT = np.polynomial.laguerre.laggauss(24)


class Peak(NamedTuple):
    """What a fit found. GeV; errors are those of one standard deviation."""

    mean: float
    mean_error: float
    sigma: float
    """Resolution: the width of the Gaussian that the Breit-Wigner of width Γ_Z is folded with."""
    sigma_error: float
    signal: float
    """Events of the peak inside the edges, in units of the values."""
    chi2: float
    """Likelihood ratio to the saturated model (Baker and Cousins, NIM 221 (1984) 437)."""
    ndf: int
    expected: Array
    """Expected contents, shape (bins,)."""
    background: Array
    """Those of the background, shape (bins,)."""


def fit_peak(edges: Array, values: Array, variances: Array | None = None, radiation: bool = False) -> Peak:
    """Fit a Voigt profile of the Z's width above an exponential background.

    With radiation, a fraction of the pairs has lost an amount of mass that falls exponentially, as muons do that
    radiate photons, which makes a tail to lower masses; `mean` is that of the pairs that have not.

    Weighted contents are taken as counts of Σw/Σw² times theirs (Bohm and Zech, NIM A748 (2014) 1).

    Args:
        edges: of the mass, GeV, shape (bins + 1,).
        values, variances: contents and their variances, shape (bins,); counts if there are no variances.

    Raises:
        InputError: there are too few events, or no minimum was found.
    """
    edges, values = np.asarray(edges, float), np.asarray(values, float)
    variances = values if variances is None else np.asarray(variances, float)
    if not values.sum() ** 2 > _LEAST * variances.sum():
        raise InputError("fit", f"a Z peak cannot be fitted to {values.sum():g} events")
    scale = values.sum() / variances.sum()
    counts = np.maximum(values * scale, 0)
    model = _Model(edges)
    start = {"signal": 0.9 * counts.sum(), "mean": 91.0, "sigma": 1.5, "background": 0.1 * counts.sum(), "slope": 0.01}
    start |= {"radiated": 0.2, "loss": 4.0} if radiation else {}
    minuit = Minuit(lambda *p: poisson_chi2(counts, sum(model(*p))), *start.values(), name=list(start))
    minuit.limits["signal", "background"] = (0, None)
    minuit.limits["mean"], minuit.limits["sigma"], minuit.limits["slope"] = (85, 97), (0.05, 8), (-0.2, 0.3)
    if radiation:
        minuit.limits["radiated"], minuit.limits["loss"] = (0, 0.7), (0.5, 20)
    minuit.strategy = 2
    minuit.migrad()
    if not minuit.valid:
        raise InputError("fit", "the fit of the Z peak has found no minimum: look at the distribution")
    found, error = minuit.values, minuit.errors
    peak, background = (part / scale for part in model(*found))
    width = float(found["sigma"]), float(error["sigma"])
    place = float(found["mean"]), float(error["mean"])
    ndf = int(np.count_nonzero(counts)) - len(start)
    return Peak(*place, *width, float(found["signal"]) / scale, float(minuit.fval), ndf, peak + background, background)


class _Model:
    """Expected contents of peak and background, each integrated over its bins."""

    def __init__(self, edges: Array):
        steps = (np.arange(_FINER) + 0.5) / _FINER
        self._mass = edges[:-1, None] + np.diff(edges)[:, None] * steps
        self._step = np.diff(edges)[:, None] / _FINER
        self._low = edges[0]

    def __call__(
        self,
        signal: float,
        mean: float,
        sigma: float,
        background: float,
        slope: float,
        radiated: float = 0.0,
        loss: float = 1.0,
    ) -> tuple[Array, Array]:
        peak = voigt_profile(self._mass - mean, sigma, Z_WIDTH / 2)
        if radiated:
            lower = (self._mass - mean)[..., None] + loss * _LOSS
            peak = (1 - radiated) * peak + radiated * (voigt_profile(lower, sigma, Z_WIDTH / 2) @ _LOSS_WEIGHT)
        shapes = peak, np.exp(-slope * (self._mass - self._low))
        contents = [(shape * self._step).sum(axis=1) for shape in shapes]
        return signal * contents[0] / contents[0].sum(), background * contents[1] / contents[1].sum()
