"""What jets and a muon of an event look like together: the inputs of multivariate selections (SYSTEMS section 4b)."""

import numpy as np

from skimflow.physics.fourvectors import P4
from skimflow.physics.kinematics import delta_phi

Array = np.ndarray


def longitudinal_sphericity(jets: P4) -> Array:
    """S_zz = Σ pz² / Σ |p|² over the jets, shape (n,); NaN without any.

    Args:
        jets: shape (n, jets), NaN where an event has fewer.
    """
    total = np.nansum(jets.p**2, axis=1)
    return np.divide(np.nansum(jets.pz**2, axis=1), total, out=np.full(len(total), np.nan), where=total > 0)


def distance(one: P4, others: P4) -> Array:
    """ΔR of one to each of several, shape (n, several); NaN where one of both is missing.

    Args:
        one: shape (n,).
        others: shape (n, several).
    """
    return np.hypot(others.eta - one.eta[:, None], delta_phi(others.phi, one.phi[:, None]))


def nearest(lepton: P4, jets: P4) -> tuple[Array, P4]:
    """ΔR to the jet that is nearest to the lepton, and that jet; shape (n,), NaN without any.

    Args:
        lepton: shape (n,).
        jets: shape (n, jets), NaN where an event has fewer.
    """
    far = distance(lepton, jets)
    place = np.where(np.isnan(far), np.inf, far).argmin(axis=1)[:, None]
    least, *jet = (np.take_along_axis(values, place, 1)[:, 0] for values in (far, *jets))
    return least, P4(*jet)


def transverse_to(one: P4, other: P4) -> Array:
    """Momentum of one transverse to the direction of the other, |p| sin∠, GeV, shape (n,)."""
    cross = (
        one.py * other.pz - one.pz * other.py,
        one.pz * other.px - one.px * other.pz,
        one.px * other.py - one.py * other.px,
    )
    length = np.sqrt(sum(part**2 for part in cross))
    return np.divide(length, other.p, out=np.full(len(length), np.nan), where=other.p > 0)
