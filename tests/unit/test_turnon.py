"""Turn-on fits: recover what was generated, agree with a direct scan of the likelihood, and admit when they cannot."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import ndtr
from scipy.stats import binom, kstest, norm

from skimflow.counts import assemble, merge, tally
from skimflow.efficiency.turnon import PARAMETERS, TurnOn, as_row, band, curve, fit, from_row, turn_ons

EDGES = np.arange(15, 252.5, 2.5)
SIGMA = 0.682689492137086
TRUTH = {"erf": np.array([0.93, 23.5, 1.8]), "step": np.array([0.95, 30.0, 0.08])}


def generated(seed: int, model: str = "erf", events: int = 8000, truth: np.ndarray | None = None) -> tuple:
    """Passing and all events in bins, event by event from a falling spectrum."""
    rng = np.random.default_rng(seed)
    x = 10 + rng.gamma(2, 20, events)
    fired = rng.random(events) < curve(model, TRUTH[model] if truth is None else truth, x)
    return np.histogram(x[fired], EDGES)[0], np.histogram(x, EDGES)[0]


@pytest.fixture(scope="module", params=["erf", "step"])
def fits(request: pytest.FixtureRequest) -> list[TurnOn]:
    model = request.param
    return [fit(*generated(1000 + seed, model), EDGES, model, SIGMA) for seed in range(100)]


def test_pulls_are_unit_gaussians(fits: list[TurnOn]) -> None:
    """Each side with its own MINOS error. Limits are four standard deviations of mean and width of 100 pulls."""
    assert not [f.reason for f in fits if f.reason]
    away = np.array([f.value for f in fits]) - TRUTH[fits[0].model]
    below, above = (np.abs([getattr(f, end) - f.value for f in fits]) for end in ("low", "high"))
    pulls = away / np.where(away > 0, below, above)
    assert np.abs(pulls.mean(axis=0)).max() < 4 / 10
    assert np.abs(pulls.std(axis=0) - 1).max() < 4 / np.sqrt(2 * 100)
    for one in pulls.T:
        assert kstest(one, norm.cdf).pvalue > 0.001


def test_p_values_are_uniform(fits: list[TurnOn]) -> None:
    assert kstest([f.p_value for f in fits], "uniform").pvalue > 0.001


@pytest.mark.parametrize("events", [100_000, 8000])
@pytest.mark.parametrize("width", [0.3, 0.7])
def test_a_turn_on_narrower_than_the_bins_does_not_bias(events: int, width: float) -> None:
    found = fit(*generated(3, events=events, truth=np.array([0.93, 24.3, width])), EDGES, "erf", SIGMA)
    assert found.reason == ""
    assert abs(found.value[1] - 24.3) < 4 * (found.high[1] - found.low[1]) / 2
    assert 0 < found.low[2] < found.value[2] < found.high[2] < 1.2


def test_a_direct_scan_agrees_with_minos() -> None:
    """The profile of each parameter from code that shares nothing with the fit: scipy's binomial, its Nelder-Mead, and
    the plain mean of the model at many points of a bin (all bins have the same events, so that the density is flat)."""
    edges = np.arange(15, 47.5, 2.5)
    points = edges[:-1, None] + 2.5 * (np.arange(100) + 0.5) / 100

    def averages(parameters: np.ndarray) -> np.ndarray:
        plateau, threshold, width = parameters
        return (plateau * ndtr((points - threshold) / width)).mean(axis=1)

    total = np.full(12, 60)
    passed = np.random.default_rng(7).binomial(total, averages(TRUTH["erf"]))
    found = fit(passed, total, edges, "erf", SIGMA)
    assert found.reason == ""

    def objective(parameters: np.ndarray) -> float:
        chance = np.clip(averages(parameters), 1e-12, 1 - 1e-12)
        return float(-2 * binom.logpmf(passed, total, chance).sum())

    sigma = np.sqrt(np.diag(found.covariance))
    least = minimize(objective, found.value, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
    assert np.abs((least.x - found.value) / sigma).max() < 0.02

    def profile(value: float, fixed: int) -> float:
        start = np.delete(found.value, fixed)
        inner = minimize(lambda p: objective(np.insert(p, fixed, value)), start, method="Nelder-Mead", tol=1e-5)
        return inner.fun - least.fun - 1

    for i, name in enumerate(PARAMETERS[:3]):
        for end, sign in ((found.low[i], -1), (found.high[i], 1)):
            far = found.value[i] + sign * 2.5 * sigma[i]
            crossing = brentq(profile, found.value[i], far, args=(i,), xtol=1e-3 * sigma[i])
            assert abs(end - crossing) < 0.02 * sigma[i], (name, sign)


def test_band_covers_the_curve(fits: list[TurnOn]) -> None:
    x = np.array([20.0, 23.5, 26, 30, 40, 100, 240])
    model = fits[0].model
    truth = curve(model, TRUTH[model], x)
    bands = [band(f, x, SIGMA) for f in fits]
    assert all(((b.low >= 0) & (b.low <= b.value) & (b.value <= b.high) & (b.high <= 1)).all() for b in bands)
    covered = np.mean([(b.low <= truth) & (truth <= b.high) for b in bands], axis=0)
    assert np.abs(covered - SIGMA).max() < 4 * np.sqrt(SIGMA * (1 - SIGMA) / 100)


def test_the_band_is_that_of_a_sampled_covariance() -> None:
    found = fit(*generated(5), EDGES, "erf", SIGMA)
    x = np.array([22.0, 24, 27, 60])
    sampled = np.random.default_rng(1).multivariate_normal(found.value, found.covariance, 20_000)
    curves = np.array([curve("erf", parameters, x) for parameters in sampled])
    expected = np.quantile(curves, [(1 - SIGMA) / 2, (1 + SIGMA) / 2], axis=0)
    drawn = band(found, x, SIGMA)
    assert np.abs(np.array([drawn.low, drawn.high]) - expected).max() < 0.05 * (expected[1] - expected[0]).max()


def test_models_differ_and_data_tell() -> None:
    """Where resolution grows with pT, the error function is refused, and the other way round."""
    for model, other in (("erf", "step"), ("step", "erf")):
        truth = np.array([0.95, 40.0, 0.2 if model == "step" else 8.0])
        counts = generated(11, model, 200_000, truth)
        assert fit(*counts, EDGES, model, SIGMA).reason == ""
        refused = fit(*counts, EDGES, other, SIGMA)
        assert refused.reason.startswith("the model does not describe the data")
        assert refused.p_value < 1e-3


def test_floor() -> None:
    truth = np.array([0.93, 40, 3, 0.12])
    counts = generated(4, truth=truth, events=20_000)
    found = fit(*counts, EDGES, "erf", SIGMA, floor=True)
    assert found.reason == ""
    assert np.all(np.abs(found.value - truth) < 4 * (found.high - found.low) / 2)
    assert fit(*counts, EDGES, "erf", SIGMA).reason.startswith("the model does not describe")


@pytest.mark.parametrize(
    ("passed", "total", "reason"),
    [
        (np.zeros(94), np.zeros(94), "too few events: 0 bins have any, for 3 parameters"),
        (np.eye(1, 94, 5)[0] * 3, np.eye(1, 94, 5)[0] * 9, "too few events: 1 bins have any"),
        (np.full(94, 90), np.full(94, 100), "no turn-on: the curve is no better than one value"),
        (np.where(EDGES[:-1] < 50, 90, 10), np.full(94, 100), "no turn-on: the curve is no better than one value"),
        (np.zeros(94), np.full(94, 100), "no turn-on: the curve is no better than one value"),
        (np.where(EDGES[:-1] < 50, 0, 30), np.full(94, 30), "the plateau ends at its limit, 1"),
        (
            np.where(EDGES[:-1] < 50, 0, 1),
            np.where(EDGES[:-1] < 60, 3, 0),
            "the width ends at its limit|the plateau ends",
        ),
    ],
)
def test_no_silent_bad_fit(passed: np.ndarray, total: np.ndarray, reason: str) -> None:
    passed = np.minimum(passed, total)
    for model in ("erf", "step"):
        found = fit(passed, total, EDGES, model, SIGMA)
        assert any(part in found.reason for part in reason.split("|")), found.reason
        assert np.isnan(found.low).all()


def test_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="unknown turn-on model tanh"):
        fit(*generated(0), EDGES, "tanh", SIGMA)
    with pytest.raises(ValueError, match="0 <= passed <= total"):
        fit(np.full(94, 2), np.ones(94), EDGES, "erf", SIGMA)


@pytest.mark.parametrize("floor", [False, True])
def test_a_row_holds_the_whole_fit(floor: bool) -> None:
    found = fit(*generated(2), EDGES, "erf", SIGMA, floor)
    again = from_row(as_row(found))
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def settings() -> dict:
    wanted = [{"variable": "pt", "model": model, "range": [15, 250], "floor": False} for model in ("erf", "step")]
    datasets = {"d": {"sample": "Data"}, "m": {"sample": "MC"}}
    return {"turn_ons": wanted, "axes": {"pt": [100, 0, 250]}, "level": SIGMA, "datasets": datasets, "prescaled": []}


def counted(settings: dict, weight: Callable[[np.ndarray], np.ndarray]) -> pa.Table:
    rng = np.random.default_rng(8)
    rows = []
    for dataset in ("d", "m"):
        x = 10 + rng.gamma(2, 20, 20_000)
        fired = rng.random(len(x)) < curve("erf", TRUTH["erf"], x)
        bins = np.searchsorted(np.arange(0, 252.5, 2.5), x, side="right")
        w = weight(x) if dataset == "m" else None
        rows.append(tally(dataset, "trigger", "any", "pt", bins, fired, reference="none", weight=w))
    return merge([assemble(rows)])


def totals() -> pd.DataFrame:
    rows = [("Data", "data", "any"), ("MC", "mc", "any"), ("MC", "mc", "HLT_Absent")]
    table = pd.DataFrame(rows, columns=["sample", "kind", "trigger"])
    return table.assign(variable="all", dataset="all", reference="none", meaning="P(trigger | selection)")


def test_table(settings: dict) -> None:
    rng = np.random.default_rng(2)
    table = turn_ons(counted(settings, lambda x: rng.choice([-1.0, 1.0], len(x), p=[0.1, 0.9])), totals(), settings)
    assert len(table) == 6
    good = table[(table["model"] == "erf") & (table["trigger"] == "any")].set_index("sample")
    assert good["valid"].all()
    for sample in ("Data", "MC"):
        for name, truth in zip(PARAMETERS, TRUTH["erf"], strict=False):
            row = good.loc[sample]
            assert abs(row[name] - truth) < 4 * (row[f"{name}_high"] - row[f"{name}_low"]) / 2
    # One event in ten has weight -1: an effective number of events of (0.8)² of them.
    assert good.loc["MC", "events"] / good.loc["Data", "events"] == pytest.approx(0.64, abs=0.05)
    absent = table[table["trigger"] == "HLT_Absent"]
    assert list(absent["reason"]) == ["too few events: 0 bins have any, for 3 parameters"] * 2
    assert (table["meaning"] == "P(trigger | selection)").all()


def test_equal_weights_change_nothing(settings: dict) -> None:
    plain, weighted = (
        turn_ons(counted(settings, lambda x, w=w: np.full(len(x), w)), totals(), settings) for w in (1, 7.5)
    )
    for name in PARAMETERS[:3]:
        np.testing.assert_allclose(plain[name], weighted[name], rtol=1e-4)
