"""Jet energy scale and resolution, and missing momentum, against coffea and plain Python."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections import jets as jerc
from skimflow.physics.corrections import met as missing
from skimflow.physics.corrections import seeds
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.corrections.jets import GeneratedJets, JetEnergy, Jets
from skimflow.physics.corrections.met import WINDOWS, Change, MissingMomentum, Modulation
from tests.correction_files import binning, category, correction, of
from tests.reference import coffea_corrections
from tests.reference import corrections as plain
from tests.reference.coffea_corrections import DATA, LEVELS, MC, RESOLUTION

FOLDER = "correctionlib/2016postVFP_UL"
REAL_JETS = "nano/UnROOT_NanoAODv5_ttbar2018_1000ev.root"


@pytest.fixture(scope="module")
def path(data: Path) -> Path:
    return data / FOLDER / "jet_jerc.json.gz"


@pytest.fixture(scope="module")
def energy(path: Path) -> JetEnergy:
    return JetEnergy(CorrectionFile.read(path), MC, RESOLUTION)


def against_coffea(path: Path, values: dict[str, list[float]]) -> None:
    """coffea keeps the parameters in single precision, which L2L3Residual's formula in the forward region magnifies."""
    arrays = {name: np.array(value) for name, value in values.items()}
    n, file = len(arrays["JetPt"]), CorrectionFile.read(path)
    given = Jets(
        np.arange(n), arrays["JetPt"], arrays["JetEta"], np.zeros(n), np.full(n, 5.0), arrays["JetA"], arrays["Rho"]
    )
    for tag, key in ((MC, "scale_mc"), (DATA, "scale_data")):
        np.testing.assert_allclose(JetEnergy(file, tag).scale(given).values, arrays[key], rtol=2e-6)
    energy = JetEnergy(file, MC, RESOLUTION)
    for source in ("Total", "AbsoluteStat", "FlavorQCD"):
        np.testing.assert_allclose(energy.uncertainty(given, source).values, arrays[source], rtol=1e-5, atol=2e-7)
    for direction in ("nom", "up", "down"):
        # With N(0, 1) = 1 the factor is 1 + σ·√(s² - 1), of coffea's σ and s.
        found = energy.smear(given, no_jets(), n, np.ones(n), direction)
        wider = np.sqrt(np.maximum(arrays[direction] ** 2 - 1, 0))
        np.testing.assert_allclose(found.factor, 1 + arrays["resolution"] * wider, rtol=1e-6)
        assert not found.matched.any()


def no_jets() -> GeneratedJets:
    return GeneratedJets(*(np.zeros(0, kind) for kind in (int, float, float, float)))


@pytest.mark.real
def test_scale_uncertainty_and_resolution_of_coffea(path: Path) -> None:
    against_coffea(path, json.loads(coffea_corrections.FIXTURE.read_text())["jets"])


@pytest.mark.real
def test_the_same_where_coffea_is_installed(path: Path) -> None:
    pytest.importorskip("coffea.jetmet_tools", reason="coffea is not installed; it is needed for this comparison only")
    against_coffea(path, coffea_corrections.jets(plain.content(path)))


@pytest.mark.real
def test_real_jets_in_plain_python(data: Path, path: Path, energy: JetEnergy) -> None:
    """Jets of 60 tt̄ events (of another year: numbers only): undone, corrected, varied, matched and smeared."""
    columns, events = real_columns(data / REAL_JETS), 60
    stored = jerc.jets(columns, columns["fixedGridRhoFastjetAll"])
    measured = jerc.raw(stored, columns["Jet_rawFactor"])
    corrected = measured.scaled(energy.scale(measured).values)
    generated = GeneratedJets(columns["event_of_GenJet"], *(columns[f"GenJet_{n}"] for n in ("pt", "eta", "phi")))
    index = seeds.index_in_event(columns["nJet"])
    identity = seeds.Identity.of(columns).at(stored.event)
    normal = seeds.normal("jer", identity, index)
    smeared = {d: energy.smear(corrected, generated, events, normal, d) for d in ("nom", "up", "down")}
    total = {d: energy.shift(corrected, "Total", d) for d in ("up", "down")}
    tables = plain.content(path)
    names = [f"{MC}_{level}_AK4PFchs" for level in LEVELS]
    for i in range(len(stored.pt)):
        eta, area, rho = float(stored.eta[i]), float(stored.area[i]), float(stored.rho[i])
        raw_pt = float(stored.pt[i]) * (1 - float(columns["Jet_rawFactor"][i]))
        scale = plain.scale(tables, names, raw_pt, JetEta=eta, JetA=area, Rho=rho)
        pt = raw_pt * scale
        assert corrected.pt[i] == pytest.approx(pt, rel=1e-12)
        assert corrected.mass[i] == pytest.approx(
            float(stored.mass[i]) * (1 - float(columns["Jet_rawFactor"][i])) * scale, rel=1e-12
        )
        # In the files JetPt of an uncertainty starts at 9 GeV; resolution ends at |η| 4.7.
        delta = plain.evaluate(tables[f"{MC}_Total_AK4PFchs"], JetEta=eta, JetPt=max(pt, 9.0))
        assert (total["up"][i], total["down"][i]) == (pytest.approx(1 + delta), pytest.approx(1 - delta))
        inside = max(min(eta, 4.7 - 1e-9), -4.7)
        sigma = plain.evaluate(tables[f"{RESOLUTION}_PtResolution_AK4PFchs"], JetEta=inside, JetPt=pt, Rho=rho)
        mine = np.flatnonzero(generated.event == stored.event[i])
        others = [tuple(float(v[j]) for v in generated[1:]) for j in mine]
        found = plain.generated((pt, eta, float(stored.phi[i])), others, sigma)
        gen_pt = None if found is None else others[found][0]
        for direction, result in smeared.items():
            ratio = plain.evaluate(tables[f"{RESOLUTION}_ScaleFactor_AK4PFchs"], JetEta=eta, systematic=direction)
            expected = plain.smearing(pt, sigma, ratio, gen_pt, float(normal[i]))
            assert result.matched[i] == (found is not None)
            assert result.factor[i] == pytest.approx(expected, rel=1e-12)
    assert 0.5 < smeared["nom"].matched.mean() < 0.95
    assert not energy.scale(measured).outside.any()


def real_columns(path: Path) -> dict[str, np.ndarray]:
    jet = [f"Jet_{name}" for name in ("pt", "eta", "phi", "mass", "area", "rawFactor")]
    generated = [f"GenJet_{name}" for name in ("pt", "eta", "phi")]
    scalars = ["run", "luminosityBlock", "event", "nJet", "nGenJet", "fixedGridRhoFastjetAll"]
    with uproot.open(path) as file:
        arrays = file["Events"].arrays([*jet, *generated, *scalars], entry_stop=60, library="ak")
    flat = {name: np.concatenate([np.asarray(e) for e in arrays[name]]).astype(float) for name in (*jet, *generated)}
    flat |= {name: arrays[name].to_numpy() for name in scalars}
    return flat | {"event_of_GenJet": np.repeat(np.arange(60), flat["nGenJet"])}


@pytest.mark.real
def test_jet_tags_and_edges(path: Path, energy: JetEnergy) -> None:
    file = CorrectionFile.read(path)
    with pytest.raises(ConfigError, match=r"no correction 'Summer19UL16_V8_MC_L1L2L3Res_AK4PFchs'; did you mean"):
        JetEnergy(file, "Summer19UL16_V8_MC")
    with pytest.raises(ConfigError, match=r"no correction 'Summer19UL16_V7_MC_Totl_AK4PFchs'"):
        energy.uncertainty(one_jet(), "Totl")
    with pytest.raises(ConfigError, match="no tag of a resolution"):
        JetEnergy(file, DATA).smear(one_jet(), no_jets(), 1, np.zeros(1))
    # The file says -999 for the uncertainty and 100 % for the resolution outside: the last bins hold instead.
    far = one_jet(eta=5.6)
    assert energy.uncertainty(far, "Total").outside.tolist() == [True]
    assert 0 < energy.uncertainty(far, "Total").values[0] < 0.2
    assert 0.9 < energy.smear(one_jet(eta=4.9), no_jets(), 1, np.array([1.0])).factor[0] < 1.2
    none = JetEnergy(file, MC, outside="one")
    assert none.shift(far, "Total", "up").tolist() == [1]
    with pytest.raises(InputError, match=r"JetEta from 5.6 to 5.6"):
        JetEnergy(file, MC, outside="error").scale(far)
    nothing = Jets(*(values[:0] for values in far))
    assert energy.smear(nothing, no_jets(), 3, np.zeros(0)).factor.shape == (0,)


def one_jet(pt: float = 50.0, eta: float = 1.0, phi: float = 3.1) -> Jets:
    return Jets(*(np.array([value]) for value in (0, pt, eta, phi, 8.0, 0.5, 20.0)))


def test_match_takes_the_nearest_that_may_be() -> None:
    """σ = 10 %: within 15 GeV of 50, ΔR below 0.2, across φ = ±π, in the same event."""
    two = Jets(*(np.repeat(values, 2) for values in one_jet()))._replace(event=np.array([0, 2]))
    generated = GeneratedJets(
        np.array([0, 0, 0, 1, 2, 2]),
        np.array([34.9, 52, 51, 50, 50, 64]),
        np.array([1, 1.05, 1.0, 1, 1.2, 1.1]),
        np.array([3.1, 3.1, -3.1, 3.1, 3.1, 3.1]),
    )
    # The first is too soft; the third, 0.083 away, is farther than the second; in event 2 one is at 0.2, one fits.
    assert jerc.match(two, generated, np.array([0.1, 0.1]), 3).tolist() == [1, 5]
    assert jerc.match(two, no_jets(), np.array([0.1, 0.1]), 3).tolist() == [-1, -1]


def small_energy(sigma: float, ratio: tuple[float, float, float]) -> JetEnergy:
    """All jets alike: scale 1, resolution σ, and its ratio nominal, up and down."""
    inputs = {"JetEta": "real", "JetPt": "real", "Rho": "real"}
    return JetEnergy(
        of(
            correction("S_L1L2L3Res_AK4PFchs", inputs, binning("JetEta", [-5, 5], [1.0])),
            correction("R_PtResolution_AK4PFchs", inputs, binning("JetEta", [-5, 5], [sigma])),
            correction(
                "R_ScaleFactor_AK4PFchs",
                {"JetEta": "real", "systematic": "string"},
                category("systematic", dict(zip(("nom", "up", "down"), ratio, strict=True))),
            ),
        ),
        "S",
        "R",
    )


def test_smearing_makes_the_resolution_that_of_data() -> None:
    """40,000 jets of 50 GeV with 5 %: matched or not, 1.25 times that afterwards; up and down around it."""
    rng, n, sigma = np.random.default_rng(8), 40_000, 0.05
    energy = small_energy(sigma, (1.25, 1.35, 0.9))
    pt = 50 * (1 + sigma * rng.normal(size=n))
    ones = np.ones(n)
    jets = Jets(np.arange(n), pt, ones, ones, ones, ones, ones)
    truth = GeneratedJets(np.arange(n), np.full(n, 50.0), ones, ones)
    identity = seeds.Identity(np.ones(n, int), np.ones(n, int), np.arange(n))
    normal = seeds.normal("jer", identity)
    for generated in (truth, no_jets()):
        result = {d: energy.smear(jets, generated, n, normal, d).factor * pt for d in ("nom", "up", "down")}
        # A width is known to 0.35 %; jets that are 3σ off are not matched.
        for direction, ratio in (("nom", 1.25), ("up", 1.35)):
            assert np.std(result[direction]) / np.std(pt) == pytest.approx(ratio, rel=0.015)
        assert np.mean(result["nom"]) == pytest.approx(50, abs=0.2)
    # The ratio below 1 narrows matched jets, and cannot narrow the others.
    assert np.std(energy.smear(jets, truth, n, normal, "down").factor * pt) < np.std(pt)
    assert (energy.smear(jets, no_jets(), n, normal, "down").factor == 1).all()


def test_a_smeared_jet_stays_a_jet() -> None:
    energy = small_energy(0.9, (3.0, 3.0, 3.0))
    factor = energy.smear(one_jet(), no_jets(), 1, np.array([-5.0])).factor
    assert factor[0] * 50 == pytest.approx(0.01)


momentum = st.tuples(st.floats(0, 500), st.floats(-math.pi, math.pi))


@given(momentum, st.lists(st.tuples(st.floats(10, 300), st.floats(0.5, 1.5), st.floats(-3.1, 3.1)), max_size=5))
def test_missing_momentum_balances_what_objects_gain(met: tuple, objects: list) -> None:
    """The sum of all momenta stays; what goes and comes back leaves it as it was."""
    pt, factor, phi = np.array(objects, float).reshape(-1, 3).T
    before = MissingMomentum(np.array([77.0, met[0]]), np.array([0.5, met[1]]))
    change = Change(np.ones(len(pt), int), pt, pt * factor, phi)
    after = missing.propagate(before, [change])
    for direction in (np.cos, np.sin):
        old = before.pt[1] * direction(before.phi[1]) + (pt * direction(phi)).sum()
        new = after.pt[1] * direction(after.phi[1]) + (pt * factor * direction(phi)).sum()
        assert new == pytest.approx(old, abs=1e-9)
    assert (after.pt[0], after.phi[0]) == (pytest.approx(77), pytest.approx(0.5))
    back = missing.propagate(after, [change._replace(old_pt=change.new_pt, new_pt=change.old_pt)])
    assert back.pt[1] * np.exp(1j * back.phi[1]) == pytest.approx(met[0] * np.exp(1j * met[1]), abs=1e-9)


def test_unclustered_energy_moves_both_ways() -> None:
    """The branch that failed with a NameError in system 001 (SYSTEMS 2e.10)."""
    met = MissingMomentum(np.array([30.0]), np.array([0.0]))
    up, down = (missing.unclustered(met, np.array([4.0]), np.array([3.0]), sign) for sign in (1, -1))
    assert (up.pt[0], up.phi[0]) == (pytest.approx(math.hypot(34, 3)), pytest.approx(math.atan2(3, 34)))
    assert (down.pt[0], down.phi[0]) == (pytest.approx(math.hypot(26, 3)), pytest.approx(math.atan2(-3, 26)))


@pytest.mark.real
@pytest.mark.parametrize("kind", ["pfmet", "puppimet"])
@pytest.mark.parametrize("is_data", [True, False])
def test_met_xy_in_plain_python(data: Path, kind: str, is_data: bool) -> None:
    """As the offset taken off in the plane, with the numbers of the file, and by its own formula."""
    path, n = data / FOLDER / "met.json.gz", 200
    rng = np.random.default_rng(12)
    met = MissingMomentum(rng.exponential(40, n), rng.uniform(-3.14, 3.14, n))
    vertices, run = rng.integers(1, 60, n), rng.choice([278769, 278805, 279000, 280385, 281000, 284044], n)
    identity = seeds.Identity(run, np.ones(n, int), np.arange(n))
    found = Modulation(CorrectionFile.read(path), "2016postVFP", is_data, kind).correct(met, vertices, identity)
    kinds = "data" if is_data else "mc"
    tables = plain.content(path)
    for i in range(n):
        given = {"met_pt": float(met.pt[i]), "met_phi": float(met.phi[i]), "npvs": int(vertices[i]), "run": int(run[i])}
        by_formula = [plain.evaluate(tables[f"{name}_metphicorr_{kind}_{kinds}"], **given) for name in ("pt", "phi")]
        assert (found.met.pt[i], found.met.phi[i]) == (pytest.approx(by_formula[0]), pytest.approx(by_formula[1]))
        inner = tables[f"pt_metphicorr_{kind}_{kinds}"]["data"]["content"][0]["content"][0]
        if is_data:
            inner = inner["content"][np.searchsorted(inner["edges"], run[i], "right") - 1]
        pt, phi = plain.met_xy(inner["parameters"], given["met_pt"], given["met_phi"], given["npvs"])
        # The file writes π as 3.14159.
        assert (found.met.pt[i], found.met.phi[i]) == (pytest.approx(pt, rel=1e-9), pytest.approx(phi, abs=3e-6))
    assert not found.outside.any()


@pytest.mark.real
def test_met_xy_takes_its_own_era_only(data: Path) -> None:
    file = CorrectionFile.read(data / FOLDER / "met.json.gz")
    for era in ("2016preVFP", "2018", "2022postEE"):
        with pytest.raises(ConfigError, match=rf"is for runs 278769 to 284044, but {era} is"):
            Modulation(file, era, data=False)
    with pytest.raises(ConfigError, match=r"no era '2016'; did you mean .*2016preVFP"):
        Modulation(file, "2016", data=True)
    with pytest.raises(ConfigError, match=r"no correction 'pt_metphicorr_pupimet_data'; did you mean"):
        Modulation(file, "2016postVFP", data=True, kind="pupimet")
    modulation, met = Modulation(file, "2016postVFP", data=True), MissingMomentum(np.array([50.0]), np.array([1.0]))
    for run in (278768, 284045, 315300):
        with pytest.raises(InputError, match=f"runs {run} to {run} are not all in 2016postVFP"):
            modulation.correct(met, np.array([20]), seeds.Identity(*np.array([[run], [1], [1]])))


@pytest.mark.real
def test_met_xy_clips_and_says_so(data: Path) -> None:
    modulation = Modulation(CorrectionFile.read(data / FOLDER / "met.json.gz"), "2016postVFP", data=False)
    met = MissingMomentum(np.array([50.0, 7000, 6499.99]), np.array([1.0, 1, 3.2]))
    found = modulation.correct(met, np.array([20, 20, 20]), seeds.Identity(*np.ones((3, 3), int)))
    assert found.outside.tolist() == [False, True, True]
    assert found.met.pt[1] == pytest.approx(6500, abs=10)


def test_runs_of_simulation_are_in_the_window_and_stay() -> None:
    """Drawn with both ends; the upper number of SYSTEMS 2c is no run of the era."""
    n = 300_000
    identity = seeds.Identity(np.ones(n, int), np.ones(n, int), np.arange(n))
    window = WINDOWS["2016postVFP"]
    runs = seeds.integers("met_xy_run", identity, *window)
    assert (runs.min(), runs.max()) == (278769, 284044)
    assert len(np.unique(runs)) == window.last - window.first + 1
    assert seeds.integers("met_xy_run", identity.at(slice(7, 9)), *window).tolist() == runs[7:9].tolist()
