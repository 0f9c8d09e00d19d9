"""Interval methods side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import WIDTH, colour, marker, no_data, sample_title, short

_ALL = "all"
_STEP = 0.15
"""Distance of two methods, where paths have the distance 1."""


def side_by_side(figure: Figure, table: pd.DataFrame, methods: Sequence[str], settings: Mapping[str, Any]) -> None:
    """The ends of each method's interval for the totals, a panel for each reference and sample; below, how long the
    intervals of all bins are against those of the first method.

    Args:
        table: of `efficiency.comparison.compare`.
    """
    totals = table[table["variable"] == _ALL]
    groups = [rows for _, rows in totals.groupby(["reference", "sample"], sort=False)]
    heights = [0.9 + 0.75 * len(rows) for rows in groups]
    figure.set_size_inches(WIDTH, sum(heights) + 5.5)
    *panels, below = figure.subplots(len(groups) + 1, 1, height_ratios=[*heights, 4.5], squeeze=False)[:, 0]
    several = totals["reference"].nunique() > 1
    for axes, rows in zip(panels, groups, strict=True):
        _totals(axes, rows, methods, settings)
        first = rows.iloc[0]
        title = sample_title(first["sample"], first["kind"], first["reference"] if several else "")
        axes.text(0.96, 0.94, title, transform=axes.transAxes, ha="right", va="top", fontsize="small")
    if panels:
        panels[-1].set_xlabel("end of the interval less the efficiency")
    one_dimensional = ~table["variable"].str.contains(":") & (table["variable"] != _ALL)
    _lengths(below, table[one_dimensional], methods, settings)


def _totals(axes: Axes, rows: pd.DataFrame, methods: Sequence[str], settings: Mapping[str, Any]) -> None:
    place = np.arange(len(rows))[::-1]
    for number, method in enumerate(methods):
        ends = rows[f"{method}_low"] - rows["efficiency"], rows[f"{method}_high"] - rows["efficiency"]
        height = place - number * _STEP
        axes.hlines(height, *ends, color=colour(settings, number), lw=1.8)
        for end in ends:
            axes.plot(end, height, color=colour(settings, number), marker=marker(number), ms=5, ls="none")
    for height, row in zip(place, rows.to_dict("records"), strict=True):
        value = "no data" if np.isnan(row["efficiency"]) else f"{row['efficiency']:.4f}"
        words = f"{short(row['trigger'])}: {value}"
        axes.text(0.02, height + 0.2, words, transform=axes.get_yaxis_transform(), fontsize="x-small", va="center")
    axes.axvline(0, color="0.6", lw=0.8, ls=":")
    axes.set_ylim(-len(methods) * _STEP, len(rows) + 0.1)
    axes.set_yticks([])
    axes.margins(x=0.12)
    axes.tick_params(which="both", labelsize="x-small", top=False)


def _lengths(axes: Axes, rows: pd.DataFrame, methods: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Length relative to that of the first method, against the number of events of the rarer outcome, which decides."""
    rows = rows[rows["total_n"] > 0]
    if rows.empty:
        no_data(axes)
        return
    rarer = np.minimum(rows["passed_n"], rows["total_n"] - rows["passed_n"])
    reference = rows[f"{methods[0]}_high"] - rows[f"{methods[0]}_low"]
    for number, method in enumerate(methods):
        length = (rows[f"{method}_high"] - rows[f"{method}_low"]) / reference
        look = {"color": colour(settings, number), "marker": marker(number), "ms": 4, "ls": "none", "alpha": 0.6}
        axes.plot(rarer, length, label=_title(method), **look)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=-0.3)
    axes.set_xlabel("events in a bin, passing or failing, whichever are fewer")
    axes.set_ylabel(f"length / {_title(methods[0])}")
    axes.legend(fontsize="small", loc="best", markerscale=1.5)


def _title(method: str) -> str:
    return {"clopper_pearson": "Clopper-Pearson", "bayes_uniform": "flat prior"}.get(method, method.capitalize())
