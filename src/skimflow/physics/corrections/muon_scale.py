"""Scale and resolution of the muon momentum, Run 3 (files of the muon group with keys `a_data`, `m_data`, …).

The scale is a mean shift of the curvature in bins of (η, φ): pT' = 1/(m/pT + q·a). Simulation is then smeared with
pT'' = pT'·(1 + k·σ(pT')·r), where r follows a double-sided Crystal Ball and k = √(k_data² - k_mc²), all in bins of |η|
and the number of tracker layers. Formulas: the muon group's `muonscarekit`, as SYSTEMS 2c writes them down.
"""

from typing import NamedTuple

import numpy as np

from skimflow.physics.corrections.files import ABSOLUTE, CLAMP, SIGNED, Correction, CorrectionFile, Values
from skimflow.physics.corrections.normal import CrystalBall
from skimflow.physics.corrections.rochester import Muons

Array = np.ndarray

RANGE = (26.0, 200.0)
"""The tables hold for this pT range (GeV, inclusive); muons outside keep their momentum."""
UP, DOWN = "up", "down"
_SIGN = {UP: 1, DOWN: -1}
_SIGNED, _ABSOLUTE = ("a_data", "a_mc", "m_data", "m_mc"), ("cb_params", "poly_params", "k_data", "k_mc")


class Momenta(NamedTuple):
    """What became of the momentum of n muons."""

    pt: Array
    """GeV, shape (n,)."""
    outside: Array
    """Outside the bins in η or in the number of layers (the nearest bin is used), shape (n,), bool."""
    kept: Array
    """Not corrected: pT outside the range, or nothing sensible came out; shape (n,), bool."""


class ScaleAndResolution:
    """The corrections of one file.

    Args:
        file: with the keys above.
        pt_range: muons with a pT (GeV) outside keep it.

    Raises:
        ConfigError: a key is missing in the file.
    """

    def __init__(self, file: CorrectionFile, pt_range: tuple[float, float] = RANGE):
        self._file, self.pt_range = file, pt_range
        self._of: dict[str, Correction] = {
            name: file.correction(name, CLAMP, convention)
            for names, convention in ((_SIGNED, SIGNED), (_ABSOLUTE, ABSOLUTE))
            for name in names
        }

    def scaled(self, muons: Muons, data: bool) -> Momenta:
        """Momenta with the scale corrected, in data or in simulation."""
        kind = "data" if data else "mc"
        a, out_a = self._evaluate(f"a_{kind}", (muons.eta, muons.phi, "nom"))
        m, out_m = self._evaluate(f"m_{kind}", (muons.eta, muons.phi, "nom"))
        return self._bounded(muons.pt, 1 / (m / muons.pt + muons.charge * a), out_a | out_m)

    def scale_error(self, muons: Muons) -> Array:
        """Uncertainty of the scaled pT (GeV), shape (n,): pT²·√(m²/pT² + a² + 2qρ·m·a/pT), m and a the errors.

        Args:
            muons: with the momentum corrected.
        """
        m, _ = self._evaluate("m_mc", (muons.eta, muons.phi, "stat"))
        a, _ = self._evaluate("a_mc", (muons.eta, muons.phi, "stat"))
        rho, _ = self._evaluate("m_mc", (muons.eta, muons.phi, "rho_stat"))
        square = (m / muons.pt) ** 2 + a**2 + 2 * muons.charge * rho * m * a / muons.pt
        error = muons.pt**2 * np.sqrt(np.maximum(square, 0))
        return np.where(self._in_range(muons.pt), error, 0.0)

    def smeared(self, muons: Muons, layers: Array, uniform: Array, shift: str | None = None) -> Momenta:
        """Momenta of simulated muons with the resolution of data.

        Args:
            muons: with the scale corrected.
            layers: tracker layers with a measurement (Muon_nTrackerLayers), shape (n,).
            uniform: random numbers in (0, 1), such as `seeds.uniform`; the same ones for nominal, up and down.
            shift: None, or `up` or `down`: k moved by its error, not below 0; a muon that needs no smearing gets none.
        """
        layers = np.asarray(layers, float)
        parts = [self._evaluate("cb_params", (muons.eta, layers, i)) for i in range(4)]
        mean, sigma, n, alpha = (values for values, _ in parts)
        drawn = CrystalBall(mean, sigma, alpha, n).quantile(uniform)
        p0, p1, p2 = (self._evaluate("poly_params", (muons.eta, layers, i))[0] for i in range(3))
        width = np.maximum(p0 + p1 * muons.pt + p2 * muons.pt**2, 0)
        k, out_k = self._k(muons.eta, shift)
        return self._bounded(muons.pt, muons.pt * (1 + k * width * drawn), parts[0][1] | out_k)

    def _k(self, eta: Array, shift: str | None) -> tuple[Array, Array]:
        measured, outside = self._evaluate("k_data", (eta, "nom"))
        simulated, _ = self._evaluate("k_mc", (eta, "nom"))
        k = np.sqrt(np.maximum(measured**2 - simulated**2, 0))
        if shift is not None:
            error, _ = self._evaluate("k_mc", (eta, "stat"))
            k = np.where(k > 0, np.maximum(k + _SIGN[shift] * error, 0), 0)
        return k, outside

    def _evaluate(self, name: str, arguments: tuple) -> tuple[Array, Array]:
        """By place: the names of the inputs are not the same in all releases of the files."""
        correction = self._of[name]
        values: Values = dict(zip(correction.inputs, arguments, strict=True))
        return correction.evaluate(values)

    def _in_range(self, pt: Array) -> Array:
        return (pt >= self.pt_range[0]) & (pt <= self.pt_range[1])

    def _bounded(self, pt: Array, new: Array, outside: Array) -> Momenta:
        """Muons outside the range, and those whose momentum would change by a factor 10 down or 2 up, keep theirs."""
        kept = ~(self._in_range(pt) & (new >= 0.1 * pt) & (new <= 2 * pt))
        return Momenta(np.where(kept, pt, new), outside, kept)
