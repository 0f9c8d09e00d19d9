"""Folds, measures, calibration, prescales and drift of the emulator, on arrays."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from skimflow.emulator import calibration, drift, metrics, prescales, splits, tables
from skimflow.emulator.metrics import Ranking
from skimflow.errors import ConfigError, InputError

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="the extra ml is not installed")

events = st.integers(2, 80).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


@given(events)
def test_ranking_is_that_of_scikit_learn(drawn: tuple[list, list, list]) -> None:
    """With ties, and with weights as a bootstrap gives them."""
    score, label, weight = (np.array(part, float) for part in drawn)
    ranking = Ranking(score)
    auc, ap = (f(weight * label, weight * (1 - label)) for f in (ranking.roc_auc, ranking.average_precision))
    if min((weight * label).sum(), (weight * (1 - label)).sum()) == 0:
        assert np.isnan(auc)
        return
    keep = weight > 0
    given_ = {"y_true": label[keep], "y_score": score[keep], "sample_weight": weight[keep]}
    assert auc == pytest.approx(sklearn_metrics.roc_auc_score(**given_), abs=1e-12)
    assert ap == pytest.approx(sklearn_metrics.average_precision_score(**given_), abs=1e-12)


def test_attainable_is_what_the_truth_reaches() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 1.5, 200_000)
    label = (rng.random(len(p)) < p).astype(float)
    auc, ap = metrics.attainable(p)
    assert auc == pytest.approx(sklearn_metrics.roc_auc_score(label, p), abs=0.004)
    assert ap == pytest.approx(sklearn_metrics.average_precision_score(label, p), abs=0.004)


def test_attainable_by_hand() -> None:
    """Two events of 3/4 and 1/4: of the pairs of positive and negative, 9/16 are right, 1/16 wrong, 6/16 undecided."""
    assert metrics.attainable(np.array([0.75, 0.25]))[0] == pytest.approx((9 + 3) / 16)
    assert metrics.attainable(np.array([0.3, 0.3]))[0] == 0.5


@pytest.mark.parametrize(("before", "prescale"), [(0.4, 20), (0.9, 2), (0.05, 5)])
def test_the_ceiling_is_reached_by_who_knows_the_decision_before_the_prescale(before: float, prescale: int) -> None:
    rng = np.random.default_rng(2)
    decision = rng.random(400_000) < before
    label = decision & (rng.integers(prescale, size=len(decision)) == 0)
    found = prescales.ceiling(label.mean(), prescale)
    assert found["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(label, decision), abs=0.004)
    assert found["ap"] == pytest.approx(sklearn_metrics.average_precision_score(label, decision), rel=0.03)
    # What is no prescale leaves everything to learn, and one that is too large contradicts the prevalence.
    assert prescales.ceiling(0.3, 1) == {"roc_auc": 1, "ap": 1}
    assert prescales.ceiling(0.3, 4) is None


OBSERVED = dict.fromkeys(("roc_auc", "ap", "prevalence", "attainable_roc_auc", "attainable_ap"), 0.5)


@pytest.mark.parametrize(
    ("declared", "plateau", "prescaled", "says"),
    [
        (1, 0.9, False, "Not prescaled"),
        (1, 0.05, False, "Declared without prescale, yet"),
        (None, 0.9, False, "Not prescaled"),
        (None, 0.05, True, r"coin toss of 1/prescale .*do better"),
        (25, 0.05, True, r"declared prescale 25\).*coin toss of 1/25 .*more within this dataset.*do better"),
        (25, 0.9, True, "too often for that prescale"),
    ],
)
def test_verdicts_on_prescales(declared: float | None, plateau: float, prescaled: bool, says: str) -> None:
    rng = np.random.default_rng(3)
    score = rng.random(20_000)
    found = prescales.plateau(score, (rng.random(20_000) < plateau).astype(float))
    assert found["low"] < plateau < found["high"]
    verdict, lines = prescales.verdict(declared, found, OBSERVED, chosen=True)
    assert verdict is prescaled
    assert re.search(says, " ".join(lines))


def test_few_events_are_no_plateau() -> None:
    assert not prescales.plateau(np.arange(20.0), np.zeros(20))["below"]


def test_thresholds_against_trying_all() -> None:
    rng = np.random.default_rng(4)
    score = np.round(rng.random(300), 2)
    label = (rng.random(300) < score**2).astype(float)
    targets = {"rate": [0.05, 0.3], "acceptance": [0.1, 0.5], "precision": [0.6, 0.8], "recall": [0.5, 0.9]}
    tried = {}
    for threshold in np.unique(score):
        accepted = score >= threshold
        hertz = accepted.sum() / (40 * 23.31)
        tried[threshold] = {
            "rate": hertz,
            "acceptance": accepted.mean(),
            "precision": label[accepted].mean(),
            "recall": label[accepted].sum() / label.sum(),
        }
    found = metrics.thresholds(Ranking(score), label, targets, 40)
    assert [(point["rule"], point["target"]) for point in found] == [(r, t) for r, ts in targets.items() for t in ts]
    for point in found:
        rule, target = point["rule"], point["target"]
        at_most = rule in ("rate", "acceptance")
        good = [t for t, v in tried.items() if (v[rule] <= target if at_most else v[rule] >= target)]
        assert point["threshold"] == (max(good) if rule == "recall" else min(good))
        for name, value in tried[point["threshold"]].items():
            assert point[name] == pytest.approx(value, rel=1e-3)


def test_a_target_out_of_reach_and_a_rule_that_is_none() -> None:
    score, label = np.array([0.9, 0.8, 0.1]), np.array([0.0, 1.0, 0.0])
    (point,) = metrics.thresholds(Ranking(score), label, {"precision": [0.9]}, 1)
    assert point["reached"] is False
    assert np.isnan(point["threshold"])
    with pytest.raises(ConfigError, match="purity is none of rate, acceptance"):
        metrics.thresholds(Ranking(score), label, {"purity": [0.9]}, 1)


def test_curves_are_points_of_the_ranking() -> None:
    rng = np.random.default_rng(5)
    score = rng.normal(size=5000)
    label = (rng.random(5000) < 1 / (1 + np.exp(-score))).astype(float)
    found = {name: np.array(values) for name, values in metrics.curves(Ranking(score), label, 10).items()}
    assert len(found["threshold"]) <= 200
    for place in (0, 50, -1):
        accepted = score >= found["threshold"][place]
        assert found["efficiency"][place] == pytest.approx(label[accepted].sum() / label.sum())
        assert found["precision"][place] == pytest.approx(label[accepted].mean())
        assert found["rate"][place] == pytest.approx(accepted.sum() / 233.1, rel=1e-3)
    area = np.trapezoid([0, *found["efficiency"]], [0, *found["false_positive_rate"]])
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(label, score), abs=1e-3)


def test_the_bootstrap_covers_and_is_seeded() -> None:
    """Its interval of a mean is that of the central limit theorem, and the same seed gives the same."""
    label = (np.random.default_rng(6).random(4000) < 0.2).astype(float)

    def mean(weight: np.ndarray) -> dict[str, float]:
        return {"mean": float(weight @ label / weight.sum())}

    low, high = metrics.span(metrics.bootstrap(mean, 4000, 300, 1)["mean"], 0.6827)
    assert high - low == pytest.approx(2 * np.sqrt(0.2 * 0.8 / 4000), rel=0.15)
    assert (low, high) == metrics.span(metrics.bootstrap(mean, 4000, 300, 1)["mean"], 0.6827)
    assert (low, high) != metrics.span(metrics.bootstrap(mean, 4000, 300, 2)["mean"], 0.6827)


@pytest.mark.parametrize("method", calibration.METHODS)
def test_calibration_makes_probabilities(method: str) -> None:
    """Scores that are too sure of themselves; out of fold, observed fractions follow the calibrated probability."""
    rng = np.random.default_rng(7)
    odds = rng.normal(-1, 1.5, 40_000)
    label = (rng.random(40_000) < 1 / (1 + np.exp(-odds))).astype(float)
    score, fold = 1 / (1 + np.exp(-2.5 * odds - 1)), rng.integers(4, size=40_000)
    score[:7] = np.nan
    found = calibration.cross_fitted(score, label, fold, splits.EVENT, method)
    assert np.isnan(found[:7]).all()
    bins = metrics.reliability(found, label, 0.9999)
    inside = (np.array(bins["low"]) < bins["probability"]) & (bins["probability"] < np.array(bins["high"]))
    assert inside.all()
    assert sum(bins["n"]) == 40_000 - 7


def test_calibration_is_cross_fitted() -> None:
    """A fold is calibrated by the others, and in time by those before: changing its labels changes nothing of it."""
    rng = np.random.default_rng(8)
    score, fold = rng.random(3000), np.repeat([1, 2, 3], 1000)
    label = (rng.random(3000) < score).astype(float)
    other = label.copy()
    other[fold == 3] = 1 - other[fold == 3]
    for split in (splits.EVENT, splits.TIME):
        one, two = (calibration.cross_fitted(score, values, fold, split, "isotonic") for values in (label, other))
        assert np.array_equal(one[fold == 3], two[fold == 3])
        assert np.array_equal(one[fold == 2], two[fold == 2]) is (split == splits.TIME)
    assert np.isnan(one[fold == 1]).all()
    with pytest.raises(ConfigError, match="beta is none of isotonic, platt"):
        calibration.fit(score, label, "beta")


identities = st.lists(
    st.tuples(st.integers(278820, 278823), st.integers(1, 6), st.integers(1, 10**12)), min_size=1, max_size=120
)


@given(identities, st.sampled_from(splits.SPLITS), st.integers(2, 4), st.integers(0, 9))
def test_no_event_crosses_a_split(names: list[tuple], split: str, number: int, seed: int) -> None:
    """An event that is there twice is in one fold; training and test share no event, and in the splits by section and
    time no section; every fold that is tested has events where there are sections enough."""
    names = names + names[: len(names) // 3]
    run, lumi, event = (np.array(part, np.uint64) for part in zip(*names, strict=True))
    sections = [name[:2] for name in names]
    parts = number + (split == splits.TIME)
    if split != splits.EVENT and len(set(sections)) < parts:
        with pytest.raises(InputError, match="luminosity sections"):
            splits.folds(run, lumi, event, split, number, seed)
        return
    fold = splits.folds(run, lumi, event, split, number, seed)
    assert np.array_equal(fold, splits.folds(run, lumi, event, split, number, seed))
    group = names if split == splits.EVENT else sections
    seen = []
    for test in splits.tested(split, number):
        training, mine = splits.masks(fold, split, test)
        trained, held = ({group[i] for i in np.flatnonzero(mask)} for mask in (training, mine))
        assert not trained & held
        assert held or split == splits.EVENT
        if split == splits.TIME:
            assert max(trained) < min(held)
        seen += np.flatnonzero(mine).tolist()
    assert len(seen) == len(set(seen)) == (len(names) if split != splits.TIME else np.count_nonzero(fold > 0))


def test_folds_are_even_and_do_not_depend_on_other_events() -> None:
    run, lumi, event = np.full(50_000, 1), np.repeat(np.arange(1, 51), 1000), np.arange(50_000)
    for split, spread in ((splits.EVENT, 400), (splits.LUMI, 0), (splits.TIME, 1000)):
        number = splits.folds(run, lumi, event, split, 5, 3)
        size = np.bincount(number)
        assert np.ptp(size) <= spread
    some = splits.folds(run[::7], lumi[::7], event[::7], splits.EVENT, 5, 3)
    assert np.array_equal(some, splits.folds(run, lumi, event, splits.EVENT, 5, 3)[::7])


@pytest.mark.parametrize(("split", "number", "message"), [("week", 3, "none of event"), ("lumi", 1, "too few")])
def test_splits_that_are_none(split: str, number: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        splits.folds(*np.ones((3, 9), int), split, number, 1)


rows = st.lists(st.lists(st.floats(0, 1), max_size=4), max_size=8)


@given(rows)
def test_an_event_has_the_highest_score_of_its_rows(scores: list[list[float]]) -> None:
    flat = np.array(list(itertools.chain(*scores)), float)
    event = np.repeat(np.arange(len(scores)), [len(part) for part in scores])
    expected = [max(part) if part else np.nan for part in scores]
    np.testing.assert_array_equal(tables.highest(flat, event, len(scores)), expected)


def test_the_stability_index_by_hand_and_by_chance() -> None:
    """Halves become 3/4 and 1/4: the index is 1/4 ln(3/2) - 1/4 ln(1/2) = 1/4 ln 3."""
    reference = np.arange(100_000) / 100_000
    moved = np.where(np.arange(100_000) % 4 < 3, reference / 2, 0.5 + reference / 2)
    assert drift.psi(moved, reference)[0] == pytest.approx(np.log(3) / 4, abs=0.005)
    rng = np.random.default_rng(9)
    found = np.array([drift.psi(rng.normal(size=400), rng.normal(size=900)) for _ in range(200)])
    assert found[:, 0].mean() == pytest.approx(found[0, 1], rel=0.1)


def test_the_kolmogorov_smirnov_test_is_that_of_scipy() -> None:
    rng = np.random.default_rng(11)
    values, groups = rng.normal(size=3000), rng.integers(3, size=3000)
    values[groups == 1] += 0.05
    values[::100] = np.nan
    values[5:50] = 0.5  # ties
    known = np.isfinite(values)
    for number, (distance, p_value) in drift.kolmogorov_smirnov(values, groups).items():
        mine = groups == number
        expected = ks_2samp(values[known & mine], values[known & ~mine], method="asymp")
        assert distance == pytest.approx(expected.statistic, abs=1e-12)
        assert p_value == pytest.approx(expected.pvalue, rel=0.1)
    missing = np.where(groups == 2, np.nan, values)
    assert drift.kolmogorov_smirnov(missing, groups)[2] == (0, 1)


SETTINGS = {"block_events": 4000, "psi": [0.1, 0.25], "significance": 0.01}


def test_drift_is_seen_where_it_is() -> None:
    rng = np.random.default_rng(10)
    run = np.repeat([1, 2, 3], 4000)
    quantities = {
        "still": rng.normal(size=12_000),
        "moved": rng.normal(size=12_000) + 1.2 * (run == 3),
        "little": rng.normal(size=12_000) + 0.45 * (run == 3),
        "missing": np.where((run == 2) & (rng.random(12_000) < 0.5), np.nan, rng.normal(size=12_000)),
        drift.SCORE: rng.random(12_000),
    }
    label = (rng.random(12_000) < quantities[drift.SCORE]).astype(float)
    table = drift.drift(run, quantities, label, SETTINGS)
    assert len(table) == 15
    last = table[table["run_first"] == 3].set_index("quantity")["verdict"]
    assert last.to_dict() == {
        "still": "stable",
        "moved": "drift",
        "little": "watch",
        "missing": "stable",
        "score": "stable",
    }
    assert drift.overall(table)["verdict"] == "drift"
    assert "moved" in drift.overall(table)["quantities"]
    assert table["roc_auc"].iloc[0] == pytest.approx(5 / 6, abs=0.02)  # of a score that is the probability, flat


def test_no_drift_of_one_block() -> None:
    table = drift.drift(np.ones(50, int), {drift.SCORE: np.arange(50.0)}, np.arange(50) % 2.0, SETTINGS)
    assert drift.overall(table) == {"verdict": "one block of runs: nothing to compare", "quantities": []}
