"""The Z in 100,000 real events, with the pairs of `physics.cuts`."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from scipy.optimize import curve_fit
from scipy.special import voigt_profile
from scipy.stats import chi2

from skimflow.physics import cuts
from skimflow.physics.leptons import MUON, collect

pytestmark = pytest.mark.real


def test_z_peak_of_real_muons(data: Path) -> None:
    """A Breit-Wigner of the Z's width with a Gaussian resolution on a straight line, in ±5 GeV (below are muons
    that radiated).

    Momenta are as in the file, so the scale is good to some 0.2 %.
    """
    names = [f"Muon_{name}" for name in ("pt", "eta", "phi", "mass", "charge")]
    with uproot.open(data / "nano/AGC_open-data-example_muons_100k.root") as file:
        arrays = file["Events"].arrays([*names, "nMuon"], library="ak")
    columns = {name: ak.flatten(arrays[name]).to_numpy() for name in names} | {"nMuon": arrays["nMuon"].to_numpy()}
    events = len(columns["nMuon"])
    muons = collect(MUON, columns, "Muon", (columns["Muon_pt"] > 20) & (np.abs(columns["Muon_eta"]) < 2.4))
    pairs = cuts.pairs(muons, events)
    pairs = cuts.chosen(pairs.at(pairs.charge == 0), muons, cuts.NEAREST_Z)
    mass = pairs.p4.mass
    assert (events, int(((mass > 60) & (mass < 120)).sum())) == (100_000, 8969)

    def model(x: np.ndarray, n: float, mean: float, sigma: float, slope: float, flat: float) -> np.ndarray:
        return n * voigt_profile(x - mean, sigma, 2.4952 / 2) + flat + slope * (x - 91)

    content, edges = np.histogram(mass, 20, (86.0, 96.0))
    centres, error = (edges[1:] + edges[:-1]) / 2, np.sqrt(content)
    values, covariance = curve_fit(model, centres, content, (3000, 91, 1.5, 0, 50), sigma=error, absolute_sigma=True)
    goodness = (((content - model(centres, *values)) / error) ** 2).sum()
    assert chi2.sf(goodness, len(centres) - 5) > 0.01
    assert values[1] == pytest.approx(91.0, abs=0.2)
    assert np.sqrt(covariance[1, 1]) < 0.06
    assert 0.9 < values[2] < 1.6
