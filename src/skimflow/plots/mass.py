"""Mass spectra of passing and failing probes, with their fits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import colour

Array = np.ndarray


class Spectrum(NamedTuple):
    """Contents and uncertainties of a mass histogram, and what a fit expects: all, and background; shapes (m,)."""

    content: Array
    error: Array
    fitted: Array
    background: Array


def mass_fit(
    figure: Figure, edges: Array, passing: Spectrum, failing: Spectrum, text: str, settings: Mapping[str, Any]
) -> None:
    """Passing and failing probes side by side, with the distance of each mass bin from the fit below.

    Args:
        edges: of the mass, GeV, shape (m + 1,).
        text: which probes, the efficiency and the goodness of fit; lines of at most 25 letters.
    """
    panels = figure.subplots(2, 2, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    for column, (name, spectrum) in enumerate((("passing", passing), ("failing", failing))):
        top, below = panels[:, column]
        _spectrum(top, edges, spectrum, settings)
        _distance(below, edges, spectrum)
        top.text(0.04, 0.95, f"{name} probes", transform=top.transAxes, va="top")
        below.set_xlabel("tag-probe mass [GeV]")
    panels[0, 0].set_ylabel(f"pairs / {edges[1] - edges[0]:g} GeV")
    panels[1, 0].set_ylabel("pull")
    panels[0, 0].text(0.04, 0.85, text, transform=panels[0, 0].transAxes, va="top", fontsize="x-small")
    panels[0, 1].legend(loc="upper right", fontsize="x-small")


def _spectrum(axes: Axes, edges: Array, spectrum: Spectrum, settings: Mapping[str, Any]) -> None:
    middle = (edges[:-1] + edges[1:]) / 2
    axes.stairs(spectrum.background, edges, fill=True, color="0.85", label="background")
    axes.stairs(spectrum.fitted, edges, color=colour(settings, 1), lw=1.8, label="fit")
    style = {"color": "black", "marker": "o", "ms": 3.5, "lw": 1, "ls": "none"}
    axes.errorbar(middle, spectrum.content, spectrum.error, label="data", **style)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.5 * max(1.0, float(np.max(spectrum.content + spectrum.error))))


def _distance(axes: Axes, edges: Array, spectrum: Spectrum) -> None:
    """Content less fit, in units of the root of the expected variance."""
    variance = np.where(spectrum.content > 0, spectrum.error**2 / np.maximum(spectrum.content, 1e-9), 1)
    width = np.sqrt(np.maximum(spectrum.fitted * variance, 1e-9))
    axes.stairs(((spectrum.content - spectrum.fitted) / width).clip(-4.5, 4.5), edges, color="0.3", lw=1.2)
    axes.axhline(0, color="0.6", lw=0.8)
    axes.set_ylim(-4.5, 4.5)
