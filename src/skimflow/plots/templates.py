"""Data and simulation in one figure: stack, uncertainty, ratio."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import axis_title, colour, no_data

Array = np.ndarray
_DATA, _PSEUDODATA, _NOMINAL, _RAW = "data", "pseudodata", "nominal", "raw"
_SHOWN_IN_RATIO = (0.5, 1.5)


def data_and_simulation(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Processes of simulation one on the other, data (or pseudodata) as points, and their ratio below; where objects
    are corrected, also data and simulation before that.

    The band is the statistical uncertainty of simulation and, in quadrature, the larger of both shifts of each source.

    Args:
        table: rows of one region and observable, of `histograms.tables.to_table`.
        settings: those of `targets.template_plot_settings`.
    """
    main, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.05})
    table = table[np.isfinite(table["low"]) & np.isfinite(table["high"])]
    known = [name for name in settings["processes"] if name != _DATA and (table["process"] == name).any()]
    stack = [name for name in known if name not in settings["lines"]]
    if table.empty:
        no_data(main)
        return
    edges = np.append(np.unique(table["low"]), table["high"].max())
    total, error = _stacked(main, table, stack, edges, settings)
    shown = _DATA if _DATA in settings["processes"] else _PSEUDODATA
    data = _of(table, shown, _NOMINAL)
    if len(data):
        label = settings["processes"].get(shown, settings["pseudodata"])
        _points(main, edges, data["value"].to_numpy(), np.sqrt(data["variance"].to_numpy()), label)
    _uncorrected(main, table, stack, edges)
    lines = [name for name in known if name in settings["lines"]]
    highest = _signals(main, table, lines, edges, settings, len(stack))
    _ratio(below, edges, total, error, data, "data" if shown == _DATA else "pseudo")
    points = data["value"] + np.sqrt(data["variance"])
    top = max([*total, highest, *points], default=1)
    main.set_ylim(0, 1.55 * max(top, 1e-9))
    main.set_xlim(edges[0], edges[-1])
    main.set_ylabel(_per_bin(edges, settings["labels"][table["observable"].iloc[0]][1]))
    main.legend(ncols=2, fontsize="small", loc="upper right")
    below.set_xlabel(axis_title(settings, table["observable"].iloc[0]))


def _stacked(
    axes: Axes, table: pd.DataFrame, stack: list[str], edges: Array, settings: Mapping[str, Any]
) -> tuple[Array, Array]:
    """The stack and its band; its height and uncertainty, shape (bins,)."""
    total = np.zeros(len(edges) - 1)
    for place, name in enumerate(stack):
        values = _of(table, name, _NOMINAL)["value"].to_numpy()
        label = settings["processes"][name]
        below, total = total, total + values
        axes.stairs(total, edges, baseline=below, fill=True, color=colour(settings, place), alpha=0.75, label=label)
    if not stack:
        return total, total
    error = _uncertainty(table, stack)
    axes.stairs(
        total + error, edges, baseline=total - error, fill=True, facecolor="none", edgecolor="0.3", hatch="////", lw=0,
        label="uncertainty",
    )  # fmt: skip
    return total, error


def _signals(
    axes: Axes, table: pd.DataFrame, names: list[str], edges: Array, settings: Mapping[str, Any], first: int
) -> float:
    """Processes that are not expected, as lines; the highest bin."""
    highest = 0.0
    for place, name in enumerate(names, first):
        values = _of(table, name, _NOMINAL)["value"].to_numpy()
        axes.stairs(values, edges, color=colour(settings, place), lw=2.5, label=settings["processes"][name])
        highest = max(highest, values.max(initial=0))
    return highest


def _uncertainty(table: pd.DataFrame, stack: list[str]) -> Array:
    """Statistical and systematic uncertainty of the sum of processes, shape (bins,)."""
    nominal = sum(_of(table, name, _NOMINAL)["value"].to_numpy() for name in stack)
    variance = sum(_of(table, name, _NOMINAL)["variance"].to_numpy() for name in stack)
    for source, ways in _sources(table, stack).items():
        shifts = []
        for way in ways:
            varied = 0.0
            for name in stack:
                rows = _of(table, name, f"{source}_{way}" if way else source)
                varied = varied + (rows if len(rows) else _of(table, name, _NOMINAL))["value"].to_numpy()
            shifts.append(np.abs(varied - nominal))
        variance = variance + np.max(shifts, axis=0) ** 2
    return np.sqrt(variance)


def _sources(table: pd.DataFrame, stack: list[str]) -> dict[str, list[str]]:
    """Sources of systematic uncertainty and the ways each is moved; two-point variations have one, without name."""
    found: dict[str, list[str]] = {}
    for variation in table.loc[table["process"].isin(stack), "variation"].unique():
        if variation in (_NOMINAL, _RAW) or variation.startswith("stage_"):
            continue
        source, _, way = variation.rpartition("_")
        if way in ("up", "down"):
            found.setdefault(source, []).append(way)
        else:
            found[variation] = [""]
    return found


def _uncorrected(axes: Axes, table: pd.DataFrame, stack: list[str], edges: Array) -> None:
    """Data and simulation without corrections of objects, as lines."""
    for names, style, label in ((stack, "--", "simulation, uncorrected"), ([_DATA], ":", "data, uncorrected")):
        rows = [_of(table, name, _RAW)["value"].to_numpy() for name in names]
        rows = [values for values in rows if len(values)]
        if rows:
            axes.stairs(np.sum(rows, axis=0), edges, color="black", ls=style, lw=1.5, label=label)


def _ratio(axes: Axes, edges: Array, total: Array, error: Array, data: pd.DataFrame, what: str) -> None:
    known = total > 0
    scale = np.where(known, total, np.nan)
    axes.stairs(1 + error / scale, edges, baseline=1 - error / scale, fill=True, color="0.8")
    axes.axhline(1, color="0.3", lw=1)
    if len(data):
        values, errors = data["value"].to_numpy() / scale, np.sqrt(data["variance"].to_numpy()) / scale
        _points(axes, edges, values, errors, None)
    axes.set_ylim(*_SHOWN_IN_RATIO)
    axes.set_ylabel(f"{what} / sim.", fontsize="small")


def _points(axes: Axes, edges: Array, values: Array, errors: Array, label: str | None) -> None:
    centres = (edges[1:] + edges[:-1]) / 2
    axes.errorbar(centres, values, errors, fmt="o", color="black", ms=5, label=label)


def _of(table: pd.DataFrame, process: str, variation: str) -> pd.DataFrame:
    return table[(table["process"] == process) & (table["variation"] == variation)]


def _per_bin(edges: Array, unit: str) -> str:
    widths = np.diff(edges)
    if not np.allclose(widths, widths[0]):
        return "events"
    return f"events / {widths[0]:.3g} {unit}".rstrip()
