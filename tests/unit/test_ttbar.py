"""Reconstruction of tt̄, and what events look like: by hand, by properties, and by trying every combination."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from skimflow.physics import event_shape, ttbar
from skimflow.physics.fourvectors import P4
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.network import score


def vectors(*rows: tuple[float, float, float]) -> P4:
    """Massless, from px, py, pz."""
    return P4.massless(*np.array(rows, float).T)


def test_neutrino_by_hand() -> None:
    """m_W = 80, pT of both 40 in one direction: E_ν = m²/(2·40) + 40 = 120, so pz = ±√(120² - 40²) = ±80 √2. Back to
    back with pT 60, m_T is 98 and there is no solution; μ = 3200 - 2400 = 800 and the real part is 800·30/40²."""
    lepton = vectors((40, 0, 0), (40, 0, 30))
    found = ttbar.neutrino_pz(lepton, np.array([40.0, -60.0]), np.zeros(2), w_mass=80)
    assert found.real.tolist() == [True, False]
    assert found.plus == pytest.approx([80 * math.sqrt(2), 15])
    assert found.minus == pytest.approx([-80 * math.sqrt(2), 15])


momentum = st.tuples(st.floats(5, 2000), st.floats(-2.5, 2.5), st.floats(-math.pi, math.pi))


@given(momentum, st.floats(5, 2000), st.floats(-math.pi, math.pi))
def test_lepton_and_neutrino_have_the_mass_of_the_w(muon: tuple, met: float, phi: float) -> None:
    """Where there are real solutions; where not, the transverse mass is above that of the W already."""
    lepton = P4.of(PtEtaPhiM(*(np.array([value]) for value in (*muon, 0.0))))
    px, py = np.array([met * math.cos(phi)]), np.array([met * math.sin(phi)])
    found = ttbar.neutrino_pz(lepton, px, py)
    transverse2 = 2 * muon[0] * met * (1 - math.cos(muon[2] - phi))
    assert found.real[0] == (transverse2 <= ttbar.W_MASS**2) or transverse2 == pytest.approx(ttbar.W_MASS**2)
    for pz in (found.plus, found.minus) if found.real[0] else ():
        neutrino = P4.massless(px, py, pz)
        # Large energies of nearly parallel particles leave few digits of a mass.
        tolerance = 1e-15 * (lepton.energy[0] + neutrino.energy[0]) ** 2
        assert lepton.plus(neutrino).mass[0] ** 2 == pytest.approx(ttbar.W_MASS**2, rel=1e-6, abs=30 * tolerance)


def combinations(muon: P4, px: float, py: float, jets: P4, number: int, fat: P4 | None) -> float:
    """The least χ² of one event by trying everything."""
    both = ttbar.neutrino_pz(muon, px, py)
    best = math.inf
    for pz, jet in itertools.product((both.plus, both.minus), range(number)):
        leptonic = muon.plus(P4.massless(px, py, pz), jets.at(jet)).mass
        first = ((leptonic - 175) / 19) ** 2
        others = [k for k in range(number) if k != jet]
        if fat is not None:
            far = math.hypot(jets.eta[jet] - fat.eta, math.remainder(jets.phi[jet] - fat.phi, 2 * math.pi)) > 1.2
            candidates = [((fat.mass - 173) / 15) ** 2] if far else []
        else:
            sums = (jets.at(a).plus(jets.at(b), jets.at(c)).mass for a, b, c in itertools.combinations(others, 3))
            candidates = [((mass - 177) / 16) ** 2 for mass in sums]
        best = min([best, *(first + second for second in candidates)])
    return best


@examples(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(4, 7))
def test_least_chi2_of_all_combinations(seed: int, slots: int) -> None:
    """With three to `slots` jets an event; too few have no reconstruction."""
    rng, events = np.random.default_rng(seed), 6
    muon = P4.of(PtEtaPhiM(*rng.uniform((50, -2, -3, 0.1), (400, 2, 3, 0.1), (events, 4)).T))
    px, py = rng.normal(0, 100, (2, events))
    fat = P4.of(PtEtaPhiM(*rng.uniform((500, -2, -3, 120), (900, 2, 3, 220), (events, 4)).T))
    number = rng.integers(3, slots + 1, events)
    there = np.arange(slots) < number[:, None]
    raw = rng.uniform((30, -2.4, -3.1, 5), (300, 2.4, 3.1, 40), (events, slots, 4)).transpose(2, 0, 1)
    jets = P4.of(PtEtaPhiM(*(np.where(there, values, np.nan) for values in raw)))
    merged, resolved = ttbar.with_fat_jet(muon, px, py, fat, jets), ttbar.with_jets(muon, px, py, jets)
    for i in range(events):
        own = muon.at(i), px[i], py[i], jets.at(i), int(number[i])
        for found, expected in ((merged, combinations(*own, fat.at(i))), (resolved, combinations(*own, None))):
            assert found.chi2[i] == pytest.approx(expected, rel=1e-9)
            assert np.isnan(found.mass[i]) == math.isinf(expected)
    masses = ((merged, 173, 15), (resolved, 177, 16))
    for found, mean, width in masses:
        again = ((found.leptonic_mass - 175) / 19) ** 2 + ((found.hadronic_mass - mean) / width) ** 2
        there = np.isfinite(found.chi2)
        assert again[there] == pytest.approx(found.chi2[there])


def test_no_events_and_too_few_jets() -> None:
    """Nothing in, nothing out; three jets cannot be one and three."""
    nothing, none = P4(*np.empty((4, 0))), np.empty(0)
    jets = P4(*np.empty((4, 0, 5)))
    assert ttbar.with_jets(nothing, none, none, jets).chi2.shape == (0,)
    assert ttbar.with_fat_jet(nothing, none, none, nothing, jets).chi2.shape == (0,)
    three = P4(*np.ones((4, 1, 3)))
    assert np.isinf(ttbar.with_jets(vectors((50, 0, 0)), np.ones(1), np.ones(1), three).chi2).all()


def test_shapes_by_hand() -> None:
    """Jets along x and z: S_zz = 16/(9 + 16). A muon of 5 along (3, 4) in the plane has 4 across the jet along x, and
    is nearer to it than to one that is further away in azimuth."""
    jets = vectors((3, 0, 0), (1e-9, 0, 4), (np.nan, np.nan, np.nan))
    padded = P4(*(values[None] for values in jets))
    assert event_shape.longitudinal_sphericity(padded) == pytest.approx([16 / 25])
    muon = vectors((3, 4, 0))
    two = P4(*(values[None] for values in vectors((0, -7, 0), (10, 0, 0))))
    distance, jet = event_shape.nearest(muon, two)
    assert distance == pytest.approx([math.atan2(4, 3)])
    assert jet.px == pytest.approx([10])
    assert event_shape.transverse_to(muon, jet) == pytest.approx([4])
    alone = P4(*np.full((4, 1, 2), np.nan))
    assert np.isnan(event_shape.nearest(muon, alone)[0]).all()
    assert np.isnan(event_shape.longitudinal_sphericity(alone)).all()


def test_score_by_hand() -> None:
    """One neuron: tanh(2·1 - 1·0.5 + 0.5) = tanh(2); the output 3·tanh(2) - 1 as 2s - 1."""
    network = {"layers": [{"weights": [[2.0], [-1.0]], "bias": [0.5]}, {"weights": [[3.0]], "bias": [-1.0]}]}
    logit = 3 * math.tanh(2) - 1
    assert score(network, np.array([[1, 0.5]])) == pytest.approx([2 / (1 + math.exp(-logit)) - 1])
