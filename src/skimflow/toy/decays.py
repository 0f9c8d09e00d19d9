"""Decays into two light particles."""

import numpy as np

Array = np.ndarray


def two_body(
    mass: Array, direction: tuple[Array, Array], boost: tuple[Array, Array, Array]
) -> list[tuple[Array, Array, Array]]:
    """pT, η and φ of the two massless daughters, shapes (n,).

    Args:
        mass: of the parent, GeV.
        direction: cosine of the polar angle and azimuth of the first daughter, where the parent is at rest.
        boost: pT (GeV), azimuth and rapidity of the parent.
    """
    cosine, azimuth = direction
    boost_pt, boost_phi, rapidity = boost
    sine = np.sqrt(1 - cosine**2)
    axis = mass / 2 * np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
    energy = np.hypot(mass, boost_pt)
    parent = np.stack([boost_pt * np.cos(boost_phi), boost_pt * np.sin(boost_phi), energy * np.sinh(rapidity)])
    total = np.sqrt(mass**2 + (parent**2).sum(axis=0))
    daughters = []
    for sign in (1, -1):
        momentum = sign * axis + parent * (mass / 2 + (sign * axis * parent).sum(axis=0) / (total + mass)) / mass
        pt = np.hypot(momentum[0], momentum[1])
        daughters.append((pt, np.arcsinh(momentum[2] / pt), np.arctan2(momentum[1], momentum[0])))
    return daughters
