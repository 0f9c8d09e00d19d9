"""Figures of fits show the numbers of their tables."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from skimflow.plots import fits
from skimflow.plots.canvas import draw

SETTINGS = {
    "style": {"experiment": "", "status": "Test", "energy": 13, "colours": ["#3f90da", "#bd1f01", "#ffa90e"]},
    "labels": {"ht": ["$H_T$", "GeV"]},
}
EDGES = np.array([0.0, 10, 30, 60])
TABLE = pd.DataFrame(
    {
        "parameter": ["mu", "Jet energy scale", "Luminosity"],
        "value": [0.9, 0.4, -0.1],
        "error": [0.1, 0.3, 0.98],
        "pull": [np.nan, 0.4, -0.1],
        "constraint": [np.nan, 0.3, 0.98],
    }
)


def region(contents: dict[str, list[float]], error: float = 2.0) -> pd.DataFrame:
    """As `stats.yields.yields` gives it, with the total and the data of one region."""
    rows = []
    for sample, values in {**contents, "total": np.sum(list(contents.values()), axis=0), "data": [9, 4, 0]}.items():
        bins = {"bin": [1, 2, 3], "low": EDGES[:-1], "high": EDGES[1:], "yield": values, "error": error}
        rows.append(pd.DataFrame({"region": "SR", "sample": sample, **bins}))
    return pd.concat(rows, ignore_index=True)


def painted(paint: Callable[..., None], *arguments: Any, **options: Any) -> Figure:
    figure = Figure(layout="constrained")
    paint(figure, *arguments, settings=SETTINGS, **options)
    return figure


def test_samples_are_stacked_to_the_total_and_data_divided_by_it() -> None:
    figure = painted(fits.data_and_prediction, region({"b": [6, 3, 1.0], "s": [1, 1, 0.5]}), "ht", "SR")
    above, below = figure.axes
    stacked, _, band = (patch.get_data() for patch in above.patches)
    assert stacked.values.tolist() == [1, 1, 0.5]  # the smaller one below
    assert above.patches[1].get_data().values.tolist() == [7, 4, 1.5]
    assert (band.baseline.tolist(), band.values.tolist()) == ([5, 2, -0.5], [9, 6, 3.5])
    ratio = next(line for line in below.lines if len(line.get_ydata()) == 3)
    assert list(ratio.get_ydata()) == [9 / 7, 1, 0]
    assert list(ratio.get_xdata()) == [5, 20, 45]
    assert below.get_xlabel() == "$H_T$ [GeV]"
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["data", "uncertainty", "b", "s"]


def test_points_have_poisson_intervals() -> None:
    """Of 0, 3 and 10 events, as Gehrels has them (Astrophys. J. 303 (1986) 336, tables 1 and 2, S = 1)."""
    ends = np.array([0, 3, 10]) + np.array([[-1], [1]]) * fits._poisson(np.array([0, 3.0, 10]))
    np.testing.assert_allclose(ends, [[0, 1.367, 6.891], [1.841, 5.918, 14.267]], atol=1e-3)


def test_a_bin_without_a_prediction_has_no_ratio() -> None:
    below = painted(fits.data_and_prediction, region({"b": [6, 0, 1.0]}), "ht", "SR").axes[1]
    ratio = next(line for line in below.lines if len(line.get_ydata()) == 3)
    assert np.isnan(ratio.get_ydata()).tolist() == [False, True, False]


def test_pulls_are_of_parameters_with_a_constraint() -> None:
    (axes,) = painted(fits.pulls, TABLE).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Luminosity", "Jet energy scale"]
    assert list(axes.lines[1].get_xdata()) == [-0.1, 0.4]
    assert [text.get_text() for text in axes.texts] == ["−0.10 ± 0.98", "+0.40 ± 0.30"]
    wide = TABLE.assign(pull=[np.nan, 4.0, 0.0])
    assert painted(fits.pulls, wide).axes[0].get_xlim()[1] > 4.3
    binned = TABLE.replace({"parameter": {"Luminosity": "staterror_SR[0]"}})
    assert len(painted(fits.pulls, binned).axes[0].texts) == 1
    assert len(painted(fits.pulls, binned, statistical=True).axes[0].texts) == 2
    assert painted(fits.pulls, TABLE.head(1)).axes[0].texts[0].get_text() == "no data"


def test_correlations_below_the_threshold_are_left_out() -> None:
    names = ["mu", "JES", "lumi"]
    matrix = pd.DataFrame([[1, -0.5, 0.05], [-0.5, 1, -0.001], [0.05, -0.001, 1]], names, names)
    axes = painted(fits.correlations, matrix).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["mu", "JES"]
    assert [text.get_text() for text in axes.texts] == ["1.00", "−0.50", "−0.50", "1.00"]
    all_of_them = painted(fits.correlations, matrix, threshold=0).axes[0]
    assert all_of_them.texts[5].get_text() == "0.00"
    assert painted(fits.correlations, matrix, threshold=0.9).axes[0].texts[0].get_text() == "no data"


def test_a_ranking_has_the_largest_impact_on_top() -> None:
    impacts = {
        "prefit_up": [0.3, 0.1],
        "prefit_down": [-0.2, -0.1],
        "postfit_up": [0.2, 0.05],
        "postfit_down": [-0.1, -0.04],
    }
    table = TABLE.iloc[1:].assign(**impacts)
    figure = painted(fits.ranking, table, "mu")
    bars, points = figure.axes
    assert [label.get_text() for label in bars.get_yticklabels()] == ["Luminosity", "Jet energy scale"]
    assert [patch.get_width() for patch in bars.patches] == [0.1, 0.3, 0.05, 0.2, -0.1, -0.2, -0.04, -0.1]
    assert bars.get_xlim()[1] > 0.3
    assert list(points.lines[0].get_xdata()) == [-0.1, 0.4]
    assert len(painted(fits.ranking, table, "mu", most=1).axes[0].get_yticklabels()) == 1


LIMITS = pd.DataFrame(
    {
        "signal": [1000.0, 500.0],
        "observed": [0.3, 2.0],
        "level": 0.95,
        **{f"expected_{name}": [0.2 * k, k] for name, k in zip(
            ("minus_2", "minus_1", "median", "plus_1", "plus_2"), (0.5, 0.7, 1.0, 1.4, 1.9), strict=True
        )},
    }
)  # fmt: skip


def test_limits_are_drawn_in_the_order_of_the_signals() -> None:
    (axes,) = painted(fits.limits, LIMITS, ("mass", "limit"), theory=[1, 0.1]).axes
    median, observed, theory = axes.lines
    assert (list(median.get_xdata()), list(median.get_ydata())) == ([500, 1000], [1, 0.2])
    assert list(observed.get_ydata()) == [2, 0.3]
    assert list(theory.get_ydata()) == [1, 0.1]
    assert axes.get_legend().get_title().get_text() == "95 % CL upper limits"
    blind = painted(fits.limits, LIMITS.assign(observed=np.nan), ("mass", "limit")).axes[0]
    assert len(blind.lines) == 1
    (alone,) = painted(fits.limits, LIMITS.head(1), ("mass", "limit")).axes
    assert alone.get_xlim() == (999.5, 1000.5)


@pytest.mark.parametrize(
    "paint",
    [
        partial(fits.data_and_prediction, rows=region({"b": [6, 3, 1.0]}), variable="ht", text="SR"),
        partial(fits.pulls, table=TABLE),
        partial(fits.limits, table=LIMITS, labels=("mass", "limit")),
    ],
    ids=["data", "pulls", "limits"],
)
def test_files_are_the_same_each_time(paint: partial, tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        draw(partial(paint, settings=SETTINGS), [file], SETTINGS, {"code": "x"})
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as picture:
        assert picture.info["Description"] == '{"code": "x"}'
