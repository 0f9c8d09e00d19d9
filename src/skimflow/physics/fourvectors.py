"""Four-vectors in Cartesian coordinates, for sums of many particles. GeV; arrays of one shape, or that broadcast."""

from typing import NamedTuple

import numpy as np

from skimflow.physics.kinematics import PtEtaPhiM

Array = np.ndarray


class P4(NamedTuple):
    """Momentum and energy."""

    px: Array
    py: Array
    pz: Array
    energy: Array

    @classmethod
    def of(cls, p: PtEtaPhiM) -> "P4":
        """From the coordinates of NanoAOD, in double precision: masses are small differences of large numbers."""
        pt, eta, phi, mass = (np.asarray(values, float) for values in p)
        return cls(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), np.hypot(pt * np.cosh(eta), mass))

    @classmethod
    def massless(cls, px: Array, py: Array, pz: Array) -> "P4":
        return cls(px, py, pz, np.sqrt(px**2 + py**2 + pz**2))

    def plus(self, *others: "P4") -> "P4":
        """The sum with others."""
        return P4(*(sum(parts) for parts in zip(self, *others, strict=True)))

    def at(self, index: object) -> "P4":
        """Those at these places: one numpy index for all arrays."""
        return P4(*(values[index] for values in self))

    @property
    def mass(self) -> Array:
        """Rounding may leave a tiny negative square, whose root is 0 and not NaN; NaN stays NaN."""
        square = self.energy**2 - self.px**2 - self.py**2 - self.pz**2
        return np.sqrt(np.maximum(square, 0))

    @property
    def pt(self) -> Array:
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Array:
        """Pseudorapidity; 0 without transverse momentum."""
        pt = self.pt
        return np.arcsinh(np.divide(self.pz, pt, out=np.asarray(pt * 0), where=pt > 0))

    @property
    def phi(self) -> Array:
        return np.arctan2(self.py, self.px)

    @property
    def p(self) -> Array:
        """Length of the momentum."""
        return np.sqrt(self.px**2 + self.py**2 + self.pz**2)
