"""How well a classifier tells signal from background."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from skimflow.plots.canvas import colour


def scores(
    figure: Figure, learnt: Mapping[str, Any], classes: Mapping[str, Sequence[str]], settings: Mapping[str, Any]
) -> None:
    """Scores of both classes, each with area 1, for events that the network had not seen.

    Args:
        learnt: of `learning.classifier.train`.
        classes: the processes of `signal` and `background`.
        settings: those of `targets.template_plot_settings`.
    """
    axes = figure.subplots()
    top = 0.0
    for place, (name, processes) in enumerate(classes.items()):
        counts = np.array(learnt["scores"][name], float)
        edges = np.linspace(-1, 1, len(counts) + 1)
        density = counts / max(counts.sum(), 1) / np.diff(edges)
        label = " + ".join(settings["processes"][process] for process in processes)
        axes.stairs(density, edges, fill=True, alpha=0.5, color=colour(settings, place), label=f"{label} ({name})")
        axes.stairs(density, edges, lw=2, color=colour(settings, place))
        top = max(top, density.max())
    area = ", ".join(f"{quality['auc']:.3f}" for quality in learnt["quality"].values())
    axes.legend(title=f"area under the ROC curve: {area}", loc="upper center", fontsize="small", title_fontsize="small")
    axes.set_xlim(-1, 1)
    axes.set_ylim(0, 1.4 * max(top, 1e-9))
    axes.set_xlabel("score of the classifier")
    axes.set_ylabel("events, area 1")
