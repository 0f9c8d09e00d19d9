"""Figures of the trigger emulator: ranking, calibration, rate against efficiency, SHAP values, drift."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import colour, marker, no_data, short

Array = np.ndarray
_METHODS = {"lightgbm": "LightGBM", "logistic": "logistic regression", "turn_on": "turn-on in two pT"}
_SHOWN = 12
_DOTS = 2000
_VERDICTS = {"stable": "0.6", "watch": "#e9a820", "drift": "#bd1f01"}


def roc(figure: Figure, facts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Efficiency against false positives, for all methods; the diagonal is chance.

    Args:
        facts: of the step `evaluate`.
    """
    axes = figure.subplots()
    for place, (method, curve) in enumerate(_curves(facts)):
        x, y = ([0, *curve["false_positive_rate"], 1], [0, *curve["efficiency"], 1])
        axes.plot(x, y, color=colour(settings, place), label=_named(facts, method, "roc_auc"))
    axes.plot([0, 1], [0, 1], color="0.5", lw=1.5, ls=":")
    _attainable(axes, facts, "roc_auc")
    _finish(axes, facts, "events that did not fire, accepted", "efficiency (recall)", "lower right")


def precision_recall(figure: Figure, facts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Precision against efficiency, for all methods; the line is the prevalence, which chance reaches."""
    axes = figure.subplots()
    for place, (method, curve) in enumerate(_curves(facts)):
        axes.plot(
            curve["efficiency"], curve["precision"], color=colour(settings, place), label=_named(facts, method, "ap")
        )
    axes.axhline(facts["prevalence"], color="0.5", lw=1.5, ls=":", label=f"prevalence {facts['prevalence']:.3f}")
    _attainable(axes, facts, "ap")
    highest = max((_highest(curve) for _, curve in _curves(facts)), default=1.0)
    _finish(axes, facts, "efficiency (recall)", "precision", "upper right" if facts["prescaled"] else "lower left")
    axes.set_ylim(0, min(1.02, 2.2 * max(highest, facts["prevalence"])) if facts["prescaled"] else 1.02)


def calibration(figure: Figure, facts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Observed fraction against the probability, with the score as it was before; on the diagonal both agree."""
    axes = figure.subplots()
    top = 0.0
    for place, (name, title) in enumerate((("raw", "score"), ("calibrated", "calibrated probability"))):
        bins = {key: np.array(values, float) for key, values in facts["reliability"][name].items()}
        if not len(bins["probability"]):
            continue
        error = [bins["observed"] - bins["low"], bins["high"] - bins["observed"]]
        style = {"color": colour(settings, place), "marker": marker(place), "ms": 6, "ls": "none"}
        axes.errorbar(bins["probability"], bins["observed"], error, label=title, **style)
        top = max(top, float(bins["high"].max()), float(bins["probability"].max()))
    if not top:
        no_data(axes)
    axes.plot([0, 1], [0, 1], color="0.5", lw=1.5, ls=":")
    brier = facts["methods"]["lightgbm"]["brier"][0]
    axes.text(0.96, 0.06, f"Brier score {brier:.4f}" if brier is not None else "", transform=axes.transAxes, ha="right")
    _finish(axes, facts, "probability that the path fired", "fraction that fired", "upper left")
    axes.set_xlim(0, 1.05 * top or 1)
    axes.set_ylim(0, 1.25 * top or 1)


def rate(figure: Figure, facts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Efficiency against the rate of accepted events, with the working points."""
    axes = figure.subplots()
    for place, (method, curve) in enumerate(_curves(facts)):
        axes.plot(curve["rate"], curve["efficiency"], color=colour(settings, place), label=_METHODS[method])
    rules = list(dict.fromkeys(point["rule"] for point in facts["thresholds"]))
    for place, rule in enumerate(rules):
        points = [point for point in facts["thresholds"] if point["rule"] == rule and point["reached"]]
        if points:
            x, y = ([point[name] for point in points] for name in ("rate", "recall"))
            axes.plot(x, y, color="black", marker=marker(place), ms=8, mfc="none", ls="none", label=f"by {rule}")
    _finish(axes, facts, "accepted events per second of data taking [Hz]", "efficiency (recall)", "lower right")
    axes.set_xlim(0, 1.02 * max((max(curve["rate"]) for _, curve in _curves(facts)), default=1.0))


def shap(figure: Figure, sample: pd.DataFrame, names: Sequence[str], label: str, settings: Mapping[str, Any]) -> None:
    """SHAP values of events for the quantities that matter most; the colour is the quantity's own value, by rank.

    Args:
        sample: columns `value_<name>` and `shap_<name>`.
    """
    axes = figure.subplots()
    size = {name: float(sample[f"shap_{name}"].abs().mean()) for name in names}
    shown = sorted(size, key=lambda name: -size[name])[:_SHOWN][::-1]
    sample = sample.iloc[:_DOTS]
    points = None
    for place, name in enumerate(shown):
        x, value = sample[f"shap_{name}"].to_numpy(), sample[f"value_{name}"].rank(pct=True).to_numpy()
        points = axes.scatter(x, place + _spread(x), c=value, s=4, cmap="coolwarm", vmin=0, vmax=1, rasterized=True)
    axes.axvline(0, color="0.6", lw=1)
    axes.set_yticks(range(len(shown)), shown, fontsize="small")
    axes.minorticks_off()
    axes.set_ylim(-0.7, len(shown) - 0.3 + 0.7)
    axes.set_xlabel("SHAP value [log-odds]")
    axes.text(0.03, 0.97, short(label), transform=axes.transAxes, va="top", fontsize="x-small")
    if points is not None:
        bar = figure.colorbar(points, ax=axes, ticks=[0, 1], pad=0.02)
        bar.ax.set_yticklabels(["low", "high"], fontsize="small")


def drift(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Population stability index of each quantity and block of runs, coloured by verdict, over the score's ROC-AUC and
    the fraction that fired.

    Args:
        table: of the step `drift`; its limits are in `settings["psi"]`.
    """
    if not len(table):
        no_data(figure.subplots())
        return
    top, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    blocks = table.drop_duplicates("run_first").reset_index(drop=True)
    place = {run: index for index, run in enumerate(blocks["run_first"])}
    for verdict, shade in _VERDICTS.items():
        rows = table[table["verdict"] == verdict]
        top.plot(rows["run_first"].map(place), rows["psi"].clip(lower=1e-5), "o", color=shade, ms=6, label=verdict)
    for limit in settings["psi"]:
        top.axhline(limit, color="0.5", lw=1.5, ls=":")
    top.set_yscale("log")
    highest = float(table["psi"].max())
    top.set_ylim(1e-5, max(highest, max(settings["psi"])) * 40)
    for _, row in table[table["verdict"] != "stable"].nlargest(4, "psi").iterrows():
        top.annotate(
            row["quantity"], (place[row["run_first"]], row["psi"]), (8, 0), textcoords="offset points", size=12
        )
    top.legend(loc="upper right", fontsize="x-small", ncols=3)
    top.text(0.03, 0.95, short(str(table["label"].iloc[0])), transform=top.transAxes, va="top", fontsize="x-small")
    top.set_ylabel("stability index")
    for index, (name, title) in enumerate((("roc_auc", "ROC-AUC"), ("prevalence", "fraction that fired"))):
        below.plot(blocks.index, blocks[name], marker=marker(index), color=colour(settings, index), label=title)
    below.set_ylim(0, 1.35)
    below.legend(loc="upper right", fontsize="x-small", ncols=2)
    spans = zip(blocks["run_first"], blocks["run_last"], strict=True)
    titles = [f"{first}" if first == last else f"{first}–\n{last}" for first, last in spans]
    step = max(1, len(titles) // 8)
    below.set_xticks(range(0, len(titles), step), titles[::step], fontsize="x-small")
    below.minorticks_off()
    top.set_xlim(-0.5, len(titles) - 0.5)
    below.set_xlabel("runs")


def _curves(facts: Mapping[str, Any]) -> list[tuple[str, Mapping[str, list[float]]]]:
    return [(method, facts["curves"][method]) for method in _METHODS if method in facts["curves"]]


def _highest(curve: Mapping[str, list[float]]) -> float:
    """Precision where more than a few events are accepted."""
    points = zip(curve["precision"], curve["efficiency"], strict=True)
    return max((precision for precision, efficiency in points if efficiency > 0.01), default=0.0)


def _named(facts: Mapping[str, Any], method: str, measure: str) -> str:
    value = facts["methods"][method][measure][0]
    title = {"roc_auc": "AUC", "ap": "AP"}[measure]
    return f"{_METHODS[method]}, {title} {value:.3f}" if value is not None else _METHODS[method]


def _attainable(axes: Axes, facts: Mapping[str, Any], measure: str) -> None:
    """For a prescaled path, what any model can reach."""
    best = facts["attainable"][measure]
    if facts["prescaled"] and best is not None:
        axes.plot([], [], ls="none", label=f"prescaled: at best {best:.3f}")


def _finish(axes: Axes, facts: Mapping[str, Any], x: str, y: str, legend: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    title = f"{short(facts['label'])}\nsplit by {facts['split']}, level {facts['level']}"
    axes.legend(loc=legend, fontsize="x-small", title=title, title_fontsize="x-small", alignment="left")


def _spread(x: Array) -> Array:
    """Vertical places of dots, so that they show how many there are: as far from the line as others are near."""
    found = np.zeros(len(x))
    if np.ptp(x) == 0:
        return found
    bins = np.minimum(((x - x.min()) / np.ptp(x) * 60).astype(int), 59)
    counts = np.bincount(bins, minlength=60)
    for place in np.flatnonzero(counts):
        mine = np.flatnonzero(bins == place)
        width = 0.38 * counts[place] / counts.max()
        found[mine] = np.linspace(-width, width, len(mine)) if len(mine) > 1 else 0
    return found
