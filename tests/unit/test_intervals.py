"""Intervals: against published and independent numbers, and by their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom
from statsmodels.stats.proportion import proportion_confint

from skimflow.counts import Binned
from skimflow.efficiency import interval, weighted_interval
from skimflow.efficiency.correlation import alpha
from skimflow.efficiency.intervals import METHODS, prescaled_interval

SIGMA = 0.682689492137086


def test_numbers_of_the_original_measurement() -> None:
    """121224 of 132784: SYSTEMS appendix B."""
    cases = {
        ("clopper_pearson", SIGMA): (0.91216, 0.91372),
        ("clopper_pearson", 0.95): (0.91141, 0.91445),
        ("wilson", SIGMA): (0.912165, 0.913712),
    }
    for (method, level), expected in cases.items():
        found = interval(121224, 132784, method, level)
        assert found.value == pytest.approx(0.912941, abs=5e-7)
        assert (found.low, found.high) == pytest.approx(expected, abs=6e-6)


@pytest.mark.parametrize(
    ("method", "k", "n", "expected"),
    [
        # Newcombe, Stat. Med. 17 (1998) 857, table I: Clopper-Pearson (his method 5) and Wilson score (his method 3).
        ("clopper_pearson", 81, 263, (0.2527, 0.3676)),
        ("clopper_pearson", 15, 148, (0.0578, 0.1617)),
        ("clopper_pearson", 0, 20, (0.0000, 0.1684)),
        ("clopper_pearson", 1, 29, (0.0009, 0.1776)),
        ("wilson", 81, 263, (0.2553, 0.3662)),
        ("wilson", 15, 148, (0.0624, 0.1605)),
        ("wilson", 0, 20, (0.0000, 0.1611)),
        ("wilson", 1, 29, (0.0061, 0.1718)),
    ],
)
def test_published_intervals(method: str, k: int, n: int, expected: tuple[float, float]) -> None:
    found = interval(k, n, method, 0.95)
    assert (found.low, found.high) == pytest.approx(expected, abs=5e-5)


counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.3, 0.999))
def test_agree_with_independent_code(count: tuple[int, int], level: float) -> None:
    k, n = count
    names = {"clopper_pearson": "beta", "wilson": "wilson"}
    for method, name in names.items():
        found = interval(k, n, method, level)
        expected = np.nan_to_num(proportion_confint(k, n, 1 - level, name), nan=0.0 if k == 0 else 1.0)
        assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-9)
    for method, prior in (("jeffreys", 0.5), ("bayes_uniform", 1.0)):
        low, high = beta.interval(level, k + prior, n - k + prior)
        if method == "jeffreys":
            low, high = (0.0 if k == 0 else low), (1.0 if k == n else high)
        found = interval(k, n, method, level)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@given(counts, st.floats(0.3, 0.999))
def test_interval_holds_the_value_and_mirrors(method: str, count: tuple[int, int], level: float) -> None:
    k, n = count
    found, mirror = interval(k, n, method, level), interval(n - k, n, method, level)
    if method != "bayes_uniform":  # a central credible interval need not hold the ends
        assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((1 - mirror.high, 1 - mirror.low), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_no_data(method: str) -> None:
    found = interval(np.array([0, 3]), np.array([0, 4]), method, SIGMA)
    assert np.isnan(found.value[0])
    assert (found.low[0], found.high[0]) == (0, 1)
    assert found.value[1] == 0.75


def test_refuses_nonsense() -> None:
    for k, n in ((-1, 3), (4, 3), (np.nan, 3)):
        with pytest.raises(ValueError, match="0 <= passed <= total"):
            interval(k, n, "wilson", SIGMA)
    with pytest.raises(ValueError, match="unknown interval method agresti"):
        interval(1, 3, "agresti", SIGMA)


def coverage(method: str, n: int, level: float, efficiency: np.ndarray) -> np.ndarray:
    """Exact: the binomial probability of all outcomes whose interval holds the true efficiency."""
    k = np.arange(n + 1)
    found = interval(k, np.full(n + 1, n), method, level)
    holds = (found.low <= efficiency[:, None]) & (efficiency[:, None] <= found.high)
    return (binom.pmf(k, n, efficiency[:, None]) * holds).sum(axis=1)


@pytest.mark.parametrize("level", [SIGMA, 0.95])
@pytest.mark.parametrize("n", [1, 7, 40, 300])
def test_clopper_pearson_never_undercovers(n: int, level: float) -> None:
    assert coverage("clopper_pearson", n, level, np.linspace(0.001, 0.999, 999)).min() >= level - 1e-12


@pytest.mark.parametrize("method", ["wilson", "jeffreys", "bayes_uniform"])
@pytest.mark.parametrize(("n", "tolerance"), [(40, 0.03), (300, 0.01)])
def test_the_others_cover_on_average(method: str, n: int, tolerance: float) -> None:
    found = coverage(method, n, SIGMA, np.linspace(0.02, 0.98, 961)).mean()
    assert found == pytest.approx(SIGMA, abs=tolerance)


@given(counts, st.floats(1e-3, 1e3))
def test_equal_weights_change_nothing(count: tuple[int, int], w: float) -> None:
    k, n = count
    weighted = weighted_interval(k * w, k * w**2, n * w, n * w**2, "clopper_pearson", SIGMA)
    plain = interval(k, n, "clopper_pearson", SIGMA)
    assert np.allclose(weighted, plain, rtol=1e-6, atol=1e-9)


SCENARIOS = {
    "spread weights": lambda rng, passed: rng.exponential(1.0, passed.shape),
    "passing events weigh more": lambda rng, passed: np.where(passed, 2.0, 1.0) * rng.uniform(0.5, 1.5, passed.shape),
    "5 % negative weights": lambda rng, passed: np.where(rng.random(passed.shape) < 0.05, -1.0, 1.0),
}


@pytest.mark.parametrize(
    ("method", "efficiency", "below", "above"),
    [
        ("clopper_pearson", 0.5, 0.01, 0.06),
        ("clopper_pearson", 0.9, 0.01, 0.08),
        ("clopper_pearson", 0.97, 0.01, 0.15),
        ("wilson", 0.5, 0.04, 0.04),
        ("wilson", 0.9, 0.03, 0.03),
    ],
)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_weighted_coverage(scenario: str, method: str, efficiency: float, below: float, above: float) -> None:
    """20,000 toys of 200 events: how often the interval holds the true weighted efficiency. Clopper-Pearson, the
    default, is conservative with weights too, down to six failing events; Wilson is right on average above twenty."""
    rng = np.random.default_rng(1926)
    passed = rng.random((20_000, 200)) < efficiency
    w = SCENARIOS[scenario](rng, passed)
    truth = 2 * efficiency / (2 * efficiency + 1 - efficiency) if "more" in scenario else efficiency
    wp = np.where(passed, w, 0)
    sums = [array.sum(axis=1) for array in (wp, wp**2, w, w**2)]
    found = weighted_interval(*sums, method, SIGMA)
    rate = np.mean((found.low <= truth) & (truth <= found.high))
    assert SIGMA - below < rate < SIGMA + above


def test_weighted_no_data_and_negative_totals() -> None:
    zero = weighted_interval(*np.zeros((4, 1)), "wilson", SIGMA)
    negative = weighted_interval(*np.array([[1.0], [1.0], [-2.0], [6.0]]), "wilson", SIGMA)
    for found in (zero, negative):
        assert np.isnan(found.value[0])
        assert (found.low[0], found.high[0]) == (0, 1)


def test_weighted_efficiency_outside_the_range_is_shown_as_it_is() -> None:
    found = weighted_interval(*np.array([[11.0], [13.0], [10.0], [14.0]]), "clopper_pearson", SIGMA)
    assert found.value[0] == pytest.approx(1.1)
    assert 0 < found.low[0] < found.high[0] == 1


# Prescaled paths.


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_one_prescale_scales_a_binomial(passed: int, failed: int, prescale: int) -> None:
    k, n = np.array(passed), np.array(passed + failed)
    found = prescaled_interval(prescale * k, prescale**2 * k, n, prescale, "wilson", SIGMA)
    plain = interval(k, n, "wilson", SIGMA)
    np.testing.assert_allclose(found.value, prescale * plain.value, rtol=1e-12)
    for end in ("low", "high"):
        scaled = np.clip(prescale * getattr(plain, end), 0, 1)
        np.testing.assert_allclose(getattr(found, end), scaled if passed + failed else [0, 1][end == "high"], rtol=1e-9)


@pytest.mark.parametrize("efficiency", [0.05, 0.5, 0.9, 1.0])
def test_prescaled_coverage(efficiency: float) -> None:
    """Clopper-Pearson holds its level. At 1, where the interval is cut, it covers one side whole."""
    prescale, n = 8, 300
    k = np.arange(n + 1)
    found = prescaled_interval(prescale * k, prescale**2 * k, np.full(n + 1, n), prescale, "clopper_pearson", SIGMA)
    covers = (found.low <= efficiency) & (efficiency <= found.high)
    assert SIGMA <= binom.pmf(k, n, efficiency / prescale)[covers].sum() < (0.78 if efficiency < 1 else 0.88)


def test_mixed_prescales_have_the_variance_of_their_mean() -> None:
    """An OR of a path without prescale and one with: the interval of many events is the standard error of the mean."""
    counts = np.repeat([0.0, 1.0, 5.0], [40_000, 50_000, 2_000])
    found = prescaled_interval(counts.sum(), (counts**2).sum(), len(counts), 5, "wilson", SIGMA)
    assert found.value == pytest.approx(counts.mean())
    assert (found.high - found.low) / 2 == pytest.approx(counts.std() / np.sqrt(len(counts)), rel=1e-3)


# Correlation of probe and reference.


def counted(total: np.ndarray, passed: np.ndarray) -> Binned:
    absent = np.zeros_like(total)
    return Binned(total, passed, absent, *(values.astype(float) for values in (total, total, passed, passed)))


@pytest.mark.parametrize(("a", "b"), [(0.85, 0.85), (0.7, 0.9), (0.98, 0.98)])
def test_alpha_covers_its_truth(a: float, b: float) -> None:
    """Pseudo-experiments: events that the reference accepts are part of all events."""
    rng, size, f = np.random.default_rng(5), 4000, 0.15
    inside = rng.binomial(2000, f, size)
    passed, others = rng.binomial(inside, a), rng.binomial(2000 - inside, b)
    every = counted(np.full(size, 2000), passed + others)
    found = alpha(every, counted(inside, passed), "wilson", SIGMA)
    np.testing.assert_allclose(found.value, (passed + others) / 2000 / (passed / inside), rtol=1e-12)
    truth = (f * a + (1 - f) * b) / a
    covered = np.mean((found.low <= truth) & (truth <= found.high))
    assert 0.65 < covered < 0.72


def test_alpha_without_events() -> None:
    """Nothing accepted; nothing of it passed; everything accepted, where α is 1."""
    every = counted(np.array([10, 10, 10, 0]), np.array([5, 5, 5, 0]))
    found = alpha(every, counted(np.array([0, 5, 10, 0]), np.array([0, 0, 5, 0])), "wilson", SIGMA)
    assert np.isnan(found.value[[0, 3]]).all()
    assert not np.isfinite(found.value[1])
    assert (found.low[[0, 1, 3]] == 0).all()
    assert np.isinf(found.high[[0, 1, 3]]).all()
    assert found.value[2] == 1
