"""Efficiency against a variable, over runs, and as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.efficiency.stability import BLOCK
from skimflow.efficiency.turnon import PARAMETERS, band, curve, from_row
from skimflow.plots.canvas import axis_title, colour, marker, no_data, sample_title, short

_ALL = "all"
_ANY = "any"


def turn_on(
    figure: Figure,
    table: pd.DataFrame,
    variable: str,
    settings: Mapping[str, Any],
    fits: pd.DataFrame | None = None,
) -> None:
    """Efficiency of each path against a variable, one panel a sample, over the shape of the denominator.

    Args:
        table: of `efficiency.efficiencies`. Under- and overflow are in the table and not in the figure.
        fits: of `efficiency.turnon.turn_ons`, drawn with their bands: the first model of each path. A fit that is not
            valid is drawn without, dashed, or not at all, and its reason is told.
    """
    rows = table[(table["variable"] == variable) & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows["x_low"]) & np.isfinite(rows["x_high"])]
    unit = settings["labels"].get(variable, ("", ""))[1]

    def paint(axes: Axes, mine: pd.DataFrame) -> None:
        _curves(axes, mine, settings)
        if fits is not None:
            drawn = fits[(fits["variable"] == variable) & (fits["sample"] == mine["sample"].iloc[0])]
            _fits(axes, drawn.drop_duplicates("trigger"), list(mine["trigger"].unique()), unit, settings)

    _panels(figure, rows, paint, axis_title(settings, variable))


def stability(figure: Figure, table: pd.DataFrame, tests: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Efficiency of the OR for each run and block of runs, with the overall value and the tests; data only.

    Args:
        table, tests: of `efficiency.stability.stability`.
    """
    rows = table[table["trigger"] == _ANY]
    rows = rows[rows["kind"] == "data"] if (rows["kind"] == "data").any() else rows

    def paint(axes: Axes, mine: pd.DataFrame) -> None:
        _by_run(axes, mine, settings)
        same = (tests["sample"] == mine["sample"].iloc[0]) & (tests["trigger"] == _ANY)
        _tests(axes, tests[same])

    _panels(figure, rows, paint, axis_title(settings, settings["stability"]))


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


def _fits(axes: Axes, fits: pd.DataFrame, triggers: list[str], unit: str, settings: Mapping[str, Any]) -> None:
    for place, trigger in enumerate(triggers):
        for row in fits[fits["trigger"] == trigger].to_dict("records"):
            shade = colour(settings, place)
            _fit(axes, row, shade, settings["level"])
            height = 0.15 + 0.075 * (len(triggers) - 1 - place)
            words = _parameters(row, unit) if row["valid"] else row["reason"]
            axes.text(0.965, height, words, transform=axes.transAxes, ha="right", va="center", fontsize="xx-small")
            axes.plot(0.98, height, color=shade, marker=marker(place), ms=5, transform=axes.transAxes)


def _fit(axes: Axes, row: Mapping[str, Any], shade: str, level: float) -> None:
    found, x = from_row(row), np.linspace(row["x_low"], row["x_high"], 400)
    if row["valid"]:
        drawn = band(found, x, level)
        axes.fill_between(x, drawn.low, drawn.high, color=shade, alpha=0.25, lw=0)
        axes.plot(x, drawn.value, color=shade, lw=1.5)
    elif np.isfinite(found.low).all():
        axes.plot(x, curve(found.model, found.value, x), color=shade, lw=0.8, ls="--")


def _parameters(row: Mapping[str, Any], unit: str) -> str:
    names = [name for name in PARAMETERS if np.isfinite(row[name])]
    units = {"threshold": unit, "width": unit if row["model"] == "erf" else ""}
    said = [f"{name} {_measured(row, name)} {units.get(name, '')}".strip() for name in names]
    return ", ".join([*said, f"$\\chi^2$/ndf {row['chi2']:.1f}/{row['ndf']}, $p$ = {row['p_value']:.2g}"])


def _measured(row: Mapping[str, Any], name: str) -> str:
    """Value and errors, with two digits of the smaller one."""
    below, above = row[name] - row[f"{name}_low"], row[f"{name}_high"] - row[name]
    error = min(value for value in (below, above, 1.0) if value > 0)
    digits = int(np.clip(np.ceil(-np.log10(error)) + 1, 0, 6))
    return f"${row[name]:.{digits}f}^{{+{above:.{digits}f}}}_{{-{below:.{digits}f}}}$"


def _by_run(axes: Axes, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    runs = rows[rows["by"] == settings["stability"]]
    place = np.arange(len(runs))
    if runs["total_sumw"].sum() > 0:
        together = runs["passed_sumw"].sum() / runs["total_sumw"].sum()
        axes.axhline(together, color="0.5", lw=1.2, ls="--", label="all runs")
    style = {"marker": "o", "ms": 6, "lw": 1.5, "ls": "none"}
    label = f"{short(_ANY)}, each {settings['stability']}"
    axes.errorbar(place, runs["efficiency"], _bars(runs), color=colour(settings, 0), label=label, **style)
    blocks = rows[rows["by"] == BLOCK]
    first, last = (np.searchsorted(runs["x_low"], blocks[end]) for end in ("x_low", "x_high"))
    style = {"color": colour(settings, 1), "xerr": (last - first) / 2 + 0.4, "lw": 1.5, "ls": "none"}
    if len(blocks):
        axes.errorbar((first + last) / 2, blocks["efficiency"], _bars(blocks), label="in blocks", **style)
    _eras(axes, runs["x_low"].to_numpy(), settings["eras"])
    step = max(1, -(-len(runs) // 25))
    axes.set_xticks(place[::step], [f"{run:.0f}" for run in runs["x_low"]][::step], rotation=60, ha="right")
    axes.set_xticks([], minor=True)
    axes.set_xlim(-0.6, len(runs) - 0.4)
    if np.isfinite(runs["efficiency"]).any():
        low, high = np.nanmin(runs["low"]), np.nanmax(runs["high"])
        axes.set_ylim(max(0, low - 0.7 * (high - low)), min(1.05, high + 0.25 * (high - low)))


def _bars(rows: pd.DataFrame) -> np.ndarray:
    return np.abs(np.stack([rows["efficiency"] - rows["low"], rows["high"] - rows["efficiency"]]))


def _eras(axes: Axes, runs: np.ndarray, eras: Mapping[str, Any]) -> None:
    """Names of the eras that have runs, and lines between them."""
    for name, (first, last) in eras.items():
        inside = np.flatnonzero((runs >= first) & (runs <= last))
        if len(inside):
            begin = inside[0] - 0.5
            if inside[0]:
                axes.axvline(begin, color="0.6", lw=0.8, ls=":")
            axes.text(
                begin + 0.1, 0.95, name, transform=axes.get_xaxis_transform(), va="top", color="0.4", fontsize="x-small"
            )


def _tests(axes: Axes, tests: pd.DataFrame) -> None:
    for height, row in enumerate(reversed(tests.to_dict("records"))):
        words = f"by {row['by']}: {row['reason']}"
        if np.isfinite(row["p_value"]):
            shape = f"$\\chi^2$/ndf {row['chi2']:.1f}/{row['ndf']}, $p$ = {row['p_value']:.2g}"
            trend = f"$\\Delta\\varepsilon$ = {row['change']:.4f} ± {row['change_error']:.4f}"
            words = f"by {row['by']}: {shape}; trend {trend}, $p$ = {row['trend_p_value']:.2g}"
        axes.text(0.98, 0.05 + 0.045 * height, words, transform=axes.transAxes, ha="right", fontsize="x-small")


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
