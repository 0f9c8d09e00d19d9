"""Efficiency against a variable, over runs, and as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import COMBINED, axis_title, colour, marker, no_data, sample_title, short

_ALL = "all"


def turn_on(figure: Figure, table: pd.DataFrame, variable: str, settings: Mapping[str, Any]) -> None:
    """Efficiency of each path against a variable, over the shape of the denominator: a panel for each sample, side by
    side for the references.

    Args:
        table: of `efficiency.efficiencies`. Under- and overflow are in the table and not in the figure.
    """
    rows = table[(table["variable"] == variable) & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows["x_low"]) & np.isfinite(rows["x_high"])]
    _panels(figure, rows, lambda axes, mine: _curves(axes, mine, settings), axis_title(settings, variable))


def stability(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Efficiency of all paths together for each value of an integer variable (run), with that of all; data only."""
    variable = settings["stability"]
    together = table[table["trigger"].isin(COMBINED) & (table["dataset"] == _ALL)]
    rows = together[together["variable"] == variable]
    rows = rows[rows["kind"] == "data"] if (rows["kind"] == "data").any() else rows
    means = together[together["variable"] == _ALL].set_index(["reference", "sample"])["efficiency"]
    _panels(figure, rows, lambda axes, mine: _by_run(axes, mine, means, settings), axis_title(settings, variable))


def efficiency_map(figure: Figure, table: pd.DataFrame, x: str, y: str, settings: Mapping[str, Any]) -> None:
    """Efficiency of all paths together in two variables, with value and half-width of the interval in each cell."""
    rows = table[(table["variable"] == f"{x}:{y}") & table["trigger"].isin(COMBINED) & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows[["x_low", "x_high", "y_low", "y_high"]]).all(axis=1)]
    panels = _grid(figure, rows, by_column=False)
    mesh = None
    for axes, mine in panels:
        mesh = _cells(axes, mine)
        axes.set_xlabel(axis_title(settings, x))
        axes.set_ylabel(axis_title(settings, y))
        axes.set_title(_title(rows, mine), fontsize="small", pad=34)
    if mesh is not None:
        figure.colorbar(mesh, ax=[axes for axes, _ in panels], label="efficiency of all paths together", pad=0.01)


def _panels(figure: Figure, rows: pd.DataFrame, paint: Any, title: str) -> None:
    panels = _grid(figure, rows)
    for axes, mine in panels:
        paint(axes, mine)
        axes.set_ylabel("efficiency")
        axes.text(0.02, 0.06, _title(rows, mine), transform=axes.transAxes)
    bottom = {axes.get_subplotspec().colspan.start: axes for axes, _ in panels}
    for axes in bottom.values():
        axes.set_xlabel(title)
    if panels:
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize="small", ncols=1)


def _grid(figure: Figure, rows: pd.DataFrame, by_column: bool = True) -> list[tuple[Axes, pd.DataFrame]]:
    """A panel with its rows for each reference and sample; a column or a row of panels for each reference."""
    references = [
        [mine for _, mine in one.groupby("sample", sort=False)] for _, one in rows.groupby("reference", sort=False)
    ]
    shape = (max(map(len, references), default=1), max(len(references), 1))
    width, height = figure.get_size_inches()
    if by_column:
        figure.set_size_inches(shape[1] * width, height)
        shared = rows["kind"].nunique() > 1
        panels = figure.subplots(*shape, squeeze=False, sharex=shared).T
    else:
        figure.set_size_inches(width, shape[1] * height)
        panels = figure.subplots(*shape[::-1], squeeze=False)
    if not references:
        no_data(panels[0, 0])
    found = []
    for line, mine in zip(panels, references, strict=False):
        found += zip(line, mine, strict=False)
        for spare in line[len(mine) :]:
            spare.set_axis_off()
    return found


def _title(rows: pd.DataFrame, mine: pd.DataFrame) -> str:
    """What a panel shows; the reference is said where there are several."""
    first = mine.iloc[0]
    return sample_title(first["sample"], first["kind"], first["reference"] if rows["reference"].nunique() > 1 else "")


def _curves(axes: Axes, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    for place, (trigger, mine) in enumerate(rows.groupby("trigger", sort=False)):
        low, high = mine["x_low"].to_numpy(), mine["x_high"].to_numpy()
        value = mine["efficiency"].to_numpy()
        errors = np.abs(np.stack([value - mine["low"], mine["high"] - value]))
        # Paths stand side by side inside a bin, so that their bars do not cover each other.
        centre = (low + high) / 2 + (place - 1) * 0.08 * (high - low)
        style = {"color": colour(settings, place), "marker": marker(place), "ms": 6, "lw": 1.5, "ls": "none"}
        axes.errorbar(centre, value, errors, label=short(str(trigger)), **style)
    _denominator(axes, rows)
    axes.set_xlim(rows["x_low"].min(), rows["x_high"].max())
    axes.set_ylim(0, 1.12)
    axes.axhline(1, color="0.6", lw=0.8, ls=":")


def _denominator(axes: Axes, rows: pd.DataFrame) -> None:
    """Shape of the denominator (events per unit of the variable), scaled to the lower half of the panel."""
    first = rows[rows["trigger"] == rows["trigger"].iloc[0]]
    edges = np.append(first["x_low"].to_numpy(), first["x_high"].to_numpy()[-1])
    density = first["total_sumw"].to_numpy().clip(0) / np.diff(edges)
    if density.max() > 0:
        shape = 0.5 * density / density.max()
        axes.stairs(shape, edges, fill=True, color="0.88", zorder=0, label="denominator (shape)")


def _by_run(axes: Axes, rows: pd.DataFrame, means: pd.Series, settings: Mapping[str, Any]) -> None:
    value = rows["efficiency"].to_numpy()
    errors = np.abs(np.stack([value - rows["low"], rows["high"] - value]))
    place = np.arange(len(rows))
    first = rows.iloc[0]
    axes.axhline(means[first["reference"], first["sample"]], color="0.5", lw=1.2, ls="--", label="all runs")
    axes.errorbar(
        place,
        value,
        errors,
        color=colour(settings, 0),
        marker="o",
        ms=6,
        lw=1.5,
        ls="none",
        label=short(first["trigger"]),
    )
    step = max(1, -(-len(rows) // 25))
    axes.set_xticks(place[::step], [f"{run:.0f}" for run in rows["x_low"]][::step], rotation=60, ha="right")
    axes.set_xticks([], minor=True)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    inside = np.isfinite(value)
    if inside.any():
        low, high = np.nanmin(rows["low"]), np.nanmax(rows["high"])
        axes.set_ylim(max(0, low - 0.35 * (high - low)), min(1.05, high + 0.15 * (high - low)))


def _cells(axes: Axes, rows: pd.DataFrame) -> Any:
    x = np.unique(rows[["x_low", "x_high"]])
    y = np.unique(rows[["y_low", "y_high"]])
    grid = rows["efficiency"].to_numpy().reshape(len(x) - 1, len(y) - 1)
    half = ((rows["high"] - rows["low"]) / 2).to_numpy().reshape(grid.shape)
    # Bins of equal size on paper: the first ones are too narrow to hold a number.
    mesh = axes.pcolormesh(range(len(x)), range(len(y)), grid.T, cmap="viridis", vmin=0, vmax=1)
    for i, j in np.argwhere(np.isfinite(grid)):
        text = f"{grid[i, j]:.2f}\n±{half[i, j]:.2f}"
        shade = "white" if grid[i, j] < 0.6 else "black"
        axes.text(i + 0.5, j + 0.5, text, ha="center", va="center", fontsize=11, color=shade)
    axes.set_xticks(range(len(x)), [f"{edge:g}" for edge in x], fontsize="x-small", rotation=45)
    axes.set_yticks(range(len(y)), [f"{edge:g}" for edge in y], fontsize="x-small")
    axes.minorticks_off()
    return mesh
