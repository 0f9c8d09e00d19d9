"""Weights of events: products of named factors, and what each variation changes."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections import btag, factors
from skimflow.physics.corrections.btag import Source, TaggableJets
from skimflow.physics.corrections.factors import Keys
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.corrections.weights import Factor, Pair, Weights
from tests.correction_files import binning, category, correction, of

FOLDER = "correctionlib/2016postVFP_UL"
near_one = st.floats(0.5, 1.5)


@st.composite
def weights(draw: st.DrawFn) -> tuple[Weights, dict]:
    """Up to five factors with sources of which some are shared, and what was put in."""
    events = draw(st.integers(1, 5))
    values = st.lists(near_one, min_size=events, max_size=events).map(np.array)
    names = draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True))
    made, content = Weights(events), {}
    for name in names:
        sources = draw(st.lists(st.sampled_from(["jes", "lumi", name]), unique=True))
        nominal, pairs = draw(values), {s: (draw(values), draw(values)) for s in sources}
        made.add(name, nominal, pairs)
        content[name] = (nominal, pairs)
    return made, content


@given(weights())
def test_nominal_is_the_product_and_a_variation_replaces(case: tuple[Weights, dict]) -> None:
    made, content = case
    np.testing.assert_allclose(made.nominal(), np.prod([n for n, _ in content.values()], axis=0))
    for name in content:
        np.testing.assert_allclose(made.without(name) * content[name][0], made.nominal())
    for source, i in itertools.product(made.sources, (0, 1)):
        varied = made.varied(source, ("up", "down")[i])
        # Up and down differ from nominal by what the factors with this source say, and by nothing else.
        ratio = np.prod([p[source][i] / n for n, p in content.values() if source in p], axis=0)
        np.testing.assert_allclose(varied / made.nominal(), ratio)
    assert set(made.sources) == {s for _, p in content.values() for s in p}


def test_varied_template_stays_of_order_one() -> None:
    """SYSTEMS 4e.1: 515.29 events, of which pu_up made 16147.07 because cross-section and luminosity fell out."""
    n = 1000
    generator = np.random.default_rng(1).choice([-1.0, 1.0], n, p=[0.2, 0.8])
    made = Weights(n)
    made.add_factor("normalisation", factors.normalisation(generator, 831.76, 16400.0, 5e5))
    made.add("pileup", np.full(n, 0.98), {"pileup": (np.full(n, 1.05), np.full(n, 0.92))})
    template = {d: made.varied("pileup", d).sum() for d in ("up", "down")}
    assert template["up"] / made.nominal().sum() == pytest.approx(1.05 / 0.98)
    assert template["down"] / made.nominal().sum() == pytest.approx(0.92 / 0.98)
    # Each weight switched on in turn.
    turns = [made.nominal(made.names[: i + 1]).sum() for i in range(2)]
    assert turns[0] == pytest.approx(generator.sum() * 831.76 * 16400 / 5e5)
    assert turns[1] == pytest.approx(turns[0] * 0.98)


def test_wrong_weights_are_refused() -> None:
    made = Weights(2)
    made.add("one", 0.5)
    assert made.nominal().tolist() == [0.5, 0.5]
    made.add("two", np.ones(2), {"src": (np.ones(2), np.ones(2))}, outside=np.array([True, False]))
    assert {name: int(events.sum()) for name, events in made.outside().items()} == {"one": 0, "two": 1}
    with pytest.raises(ConfigError, match="has a factor one already"):
        made.add("one", 1.0)
    with pytest.raises(InputError, match=r"three: \(3,\) weights for 2 events"):
        made.add("three", np.ones(3))
    with pytest.raises(InputError, match="four: src down: 1 weights are NaN"):
        made.add("four", np.ones(2), {"src": (np.ones(2), np.array([np.nan, 1]))})
    with pytest.raises(ConfigError, match=r"no factor of the weight varies with 'sr'; did you mean src"):
        made.varied("sr", "up")
    with pytest.raises(ConfigError, match="`up` or `down`, not 'upp'"):
        made.varied("src", "upp")
    for asked in (lambda: made.without("thre"), lambda: made.nominal(["thre"])):
        with pytest.raises(ConfigError, match="no factor 'thre'"):
            asked()
    assert made.names == ["one", "two"]


def test_normalisation_is_independent_of_chunks() -> None:
    """Σ genWeight is that of the sample, so the yields of chunks add up (SYSTEMS 2e.2: they grew with their number)."""
    weight = np.random.default_rng(2).choice([-3.0, 5.0], 100)
    whole = factors.normalisation(weight, 6077.22, 16393.0, weight.sum()).nominal
    parts = [factors.normalisation(w, 6077.22, 16393.0, weight.sum()).nominal for w in np.split(weight, 4)]
    assert whole.sum() == pytest.approx(6077.22 * 16393.0)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="must be above 0"):
            factors.normalisation(weight, 1.0, 1.0, wrong)


@pytest.mark.real
def test_muon_factors_are_products_of_the_selected(data: Path) -> None:
    """Numbers of SYSTEMS appendix B for (0.1, 20), (0.5, 60), (1.0, 35): two in event 0, none in 1, one in 2."""
    tight = CorrectionFile.read(data / FOLDER / "muon_Z.json.gz").correction(
        "NUM_TightID_DEN_TrackerMuons", "clamp", "absolute"
    )
    values = {"eta": np.array([-0.1, 0.5, 1.0, 2.4]), "pt": np.array([20.0, 60, 35, 130])}
    each = factors.from_file(tight, values, factors.muon_keys("muon_id"))
    found = factors.product(each, np.array([0, 0, 2, 3]), 4)
    np.testing.assert_allclose(found.nominal, [0.987626 * 0.984626, 1, 0.978719, 0.969550], atol=1e-6)
    np.testing.assert_allclose(found.variations["muon_id"].up[:3], [0.990750 * 0.987125, 1, 0.982695], atol=1e-6)
    np.testing.assert_allclose(found.variations["muon_id"].down[:3], [0.984503 * 0.982128, 1, 0.974743], atol=1e-6)
    assert found.outside.tolist() == [False, False, False, True]
    stat = factors.from_file(tight, values, Keys("scale_factors", "nominal", {"stat": "stat", "syst": "syst"}))
    pair = stat.variations["stat"]
    np.testing.assert_allclose(pair.up - each.nominal, [0.000699, 0.000572, 0.000343, 0.002080], atol=1e-6)
    np.testing.assert_allclose(pair.up + pair.down, 2 * each.nominal)


@pytest.mark.real
def test_pileup_and_electron_factors(data: Path) -> None:
    file = CorrectionFile.read(data / FOLDER / "puWeights.json.gz")
    found = factors.pileup(
        file.correction("Collisions16_UltraLegacy_goldenJSON", "clamp"), np.array([10, 25, 150.0], np.float32)
    )
    np.testing.assert_allclose(found.nominal, [0.231694, 1.118964, 1], atol=1e-6)
    np.testing.assert_allclose(found.variations["pileup"].up, [0.135370, 1.091214, 1], atol=1e-6)
    np.testing.assert_allclose(found.variations["pileup"].down, [0.392951, 1.130073, 1], atol=1e-6)
    assert found.outside.tolist() == [False, False, True]
    electron = CorrectionFile.read(data / FOLDER / "electron.json.gz").correction("UL-Electron-ID-SF", eta="signed")
    values = {
        "year": "2016postVFP",
        "WorkingPoint": "wp90iso",
        "eta": np.array([1.2, -1.2]),
        "pt": np.array([30.0, 30]),
    }
    found = factors.from_file(electron, values, factors.electron_keys("electron_id"))
    # As correctionlib prints them: the two sides differ.
    np.testing.assert_allclose(
        found.nominal, [electron._evaluator.evaluate("2016postVFP", "sf", "wp90iso", eta, 30.0) for eta in (1.2, -1.2)]
    )
    assert found.nominal[0] != found.nominal[1]
    assert (found.variations["electron_id"].up > found.nominal).all()


def flat(values: list[float], **variations: tuple[list[float], list[float]]) -> Factor:
    pairs = {source: Pair(*map(np.array, pair)) for source, pair in variations.items()}
    return Factor(np.array(values), pairs, np.zeros(len(values), bool))


def test_single_lepton_trigger() -> None:
    """Event 0 has one lepton, event 1 two, event 2 none, event 3 one that cannot fire."""
    event = np.array([0, 1, 1, 3])
    simulated = flat([0.9, 0.9, 0.8, 0.0])
    measured = flat([0.85, 0.85, 0.82, 0.0], trigger=([0.86, 0.86, 0.83, 0.0], [0.84, 0.84, 0.81, 0.0]))
    found = factors.single_lepton_trigger(measured, simulated, event, 4)
    two = (1 - 0.15 * 0.18) / (1 - 0.1 * 0.2)
    np.testing.assert_allclose(found.nominal, [0.85 / 0.9, two, 1, 1], rtol=1e-14)
    up = (1 - 0.14 * 0.17) / (1 - 0.1 * 0.2)
    np.testing.assert_allclose(found.variations["trigger"].up, [0.86 / 0.9, up, 1, 1], rtol=1e-14)
    assert found.outside.tolist() == [False, False, True, True]
    # The product of scale factors, as system 001 took it, is another number (SYSTEMS 2e.5).
    assert abs(two - (0.85 / 0.9) * (0.82 / 0.8)) > 0.02


@given(st.lists(st.tuples(st.floats(0.01, 0.99), near_one), min_size=1, max_size=4))
def test_trigger_factor_by_going_through_all_outcomes(leptons: list) -> None:
    """P(at least one fires), summed over every combination of leptons that fire, in data over simulation."""
    simulated = np.array([e for e, _ in leptons])
    factor = flat([f for _, f in leptons])
    measured, _ = factors.efficiencies(factor, simulated)

    def fires(efficiency: np.ndarray) -> float:
        outcomes = itertools.product((0, 1), repeat=len(efficiency))
        return sum(np.prod(np.where(o, efficiency, 1 - efficiency)) for o in map(np.array, outcomes) if o.any())

    found = factors.single_lepton_trigger(measured, flat(simulated.tolist()), np.zeros(len(leptons), int), 1)
    assert found.nominal[0] == pytest.approx(fires(np.minimum(factor.nominal * simulated, 1)) / fires(simulated))


def test_scale_factors_are_no_efficiencies() -> None:
    with pytest.raises(InputError, match=r"must be in \[0, 1\]"):
        factors.single_lepton_trigger(flat([1.02]), flat([0.9]), np.array([0]), 1)


def test_prefiring_where_the_branches_are() -> None:
    assert factors.prefiring({"run": np.ones(2)}) is None
    columns = {name: np.array([0.99, 1.0], np.float32) - i / 100 for i, name in enumerate(factors.PREFIRING)}
    found = factors.prefiring(columns)
    assert found is not None
    np.testing.assert_allclose(found.variations["prefiring"].up, [0.98, 0.99], rtol=1e-6)
    del columns[factors.PREFIRING[2]]
    with pytest.raises(InputError, match="there is only L1PreFiringWeight_Nom, L1PreFiringWeight_Up"):
        factors.prefiring(columns)


def tagging() -> CorrectionFile:
    """Working-point factors that depend on nothing but flavour and variation."""
    inputs = {"systematic": "string", "working_point": "string", "flavor": "int", "abseta": "real", "pt": "real"}

    def of_(values: dict[str, dict[int, float]]) -> object:
        content = {k: category("working_point", {"M": category("flavor", v)}) for k, v in values.items()}
        return binning("abseta", [0, 2.5], [category("systematic", content)])

    heavy = {"central": {4: 0.9, 5: 0.95}, "up": {4: 1.0, 5: 1.0}, "down": {4: 0.8, 5: 0.9}}
    light = {"central": {0: 1.2}, "up": {0: 1.4}, "down": {0: 1.0}}
    return of(correction("heavy", inputs, of_(heavy)), correction("light", inputs, of_(light)))


TAGGING = tagging()


def jets(event: list[int], flavour: list[int], pt: float = 50.0) -> TaggableJets:
    n = len(event)
    return TaggableJets(np.array(event, int), np.full(n, pt), np.linspace(-2, 2, n), np.array(flavour, int))


def working_point(given: TaggableJets, tagged: list[bool], efficiency: list[float], events: int) -> Factor:
    file = TAGGING
    heavy, light = (file.correction(name, "error", "absolute") for name in ("heavy", "light"))
    return btag.working_point(heavy, light, "M", given, np.array(tagged, bool), np.array(efficiency), events)


def test_working_point_weight_by_hand() -> None:
    """A tagged and an untagged b, an untagged light jet; a tagged c; no jets."""
    given, tagged, efficiency = jets([0, 0, 0, 1], [5, 5, 0, 4]), [True, False, False, True], [0.8, 0.6, 0.01, 0.2]
    found = working_point(given, tagged, efficiency, 3)
    untagged = (1 - 0.95 * 0.6) / 0.4
    np.testing.assert_allclose(found.nominal, [0.95 * untagged * (1 - 0.012) / 0.99, 0.9, 1])
    up = found.variations["btag_heavy"].up
    np.testing.assert_allclose(up, [1.0 * 1.0 * (1 - 0.012) / 0.99, 1.0, 1])
    np.testing.assert_allclose(found.variations["btag_light"].down, [0.95 * untagged * 1.0, 0.9, 1])


@given(st.lists(st.tuples(st.sampled_from([0, 4, 5]), st.floats(0.01, 0.8)), min_size=1, max_size=4))
@example([(0, 0.8)])
def test_working_point_weights_conserve_the_yield(content: list) -> None:
    """Over all combinations of tags, with their probability in simulation, the mean weight is 1, where capped too."""
    given = jets([0] * len(content), [flavour for flavour, _ in content])
    efficiency, total = np.array([e for _, e in content]), {"nominal": 0.0, "up": 0.0}
    for tags in itertools.product((False, True), repeat=len(content)):
        probability = np.prod(np.where(tags, efficiency, 1 - efficiency))
        found = working_point(given, list(tags), efficiency.tolist(), 1)
        assert found.variations["btag_light"].up[0] >= 0  # 1.4 · 0.8 is no probability
        total["nominal"] += probability * found.nominal[0]
        total["up"] += probability * found.variations["btag_light"].up[0]
    assert total == {"nominal": pytest.approx(1), "up": pytest.approx(1)}


def test_tagging_that_cannot_be() -> None:
    for efficiency, flavour, message in (
        (1.0, 5, "without a tag has a tagging efficiency of 1"),
        (1.2, 5, r"must be in \[0, 1\]"),
        (0.5, 21, r"hadron flavour of jets: \[21\]"),
    ):
        with pytest.raises(InputError, match=message):
            working_point(jets([0], [flavour]), [False], [efficiency], 1)
    assert working_point(jets([], []), [], [], 2).nominal.tolist() == [1, 1]


@pytest.mark.real
def test_tagging_with_the_files_of_2016(data: Path) -> None:
    """deepJet: sources of light and b jets leave c jets central, cferr the others; both variations are of order one."""
    file = CorrectionFile.read(data / FOLDER / "btagging.json.gz")
    given = jets([0, 1, 2], [5, 4, 0], 80.0)
    shape = file.correction("deepJet_shape", "error", "absolute")
    found = btag.shape(
        shape, given, np.array([0.9, 0.4, 0.02]), 3, {"hf": "hf", "jes_total": "jes", "cferr1": "cferr1"}
    )
    hf, cferr = found.variations["hf"], found.variations["cferr1"]
    assert ((hf.up != found.nominal).tolist(), (cferr.up != found.nominal).tolist()) == (
        [True, False, True],
        [False, True, False],
    )
    one = shape._evaluator.evaluate("up_hf", 5, 2.0, 80.0, 0.9)
    assert (hf.up[0], found.nominal[0]) == (one, shape._evaluator.evaluate("central", 5, 2.0, 80.0, 0.9))
    correlated = {
        "b_all_years": Source("heavy", "up_correlated", "down_correlated"),
        "light_all_years": Source("light", "up_correlated", "down_correlated"),
    }
    heavy, light = (file.correction(f"deepJet_{name}", "clamp", "absolute") for name in ("comb", "incl"))
    tagged, efficiency = np.array([True, False, False]), np.array([0.8, 0.2, 0.01])
    found = btag.working_point(heavy, light, "M", given, tagged, efficiency, 3, correlated)
    sf = heavy._evaluator.evaluate("central", "M", 4, 0.0, 80.0)
    assert found.nominal[1] == pytest.approx((1 - sf * 0.2) / 0.8)
    for pair in found.variations.values():
        assert (np.abs(np.stack(pair) / found.nominal - 1) < 0.2).all()
    assert found.variations["b_all_years"].up[2] == found.nominal[2]
