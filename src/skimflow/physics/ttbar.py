"""Reconstruction of tt̄ with one lepton: the neutrino's pz, and the assignment of jets that has the least χ².

SYSTEMS section 4b, after arXiv:1810.05905. Momenta and masses in GeV, angles in radians.
"""

import itertools
from typing import NamedTuple

import numpy as np

from skimflow.physics.event_shape import distance
from skimflow.physics.fourvectors import P4

Array = np.ndarray
W_MASS = 80.4
LEPTONIC = (175.0, 19.0)
"""Mean and width of the mass of the leptonic top."""
MERGED, RESOLVED = (173.0, 15.0), (177.0, 16.0)
"""The same of the hadronic top: a fat jet, or three jets."""
_APART = 1.2
"""ΔR between the fat jet and the jet of the leptonic top is above this."""


class Reconstructed(NamedTuple):
    """The best assignment of each event, shape (n,); NaN (χ²: infinite) where there is none."""

    chi2: Array
    leptonic_mass: Array
    hadronic_mass: Array
    mass: Array
    """Of both tops."""


class Solutions(NamedTuple):
    """Both solutions for the neutrino's pz, `plus` with the sign + before the root, and whether they are real, shape
    (n,). Complex ones are conjugate: both have the real part."""

    plus: Array
    minus: Array
    real: Array


def neutrino_pz(lepton: P4, px: Array, py: Array, w_mass: float = W_MASS) -> Solutions:
    """Longitudinal momentum of the neutrino of W → ℓν, for a massless lepton.

    pz = [μ pz_ℓ ± |p_ℓ| √(μ² - pT_ℓ² pT_ν²)] / pT_ℓ² with μ = m_W²/2 + p⃗T_ℓ · p⃗T_ν.

    Args:
        lepton: shape (n,).
        px, py: transverse momentum of the neutrino, shape (n,).
    """
    pt2 = lepton.px**2 + lepton.py**2
    mu = w_mass**2 / 2 + lepton.px * px + lepton.py * py
    square = mu**2 - pt2 * (px**2 + py**2)
    root = lepton.p * np.sqrt(np.maximum(square, 0))
    return Solutions((mu * lepton.pz + root) / pt2, (mu * lepton.pz - root) / pt2, square >= 0)


def with_fat_jet(lepton: P4, px: Array, py: Array, fat_jet: P4, jets: P4) -> Reconstructed:
    """The hadronic top is a fat jet; the leptonic one is the lepton, a neutrino and a jet away from the fat jet.

    Args:
        lepton, fat_jet: shape (n,).
        px, py: missing transverse momentum, shape (n,).
        jets: shape (n, jets), NaN where an event has fewer.
    """
    leptonic = _leptonic(lepton, px, py, jets)  # (n, jets, 2)
    far = distance(fat_jet, jets) > _APART
    chi2 = _pull(leptonic.mass, LEPTONIC) + _pull(fat_jet.mass, MERGED)[:, None, None]
    flat = len(px), 2 * far.shape[1]
    best, chi2 = _least(_infinite(np.where(far[:, :, None], chi2, np.nan)).reshape(flat))
    top = P4(*(np.take_along_axis(v.reshape(flat), best, 1)[:, 0] for v in leptonic))
    return _result(chi2, top, fat_jet)


def with_jets(lepton: P4, px: Array, py: Array, jets: P4) -> Reconstructed:
    """The leptonic top is the lepton, a neutrino and a jet, the hadronic one three other jets; all combinations.

    Args:
        lepton: shape (n,).
        px, py: missing transverse momentum, shape (n,).
        jets: shape (n, jets), NaN where an event has fewer.
    """
    events, number = jets.px.shape
    if number < 4:
        nothing = np.full(events, np.nan)
        return Reconstructed(np.full(events, np.inf), nothing, nothing, nothing)
    triples = np.array(list(itertools.combinations(range(number), 3)))
    free = (np.arange(number)[:, None, None] != triples).all(axis=2)  # (jets, triples): the jet is not one of the three
    leptonic = _leptonic(lepton, px, py, jets)
    which = _infinite(_pull(leptonic.mass, LEPTONIC)).argmin(axis=2)[:, :, None]
    leptonic = P4(*(np.take_along_axis(v, which, 2)[:, :, 0] for v in leptonic))  # (n, jets): the better neutrino
    hadronic = P4(*(v[:, triples].sum(axis=2) for v in jets))  # (n, triples)
    chi2 = _pull(leptonic.mass, LEPTONIC)[:, :, None] + _pull(hadronic.mass, RESOLVED)[:, None, :]
    chi2 = np.where(free, _infinite(chi2), np.inf).reshape(events, free.size)
    best, chi2 = _least(chi2)
    one, three = best // len(triples), best % len(triples)
    tops = (
        P4(*(np.take_along_axis(v, place, 1)[:, 0] for v in part))
        for part, place in ((leptonic, one), (hadronic, three))
    )
    return _result(chi2, *tops)


def _leptonic(lepton: P4, px: Array, py: Array, jets: P4) -> P4:
    """Lepton, jet and neutrino for each jet and each solution, shape (n, jets, 2)."""
    solutions = neutrino_pz(lepton, px, py)
    pz = np.stack([solutions.plus, solutions.minus], axis=1)
    neutrino = P4.massless(*(np.broadcast_to(v[:, None], pz.shape) for v in (px, py)), pz)
    parts = P4(*(v[:, None] for v in lepton)).plus(neutrino)
    return P4(*(jet[:, :, None] + part[:, None, :] for jet, part in zip(jets, parts, strict=True)))


def _least(chi2: Array) -> tuple[Array, Array]:
    """Place, shape (n, 1), and value, shape (n,), of the least χ² of each event, shape (n, combinations)."""
    best = chi2.argmin(axis=1)[:, None]
    return best, np.take_along_axis(chi2, best, 1)[:, 0]


def _result(chi2: Array, leptonic: P4, hadronic: P4) -> Reconstructed:
    found = np.isfinite(chi2)
    masses = (leptonic.mass, hadronic.mass, leptonic.plus(hadronic).mass)
    return Reconstructed(chi2, *(np.where(found, mass, np.nan) for mass in masses))


def _pull(mass: Array, expected: tuple[float, float]) -> Array:
    mean, width = expected
    return ((mass - mean) / width) ** 2


def _infinite(chi2: Array) -> Array:
    """NaN, which belongs to jets that an event has not, made infinite."""
    return np.where(np.isnan(chi2), np.inf, chi2)
