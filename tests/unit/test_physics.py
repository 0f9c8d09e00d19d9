"""Physics against numbers that were obtained elsewhere (SYSTEMS appendix B) and against `vector`."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import vector
from hypothesis import given
from hypothesis import strategies as st

from skimflow.errors import InputError
from skimflow.physics.kinematics import PtEtaPhiM, delta_phi, mt, mt_higgs, pair
from skimflow.physics.leptons import ELECTRON, MUON, Leptons, exactly
from skimflow.physics.luminosity import CertifiedLuminosity, in_window, ranges
from skimflow.physics.triggers import ANY, EVERY, accepted, decisions, prescale_factors

FIXTURES = [
    # lead, sublead, MET, then mll, pTll, dphi, mT_H, mT_l2 as the appendix gives them
    (
        (50, 0.5, 0.3, 0.000511),
        (20, -0.7, 1.2, 0.10566),
        (40, -2.5),
        (48.766048, 64.367849, -0.9, 118.170917, 54.377937),
    ),
    (
        (40, 1.0, 3.0, 0.10566),
        (25, 0.2, -3.0, 0.000511),
        (60, 0.1),
        (27.468984, 64.384319, -0.283185, 129.662839, 77.442917),
    ),
    (
        (26, 0.1, 0, 0.000511),
        (15.5, -0.2, 0.4, 0.10566),
        (21, 0.2),
        (10.009860, 40.726222, -0.4, 12.383480, 3.602313),
    ),
]


@pytest.mark.parametrize(("lead", "sublead", "met", "expected"), FIXTURES)
def test_kinematics_of_the_appendix(lead, sublead, met, expected) -> None:
    one, other = (PtEtaPhiM(*np.array(p, float)[:, None]) for p in (lead, sublead))
    ll = pair(one, other)
    found = (
        ll.mass[0],
        ll.pt[0],
        delta_phi(one.phi, other.phi)[0],
        mt_higgs(ll, np.array([met[0]]), np.array([met[1]]))[0],
        mt(other.pt, other.phi, np.array([met[0]]), np.array([met[1]]))[0],
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=6e-7)


momenta = st.tuples(st.floats(1, 500), st.floats(-3, 3), st.floats(-3.14, 3.14), st.sampled_from([0.000511, 0.10566]))


@given(momenta, momenta)
def test_pair_agrees_with_vector(one: tuple, other: tuple) -> None:
    mine = pair(*(PtEtaPhiM(*np.array(p)[:, None]) for p in (one, other)))
    total = sum(
        (vector.obj(pt=p[0], eta=p[1], phi=p[2], mass=p[3]) for p in (one, other)), vector.obj(px=0, py=0, pz=0, E=0)
    )
    np.testing.assert_allclose(mine.pt[0], total.pt, rtol=1e-9, atol=1e-7)
    # m² is a difference of E² and p²: compare it on their scale.
    np.testing.assert_allclose(mine.mass[0] ** 2, max(total.mass2, 0), rtol=1e-9, atol=1e-11 * total.E**2 + 1e-12)
    if total.pt > 1e-3:
        np.testing.assert_allclose(mine.eta[0], total.eta, rtol=1e-6, atol=1e-6)
        assert abs(delta_phi(mine.phi[0], total.phi)) < 1e-6


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_delta_phi_is_wrapped(a: float, b: float) -> None:
    d = delta_phi(a, b)
    assert -np.pi <= d < np.pi
    assert np.isclose(np.cos(d), np.cos(a - b), atol=1e-9)


@given(momenta, st.floats(0, 300), st.floats(-3.14, 3.14))
def test_transverse_masses_are_numbers(lepton: tuple, met: float, phi: float) -> None:
    # A massless pair along the missing momentum: the square is 0 up to rounding, of either sign.
    p = PtEtaPhiM(*np.array(lepton)[:, None])
    zero = PtEtaPhiM(p.pt, p.eta, np.array([phi]), np.zeros(1))
    assert mt_higgs(zero, np.array([met]), np.array([phi]))[0] == pytest.approx(0, abs=1e-3)
    assert mt(p.pt, np.array([phi]), np.array([met]), np.array([phi]))[0] == pytest.approx(0, abs=1e-3)


APPENDIX = {
    "278808": [[1, 445], [447, 462], [464, 1793]],
    "278820": [[17, 1540]],
    "280385": [[1, 519], [523, 2022]],
    "284044": [[1, 30]],
}
G = (278820, 280385)


@pytest.mark.parametrize(
    ("run", "section", "expected"),
    [
        (278820, 16, False),
        (278820, 17, True),
        (278820, 1540, True),
        (278820, 1541, False),
        (280385, 519, True),
        (280385, 520, False),
        (280385, 522, False),
        (280385, 523, True),
        (280385, 2022, True),
        (280385, 2023, False),
        (284044, 30, True),
        (284044, 31, False),
        (281602, 5, False),  # not listed: looking it up by position would accept it (SYSTEMS 4e.2)
        (284045, 1, False),  # beyond the last run: likewise an IndexError there
        (1, 1, False),
    ],
)
def test_certified(run: int, section: int, expected: bool) -> None:
    mask = CertifiedLuminosity(APPENDIX).mask(np.array([run], np.uint32), np.array([section], np.uint32))
    assert mask.tolist() == [expected]


def test_overlapping_and_touching_ranges() -> None:
    golden = CertifiedLuminosity({"1": [[1, 100], [10, 20], [101, 103]], "2": [[50, 60], [40, 55]]})
    assert golden.mask(np.array([1, 1, 1, 2, 2]), np.array([50, 101, 104, 45, 61])).tolist() == [1, 1, 0, 1, 0]
    assert len(golden.sections()) == 103 + 21


def test_certified_but_outside_the_era_window() -> None:
    run = np.array([278808, 278820, 280385, 280386])
    assert CertifiedLuminosity(APPENDIX).mask(run[:1], np.array([10])).all()
    assert in_window(run, G).tolist() == [False, True, True, False]
    assert in_window(run, None).all()


sections = st.dictionaries(st.integers(270000, 270020), st.sets(st.integers(1, 60), min_size=1), min_size=1, max_size=8)


@given(sections)
def test_mask_agrees_with_sets_and_ranges_lose_nothing(content: dict[int, set[int]]) -> None:
    pairs = np.array([(run, n) for run, numbers in content.items() for n in numbers])
    compact = ranges(pairs)
    golden = CertifiedLuminosity(compact)
    run, section = (grid.reshape(-1) for grid in np.meshgrid(np.arange(269999, 270022), np.arange(0, 62)))
    expected = [n in content.get(r, ()) for r, n in zip(run.tolist(), section.tolist(), strict=True)]
    assert golden.mask(run, section).tolist() == expected
    assert set(map(tuple, golden.sections().tolist())) == set(map(tuple, pairs.tolist()))
    for spans in compact.values():  # as short as can be: neighbours are joined
        assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"1": [[20, 10]]}', "ends before it begins"),
        ("[]", "not a certified"),
        ('{"1": 3}', "not a certified"),
        ("{", "not a certified"),
        ("{}", "certifies no"),
    ],
)
def test_bad_golden_json(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "golden.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        CertifiedLuminosity.read(path)
    assert str(path) in str(caught.value)


def test_missing_golden_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        CertifiedLuminosity.read(tmp_path / "absent.json")


@pytest.mark.real
def test_real_golden_json(data: Path) -> None:
    """Numbers of SYSTEMS section 0."""
    path = data / "golden/Cert_271036-284044_13TeV_Legacy2016_Collisions16_JSON.txt"
    golden, content = CertifiedLuminosity.read(path), json.loads(path.read_text())
    assert len(content) == 393
    assert sum(map(len, content.values())) == 523
    assert len(golden.sections()) == 234_231
    assert len(golden.sections((278820, 280385))) == 43_014
    assert len(golden.sections((280919, 284044))) == 47_793
    assert ranges(golden.sections()) == {run: content[run] for run in sorted(content, key=int)}


def leptons(event: list[int], pt: list[float], flavour: int) -> Leptons:
    zero = np.zeros(len(pt))
    return Leptons(np.array(event, int), np.array(pt, float), zero, zero, zero, zero, np.full(len(pt), flavour))


def test_exactly_two_in_order_of_pt() -> None:
    electrons, muons = leptons([0, 2, 3, 3], [20, 30, 9, 8], ELECTRON), leptons([0, 1, 2, 3], [40, 50, 30, 7], MUON)
    mask, chosen = exactly(2, electrons, muons, events=5)
    assert mask.tolist() == [True, False, True, False, False]
    assert chosen.pt.tolist() == [[40, 20], [30, 30]]
    # At equal pT the electron stays first.
    assert chosen.flavour.tolist() == [[MUON, ELECTRON], [ELECTRON, MUON]]


def test_no_events() -> None:
    mask, chosen = exactly(2, leptons([], [], ELECTRON), leptons([], [], MUON), events=0)
    assert mask.shape == (0,)
    assert chosen.pt.shape == (0, 2)


def test_or_is_unknown_when_a_path_is() -> None:
    columns = {"run": np.ones(3), "HLT_a": np.array([True, False, True])}
    excluded = decisions(columns, ["HLT_a", "HLT_b"], ["HLT_a"], "exclude")
    assert excluded["HLT_a"].tolist() == [True, False, True]
    assert excluded["HLT_b"] is None
    assert excluded[ANY] is None
    as_false = decisions(columns, ["HLT_a", "HLT_b"], ["HLT_a"], "false")
    assert as_false["HLT_b"].tolist() == [False] * 3
    assert as_false[ANY].tolist() == [True, False, True]


def test_and_of_all_paths() -> None:
    columns = {"run": np.ones(3), "HLT_a": np.array([True, False, True]), "HLT_b": np.array([True, True, False])}
    found = decisions(columns, ["HLT_a", "HLT_b"], ["HLT_a", "HLT_b"], "exclude", EVERY)
    assert found[EVERY].tolist() == [True, False, False]
    assert ANY not in found
    assert decisions(columns, ["HLT_a", "HLT_b"], ["HLT_a"], "exclude", EVERY)[EVERY] is None


def test_reference_is_the_or_of_what_the_menu_has() -> None:
    columns = {"HLT_a": np.array([True, False, False]), "HLT_b": np.array([False, True, False])}
    assert accepted(columns, ["HLT_a", "HLT_b"], ["HLT_a", "HLT_b"]).tolist() == [True, True, False]
    assert accepted(columns, ["HLT_a", "HLT_b"], ["HLT_b"]).tolist() == [False, True, False]
    assert accepted(columns, ["HLT_a"], []) is None


@pytest.mark.parametrize("combination", [ANY, EVERY])
@pytest.mark.parametrize("accepts", list(itertools.product([True, False], repeat=3)))
def test_prescaled_events_count_for_what_the_prescale_dropped(combination: str, accepts: tuple) -> None:
    """The mean over all states of the prescale counters is the decision that there would be without prescales."""
    prescales = {"HLT_b": 2, "HLT_c": 3}
    counters = np.array(list(itertools.product([True], [True, False], [True, False, False]))).T
    paths = ["HLT_a", "HLT_b", "HLT_c"]
    columns = {path: accept & come for path, accept, come in zip(paths, accepts, counters, strict=True)}
    fired = decisions({**columns, "run": np.ones(6)}, paths, paths, "exclude", combination)
    factors = prescale_factors(fired, prescales)
    assert set(factors) == {"HLT_b", "HLT_c", combination}
    means = {path: values.mean() for path, values in factors.items()}
    expected = dict(zip(paths, accepts, strict=True)) | {ANY: any(accepts), EVERY: all(accepts)}
    assert means == pytest.approx({path: float(expected[path]) for path in factors})
    assert prescale_factors(fired, {"HLT_b": 1}) == {}
    assert np.all(factors[combination][~fired[combination]] == 0)


def test_unknown_decisions_have_no_prescale_factor() -> None:
    fired = {"HLT_a": np.array([True]), "HLT_b": None, ANY: None}
    assert {path: values.tolist() for path, values in prescale_factors(fired, {"HLT_a": 5}).items()} == {"HLT_a": [5]}
