"""Figures of what is learned from simulated tt̄."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skimflow.plots.canvas import colour

_SHARES = ("all", "half", "quarter", "none")


def assignment(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Fraction of events by how many jets are assigned rightly: validation of both models, and a random choice.

    Args:
        table: of `learning.jet_assignment.train`.
        settings: those of figures.
    """
    axes = figure.add_subplot()
    judged = table[table["sample"] == "validation"]
    chance = table[table["model"] == "random"].iloc[:1]
    bars = [(f"model of {row.model} events", row) for row in judged.itertuples()]
    bars += [("random assignment", row) for row in chance.itertuples()]
    width = 0.8 / len(bars)
    for place, (label, row) in enumerate(bars):
        heights = [getattr(row, name) for name in _SHARES]
        axes.bar(
            np.arange(len(_SHARES)) + (place - (len(bars) - 1) / 2) * width, heights, width, label=label,
            color=colour(settings, place),
        )  # fmt: skip
    axes.set_xticks(np.arange(len(_SHARES)), ["all four", "two", "one", "none"])
    axes.minorticks_off()
    axes.set_xlabel("jets assigned rightly")
    axes.set_ylabel("fraction of events")
    axes.set_ylim(0, 1.1)
    axes.legend(loc="upper right")


def separation(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Area under the ROC curve and average precision against the parameter of each model, trained and judged.

    Args:
        table: of `learning.separation.compare`.
        settings: those of figures.
    """
    models = list(table["model"].unique())
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        own = table[table["model"] == model]
        for place, (name, label) in enumerate((("roc_auc", "ROC AUC"), ("average_precision", "average precision"))):
            for sample, style in (("test", "-"), ("train", ":")):
                rows = own[own["sample"] == sample]
                axes.plot(
                    rows["parameter"], rows[name], style, marker="o", color=colour(settings, place),
                    label=f"{label}, {sample}",
                )  # fmt: skip
        axes.axhline(own["base_rate"].iloc[0], color=colour(settings, 1), ls="--", lw=1, label="base rate")
        axes.axhline(0.5, color=colour(settings, 0), ls="--", lw=1, label="AUC of a coin")
        axes.set_xlabel("neighbours" if "neighbour" in model else "depth of the tree")
        axes.set_ylim(0.4, 1.25)
    panels[0].set_ylabel("measure")
    panels[-1].legend(fontsize="x-small", loc="upper right", ncols=2)
