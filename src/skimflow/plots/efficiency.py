"""Efficiency against a variable, over runs, and as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.efficiency.stability import BLOCK
from skimflow.efficiency.turnon import PARAMETERS, band, curve, from_row
from skimflow.plots.canvas import COMBINED, WIDTH, axis_title, colour, marker, no_data, sample_title, short

_ALL = "all"
_MAPPED = "all paths together"
_ENTRY = 0.3
"""Height of a line of the legend, inches."""
_SMALL = 11.5


def turn_on(
    figure: Figure,
    table: pd.DataFrame,
    variable: str,
    settings: Mapping[str, Any],
    fits: pd.DataFrame | None = None,
) -> None:
    """Efficiency of each path against a variable, over the shape of the denominator: a panel for each reference and
    sample.

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
            drawn = _same(fits[fits["variable"] == variable], mine)
            _fits(axes, drawn.drop_duplicates("trigger"), list(mine["trigger"].unique()), unit, settings)

    _panels(figure, rows, paint, axis_title(settings, variable), height=3.3 if fits is None else 3.9, shared=True)


def stability(figure: Figure, table: pd.DataFrame, tests: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Efficiency of all paths together for each run and block of runs, with the overall value and the tests; data only.

    Args:
        table, tests: of `efficiency.stability.stability`.
    """
    rows = table[table["trigger"].isin(COMBINED)]
    rows = rows[rows["kind"] == "data"] if (rows["kind"] == "data").any() else rows

    def paint(axes: Axes, mine: pd.DataFrame) -> None:
        _by_run(axes, mine, settings)
        _tests(axes, _same(tests, mine)[lambda rows: rows["trigger"].isin(COMBINED)])

    _panels(figure, rows, paint, axis_title(settings, settings["stability"]), height=5, shared=False)


def _same(rows: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """The rows of the sample and reference that a panel shows."""
    first = panel.iloc[0]
    return rows[(rows["sample"] == first["sample"]) & (rows["reference"] == first["reference"])]


def efficiency_map(
    figure: Figure, table: pd.DataFrame, x: str, y: str, settings: Mapping[str, Any], trigger: str | None = None
) -> None:
    """Efficiency of all paths together, or of one `trigger`, in two variables; each cell has value and half-width of
    the interval."""
    wanted = table["trigger"].isin(COMBINED if trigger is None else [trigger])
    rows = table[(table["variable"] == f"{x}:{y}") & wanted & (table["dataset"] == _ALL)]
    rows = rows[np.isfinite(rows[["x_low", "x_high", "y_low", "y_high"]]).all(axis=1)]
    panels = _column(figure, rows, height=6.3, shared=False)
    lowest = rows["efficiency"].min()
    floor = np.floor(10 * lowest) / 10 if np.isfinite(lowest) else 0
    mesh = None
    for axes, mine in panels:
        mesh = _cells(axes, mine, floor)
        axes.set_xlabel(axis_title(settings, x))
        axes.set_ylabel(axis_title(settings, y))
        axes.set_title(_title(rows, mine), fontsize="small", pad=34)
    if mesh is not None:
        figure.colorbar(
            mesh,
            ax=[axes for axes, _ in panels],
            label=f"efficiency of {_MAPPED if trigger is None else trigger}",
            pad=0.01,
            aspect=40,
        )


def _panels(figure: Figure, rows: pd.DataFrame, paint: Any, title: str, height: float, shared: bool) -> None:
    panels = _column(figure, rows, height, shared)
    for axes, mine in panels:
        paint(axes, mine)
        axes.set_ylabel("efficiency")
        axes.text(0.96, 0.95, _title(rows, mine), transform=axes.transAxes, ha="right", va="top", fontsize="small")
    for axes, _ in panels[-1:] if shared else panels:
        axes.set_xlabel(title)
    if panels:
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize="small", ncols=1)
        width, size = figure.get_size_inches()
        figure.set_size_inches(width, size + _ENTRY * len(labels))


def _column(figure: Figure, rows: pd.DataFrame, height: float, shared: bool) -> list[tuple[Axes, pd.DataFrame]]:
    """A panel with its rows for each reference and sample, of this height in inches; below each other, as what stands
    side by side cannot be read in half the width of a page."""
    groups = [mine for _, mine in rows.groupby(["reference", "sample"], sort=False)]
    number = max(len(groups), 1)
    figure.set_size_inches(WIDTH, height * number + 1)
    panels = figure.subplots(number, 1, squeeze=False, sharex=shared)[:, 0]
    if not groups:
        no_data(panels[0])
    return list(zip(panels, groups, strict=False))


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
    axes.set_ylim(0, 1.3)
    axes.set_yticks(np.linspace(0, 1, 6))
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
            height = 0.07 + 0.08 * (len(triggers) - 1 - place)
            words = _parameters(row, unit) if row["valid"] else row["reason"]
            axes.text(0.945, height, words, transform=axes.transAxes, ha="right", va="center", fontsize=_SMALL)
            axes.plot(0.96, height, color=shade, marker=marker(place), ms=5, transform=axes.transAxes)


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
    return ", ".join([*said, f"$p$ = {row['p_value']:.2g}"])


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
    label = f"{short(rows['trigger'].iloc[0])}, each {settings['stability']}"
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
        axes.set_ylim(max(0, low - 0.6 * (high - low)), high + 0.45 * (high - low))


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
                begin + 0.1, 0.86, name, transform=axes.get_xaxis_transform(), va="top", color="0.4", fontsize="x-small"
            )


def _tests(axes: Axes, tests: pd.DataFrame) -> None:
    for height, row in enumerate(reversed(tests.to_dict("records"))):
        words = f"by {row['by']}: {row['reason']}"
        if np.isfinite(row["p_value"]):
            shape = f"$\\chi^2$/ndf {row['chi2']:.1f}/{row['ndf']}, $p$ = {row['p_value']:.2g}"
            trend = f"$\\Delta\\varepsilon$ = {row['change']:.4f} ± {row['change_error']:.4f}"
            words = f"by {row['by']}: {shape}; trend {trend}, $p$ = {row['trend_p_value']:.2g}"
        axes.text(0.96, 0.05 + 0.045 * height, words, transform=axes.transAxes, ha="right", fontsize="x-small")


def _cells(axes: Axes, rows: pd.DataFrame, floor: float) -> Any:
    x = np.unique(rows[["x_low", "x_high"]])
    y = np.unique(rows[["y_low", "y_high"]])
    grid = rows["efficiency"].to_numpy().reshape(len(x) - 1, len(y) - 1)
    half = ((rows["high"] - rows["low"]) / 2).to_numpy().reshape(grid.shape)
    # Bins of equal size on paper: the first ones are too narrow to hold a number.
    mesh = axes.pcolormesh(range(len(x)), range(len(y)), grid.T, cmap="viridis", vmin=floor, vmax=1)
    for i, j in np.argwhere(np.isfinite(grid)):
        text = f"{grid[i, j]:.2f}\n±{half[i, j]:.2f}"
        shade = "white" if grid[i, j] < floor + 0.6 * (1 - floor) else "black"
        axes.text(i + 0.5, j + 0.5, text, ha="center", va="center", fontsize=11, color=shade)
    axes.set_xticks(range(len(x)), [f"{edge:g}" for edge in x], fontsize="x-small", rotation=45)
    axes.set_yticks(range(len(y)), [f"{edge:g}" for edge in y], fontsize="x-small")
    axes.minorticks_off()
    return mesh
