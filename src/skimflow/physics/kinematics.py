"""Kinematics of two leptons and missing transverse momentum. Angles in radians, the rest in GeV; shapes all (n,)."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class PtEtaPhiM(NamedTuple):
    """Four-vectors in the coordinates that NanoAOD stores."""

    pt: Array
    eta: Array
    phi: Array
    mass: Array


def delta_phi(one: Array, other: Array) -> Array:
    """Azimuth difference `one - other`, wrapped to [-π, π)."""
    return (np.subtract(one, other) + np.pi) % (2 * np.pi) - np.pi


def pair(one: PtEtaPhiM, other: PtEtaPhiM) -> PtEtaPhiM:
    """Sum of two four-vectors.

    In double precision: the mass of a light pair is a small difference of large numbers.
    """
    px, py, pz, energy = (a + b for a, b in zip(cartesian(one), cartesian(other), strict=True))
    pt = np.hypot(px, py)
    mass2 = energy**2 - px**2 - py**2 - pz**2
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pt), where=pt > 0))
    return PtEtaPhiM(pt, eta, np.arctan2(py, px), _root(mass2))


def mt_higgs(ll: PtEtaPhiM, met: Array, met_phi: Array) -> Array:
    """Transverse mass of a lepton pair and missing momentum.

    m_T² = m_ll² + 2 (E_T,ll MET - pT_ll MET cos Δφ) with E_T,ll² = pT_ll² + m_ll², as in the H→WW analysis
    (EPJC 83 (2023) 667); not the short form without m_ll.
    """
    met, et = np.asarray(met, float), np.hypot(ll.pt, ll.mass)
    return _root(ll.mass**2 + 2 * met * (et - ll.pt * np.cos(delta_phi(ll.phi, met_phi))))


def mt(pt: Array, phi: Array, met: Array, met_phi: Array) -> Array:
    """Transverse mass of a massless lepton and missing momentum: √(2 pT MET (1 - cos Δφ))."""
    return _root(2 * np.asarray(pt, float) * np.asarray(met, float) * (1 - np.cos(delta_phi(phi, met_phi))))


def cartesian(p: PtEtaPhiM) -> tuple[Array, Array, Array, Array]:
    """px, py, pz and energy, in double precision."""
    pt, eta, phi, mass = (np.asarray(values, float) for values in p)
    pz = pt * np.sinh(eta)
    return pt * np.cos(phi), pt * np.sin(phi), pz, np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)


def _root(square: Array) -> Array:
    """Square root; rounding may leave a tiny negative square, whose root is 0 and not NaN."""
    return np.sqrt(np.maximum(square, 0))
