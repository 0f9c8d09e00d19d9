"""Mass spectra of passing and failing probes, with their fits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.plots.canvas import axis_title, colour, sample_title

Array = np.ndarray
_ACROSS = 3
_SIDES = {"passing": "passed", "failing": "failed"}


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


def all_probes(figure: Figure, rows: pd.DataFrame, spectra: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """The spectra of all probes of a leg and sample; tables of `efficiency.legs.leg_efficiencies`, one row and its mass
    bins."""
    row = rows.iloc[0]
    title = sample_title(row["sample"], row["kind"]).replace(" sim", "\nsim").replace(" data", "\ndata")
    text = f"{title}\nleg {row['trigger']}\n{_result(row)}"
    mass_fit(figure, _edges(spectra), *_both(spectra), text, settings)


def in_bins(figure: Figure, rows: pd.DataFrame, spectra: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """The spectra in the bins of a variable, passing probes above failing ones; tables as those of `all_probes`."""
    across = min(_ACROSS, max(len(rows), 2))
    lines = -(-len(rows) // across)
    figure.set_size_inches(3.5 * across, 5.4 * lines + 0.6)
    grid = figure.add_gridspec(2 * lines, across)
    # The first axes carry the figure's label, which is wider than a panel.
    figure.add_subplot(grid[0, :]).set_axis_off()
    panels = np.array([[figure.add_subplot(grid[i, j]) for j in range(across)] for i in range(2 * lines)])
    for spare in panels.reshape(-1):
        spare.set_axis_off()
    for place, row in enumerate(rows.to_dict("records")):
        mine = spectra[(spectra["x_low"] == row["x_low"]) & (spectra["x_high"] == row["x_high"])]
        for side, spectrum in enumerate(_both(mine)):
            axes = panels[2 * (place // across) + side, place % across]
            axes.set_axis_on()
            _spectrum(axes, _edges(mine), spectrum, settings)
            axes.tick_params(labelsize="x-small")
            axes.text(
                0.96, 0.94, list(_SIDES)[side], transform=axes.transAxes, ha="right", va="top", fontsize="x-small"
            )
            if not side:
                span = f"{row['x_low']:g} to {row['x_high']:g}\n{_result(row)}"
                axes.text(0.04, 0.94, span, transform=axes.transAxes, va="top", fontsize="xx-small")
    first = rows.iloc[0]
    what = f"{sample_title(first['sample'], first['kind'])}, leg {first['trigger']}"
    title = axis_title(settings, first["variable"])
    figure.supxlabel(f"tag-probe mass [GeV] in bins of {title}; {what}", fontsize="small")
    figure.supylabel("pairs", fontsize="small")


def _result(row: Mapping[str, Any]) -> str:
    """What the fit found, or why there is no result."""
    if not row["fit_valid"]:
        return row["reason"].replace(": ", ":\n").replace(" for ", "\nfor ")
    below, above = row["fit"] - row["fit_low"], row["fit_high"] - row["fit"]
    value = f"$\\varepsilon = {row['fit']:.4f}^{{+{above:.4f}}}_{{-{below:.4f}}}$"
    return f"{value}\n$\\chi^2$/ndf {row['chi2']:.0f}/{row['ndf']}"


def _edges(spectra: pd.DataFrame) -> Array:
    return np.append(spectra["mass_low"].to_numpy(), spectra["mass_high"].to_numpy()[-1])


def _both(spectra: pd.DataFrame) -> list[Spectrum]:
    names = ("", "_error", "_fit", "_background")
    return [Spectrum(*(spectra[f"{side}{name}"].to_numpy() for name in names)) for side in _SIDES.values()]


def _spectrum(axes: Axes, edges: Array, spectrum: Spectrum, settings: Mapping[str, Any]) -> None:
    middle = (edges[:-1] + edges[1:]) / 2
    axes.stairs(spectrum.background, edges, fill=True, color="0.85", label="background")
    axes.stairs(spectrum.fitted, edges, color=colour(settings, 1), lw=1.8, label="fit")
    style = {"color": "black", "marker": "o", "ms": 3.5, "lw": 1, "ls": "none"}
    axes.errorbar(middle, spectrum.content, spectrum.error, label="pairs", **style)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.5 * max(1.0, float(np.max(spectrum.content + spectrum.error))))


def _distance(axes: Axes, edges: Array, spectrum: Spectrum) -> None:
    """Content less fit, in units of the root of the expected variance."""
    variance = np.where(spectrum.content > 0, spectrum.error**2 / np.maximum(spectrum.content, 1e-9), 1)
    width = np.sqrt(np.maximum(spectrum.fitted * variance, 1e-9))
    axes.stairs(((spectrum.content - spectrum.fitted) / width).clip(-4.5, 4.5), edges, color="0.3", lw=1.2)
    axes.axhline(0, color="0.6", lw=0.8)
    axes.set_ylim(-4.5, 4.5)
