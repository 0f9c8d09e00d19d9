"""Named cuts in one word, pairs, cleaning, vetoes, against plain loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimflow.errors import ConfigError, InputError
from skimflow.physics import cuts
from skimflow.physics.cuts import Cuts, Directions
from skimflow.physics.leptons import MUON, Leptons


@st.composite
def packed(draw: st.DrawFn) -> tuple[Cuts, dict[str, np.ndarray]]:
    events, number = draw(st.integers(0, 12)), draw(st.sampled_from([1, 3, 64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = {f"cut{i}": rng.random(events) < 0.7 for i in range(number)}
    made = Cuts(events)
    for name, mask in masks.items():
        made.add(name, mask)
    return made, masks


@given(packed(), st.data())
def test_regions_cutflow_and_n_minus_one_are_those_of_masks(case: tuple[Cuts, dict], data: st.DataObject) -> None:
    made, masks = case
    some = data.draw(st.lists(st.sampled_from(made.names), unique=True))
    wanted = {name: data.draw(st.booleans()) for name in some}
    events = len(made.packed)

    def loop(asked: dict[str, bool]) -> list[bool]:
        return [all(bool(masks[name][i]) == passes for name, passes in asked.items()) for i in range(events)]

    assert made.region(wanted).tolist() == loop(wanted)
    assert made.passed(some).tolist() == loop(dict.fromkeys(some, True))
    assert made.passed().tolist() == loop(dict.fromkeys(masks, True))
    for name in made.names[:3]:
        assert made.n_minus_one(name).tolist() == loop(dict.fromkeys((n for n in masks if n != name), True))
    weight = np.linspace(-1, 2, events)
    flow = made.cutflow(some, weight)
    assert [step.name for step in flow] == ["all", *some]
    for i, step in enumerate(flow):
        left = np.array(loop(dict.fromkeys(some[:i], True)), bool)
        assert (step.events, step.sumw) == (left.sum(), pytest.approx(weight[left].sum()))
        assert step.sumw2 == pytest.approx((weight[left] ** 2).sum())
    assert [(name, mask.tolist()) for name, mask in made.steps(some)] == [(n, masks[n].tolist()) for n in some]


def test_cuts_that_cannot_be() -> None:
    made = Cuts(2)
    made.add("one", np.array([True, False]))
    with pytest.raises(ConfigError, match="cut one already"):
        made.add("one", np.array([True, False]))
    for wrong in (np.array([1, 0]), np.array([True]), np.array([True, False, True])):
        with pytest.raises(ConfigError, match=r"not bool of shape \(2,\)"):
            made.add("two", wrong)
    for asked in (made.n_minus_one, lambda name: made.region({name: False})):
        with pytest.raises(ConfigError, match="no cut 'two'; there are: one"):
            asked("two")
    for i in range(63):
        made.add(f"more{i}", np.array([True, True]))
    with pytest.raises(ConfigError, match="one word holds 64 cuts"):
        made.add("last", np.array([True, True]))
    assert made.passed().tolist() == [True, False]


directions = st.lists(st.tuples(st.integers(0, 3), st.floats(-3, 3), st.floats(-math.pi, math.pi)), max_size=8).map(
    lambda objects: (
        Directions(*(np.array(v) for v in zip(*sorted(objects), strict=True)))
        if objects
        else Directions(np.zeros(0, int), np.zeros(0), np.zeros(0))
    )
)


@given(directions, directions)
def test_cleaning_against_loops(one: Directions, other: Directions) -> None:
    """Over φ = ±π too: the distance is that of the nearer way round."""

    def near(i: int, j: int) -> bool:
        turn = abs(one.phi[i] - other.phi[j])
        return math.hypot(one.eta[i] - other.eta[j], min(turn, 2 * math.pi - turn)) < 0.4

    expected = [
        not any(near(i, j) for j in range(len(other.event)) if other.event[j] == one.event[i])
        for i in range(len(one.event))
    ]
    assert cuts.apart(one, other, 0.4, 4).tolist() == expected


def test_cleaning_wraps_the_azimuth() -> None:
    jet, lepton = (Directions(np.array([0]), np.array([1.0]), np.array([phi])) for phi in (3.1, -3.1))
    assert cuts.apart(jet, lepton, 0.4, 1).tolist() == [False]
    assert cuts.apart(jet, lepton, 0.05, 1).tolist() == [True]


muons = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([20.0, 30.0, 45.0, 46.5]),
        st.floats(-2.4, 2.4),
        st.floats(-3.1, 3.1),
        st.sampled_from([-1, 1]),
    ),
    max_size=9,
)


def leptons(content: list[tuple]) -> Leptons:
    ordered = sorted(content, key=lambda one: one[0])
    event, pt, eta, phi, charge = (np.array(v) for v in zip(*ordered, strict=True)) if ordered else np.zeros((5, 0))
    mass = np.full(len(pt), 0.10566)
    return Leptons(event.astype(int), pt, eta, phi, mass, charge.astype(int), np.full(len(pt), MUON))


@given(muons, st.sampled_from(cuts.CHOICES))
def test_pairs_against_loops(content: list[tuple], by: str) -> None:
    given_ = leptons(content)
    found = cuts.pairs(given_, 3)
    expected = set()
    for i, j in itertools.combinations(range(len(given_.pt)), 2):
        if given_.event[i] == given_.event[j]:
            expected.add((j, i) if given_.pt[j] > given_.pt[i] else (i, j))
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    opposite = found.at(found.charge == 0)
    best = cuts.chosen(opposite, given_, by)
    assert len(set(best.event.tolist())) == len(best.event)
    assert set(best.event.tolist()) == set(opposite.event.tolist())
    for k, event in enumerate(best.event.tolist()):
        mine = opposite.event == event
        if by == cuts.NEAREST_Z:
            distance = np.abs(opposite.p4.mass[mine] - 91.1876).min()
            assert abs(best.p4.mass[k] - 91.1876) == distance
        else:
            tops = [(given_.pt[i], given_.pt[j]) for i, j in zip(opposite.first, opposite.second, strict=True)]
            assert (given_.pt[best.first[k]], given_.pt[best.second[k]]) == max(
                t for t, m in zip(tops, mine, strict=True) if m
            )


def test_a_pair_is_not_simply_the_first() -> None:
    """Three muons, two pairs of opposite sign: the first made has 60 GeV, the other is the Z (SYSTEMS 2e.12)."""
    three = leptons([(0, 30.0, 0.0, 0.0, 1), (0, 30.0, 0.0, math.pi, -1), (0, 45.6, 0.0, math.pi, 1)])
    three = three._replace(charge=np.array([-1, 1, 1]), pt=np.array([45.6, 20.0, 45.6]))
    opposite = cuts.pairs(three, 1)
    opposite = opposite.at(opposite.charge == 0)
    assert opposite.p4.mass.tolist() == pytest.approx([60.4, 91.2], abs=0.05)
    assert cuts.chosen(opposite, three, "nearest_z").p4.mass == pytest.approx(91.2, abs=0.05)
    with pytest.raises(ConfigError, match="nearest_z or leading, not 'first'"):
        cuts.chosen(opposite, three, "first")


def test_filters_vetoes_and_impact_parameters() -> None:
    columns = {name: np.array([1, 1, 0], np.uint8) for name in cuts.MET_FILTERS}
    columns[cuts.MET_FILTERS[3]] = np.array([1, 0, 1], np.uint8)
    assert cuts.met_filters(columns).tolist() == [True, False, False]
    del columns[cuts.MET_FILTERS[0]]
    with pytest.raises(InputError, match="no branch Flag_goodVertices"):
        cuts.met_filters(columns)
    event, keep = np.array([0, 0, 2, 3]), np.array([True, True, False, True])
    assert cuts.number(event, keep, 5).tolist() == [2, 0, 0, 1, 0]
    muon = {
        "Muon_dxy": np.array([0.01, -0.3, 0.01]),
        "Muon_dz": np.array([-0.05, 0.0, 0.7]),
        "Muon_sip3d": np.array([5.0, 1, 1]),
    }
    assert cuts.near_vertex(muon, "Muon", max_dxy=0.2, max_dz=0.5).tolist() == [True, False, False]
    assert cuts.near_vertex(muon, "Muon", max_sip3d=4).tolist() == [False, True, True]
    with pytest.raises(ConfigError, match="give at least one of dxy, dz, sip3d"):
        cuts.near_vertex(muon, "Muon")
