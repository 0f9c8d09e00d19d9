"""Fits: data and prediction, pulls, correlations, ranking, limits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.stats import chi2

from skimflow.plots.canvas import axis_title, colour, no_data

Array = np.ndarray
_SMALL = 0.02
_SIGN = {"up": "+", "down": "−"}
_GREEN, _YELLOW = "#607641", "#f5bb54"


def data_and_prediction(
    figure: Figure, rows: pd.DataFrame, variable: str, text: str, settings: Mapping[str, Any]
) -> None:
    """One region: stacked samples with the uncertainty of their sum, data, and their ratio below.

    Args:
        rows: those of one region in the table of `stats.yields.yields`.
        variable: the observable, for the axis title.
        text: which region, and before or after which fit.
        settings: `samples`, if it is there, lists all samples: so one has the same colour in each region;
            `data` says what the points are.
    """
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    edges = np.append(rows.loc[rows["sample"] == "data", "low"], rows["high"].max())
    total, data = (rows[rows["sample"] == name] for name in ("total", "data"))
    samples = rows[~rows["sample"].isin(["total", "data"])]
    order = samples.groupby("sample")["yield"].sum().sort_values(kind="stable").index
    bottom = np.zeros(len(edges) - 1)
    known = list(settings.get("samples") or dict.fromkeys(samples["sample"]))
    for name in order:
        content = samples.loc[samples["sample"] == name, "yield"].to_numpy()
        look = {"color": colour(settings, known.index(name)), "fill": True, "lw": 0, "label": name}
        above.stairs(bottom + content, edges, baseline=bottom, **look)
        bottom = bottom + content
    _band(above, edges, total["yield"].to_numpy(), total["error"].to_numpy(), "uncertainty")
    _points(above, edges, data["yield"].to_numpy(), settings.get("data", "data"))
    above.set_ylabel("events")
    above.set_ylim(0, 1.6 * max((total["yield"] + total["error"]).max(), data["yield"].max(), 1e-9))
    _reversed_legend(above, text)
    _ratio(below, edges, total, data["yield"].to_numpy())
    below.set_xlabel(axis_title(settings, variable))
    below.set_xlim(edges[0], edges[-1])
    figure.align_ylabels()


def _points(axes: Axes, edges: Array, data: Array, label: str) -> None:
    look = {"color": "black", "marker": "o", "ms": 5, "lw": 1.5, "ls": "none", "label": label}
    axes.errorbar((edges[1:] + edges[:-1]) / 2, data, _poisson(data), **look)


def _poisson(counts: Array) -> Array:
    """Distances to the ends of Garwood's 68.3 % intervals, shape (2, n): no events is not no uncertainty."""
    inside = chi2.cdf(1, 1)
    low = np.where(counts > 0, chi2.ppf((1 - inside) / 2, 2 * np.maximum(counts, 1e-9)) / 2, 0)
    return np.stack([counts - low, chi2.ppf((1 + inside) / 2, 2 * counts + 2) / 2 - counts])


def _band(axes: Axes, edges: Array, middle: Array, half: Array, label: str) -> None:
    look = {"fill": True, "facecolor": "none", "edgecolor": "0.35", "hatch": "////", "lw": 0, "label": label}
    axes.stairs(middle + half, edges, baseline=middle - half, **look)


def _ratio(axes: Axes, edges: Array, total: pd.DataFrame, data: Array) -> None:
    predicted, error = (total[name].to_numpy() for name in ("yield", "error"))
    known = np.where(predicted > 0, predicted, np.nan)
    _band(axes, edges, np.ones(len(known)), np.nan_to_num(error / known), "")
    axes.axhline(1, color="0.4", lw=0.8, ls=":")
    look = {"color": "black", "marker": "o", "ms": 5, "lw": 1.5, "ls": "none"}
    axes.errorbar((edges[1:] + edges[:-1]) / 2, data / known, _poisson(data) / known, **look)
    reach = np.nanmax(np.abs(np.append(data / known - 1, error / known)), initial=_SMALL)
    reach = float(np.clip(1.2 * reach, _SMALL, 1))
    axes.set_ylim(1 - reach, 1 + reach)
    axes.set_ylabel("data / pred.")


def _reversed_legend(axes: Axes, title: str) -> None:
    """Data first, and samples from the top of the stack to its bottom."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize="small", title=title, title_fontsize="small", ncols=2)


def pulls(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any], statistical: bool = False) -> None:
    """Fitted values of parameters with a constraint, in units of their uncertainty before the fit.

    Args:
        table: that of `stats.fitting.Fit`.
        statistical: show those of the finite simulation too, one a bin.
    """
    shown = table["pull"].notna() & (statistical | ~table["parameter"].str.startswith("staterror_"))
    rows, axes = table[shown].iloc[::-1], figure.subplots()
    places = np.arange(len(rows))
    figure.set_size_inches(figure.get_size_inches()[0], 2.2 + 0.42 * max(len(rows), 3))
    for reach, shade in ((2, _YELLOW), (1, _GREEN)):
        axes.axvspan(-reach, reach, color=shade, alpha=0.45, lw=0)
    axes.axvline(0, color="0.3", lw=0.8, ls=":")
    look = {"color": "black", "marker": "o", "ms": 6, "lw": 1.8, "ls": "none"}
    axes.errorbar(rows["pull"], places, xerr=rows["constraint"], **look)
    for place, value, error in zip(places, rows["pull"], rows["constraint"], strict=True):
        axes.text(
            1.01, place, f"{_signed(value)} ± {error:.2f}", transform=axes.get_yaxis_transform(), va="center", size=13
        )
    reach = max(2.5, (rows["pull"].abs() + rows["constraint"]).max() * 1.1) if len(rows) else 2.5
    axes.set_xlim(-reach, reach)
    _parameters(axes, rows["parameter"])
    axes.set_xlabel("(fitted − nominal) / uncertainty before the fit")
    if rows.empty:
        no_data(axes)


def correlations(figure: Figure, matrix: pd.DataFrame, settings: Mapping[str, Any], threshold: float = 0.1) -> None:
    """Correlations of parameters, of those that have one above `threshold` with some other.

    Args:
        matrix: that of `stats.fitting.Fit`.
    """
    others = matrix.abs().to_numpy() - np.eye(len(matrix))
    kept = np.flatnonzero(others.max(axis=1, initial=0) >= threshold)
    shown, axes = matrix.iloc[kept, kept], figure.subplots()
    if shown.empty:
        no_data(axes)
        return
    mesh = axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    size = float(np.clip(200 / len(shown), 5, 14))
    for i, j in np.ndindex(*shown.shape):
        value = shown.iat[i, j]
        shade = "white" if abs(value) > 0.6 else "black"
        axes.text(j, i, _signed(value).lstrip("+"), ha="center", va="center", fontsize=size, color=shade)
    axes.set_xticks(range(len(shown)), shown.columns, rotation=45, ha="right", fontsize=size)
    axes.set_yticks(range(len(shown)), shown.index, fontsize=size)
    axes.minorticks_off()
    axes.tick_params(length=0, which="both")
    figure.colorbar(mesh, ax=axes, label="correlation", pad=0.01)


def ranking(figure: Figure, table: pd.DataFrame, poi: str, settings: Mapping[str, Any], most: int = 20) -> None:
    """What parameters do to the parameter of interest, before and after the fit, and their pulls.

    Args:
        table: that of `stats.fitting.ranking`, largest impact first.
        poi: name of the parameter of interest.
        most: number of parameters to show.
    """
    rows = table.head(most).iloc[::-1]
    places = np.arange(len(rows))
    figure.set_size_inches(figure.get_size_inches()[0], 2.8 + 0.5 * max(len(rows), 3))
    axes = figure.subplots()
    sides = (("up", colour(settings, 0)), ("down", colour(settings, 1)))
    for side, shade in sides:
        axes.barh(places, rows[f"prefit_{side}"], 0.8, fill=False, edgecolor=shade, lw=1.5)
        axes.barh(places, rows[f"postfit_{side}"], 0.8, color=shade, alpha=0.55, lw=0)
    impacts = rows[[f"{when}_{side}" for when in ("prefit", "postfit") for side in ("up", "down")]]
    reach = 1.15 * max(float(np.nanmax(impacts.abs().to_numpy(), initial=0)), 1e-9)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(f"change of {poi} (bars)")
    _parameters(axes, rows["parameter"])
    axes.set_ylim(-0.7, len(rows) + 0.9)
    above = axes.twiny()
    above.errorbar(rows["pull"], places, xerr=rows["constraint"], color="black", marker="o", ms=5, lw=1.5, ls="none")
    for line in (-1, 0, 1):
        above.axvline(line, color="0.4", lw=0.8, ls=":")
    above.set_xlim(-2, 2)
    above.set_xticks([-1, 0, 1])
    above.minorticks_off()
    above.tick_params(axis="x", labelsize="small", length=0, pad=-24)
    above.text(0.5, 0.945, "pull (points)", transform=above.transAxes, ha="center", va="top", fontsize="small")
    keys = [Patch(facecolor=shade, alpha=0.55, label=f"{_SIGN[side]}σ after") for side, shade in sides]
    keys += [Patch(fill=False, edgecolor=shade, lw=1.5, label=f"{_SIGN[side]}σ before") for side, shade in sides]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, fontsize="small")


def limits(
    figure: Figure,
    table: pd.DataFrame,
    labels: tuple[str, str],
    settings: Mapping[str, Any],
    theory: Sequence[float] | None = None,
) -> None:
    """Upper limits for several signals: expected with its bands, and observed where there are data.

    Args:
        table: that of `stats.hypotests.limits`.
        labels: titles of the axes.
        theory: predicted values, one a row.
    """
    axes, table = figure.subplots(), table.sort_values("signal")
    signal, one = table["signal"].to_numpy(float), len(table) == 1
    if one:  # a single signal would have bands without width
        signal = signal + np.array([-0.5, 0.5])
        table = pd.concat([table, table])
    for bands, shade, label in ((2, _YELLOW, "95 %"), (1, _GREEN, "68 %")):
        low, high = table[f"expected_minus_{bands}"], table[f"expected_plus_{bands}"]
        axes.fill_between(signal, low, high, color=shade, lw=0, alpha=0.9, label=f"expected, {label}")
    axes.plot(signal, table["expected_median"], color="black", ls="--", lw=2, label="expected, median")
    if table["observed"].notna().any():
        axes.plot(signal, table["observed"], color="black", marker="o", ms=6, lw=2, label="observed")
    if theory is not None:
        axes.plot(signal, np.repeat(theory, 2) if one else theory, color="#bd1f01", lw=2, label="prediction")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.5)
    axes.set_xlim(signal.min(), signal.max())
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.legend(fontsize="small", title=f"{table['level'].iloc[0]:.0%} CL upper limits".replace("%", " %"))


def _signed(value: float) -> str:
    return f"{value:+z.2f}".replace("-", "−")


def _parameters(axes: Axes, names: pd.Series) -> None:
    axes.set_yticks(range(len(names)), list(names), fontsize="small")
    axes.set_ylim(-0.7, max(len(names), 1) - 0.3)
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.minorticks_off()
    axes.figure.get_layout_engine().set(w_pad=0.1)  # names and numbers reach the edge of the paper


def paint(
    figure: Figure,
    shown: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, pd.DataFrame]],
    settings: Mapping[str, Any],
) -> None:
    """A figure of `targets.fit_figures`, from the tables of `stats.measure` by fit."""
    own = tables[shown["fit"]]
    if shown["figure"] == "region":
        rows = own["yields"]
        rows = rows[(rows["region"] == shown["region"]) & (rows["fit"] == shown["when"])]
        text = f"{shown['region']}, {shown['when']} the fit"
        if rows.empty:
            no_data(figure.subplots())
        else:
            data_and_prediction(figure, rows, shown["variable"], text, {**settings, "samples": shown["samples"]})
    elif shown["figure"] == "limits":
        rows = pd.concat([tables[name]["limit"] for name in shown["fits"]], ignore_index=True)
        limits(figure, rows, ("signal", shown["poi"]), settings)
    elif shown["figure"] == "pulls":
        pulls(figure, own["parameters"], settings)
    elif shown["figure"] == "ranking":
        ranking(figure, own["ranking"], shown["poi"], settings)
    else:
        correlations(figure, own["correlation"].set_index("parameter"), settings)
