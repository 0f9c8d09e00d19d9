"""Tests of constancy, against statsmodels and scipy, and by how often they are wrong."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import chi2, chi2_contingency, kstest

from skimflow.efficiency import interval
from skimflow.efficiency.stability import blocks, constancy, stability

SIGMA = 0.682689492137086


@pytest.fixture
def counts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    total = rng.integers(400, 3000, 12)
    return rng.binomial(total, np.linspace(0.90, 0.93, 12)), total


def test_chi2_agrees_with_scipy(counts: tuple[np.ndarray, np.ndarray]) -> None:
    passed, total = counts
    found = constancy(passed, total, np.arange(12))
    expected = chi2_contingency([passed, total - passed], correction=False, lambda_="log-likelihood")
    assert (found.chi2, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert (found.ndf, found.bins, found.toys, found.reason) == (11, 12, False, "")


def test_trend_is_the_score_test_of_a_logistic_regression(counts: tuple[np.ndarray, np.ndarray]) -> None:
    passed, total = counts
    place = np.array([0, 1, 2, 3, 5, 8, 9, 10, 11, 12, 14, 20])
    found = constancy(passed, total, place)
    constant = sm.GLM(np.stack([passed, total - passed], axis=1), np.ones(12), family=sm.families.Binomial()).fit()
    statistic, p_value = constant.score_test(exog_extra=place[:, None].astype(float))
    assert (found.change / found.change_error) ** 2 == pytest.approx(statistic.item(), rel=1e-6)
    assert found.trend_p_value == pytest.approx(p_value.item(), rel=1e-6)
    # And Cochran-Armitage: the ordinal association of statsmodels, which has N - 1 in the variance where this has N.
    table = sm.stats.Table(np.stack([passed, total - passed], axis=1), shift_zeros=False)
    ordinal = table.test_ordinal_association(row_scores=place, col_scores=np.array([1, 0]))
    assert found.change / found.change_error == pytest.approx(ordinal.zscore, rel=1e-3)


def test_change_is_what_the_efficiency_changes_by() -> None:
    total = np.full(5, 10_000)
    passed = np.array([9000, 9100, 9200, 9300, 9400])
    found = constancy(passed, total, np.array([10, 20, 30, 40, 50]))
    assert found.change == pytest.approx(0.04)
    assert found.change_error == pytest.approx(np.sqrt(0.92 * 0.08 / (10_000 * 0.625)))
    assert found.trend_p_value < 1e-20


@pytest.mark.parametrize("total", [400, 12], ids=["many", "few"])
def test_p_values_are_uniform_when_nothing_changes(total: int) -> None:
    """With few events, toys; the distribution of χ² would be wrong there."""
    rng = np.random.default_rng(12)
    n = np.full(10, total)
    found = [constancy(rng.binomial(n, 0.9), n, np.arange(10)) for _ in range(100)]
    assert {f.toys for f in found} == {total == 12}
    for name in ("p_value", "trend_p_value"):
        values = np.array([getattr(f, name) for f in found])
        # Few events give few different values, so that p-values are a little too large rather than too small.
        assert kstest(values, "uniform", alternative="greater").pvalue > 0.001
        if total == 400:
            assert kstest(values, "uniform").pvalue > 0.001
    if total == 12:
        wrong = chi2.sf([f.chi2 for f in found], 9)
        assert kstest(wrong, "uniform").pvalue < 0.001


def test_toys_agree_with_all_tables_counted() -> None:
    """Three bins of few events: every table with the same sums, with its hypergeometric probability."""
    from itertools import product
    from math import comb

    passed, total = np.array([1, 4, 6]), np.array([5, 6, 6])
    found = constancy(passed, total, np.arange(3))
    tables = [np.array(t) for t in product(*(range(n + 1) for n in total)) if sum(t) == 11]
    weight = np.array([np.prod([comb(n, k) for n, k in zip(total, t, strict=True)]) for t in tables]) / comb(17, 11)

    def ratio(t: np.ndarray) -> float:
        return chi2_contingency([t, total - t], correction=False, lambda_="log-likelihood").statistic

    expected = weight[[ratio(t) >= ratio(passed) - 1e-9 for t in tables]].sum()
    assert found.toys
    assert found.p_value == pytest.approx(expected, abs=4 * np.sqrt(expected / 9999))
    assert constancy(passed, total, np.arange(3)) == found


@pytest.mark.parametrize(("passed", "total"), [([], []), ([3], [4]), ([3, 0], [4, 0])])
def test_one_bin_is_no_test(passed: list, total: list) -> None:
    found = constancy(np.array(passed), np.array(total), np.arange(len(total)))
    assert found.reason == "fewer than two bins with events"
    assert np.isnan(found.p_value)


@pytest.mark.parametrize("passed", [0, 5])
def test_all_or_none_pass(passed: int) -> None:
    found = constancy(np.full(4, passed), np.full(4, 5), np.arange(4))
    numbers = (found.chi2, found.p_value, found.change, found.change_error, found.trend_p_value)
    assert numbers == pytest.approx((0, 1, 0, 0, 1), abs=1e-12)


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        ([5, 5, 5, 5], 10, [0, 0, 1, 1]),
        ([5, 5, 5, 5, 5], 10, [0, 0, 1, 1, 1]),
        ([50, 1, 1], 10, [0, 0, 0]),
        ([1, 1], 10, [0, 0]),
        ([], 10, []),
        ([0.4, 0.4, 0.4, 0.9], 0.75, [0, 0, 1, 1]),
    ],
)
def test_blocks(size: list, least: float, expected: list) -> None:
    assert blocks(np.array(size), least).tolist() == expected


def efficiency_table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for variable, edges in (("run", [(r, r) for r in (1, 3, 4, 8, 9)]), ("npv", [(-np.inf, 0), (0, 20), (20, 60)])):
        for low, high in edges:
            n = int(rng.integers(500, 900))
            k = int(rng.binomial(n, 0.9))
            sums = {f"total_{s}": n for s in ("n", "sumw", "sumw2")} | {
                f"passed_{s}": k for s in ("n", "sumw", "sumw2")
            }
            rows.append({"variable": variable, "x_low": low, "x_high": high, **sums, "absent_n": 0})
    frame = pd.DataFrame(rows).assign(sample="MuonEG", kind="data", trigger="any", dataset="all", meaning="P")
    frame["reference"] = "none"
    return pd.concat([frame, frame.assign(sample="tt", kind="mc")]).assign(efficiency=0.0, low=0.0, high=0.0)


def test_table() -> None:
    settings = {"variable": "run", "block_events": 1000, "against": ["npv"], "eras": {"B": [4, 8], "A": [1, 3]}}
    settings["prescaled"] = []
    table = efficiency_table()
    points, tests = stability(table, {**settings, "interval": {"method": "wilson", "level": SIGMA}})
    assert list(tests["by"]) == ["run", "block", "era", "npv"] * 2
    data = points[points["sample"] == "MuonEG"]
    eras = data[data["by"] == "era"]
    assert eras[["x_low", "x_high"]].values.tolist() == [[1, 3], [4, 8]]  # run 9 is in no era
    runs = table[(table["variable"] == "run") & (table["sample"] == "MuonEG")]
    assert list(eras["total_n"]) == [runs["total_n"][:2].sum(), runs["total_n"][2:4].sum()]
    assert data[data["by"] == "block"]["total_n"].sum() == runs["total_n"].sum()
    expected = interval(eras["passed_n"], eras["total_n"], "wilson", SIGMA)
    np.testing.assert_allclose(eras[["efficiency", "low", "high"]].T, expected)
    assert len(data[data["by"] == "npv"]) == 2  # no underflow
    # Weights of one are the same numbers.
    one, other = (tests[tests["sample"] == sample][["chi2", "p_value", "change"]] for sample in ("MuonEG", "tt"))
    np.testing.assert_allclose(one, other, rtol=1e-9)
