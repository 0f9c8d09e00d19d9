"""Fits of a Z peak: what was thrown is found, as often as the errors say."""

from pathlib import Path

import numpy as np
import pytest
import uproot

from benchmarks import zpeak
from skimflow.efficiency.peak import fit_peak
from skimflow.errors import InputError

EDGES = np.linspace(70, 110, 81)
WIDTH = 2.4955


def thrown(rng: np.random.Generator, mean: float, sigma: float, radiated: float = 0.0) -> np.ndarray:
    """Masses of 8000 pairs, some of which have radiated 4 GeV on average, and 1000 of background."""
    z = mean + WIDTH / 2 * np.tan(np.pi * rng.uniform(-0.5, 0.5, 8000)) + rng.normal(0, sigma, 8000)
    z -= np.where(rng.random(8000) < radiated, rng.exponential(4, 8000), 0)
    return np.concatenate([z, 70 + rng.exponential(40, 1000)])


@pytest.mark.parametrize(("radiated", "trials"), [(0.0, 12), (0.25, 4)])
def test_what_was_thrown_is_found(radiated: float, trials: int) -> None:
    rng, mean, sigma = np.random.default_rng(91), 90.9, 1.4
    pulls, chi2 = [], []
    for _ in range(trials):
        content = np.histogram(thrown(rng, mean, sigma, radiated), EDGES)[0]
        found = fit_peak(EDGES, content, radiation=radiated > 0)
        pulls += [(found.mean - mean) / found.mean_error, (found.sigma - sigma) / found.sigma_error]
        chi2.append(found.chi2 / found.ndf)
        assert found.expected.sum() == pytest.approx(content.sum(), rel=1e-3)
    # The sum of squares of unit normal numbers, as many as there are, within four of its standard deviations.
    assert np.square(pulls).sum() == pytest.approx(len(pulls), abs=4 * np.sqrt(2 * len(pulls)))
    assert np.mean(chi2) == pytest.approx(1, abs=4 * np.sqrt(2 / 75 / trials))


def test_weights_change_the_yield_and_not_the_peak() -> None:
    content = np.histogram(thrown(np.random.default_rng(2), 91.2, 1.2), EDGES)[0]
    one, other = fit_peak(EDGES, content), fit_peak(EDGES, 3.0 * content, 9.0 * content)
    for name in ("mean", "mean_error", "sigma", "sigma_error", "chi2"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-4)
    assert other.signal == pytest.approx(3 * one.signal, rel=1e-4)


@pytest.mark.parametrize("content", [np.zeros(80), np.full(80, 0.5)])
def test_too_few_events_are_no_peak(content: np.ndarray) -> None:
    with pytest.raises(InputError, match="a Z peak cannot be fitted to"):
        fit_peak(EDGES, content)


@pytest.mark.real
def test_real_muons_peak_where_the_z_is(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As stored, so without corrections of the momentum: within 0.2 % of the Z mass."""
    path = data / "nano/AGC_open-data-example_muons_100k.root"
    mass = zpeak.masses(path)
    events = uproot.open(path)["Events"].arrays([f"Muon_{n}" for n in ("pt", "eta", "charge")], library="np")
    having = 0
    for pt, eta, charge in zip(*events.values(), strict=True):
        good = [
            (q, p)
            for p, e, q in zip(pt.tolist(), eta.tolist(), charge.tolist(), strict=True)
            if p > 20 and abs(e) < 2.4
        ]
        signs = {q for q, _ in good}
        # With an opposite pair, the one muon above 25 GeV that leads has a partner of the other sign.
        having += len(signs) == 2 and max(p for _, p in good) > 25
    assert len(mass) == having
    found = fit_peak(zpeak.EDGES, np.histogram(mass, zpeak.EDGES)[0], radiation=True)
    assert found.mean == pytest.approx(91.1876, abs=0.002 * 91.1876)
    assert found.mean_error < 0.08
    assert 0.8 < found.sigma < 2
    assert found.chi2 / found.ndf < 1.5
    zpeak.main(str(path), str(tmp_path / "z.png"))
    assert f"mean  {found.mean:.3f} ± {found.mean_error:.3f} GeV" in capsys.readouterr().out
    assert 5_000 < (tmp_path / "z.png").stat().st_size < 150_000
