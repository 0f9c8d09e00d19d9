"""Scale factors, against one variable or as a map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import axis_title, colour, no_data, sample_title, short

_NARROWEST = 0.02


def scale_factor(figure: Figure, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """One scale factor.

    Args:
        rows: those of one name in the table of `efficiency.scalefactors.scale_factors`.
    """
    x, _, y = rows["variable"].iloc[0].partition(":")
    if y:
        _map(figure, rows, x, y, settings)
        return
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
    _efficiencies(above, rows, settings)
    _factors(below, rows, settings)
    below.set_xlim(rows["x_low"].min(), rows["x_high"].max())
    below.set_xlabel(axis_title(settings, x))


def _efficiencies(axes: Axes, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    for place, (name, marker, shift) in enumerate((("data", "o", -0.06), ("simulation", "s", 0.06))):
        label = sample_title(rows[f"{name}_sample"].iloc[0], "data" if name == "data" else "mc")
        look = {"color": colour(settings, place), "marker": marker, "ms": 6, "lw": 1.5, "ls": "none", "label": label}
        errors = _errors(rows, name, f"{name}_low", f"{name}_high")
        axes.errorbar(_centres(rows) + shift * _widths(rows), rows[name], errors, **look)
    axes.set_ylabel("efficiency")
    axes.set_ylim(max(0, _lowest(rows) - 0.15), 1.05)
    axes.axhline(1, color="0.6", lw=0.8, ls=":")
    axes.legend(fontsize="small", loc="lower right", title=short(rows["trigger"].iloc[0]), title_fontsize="small")


def _factors(axes: Axes, rows: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    known = rows[np.isfinite(rows["nominal"])]
    axes.axhline(1, color="0.6", lw=0.8, ls=":")
    axes.set_ylabel("data / simulation")
    if known.empty:
        no_data(axes)
        return
    total = known[np.isfinite(known[["down", "up"]]).all(axis=1)]
    axes.bar(
        _centres(total),
        total["up"] - total["down"],
        _widths(total),
        total["down"],
        color=colour(settings, 2),
        alpha=0.45,
        lw=0,
        label="stat. and syst.",
    )
    errors = _errors(known, "nominal", "stat_down", "stat_up")
    look = {"color": "black", "marker": "o", "ms": 6, "lw": 1.5, "ls": "none", "label": "stat."}
    axes.errorbar(_centres(known), known["nominal"], errors, _widths(known) / 2, **look)
    low, high = known[["down", "stat_down"]].min(axis=None), known[["up", "stat_up"]].max(axis=None)
    room = 0.15 * max(high - low, _NARROWEST)
    axes.set_ylim(low - 2.5 * room, high + room)
    axes.legend(fontsize="small", loc="lower right", ncols=2)


def _map(figure: Figure, rows: pd.DataFrame, x: str, y: str, settings: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    edges = [np.unique(rows[[f"{axis}_low", f"{axis}_high"]]) for axis in "xy"]
    shape = tuple(len(e) - 1 for e in edges)
    value, low, high = (rows[name].to_numpy().reshape(shape) for name in ("nominal", "down", "up"))
    reach = np.nanquantile(np.abs(value - 1), 0.9) if np.isfinite(value).any() else 0
    reach = 1.5 * max(reach, _NARROWEST)
    axes.set_facecolor("0.85")
    # Bins of equal size on paper: the first ones are too narrow to hold a number.
    mesh = axes.pcolormesh(*(range(len(e)) for e in edges), value.T, cmap="RdBu_r", vmin=1 - reach, vmax=1 + reach)
    for i, j in np.argwhere(np.isfinite(value)):
        half = (high[i, j] - low[i, j]) / 2
        text = f"{value[i, j]:.2f}" + (f"\n±{half:.2f}" if np.isfinite(half) else "\nno syst.")
        shade = "white" if abs(value[i, j] - 1) > 0.6 * reach else "black"
        axes.text(i + 0.5, j + 0.5, text, ha="center", va="center", fontsize=11, color=shade)
    for axis, mine in zip((axes.xaxis, axes.yaxis), edges, strict=True):
        axis.set_ticks(range(len(mine)), [f"{edge:g}" for edge in mine], fontsize="x-small")
    axes.minorticks_off()
    axes.set_xlabel(axis_title(settings, x))
    axes.set_ylabel(axis_title(settings, y))
    figure.colorbar(
        mesh, ax=axes, label=f"data / simulation, {short(rows['trigger'].iloc[0])}", pad=0.01, extend="both"
    )


def _centres(rows: pd.DataFrame) -> pd.Series:
    return (rows["x_low"] + rows["x_high"]) / 2


def _widths(rows: pd.DataFrame) -> pd.Series:
    return rows["x_high"] - rows["x_low"]


def _errors(rows: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    return np.abs(np.stack([rows[value] - rows[low], rows[high] - rows[value]]))


def _lowest(rows: pd.DataFrame) -> float:
    measured = [rows.loc[np.isfinite(rows[name]), f"{name}_low"] for name in ("data", "simulation")]
    return pd.concat(measured).min() if any(map(len, measured)) else 0
