"""Efficiency against a variable, over runs, and as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import axis_title, colour, marker, no_data, sample_title, short

_ALL = "all"
_ANY = "any"


def turn_on(figure: Figure, table: pd.DataFrame, variable: str, settings: Mapping[str, Any]) -> None:
    """Efficiency of each path against a variable, one panel a sample, over the shape of the denominator.

    Args:
        table: of `efficiency.efficiencies`. Under- and overflow are in the table and not in the figure.
    """
    rows = table[(table["variable"] == variable) & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows["x_low"]) & np.isfinite(rows["x_high"])]
    _panels(figure, rows, lambda axes, mine: _curves(axes, mine, settings), axis_title(settings, variable))


def stability(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Efficiency of the OR for each value of an integer variable (run), with the overall value; data only."""
    variable = settings["stability"]
    rows = table[(table["variable"] == variable) & (table["trigger"] == _ANY) & (table["dataset"] == _ALL)]
    rows = rows[rows["kind"] == "data"] if (rows["kind"] == "data").any() else rows
    totals = table[(table["variable"] == _ALL) & (table["trigger"] == _ANY) & (table["dataset"] == _ALL)]
    means = dict(zip(totals["sample"], totals["efficiency"], strict=True))
    _panels(figure, rows, lambda axes, mine: _by_run(axes, mine, means, settings), axis_title(settings, variable))


def efficiency_map(figure: Figure, table: pd.DataFrame, x: str, y: str, settings: Mapping[str, Any]) -> None:
    """Efficiency of the OR in two variables, with value and half-width of the interval in each cell."""
    rows = table[(table["variable"] == f"{x}:{y}") & (table["trigger"] == _ANY) & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows[["x_low", "x_high", "y_low", "y_high"]]).all(axis=1)]
    samples = list(rows.groupby("sample", sort=False))
    panels = figure.subplots(1, max(len(samples), 1), squeeze=False)[0]
    mesh = None
    for axes, (sample, mine) in zip(panels, samples, strict=False):
        mesh = _cells(axes, mine)
        axes.set_xlabel(axis_title(settings, x))
        axes.set_title(sample_title(str(sample), mine["kind"].iloc[0]), fontsize="small", pad=34)
    panels[0].set_ylabel(axis_title(settings, y))
    if mesh is not None:
        figure.colorbar(mesh, ax=list(panels), label="efficiency of the OR", pad=0.01)


def _panels(figure: Figure, rows: pd.DataFrame, paint: Any, title: str) -> None:
    samples = list(rows.groupby("sample", sort=False))
    panels = figure.subplots(max(len(samples), 1), 1, squeeze=False, sharex=rows["kind"].nunique() > 1)[:, 0]
    if not samples:
        no_data(panels[0])
    for axes, (sample, mine) in zip(panels, samples, strict=False):
        paint(axes, mine)
        axes.set_ylabel("efficiency")
        axes.text(0.02, 0.06, sample_title(str(sample), mine["kind"].iloc[0]), transform=axes.transAxes)
    panels[-1].set_xlabel(title)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", fontsize="small", ncols=1)


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


def _by_run(axes: Axes, rows: pd.DataFrame, means: Mapping[str, float], settings: Mapping[str, Any]) -> None:
    value = rows["efficiency"].to_numpy()
    errors = np.abs(np.stack([value - rows["low"], rows["high"] - value]))
    place = np.arange(len(rows))
    axes.axhline(means[rows["sample"].iloc[0]], color="0.5", lw=1.2, ls="--", label="all runs")
    axes.errorbar(
        place, value, errors, color=colour(settings, 0), marker="o", ms=6, lw=1.5, ls="none", label=short(_ANY)
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
