"""Interval methods side by side: against published and independent numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from statsmodels.stats.proportion import proportion_confint

from skimflow.config import Interval, Measurement
from skimflow.efficiency.comparison import compare
from skimflow.efficiency.intervals import METHODS
from skimflow.io.outputs import write_csv
from skimflow.pages import intervals
from skimflow.plots.canvas import draw
from skimflow.plots.intervals import side_by_side
from skimflow.targets import comparison_settings, efficiency_settings, page_settings, plot_settings

SIGMA = 0.682689492137086
PROBE = {"paths": ["HLT_A", "HLT_P"], "prescales": {"HLT_P": 4}, "combination": "any", "on_missing": "exclude"}
SETTINGS = {"methods": list(METHODS), "level": SIGMA, "probe": PROBE}


def row(passed: int, total: int, **changes: object) -> dict:
    """A row of the table of efficiencies; `weight` is that of each event."""
    known = {"sample": "MuonEG", "kind": "data", "dataset": "all", "reference": "none", "trigger": "HLT_A"}
    known |= {"variable": "all", "x_low": -np.inf, "x_high": np.inf, "y_low": np.nan, "y_high": np.nan}
    known |= {"total_n": total, "passed_n": passed, "absent_n": 0, "meaning": "P(trigger | something)"}
    weight = float(changes.pop("weight", 1))
    known |= {"total_sumw": weight * total, "total_sumw2": weight**2 * total}
    known |= {"passed_sumw": weight * passed, "passed_sumw2": weight**2 * passed}
    return {**known, "efficiency": passed / total if total else np.nan, **changes}


def found(*rows: dict) -> pd.DataFrame:
    return compare(pd.DataFrame(rows), SETTINGS)


def test_the_original_measurement() -> None:
    """121224 of 132784, SYSTEMS appendix B; the posteriors from scipy's Beta distributions."""
    one = found(row(121224, 132784)).iloc[0]
    assert (one["clopper_pearson_low"], one["clopper_pearson_high"]) == pytest.approx((0.91216, 0.91372), abs=6e-6)
    assert (one["wilson_low"], one["wilson_high"]) == pytest.approx((0.912165, 0.913712), abs=6e-7)
    for method, prior in {"jeffreys": 0.5, "bayes_uniform": 1}.items():
        posterior = beta(121224 + prior, 132784 - 121224 + prior)
        expected = posterior.ppf([(1 - SIGMA) / 2, (1 + SIGMA) / 2])
        assert [one[f"{method}_low"], one[f"{method}_high"]] == pytest.approx(list(expected), abs=1e-9)


@pytest.mark.parametrize(("passed", "total"), [(0, 7), (3, 7), (7, 7), (246, 259)])
def test_each_row_has_its_own_interval(passed: int, total: int) -> None:
    """Of one weight, events of simulation have the intervals of as many unweighted ones."""
    data, simulation = found(row(1, 2), row(passed, total), row(passed, total, kind="mc", weight=3.5)).to_dict(
        "records"
    )[1:]
    for method, theirs in {"clopper_pearson": "beta", "wilson": "wilson"}.items():
        expected = np.nan_to_num(proportion_confint(passed, total, 1 - SIGMA, theirs), nan=0.0 if passed == 0 else 1.0)
        for mine in (data, simulation):
            assert [mine[f"{method}_low"], mine[f"{method}_high"]] == pytest.approx(list(expected), abs=1e-9)


def test_weighted_events_by_their_variance() -> None:
    """40 events of weight 1 pass, 10 of weight 2 fail: by hand, ε = 2/3, var = (1/9·40 + 4/9·40)/60², n = 36."""
    sums = {"total_sumw": 60.0, "total_sumw2": 80.0, "passed_sumw": 40.0, "passed_sumw2": 40.0}
    one = found(row(40, 50, kind="mc", **sums)).iloc[0]
    expected = proportion_confint(24, 36, 1 - SIGMA, "wilson")
    assert (one["wilson_low"], one["wilson_high"]) == pytest.approx(expected, abs=1e-9)


def test_prescaled_paths_and_empty_bins() -> None:
    prescaled, empty = found(
        row(20, 100, trigger="HLT_P", passed_sumw=80.0, passed_sumw2=320.0, efficiency=0.8), row(0, 0)
    ).to_dict("records")
    low, high = proportion_confint(20, 100, 1 - SIGMA, "wilson")
    assert (prescaled["wilson_low"], prescaled["wilson_high"]) == pytest.approx((4 * low, min(4 * high, 1)))
    for method in METHODS:
        assert (empty[f"{method}_low"], empty[f"{method}_high"]) == (0, 1)


def test_single_datasets_are_left_out() -> None:
    assert len(found(row(1, 2), row(1, 2, dataset="G"))) == 1


def test_which_methods_are_compared() -> None:
    assert Interval().compared == ()
    assert Interval(method="wilson", compare="all").compared == (
        "wilson",
        "clopper_pearson",
        "jeffreys",
        "bayes_uniform",
    )
    assert Interval(compare=["wilson", "wilson"]).compared == ("clopper_pearson", "wilson")
    with pytest.raises(ValueError, match="compare"):
        Interval(compare=["normal"])


def test_no_efficiency_depends_on_what_it_is_compared_with(measurement: Measurement) -> None:
    config = measurement.config
    with_all = config.model_copy(update={"interval": config.interval.model_copy(update={"compare": "all"})})
    assert efficiency_settings(config, measurement.datasets) == efficiency_settings(with_all, measurement.datasets)
    assert comparison_settings(with_all)["methods"][0] == config.interval.method


@pytest.mark.parametrize("rows", ["none", "no events", "some"])
def test_figure_and_page(rows: str, measurement: Measurement, tmp_path: Path) -> None:
    bins = [row(n // 2, n, variable="met", x_low=float(n), x_high=n + 1.0) for n in (0, 1, 50)]
    table = {
        "none": found(row(0, 1)).iloc[:0],
        "no events": found(row(0, 0), row(0, 0, trigger="any")),
        "some": found(row(8, 10), row(9, 10, trigger="any"), *bins, *({**b, "trigger": "any"} for b in bins)),
    }[rows]
    draw(
        lambda figure: side_by_side(figure, table, METHODS, plot_settings(measurement.config)),
        [tmp_path / "x.png"],
        plot_settings(measurement.config),
        {},
    )
    assert (tmp_path / "x.png").stat().st_size > 1000
    settings = page_settings(measurement.config, measurement.datasets)
    text = intervals(table, {**settings, "methods": METHODS})
    low, high = proportion_confint(9, 10, 1 - SIGMA, "wilson")
    assert (f"[{low:.5f}, {high:.5f}]" in text) == (rows == "some")


def test_csv_is_to_be_read(tmp_path: Path) -> None:
    """Seven digits, more than any efficiency or weight of a measurement knows; counts and runs are whole."""
    table = pd.DataFrame({"run": [283270.0], "n": [123456789], "low": [0.91216123456789], "sumw": [11548294.511]})
    write_csv(table, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "run,n,low,sumw\n283270,123456789,0.9121612,1.154829e+07\n"
