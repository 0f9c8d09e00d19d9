"""Efficiencies from mass spectra: against direct scans, by their pulls, and where they must refuse."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import brentq, minimize
from scipy.stats import crystalball, expon, poisson

from skimflow.efficiency import interval
from skimflow.efficiency.crosstrigger import CrossTrigger, Legs, bin_of, cross_trigger
from skimflow.efficiency.intervals import Estimate
from skimflow.efficiency.tagandprobe import Fits, Spectra, Windows, counting, dispersion, fit, unbounded
from skimflow.plots.mass import Spectrum, mass_fit

SIGMA = 0.682689492137086
EDGES = np.arange(60, 121, 1.0)
PEAK = np.diff(crystalball(1.2, 2.0, 91, 2.2).cdf(EDGES))  # a tail at low masses, none at high ones
SLOPED = np.diff(expon(60, 40).cdf(EDGES))


def expected(efficiency: float, signal: float, passed: float, failed: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of passing and failing probes for this much signal, and background in each."""
    peak, slope = PEAK / PEAK.sum(), SLOPED / SLOPED.sum()
    return efficiency * signal * peak + passed * slope, (1 - efficiency) * signal * peak + failed * slope


def thrown(truth: tuple[float, float, float, float], number: int, seed: int = 1) -> Spectra:
    rng = np.random.default_rng(seed)
    content = [rng.poisson(mean, (number, len(mean))).astype(float) for mean in expected(*truth)]
    return Spectra(EDGES, *content, *content)


def exact(*truth: float) -> Spectra:
    content = [mean[None] for mean in expected(*truth)]
    return Spectra(EDGES, *content, *content)


def pulls(estimate: Estimate, true: float) -> np.ndarray:
    side = np.where(estimate.value < true, estimate.high - estimate.value, estimate.value - estimate.low)
    return (estimate.value - true) / side


@pytest.mark.parametrize("truth", [(0.9, 900, 150, 100), (0.95, 600, 60, 80)])
@pytest.mark.parametrize("method", [counting, fit])
def test_pulls(truth: tuple, method: Callable) -> None:
    found = method(thrown(truth, 100), SIGMA)
    if isinstance(found, Fits):
        assert np.count_nonzero(~found.valid) <= 3, found.reason
        found = found.estimate
    pull = pulls(found, truth[0])
    pull = pull[np.isfinite(pull)]
    # Of 100 unit Gaussian numbers the mean is within 0.3 and the width within 0.22 with 99.7 %.
    assert abs(pull.mean()) < 0.3
    assert 0.78 < pull.std() < 1.22


@pytest.mark.parametrize(
    "truth", [(0.995, 400, 10, 10), (0.99, 150, 0, 0), (0.97, 300, 60, 200), (1.0, 300, 40, 60), (0.02, 300, 50, 50)]
)
def test_counting_covers_near_the_ends(truth: tuple) -> None:
    found = counting(thrown(truth, 300), SIGMA)
    assert np.mean((found.low <= truth[0]) & (truth[0] <= found.high)) > SIGMA - 3 * np.sqrt(0.22 / 300)


def test_counting_is_the_formula_and_without_background_clopper_pearson_at_least() -> None:
    content = np.full((1, 60), 2.0)
    passed, failed = content.copy(), content / 2
    passed[0, 30] += 90
    failed[0, 32] += 10
    assert counting(Spectra(EDGES, passed, failed, passed, failed), SIGMA).value[0] == pytest.approx(0.9)
    pure = np.zeros((2, 60))
    pure[:, 31] = 50
    none = np.zeros((2, 60))
    none[1, 31] = 2
    found, binomial = (
        counting(Spectra(EDGES, pure, none, pure, none), SIGMA),
        interval([50, 50], [50, 52], "clopper_pearson", SIGMA),
    )
    np.testing.assert_allclose(found.low, binomial.low, atol=1e-9)
    np.testing.assert_allclose(found.high, binomial.high, atol=1e-9)
    nothing = counting(Spectra(EDGES, none[:1], none[:1], none[:1], none[:1]), SIGMA)
    assert np.isnan(nothing.value[0])
    assert (nothing.low[0], nothing.high[0]) == (0, 1)


def test_without_bounds_the_mean_over_bins_with_few_probes_is_right() -> None:
    """1,000 bins of 100 probes at an efficiency of 0.98: cut at 1 their mean is low, ten times its error. (The limit of
    many probes is not 0.98, as the background of this file is curved.)"""
    truth = (0.98, 100, 20, 20)
    limit = unbounded(exact(*(value * 1e6 if value > 1 else value for value in truth)))[0]
    spectra = thrown(truth, 1000)
    free, cut = unbounded(spectra), counting(spectra, SIGMA).value
    error = free.std() / np.sqrt(len(free))
    assert abs(free.mean() - limit) < 3 * error
    assert cut.mean() - limit < -4 * error
    assert cut.max() <= 1 < free.max()


def test_counting_agrees_with_a_direct_scan() -> None:
    """The same likelihood written out, every parameter free, minimised by scipy."""
    spectra = thrown((0.9, 400, 120, 90), 1)
    found = counting(spectra, SIGMA)
    inside, outside = (EDGES[:-1] >= 81) & (EDGES[:-1] < 101), (EDGES[:-1] >= 71) & (EDGES[:-1] < 111)
    n = [c[0, w].sum() for c in (spectra.passed, spectra.failed) for w in (inside, outside & ~inside)]

    def minus_two_log(logs: np.ndarray, efficiency: float) -> float:
        signal, bp, bf = np.exp(logs)
        means = (efficiency * signal + bp, bp, (1 - efficiency) * signal + bf, bf)
        return -2 * poisson.logpmf(n, means).sum()

    def profile(efficiency: float) -> float:
        start = np.log([n[0] + n[2] - n[1] - n[3], n[1], n[3]])
        return minimize(minus_two_log, start, (efficiency,), "Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9}).fun

    best = profile(found.value[0])
    low = brentq(lambda e: profile(e) - best - 1, 0.7, found.value[0])
    high = brentq(lambda e: profile(e) - best - 1, found.value[0], 1)
    assert (found.low[0], found.high[0]) == pytest.approx((low, high), abs=2e-4)


def test_fit_agrees_with_a_direct_scan() -> None:
    """The fit's own interval against -2 ln L profiled by scipy over all other parameters, with shapes written anew."""
    spectra = thrown((0.85, 1500, 300, 250), 1, seed=3)
    found = fit(spectra, SIGMA, signal="voigt")
    start = dict(zip(found.names, found.values[0], strict=True))
    data = np.concatenate([spectra.passed[0], spectra.failed[0]])
    points = np.linspace(60, 120, 60 * 16, endpoint=False) + 1 / 32
    smear = np.linspace(-5, 5, 201)
    gauss = np.exp(-(smear**2) / 2) / np.exp(-(smear**2) / 2).sum()

    def binned(density: np.ndarray) -> np.ndarray:
        content = density.reshape(60, 16).sum(axis=1)
        return content / content.sum()

    def minus_two_log(p: np.ndarray, efficiency: float) -> float:
        signal, mean, sigma, bp, sp, bf, sf = p * scale
        shifted = points[:, None] - mean - sigma * smear
        peak = signal * binned((gauss / (shifted**2 + (2.4955 / 2) ** 2)).sum(axis=1))
        passed = efficiency * peak + bp * binned(np.exp(-sp * points))
        failed = (1 - efficiency) * peak + bf * binned(np.exp(-sf * points))
        return -2 * poisson.logpmf(data, np.maximum(np.concatenate([passed, failed]), 1e-9)).sum()

    names = ("signal", "mean", "sigma", "background_passed", "slope_passed", "background_failed", "slope_failed")
    scale = np.array([start[name] for name in names])
    options = {"xatol": 1e-5, "fatol": 1e-4, "maxiter": 1200}

    def profile(efficiency: float) -> float:
        return minimize(minus_two_log, np.ones(7), (efficiency,), "Nelder-Mead", options=options).fun

    best = profile(start["efficiency"])
    for end in (found.estimate.low[0], found.estimate.high[0]):
        assert profile(end) - best == pytest.approx(1, abs=0.06)


def test_fit_finds_what_it_is_made_of_and_draws_it() -> None:
    found = fit(exact(0.9, 20_000, 3000, 2000), SIGMA)
    assert found.valid.all(), found.reason
    assert found.estimate.value[0] == pytest.approx(0.9, abs=0.002)
    assert found.chi2[0] < 20
    total, failing = found.curves[0, 0].sum(), found.curves[0, 2].sum()
    assert (total, failing) == pytest.approx((21_000, 4000), rel=1e-2)
    assert (found.curves[:, [1, 3]] <= found.curves[:, [0, 2]]).all()


def test_weights_scale_out() -> None:
    plain = thrown((0.9, 800, 100, 60), 2)
    weighted = Spectra(EDGES, *(3 * c for c in plain[1:3]), *(9 * c for c in plain[3:]))
    for method in (counting, lambda s, level: fit(s, level).estimate):
        for one, other in zip(method(plain, SIGMA), method(weighted, SIGMA), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
    np.testing.assert_allclose(fit(weighted, SIGMA).curves, 3 * fit(plain, SIGMA).curves, rtol=1e-3)


def test_bad_fits_are_no_data_and_say_why() -> None:
    few = thrown((0.9, 10, 1, 1), 1)
    spread = np.random.default_rng(2).poisson(60, (1, 60)) * (1.0 + (np.arange(60) % 2))
    odd = Spectra(EDGES, spread, spread, spread, spread)
    for spectra, reason in ((few, "only"), (odd, "the fit is poor: χ² is")):
        found = fit(spectra, SIGMA)
        assert reason in found.reason[0]
        assert not found.valid[0]
        assert np.isnan(found.estimate.value[0])
        assert (found.estimate.low[0], found.estimate.high[0]) == (0, 1)
    assert found.chi2[0] > 100


def test_shoulder_below_the_peak() -> None:
    """The background that pT cuts make needs the shape that has a shoulder."""
    slope = 1 / (1 + np.exp(-(EDGES[:-1] - 78) / 4)) * np.exp(-(EDGES[:-1] - 60) / 35)
    means = [6000 * PEAK * e + 6000 * slope / slope.sum() for e in (0.8, 0.2)]
    content = [np.random.default_rng(5).poisson(m)[None].astype(float) for m in means]
    spectra = Spectra(EDGES, *content, *content)
    found = fit(spectra, 0.999, background="cms")
    assert found.valid[0], found.reason
    assert found.estimate.low[0] < 0.8 < found.estimate.high[0]
    assert fit(spectra, SIGMA).probability[0] < found.probability[0]


def test_what_cannot_be_asked() -> None:
    spectra = thrown((0.9, 100, 10, 10), 1)
    with pytest.raises(ValueError, match=r"unknown shape cauchy \(known: crystal_ball, voigt\)"):
        fit(spectra, SIGMA, signal="cauchy")
    with pytest.raises(ValueError, match="do not end at edges"):
        counting(spectra, SIGMA, Windows((80.5, 101.5), (70.5, 80.5), (101.5, 111.5)))
    with pytest.raises(ValueError, match="not symmetric"):
        counting(spectra, SIGMA, Windows((81, 101), (61, 71), (101, 111)))


def test_figure() -> None:
    spectra = thrown((0.9, 900, 300, 200), 1)
    curves = fit(spectra, SIGMA).curves[0]
    sides = [
        Spectrum(content[0], np.sqrt(content[0]), *pair)
        for content, pair in zip(spectra[1:3], (curves[:2], curves[2:]), strict=True)
    ]
    figure = Figure()
    mass_fit(figure, EDGES, *sides, "Mu23", {"style": {"colours": ["#3f90da", "#bd1f01"]}})
    passing, failing, *distances = figure.axes
    for axes, side in ((passing, sides[0]), (failing, sides[1])):
        assert axes.get_ylim()[1] > side.content.max()
    drawn = [patch.get_data().values for axes in distances for patch in axes.patches]
    # In units of their errors, the points lie about the fit.
    assert [0.6 < values.std() < 1.4 for values in drawn] == [True] * 2


def test_probes_that_come_in_twos_have_twice_the_variance() -> None:
    """Every event gives two probes of one mass: χ² over the dispersion is that of the events."""
    twice = Spectra(EDGES, *(2 * content for content in thrown((0.9, 3000, 300, 300), 20, seed=4)[1:]))
    plain, spread = fit(twice, SIGMA), fit(twice, SIGMA, dispersion=dispersion([6000.0] * 20, [3000] * 20))
    assert np.mean(plain.chi2 / plain.ndf) > 1.7
    assert 0.85 < np.mean(spread.chi2 / spread.ndf) < 1.15
    assert plain.valid.sum() < spread.valid.sum()
    assert dispersion([0.0, 10], [0, 0]).tolist() == [1, 1]


# Legs to events.


def leg(*values: float, error: float = 0.01) -> Estimate:
    value = np.array(values)
    return Estimate(value, value - error, value + 2 * error)


DZ = Estimate(np.array(0.96), np.array(0.95), np.array(0.97))


def test_bin_of() -> None:
    pt, eta = np.array([10, 20, 40]), np.array([0, 1.5, 2.4])
    assert bin_of([pt, eta], [np.array([10, 25, 500, 9.9]), np.array([0.5, 2, 3, 1])]).tolist() == [0, 3, 3, -1]


def test_efficiency_of_events_is_that_of_thrown_legs() -> None:
    """Nested legs and one DZ decision for each event, thrown many times."""
    m, e = (0.95, 0.8), (0.92, 0.7)
    found = cross_trigger(
        Legs(leg(m[0]), leg(m[1])), Legs(leg(e[0]), leg(e[1])), np.zeros(1, int), np.zeros(1, int), DZ
    )
    u = np.random.default_rng(1).random((3, 400_000))
    fired = (((u[0] < m[0]) & (u[1] < e[1])) | ((u[0] < m[1]) & (u[1] < e[0]))) & (u[2] < 0.96)
    assert found.events.value[0] == pytest.approx(fired.mean(), abs=0.003)
    assert found.sample.value == found.events.value[0]


def test_uncertainty_is_that_of_shifted_maps() -> None:
    """Against thrown binomials: legs of one lepton measured on the same probes, bins shared by events."""
    rng, probes = np.random.default_rng(4), 400
    low, high = np.array([0.9, 0.95]), np.array([0.5, 0.85])  # looser and tighter leg, in two bins
    muon_bin, electron_bin = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])

    def measured(p: np.ndarray) -> Estimate:
        error = np.sqrt(p * (1 - p) / probes)
        return Estimate(p, p - error, p + error)

    dz = Estimate(np.array(0.96), np.array(0.96), np.array(0.96))
    legs = Legs(measured(low), measured(high))
    known = cross_trigger(legs, legs, muon_bin, electron_bin, dz)
    values = []
    for _ in range(1500):
        u = rng.random((2, probes, 2))  # lepton, probe, bin
        pairs = [Legs(measured((v < low).mean(axis=0)), measured((v < high).mean(axis=0))) for v in u]
        values.append(cross_trigger(*pairs, muon_bin, electron_bin, dz).sample.value)
    assert known.sample.high - known.sample.value == pytest.approx(np.std(values), rel=0.07)
    assert known.sample.value - known.sample.low == pytest.approx(np.std(values), rel=0.07)


def test_sides_weights_and_missing_bins() -> None:
    legs = Legs(leg(0.9, 0.95), leg(0.8, 0.85))
    one = cross_trigger(legs, legs, np.array([0, 1]), np.array([1, 0]), DZ, np.array([1, 3]))
    assert one.sample.value == pytest.approx((one.events.value @ [1, 3]) / 4)
    assert (one.events.high - one.events.value > 1.4 * (one.events.value - one.events.low)).all()
    lost: CrossTrigger = cross_trigger(legs, legs, np.array([0, -1]), np.array([1, 0]), DZ)
    assert np.isnan(lost.events.value).tolist() == [False, True]
    assert np.isnan(lost.sample.value)
    assert (lost.sample.low, lost.sample.high) == (0, 1)
