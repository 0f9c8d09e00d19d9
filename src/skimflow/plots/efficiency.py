"""Efficiency against a variable, over runs, and as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.efficiency.stability import BLOCK
from skimflow.efficiency.turnon import PARAMETERS, band, curve, from_row
from skimflow.plots.canvas import COMBINED, axis_title, colour, marker, no_data, sample_title, short

_ALL = "all"
_MAPPED = "all paths together"


def turn_on(
    figure: Figure,
    table: pd.DataFrame,
    variable: str,
    settings: Mapping[str, Any],
    fits: pd.DataFrame | None = None,
) -> None:
    """Efficiency of each path against a variable, over the shape of the denominator: a panel for each sample, side by
    side for the references.

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

    _panels(figure, rows, paint, axis_title(settings, variable))


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

    _panels(figure, rows, paint, axis_title(settings, settings["stability"]))


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
    panels = _grid(figure, rows, by_column=False)
    mesh = None
    for axes, mine in panels:
        mesh = _cells(axes, mine)
        axes.set_xlabel(axis_title(settings, x))
        axes.set_ylabel(axis_title(settings, y))
        axes.set_title(_title(rows, mine), fontsize="small", pad=34)
    if mesh is not None:
        figure.colorbar(
            mesh,
            ax=[axes for axes, _ in panels],
            label=f"efficiency of {_MAPPED if trigger is None else trigger}",
            pad=0.01,
        )


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
