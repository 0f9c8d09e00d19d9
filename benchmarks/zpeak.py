"""The Z peak of a file of muons, fitted: `python -m benchmarks.zpeak FILE [FIGURE.png]`.

Any NanoAOD file, or one that has nothing but muons. Pairs are built as in the analysis `zmumu` (both muons above 20 GeV
and one above 25, |η| < 2.4, opposite charge, the pair nearest to the Z mass), but nothing is asked of identification,
isolation or trigger, which such files lack; momenta are taken as they were stored.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from skimflow.efficiency.peak import Peak, fit_peak
from skimflow.io.nanoaod import NanoAOD
from skimflow.physics.cuts import NEAREST_Z, chosen, pairs
from skimflow.physics.leptons import MUON, collect

BRANCHES = ["nMuon", *(f"Muon_{name}" for name in ("pt", "eta", "phi", "mass", "charge"))]
EDGES = np.linspace(70, 110, 81)
MIN_PT, LEAD_PT, MAX_ETA = 20, 25, 2.4
SETTINGS: dict[str, Any] = {"style": {"experiment": "CMS", "status": "Open Data", "energy": None}}


def masses(path: str | Path) -> np.ndarray:
    """Mass of the pair of each event that has one, GeV."""
    found = []
    with NanoAOD(str(path)) as file:
        for columns in file.chunks(BRANCHES):
            good = (columns["Muon_pt"] > MIN_PT) & (np.abs(columns["Muon_eta"]) < MAX_ETA)
            muons = collect(MUON, columns, "Muon", good)
            every = pairs(muons, len(columns["nMuon"]))
            z = chosen(every.at((every.charge == 0) & (muons.pt[every.first] > LEAD_PT)), muons, NEAREST_Z)
            found.append(z.p4.mass)
    return np.concatenate(found)


def paint(figure: Figure, content: np.ndarray, peak: Peak) -> None:
    main, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.05})
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    main.stairs(peak.background, EDGES, fill=True, color="0.85", label="background")
    main.stairs(peak.expected, EDGES, color="#bd1f01", lw=2, label="fit")
    main.errorbar(centres, content, np.sqrt(content), fmt="o", color="black", ms=4, lw=1, label="data")
    lines = [
        f"$m = {peak.mean:.3f} \\pm {peak.mean_error:.3f}$ GeV",
        f"$\\sigma = {peak.sigma:.3f} \\pm {peak.sigma_error:.3f}$ GeV",
        f"$\\chi^2$/ndf = {peak.chi2:.0f}/{peak.ndf}",
    ]
    main.text(0.04, 0.94, "\n".join(lines), transform=main.transAxes, va="top")
    main.set_ylim(0, 1.25 * content.max())
    main.set_xlim(EDGES[0], EDGES[-1])
    main.set_ylabel(f"events / {EDGES[1] - EDGES[0]:g} GeV")
    main.legend(loc="upper right")
    below.stairs((content - peak.expected) / np.sqrt(peak.expected), EDGES, color="0.3")
    below.axhline(0, color="0.6", lw=1)
    below.set_ylim(-5, 5)
    below.set_ylabel("pull", fontsize="small")
    below.set_xlabel(r"$m_{\mu\mu}$ [GeV]")


def main(path: str, figure: str | None = None) -> None:
    mass = masses(path)
    content = np.histogram(mass, EDGES)[0]
    peak = fit_peak(EDGES, content, radiation=True)
    inside = f"{content.sum():,} between {EDGES[0]:g} and {EDGES[-1]:g} GeV"
    print(f"{len(mass):,} pairs, {inside}, {peak.signal:,.0f} in the peak")
    print(f"mean  {peak.mean:.3f} ± {peak.mean_error:.3f} GeV")
    print(f"sigma {peak.sigma:.3f} ± {peak.sigma_error:.3f} GeV (beside the width of the Z)")
    print(f"chi2 / ndf {peak.chi2:.1f} / {peak.ndf}")
    if figure:
        from skimflow.plots.canvas import draw

        draw(partial(paint, content=content, peak=peak), [figure], SETTINGS, {"input": Path(path).name}, size=(9, 9))


if __name__ == "__main__":
    main(*sys.argv[1:])
