"""Muon momenta: Rochester tables against coffea and plain Python, the Run-3 scheme, and a Z peak brought back."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections import rochester, seeds
from skimflow.physics.corrections.muon_scale import ScaleAndResolution
from skimflow.physics.corrections.rochester import Muons, Rochester
from skimflow.physics.kinematics import PtEtaPhiM, pair
from tests.correction_files import binning, category, correction, formula, of, rochester_text
from tests.reference import coffea_corrections
from tests.reference import corrections as plain

TABLES = "rochester/RoccoR2016bUL.txt"
FUNCTIONS = {"data": "kScaleDT", "matched": "kSpreadMC", "unmatched": "kSmearMC"}


def written(folder: Path, **options: Any) -> Rochester:
    path = folder / "RoccoR.txt"
    path.write_text(rochester_text(**options))
    return Rochester(rochester.read(path))


def against_coffea(tables: Path, values: dict[str, list[float]], rtol: float) -> None:
    arrays = {name: np.array(value) for name, value in values.items()}
    muons = Muons(*(arrays[name] for name in ("pt", "eta", "phi", "charge")))
    more = {"data": (), "matched": (arrays["gen_pt"],), "unmatched": (arrays["layers"], arrays["uniform"])}
    for name, theirs in FUNCTIONS.items():
        found = getattr(Rochester(rochester.read(tables)), name)(muons, *more[name], errors=True)
        np.testing.assert_allclose(found.k, arrays[theirs], rtol=rtol)
        np.testing.assert_allclose(found.error, arrays[f"{theirs}error"], rtol=1e-6)


@pytest.mark.real
def test_factors_and_errors_of_coffea(data: Path) -> None:
    against_coffea(data / TABLES, json.loads(coffea_corrections.FIXTURE.read_text())["rochester"], 1e-12)


@pytest.mark.real
def test_factors_of_coffea_where_it_is_installed(data: Path) -> None:
    pytest.importorskip("coffea.lookup_tools", reason="coffea is not installed; it is needed for this comparison only")
    against_coffea(data / TABLES, coffea_corrections.rochester(data / TABLES), 1e-12)


@pytest.mark.real
def test_factors_in_plain_python(data: Path) -> None:
    """Muons beyond the last bins too, where the last bins hold: |η| up to 2.6, 2 to 22 layers, φ at ±π."""
    rng, n = np.random.default_rng(3), 60
    muons = Muons(
        rng.uniform(5, 300, n), rng.uniform(-2.6, 2.6, n), rng.uniform(-np.pi, np.pi, n), rng.choice([-1, 1], n)
    )
    muons.phi[:2] = -np.pi, np.pi
    gen, layers, uniform = muons.pt * rng.normal(1, 0.03, n), rng.integers(2, 23, n), rng.uniform(1e-3, 0.999, n)
    tables = Rochester(rochester.read(data / TABLES))
    reference = plain.Rochester(data / TABLES)
    one = list(zip(*(values.tolist() for values in muons), strict=True))
    cases = {
        "data": (tables.data(muons, True), [()] * n),
        "matched": (tables.matched(muons, gen, True), [(g,) for g in gen.tolist()]),
        "unmatched": (
            tables.unmatched(muons, layers, uniform, True),
            list(zip(layers.tolist(), uniform.tolist(), strict=True)),
        ),
    }
    for name, (found, more) in cases.items():
        expected = [getattr(reference, name)(muon, *args) for muon, args in zip(one, more, strict=True)]
        np.testing.assert_allclose(found.k, expected, rtol=1e-12)
        errors = [reference.error(name, muon, *args) for muon, args in zip(one[:5], more[:5], strict=True)]
        np.testing.assert_allclose(found.error[:5], errors, rtol=1e-7)
        assert found.outside.tolist() == (np.abs(muons.eta) >= 2.4).tolist()


def test_error_is_that_of_the_factor(tmp_path: Path) -> None:
    """Two members of a set moved by 1 % and -3 %, and one alone by 2 %: √((1² + 3²)/2 + 2²) = 3 % of k, so of pT."""
    moved = [0, 0.01, -0.03, 0.02]
    tables = written(tmp_path, members=(1, 2, 1), scale=lambda member, *_: (1 / (1 + moved[member]), 0.0))
    muons = Muons(np.array([50.0]), np.array([0.3]), np.array([0.1]), np.array([1]))
    found = tables.data(muons, errors=True)
    assert found.k == pytest.approx(1)
    assert found.error == pytest.approx(0.03)
    assert found.sources[:, 0] == pytest.approx([0, math.sqrt(5) / 100, 0.02])
    assert found.pt(muons.pt, -1, source=2) == pytest.approx(49)
    assert found.pt(muons.pt, 1) == pytest.approx(51.5)
    assert found.pt(muons.pt, -1) == pytest.approx(48.5)
    with pytest.raises(ValueError, match="ask for errors=True"):
        tables.data(muons).pt(muons.pt, 1)


def test_simulation_takes_the_generated_muon_where_there_is_one(tmp_path: Path) -> None:
    """The wider resolution of data, k_data/k_MC = 2, doubles the distance to the generated pT."""
    tables = written(tmp_path, width=lambda _, kind: 1.0 + kind)
    muons = Muons(np.array([50.0, 50, 50]), np.array([0.3, 0.3, 0.3]), np.zeros(3), np.array([1, 1, -1]))
    gen, layers, u = np.array([49.0, np.nan, 0]), np.array([8, 8, 8]), np.array([0.5, 0.9, 0.1])
    found = tables.simulation(muons, gen, layers, u, errors=True)
    assert found.k[0] == pytest.approx(49 / 50 / (1 + (49 / 50 - 1) * 2))
    assert 50 * found.k[0] == pytest.approx(51, abs=0.05)
    x = math.sqrt(3) * 0.01 * plain.crystal_ball(0.9, 2.0, 5.0)
    np.testing.assert_allclose(found.k[1:], [1 / (1 + x), 1 / (1 - x)], rtol=1e-12)
    assert tables.simulation(muons, gen, layers, u).sources is None
    nothing = Muons(*(values[:0] for values in muons))
    assert tables.simulation(nothing, gen[:0], layers[:0], u[:0], errors=True).k.shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "not a Rochester table"),
        (lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "the file ends before all tables"),
        (lambda text: text.replace("0 0 F 1", "0 0 X 1"), "line 28: .*unknown tag 'X'"),
        (lambda text: text.replace("0 0 F 1 1.0 ", "0 0 F 1 one "), "line 28: .*could not convert"),
        (lambda text: text.replace("0 0 F 1 ", "0 7 F 1 "), "line 28"),
        (lambda text: "", "no tables"),
        (lambda text: "{}", "not a Rochester table"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "RoccoR.txt"
    path.write_text(change(rochester_text()))
    with pytest.raises(InputError, match=message) as caught:
        rochester.read(path)
    assert caught.value.reason == "corrupt"
    with pytest.raises(InputError, match="Rochester tables cannot be read"):
        rochester.read(tmp_path / "absent.txt")


# Run 3: the same in two bins, η below and above 0.
RUN3 = {
    "m_data": {"nom": (1.004, 0.998), "stat": (0.0002, 0.0003), "rho_stat": (0.1, -0.4)},
    "a_data": {"nom": (1e-4, -2e-4), "stat": (1e-6, 3e-6)},
    "m_mc": {"nom": (1.001, 0.999), "stat": (0.0001, 0.0004), "rho_stat": (0.5, -0.3)},
    "a_mc": {"nom": (3e-5, 1e-5), "stat": (2e-6, 4e-6)},
}
RUN3_K = {"k_data": {"nom": 1.3, "stat": 0.01}, "k_mc": {"nom": 1.1, "stat": 0.02}}
CRYSTAL_BALL, POLYNOMIAL = {0: 0.01, 1: 0.95, 2: 4.0, 3: 1.8}, {0: 0.008, 1: 5e-5, 2: 2e-8}


def run3(
    scale: dict = RUN3, k: dict = RUN3_K, crystal_ball: dict = CRYSTAL_BALL, polynomial: dict = POLYNOMIAL
) -> ScaleAndResolution:
    signed = {"eta": "real", "phi": "real", "var": "string"}
    made = [
        correction(name, signed, category("var", {v: binning("eta", [-2.4, 0, 2.4], pair) for v, pair in of_.items()}))
        for name, of_ in scale.items()
    ]
    made += [
        correction(name, {"abseta": "real", "var": "string"}, binning("abseta", [0, 2.4], [category("var", of_)]))
        for name, of_ in k.items()
    ]
    by_layer = {"abseta": "real", "nL": "real", "param": "int"}
    for name, of_ in (("cb_params", crystal_ball), ("poly_params", polynomial)):
        bins = binning("nL", [6.5, 20.5], [category("param", of_)], flow="clamp")
        made.append(correction(name, by_layer, binning("abseta", [0, 2.4], [bins])))
    return ScaleAndResolution(of(*made))


def test_run3_formulas() -> None:
    muons = Muons(np.array([40.0, 60, 20, 250]), np.array([-1.0, 1, 1, 1]), np.zeros(4), np.array([1, -1, 1, 1]))
    of_data, of_mc = run3().scaled(muons, data=True), run3().scaled(muons, data=False)
    np.testing.assert_allclose(of_data.pt[:2], [1 / (1.004 / 40 + 1e-4), 1 / (0.998 / 60 + 2e-4)], rtol=1e-14)
    np.testing.assert_allclose(of_mc.pt[:2], [1 / (1.001 / 40 + 3e-5), 1 / (0.999 / 60 - 1e-5)], rtol=1e-14)
    assert of_mc.pt[2:].tolist() == [20, 250]
    assert of_mc.kept.tolist() == [False, False, True, True]
    error = run3().scale_error(muons)
    expected = 40**2 * math.sqrt((1e-4 / 40) ** 2 + 2e-6**2 + 2 * 0.5 * 1e-4 * 2e-6 / 40)
    assert error[0] == pytest.approx(expected, rel=1e-12)
    expected = 60**2 * math.sqrt((4e-4 / 60) ** 2 + 4e-6**2 + 2 * 0.3 * 4e-4 * 4e-6 / 60)
    assert error[1] == pytest.approx(expected, rel=1e-12)
    assert error[2:].tolist() == [0, 0]


def test_run3_smearing() -> None:
    muons = Muons(np.full(5, 45.0), np.array([-1.0, 1, 0.2, 2.0, 2.6]), np.zeros(5), np.ones(5, int))
    layers, u = np.array([8, 12, 3, 14, 14]), np.array([0.02, 0.3, 0.5, 0.99, 0.5])
    nominal, up, down = (run3().smeared(muons, layers, u, shift) for shift in (None, "up", "down"))
    k, width = math.sqrt(1.3**2 - 1.1**2), 0.008 + 5e-5 * 45 + 2e-8 * 45**2
    drawn = np.array([0.01 + 0.95 * plain.crystal_ball(p, 1.8, 4.0) for p in u.tolist()])
    for found, factor in ((nominal, k), (up, k + 0.02), (down, k - 0.02)):
        np.testing.assert_allclose(found.pt, 45 * (1 + factor * width * drawn), rtol=1e-12)
        assert found.outside.tolist() == [False, False, True, False, True]
    # Simulation that is wider than data is left alone, in the variations too.
    wide = run3(k={"k_data": {"nom": 1.0, "stat": 0.01}, "k_mc": RUN3_K["k_mc"]})
    assert (wide.smeared(muons, layers, u, "up").pt == muons.pt).all()
    # A momentum that would change sign is kept.
    absurd = run3(polynomial={0: 40.0, 1: 0.0, 2: 0.0}).smeared(muons, layers, u)
    assert (absurd.kept, absurd.pt[0]) == (pytest.approx(absurd.pt == 45), 45)


def test_run3_needs_its_keys() -> None:
    with pytest.raises(ConfigError, match="no correction 'a_data'"):
        ScaleAndResolution(of(correction("x", {"eta": "real"}, formula("eta", "x"))))


def z_muons(events: int, seed: int) -> tuple[PtEtaPhiM, np.ndarray]:
    """Both muons of Z bosons, shape (2, events), and their charges: a Breit-Wigner cut at ±20 GeV, pT of some GeV."""
    rng = np.random.default_rng(seed)
    edge = math.atan(20 / 1.2476)
    mass = 91.1876 + 1.2476 * np.tan(rng.uniform(-edge, edge, events))
    cos, phi, rapidity = rng.uniform(-1, 1, events), rng.uniform(-np.pi, np.pi, events), rng.uniform(-1, 1, events)
    pt = mass / 2 * np.sqrt(1 - cos**2)
    eta = np.arctanh(cos)
    phi = np.stack([phi, phi + np.pi])
    both = PtEtaPhiM(np.stack([pt, pt]), np.stack([rapidity + eta, rapidity - eta]), phi, np.full((2, events), 0.10566))
    return both, np.stack([np.ones(events, int), -np.ones(events, int)])


def peak(pt: np.ndarray, p4: PtEtaPhiM) -> tuple[float, float]:
    """Median and half the width between the quartiles of the mass, of pairs with both muons in the acceptance."""
    inside = ((p4.pt > 30) & (np.abs(p4.eta) < 2.3)).all(axis=0)
    one, other = (PtEtaPhiM(pt[i], *p4[1:])._replace(eta=p4.eta[i], phi=p4.phi[i], mass=p4.mass[i]) for i in (0, 1))
    low, middle, high = np.quantile(pair(one, other).mass[inside], [0.25, 0.5, 0.75])
    return float(middle), float(high - low) / 2


def flat(p4: PtEtaPhiM, pt: np.ndarray, charge: np.ndarray) -> Muons:
    phi = (p4.phi + np.pi) % (2 * np.pi) - np.pi
    return Muons(pt.ravel(), p4.eta.ravel(), phi.ravel(), charge.ravel())


SIGMA, WORSE, SCALE, BEND, EVENTS = 0.012, 2.0, 1.02, 2e-4, 60_000


def spread(p4: PtEtaPhiM, factor: float, seed: int) -> np.ndarray:
    return p4.pt * (1 + factor * SIGMA * np.random.default_rng(seed).normal(size=p4.pt.shape))


def identity(events: int) -> seeds.Identity:
    """Of both muons of each event."""
    return seeds.Identity(
        *(np.tile(values, 2) for values in (np.ones(events, int), np.ones(events, int), np.arange(events)))
    )


def test_z_peak_is_brought_back_by_rochester(tmp_path: Path) -> None:
    """Data with the scale 2 % off, bent by charge, and twice the resolution; simulation is smeared to match it."""
    tables = written(
        tmp_path,
        scale=lambda _, kind, eta, phi: (SCALE, BEND * (1 if eta > 0 else -1)) if kind else (1.0, 0.0),
        width=lambda _, kind: WORSE if kind else 1.0,
        shape=(SIGMA, 0.0, 0.0, 1.0, 6.0, 5.0),
    )
    p4, charge = z_muons(EVENTS, 1)
    true = spread(p4, WORSE, 2)
    expected = peak(true, p4)
    bend = charge * BEND * np.where(p4.eta > 0, 1, -1)
    measured = SCALE * true / (1 - bend * true)
    muons = flat(p4, measured, charge)
    corrected = tables.data(muons).pt(muons.pt).reshape(2, -1)
    assert peak(measured, p4)[0] - expected[0] > 1.5
    assert peak(corrected, p4) == pytest.approx(expected, abs=1e-9)

    p4, charge = z_muons(EVENTS, 3)
    simulated = spread(p4, 1.0, 4)
    muons = flat(p4, simulated, charge)
    u = seeds.uniform("rochester", identity(EVENTS), np.repeat([0, 1], EVENTS))
    matched = tables.matched(muons, p4.pt.ravel()).pt(muons.pt).reshape(2, -1)
    smeared = tables.unmatched(muons, np.full(2 * EVENTS, 10), u).pt(muons.pt).reshape(2, -1)
    # The median of 60,000 is known to 0.02 GeV, the half-width to 0.015.
    assert expected[1] - peak(simulated, p4)[1] > 0.3
    for found in (matched, smeared):
        assert peak(found, p4) == pytest.approx(expected, abs=0.06)


def test_z_peak_is_brought_back_by_the_run3_scheme() -> None:
    tables = run3(
        scale={
            "m_data": {"nom": (SCALE, SCALE)},
            "a_data": {"nom": (-BEND, BEND)},
            "m_mc": {"nom": (1, 1)},
            "a_mc": {"nom": (0, 0)},
        },
        k={"k_data": {"nom": WORSE}, "k_mc": {"nom": 1.0, "stat": 0.1}},
        crystal_ball={0: 0.0, 1: 1.0, 2: 5.0, 3: 6.0},
        polynomial={0: SIGMA, 1: 0.0, 2: 0.0},
    )
    p4, charge = z_muons(EVENTS, 5)
    true = spread(p4, WORSE, 6)
    expected = peak(true, p4)
    measured = SCALE / (1 / true - charge * BEND * np.where(p4.eta > 0, 1, -1))
    assert peak(measured, p4)[0] - expected[0] > 1.5
    corrected = tables.scaled(flat(p4, measured, charge), data=True).pt.reshape(2, -1)
    assert peak(corrected, p4) == pytest.approx(expected, abs=1e-2)

    p4, charge = z_muons(EVENTS, 7)
    simulated = spread(p4, 1.0, 8)
    muons = flat(p4, simulated, charge)
    u = seeds.uniform("muon_scale", identity(EVENTS), np.repeat([0, 1], EVENTS))
    layers = np.full(2 * EVENTS, 10)
    nominal, up, down = (tables.smeared(muons, layers, u, shift).pt.reshape(2, -1) for shift in (None, "up", "down"))
    assert expected[1] - peak(simulated, p4)[1] > 0.3
    assert peak(nominal, p4) == pytest.approx(expected, abs=0.06)
    assert peak(down, p4)[1] < peak(nominal, p4)[1] < peak(up, p4)[1]
