"""tt̄ of the Analysis Grand Challenge: selection, variations, normalisation, and what a configuration may say."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from skimflow import targets
from skimflow.analyses import agc_ttbar
from skimflow.config import load
from skimflow.config.loading import read_yaml
from skimflow.counts import merge
from skimflow.errors import ConfigError
from skimflow.histograms import Key, named
from skimflow.histograms.collecting import Sample as Stands
from skimflow.histograms.collecting import collect
from skimflow.histograms.files import read
from skimflow.histograms.job import histograms
from skimflow.histograms.tables import templates_of, without_stages
from skimflow.io.nanoaod import NanoAOD
from skimflow.physics.corrections import seeds
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.partons import LEPTONIC_TOP, NONE, TOP, W, jet_partons
from skimflow.physics.trijets import leading_trijets
from skimflow.skim import Task, skim_file
from skimflow.toy import Sample, collisions
from skimflow.toy.corrections import corrections
from tests.conftest import ROOT
from tests.reference import agc_ttbar as reference

DEMO = "config/agc_demo.yaml"


def measurement(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    monkeypatch.chdir(ROOT)
    return load({**read_yaml(DEMO), **changes}, [DEMO])


def processed(
    chosen: Any, dataset: str, file: Path, folder: Path, weights: Path | None = None
) -> tuple[Any, dict[str, Any]]:
    """Counts of the skim and the histograms of a file, merged, and the settings of the histograms."""
    wanted = targets.of(chosen)
    settings = json.loads(json.dumps(wanted.histograms(dataset)["settings"]))
    events, counts, filled = (folder / f"{name}.parquet" for name in ("events", "counts", "histograms"))
    if weights is None:
        weights = folder / "event_systematics.json"
        weights.write_text(corrections()[weights.name])
    for correction in settings["corrections"]:
        if "file" in correction:
            correction["file"] = {"path": str(weights), "sha256": None}
    task = Task(dataset, "f", "f.root", str(file), None, wanted.settings(dataset, chosen.datasets[dataset]), {})
    skim_file(task, counts, events)
    histograms(events, settings, filled, {})
    return merge([pq.read_table(counts), pq.read_table(filled)]), settings


def random(run: int, section: int, event: int, jets: int) -> list[float]:
    identity = seeds.Identity(*(np.full(jets, number) for number in (run, section, event)))
    return seeds.normal("pt_res", identity, np.arange(jets)).tolist()


def agrees(
    counts: Any, settings: dict[str, Any], file: Path, masses: bool, cuts: reference.Cuts = reference.PUBLISHED
) -> dict[Key, Any]:
    """Compare all regions, variations and bins with plain Python; the templates, unnormalised."""
    dataset, weighted = settings["dataset"], not settings["unweighted"]
    found = collect(counts, settings["axes"], {dataset: Stands("p")}, 1.0)
    found = without_stages(found)
    expected = reference.histograms(file, random, masses, weighted, dataset == "toy_wjets", cuts)
    names = {*reference.OBJECTS, *reference.weights([{"pt": 1.0}] * 4, dataset == "toy_wjets")}
    assert {(key.region, key.variation) for key in found} == set(itertools.product(("4j1b", "4j2b"), names))
    for key, template in found.items():
        wanted = expected[key.region, key.variation]
        np.testing.assert_allclose(template.values, wanted, rtol=1e-9, atol=1e-6, err_msg=str(key))
    return found


LOOSE = reference.Cuts(lepton=5, jet=15, isolation=1, tag=0.3)
REAL = [
    ("skhep_ttbar2015_opendata_200ev", reference.PUBLISHED, (0, 0)),  # of W+jets, in spite of its name
    ("skhep_ttbar2015_opendata_200ev", LOOSE, (1, 1)),
    ("UnROOT_NanoAODv5_ttbar2018_1000ev", reference.PUBLISHED, (35, 73)),
]
"""File, cuts, and nominal events in both regions."""


@pytest.mark.real
@pytest.mark.parametrize(("name", "cuts", "events"), REAL)
@pytest.mark.parametrize("masses", [True, False])
def test_real_events_agree_with_plain_python(
    masses: bool,
    name: str,
    cuts: reference.Cuts,
    events: tuple[int, int],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In both regions for every variation; with the settings of the Grand Challenge too."""
    how: dict[str, Any] = {} if masses else {"normalisation": "events", "corrections": unmoved_masses()}
    muons = {"min_pt": cuts.lepton, "max_isolation": cuts.isolation}
    jets = {"min_pt": cuts.jet, "min_btag": cuts.tag}
    how["selection"] = {"electrons": {"min_pt": cuts.lepton}, "muons": muons, "jets": jets}
    chosen, file = measurement(monkeypatch, **how), data / f"nano/{name}.root"
    counts, settings = processed(chosen, "toy_ttbar", file, tmp_path, data / "agc/corrections.json")
    found = agrees(counts, settings, file, masses, cuts)
    assert (found[Key("4j1b", "HT", "p")].entries, found[Key("4j2b", "m_bjj", "p")].entries) == events
    if min(events) > 1:
        nominal = {key: found[key._replace(variation="nominal")].values for key in found}
        assert [key for key in found if (found[key].values == nominal[key]).all()] == list(map(nominal_key, REGIONS))


REGIONS = {"4j1b": "HT", "4j2b": "m_bjj"}


def nominal_key(region: str) -> Key:
    return Key(region, REGIONS[region], "p")


def unmoved_masses() -> list[dict[str, Any]]:
    return [{k: v for k, v in how.items() if k != "mass"} for how in read_yaml(DEMO)["corrections"]]


@pytest.mark.parametrize("process", ["ttbar", "wjets"])
def test_toy_events_agree_with_plain_python(
    process: str, toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no event is lost: those that fail a cut and those of the regions are all that were read."""
    file = toy(Sample(1, 0, process=process, physics="lepton_jets"), 1500)
    counts, settings = processed(measurement(monkeypatch), f"toy_{process}", file, tmp_path)
    agrees(counts, settings, file, True)
    rows = counts.to_pylist()
    steps = sorted((row["x"], row["total_n"], row["passed_n"]) for row in rows if row["kind"] == "cutflow")
    failed = sum(before - after for _, before, after in steps)
    regions = {row["name"]: row["passed_n"] for row in rows if row["kind"] == "region"}
    skimmed = pq.read_metadata(tmp_path / "events.parquet").num_rows
    assert steps[0][1] == 1500
    assert failed + skimmed == 1500
    expected = Counter(
        seen[0] if seen else None
        for event in reference.events(file)
        for seen in [reference.observe(event, reference.jets(event, [1.0] * len(event["Jet_pt"]), True))]
    )
    none = expected.pop(None)
    assert regions == {name: expected[name] for name in ("4j1b", "4j2b")}
    assert none == failed + skimmed - sum(regions.values())


@pytest.mark.parametrize("normalisation", ["weights", "events"])
def test_yields_are_cross_section_times_luminosity_times_fraction(
    normalisation: str, toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 pb · 100 pb⁻¹ · Σw of what is selected over Σw of all, in W+jets, of which 15 % are negative."""
    file = toy(Sample(1, 0, process="wjets", physics="lepton_jets"), 1500)
    chosen = measurement(monkeypatch, normalisation=normalisation)
    counts, _ = processed(chosen, "toy_wjets", file, tmp_path)
    only = {"toy_wjets": chosen.datasets["toy_wjets"]}
    settings = {**targets.template_settings(chosen.config, only), "pseudodata": []}
    found = templates_of(counts, settings, {})
    total = dict.fromkeys(("4j1b", "4j2b"), 0.0)
    entries = 0.0
    for event in reference.events(file):
        weight = event["genWeight"] if normalisation == "weights" else 1.0
        seen = reference.observe(event, reference.jets(event, [1.0] * len(event["Jet_pt"]), True))
        entries += weight
        if seen:
            total[seen[0]] += weight
    for region, name in (("4j1b", "HT"), ("4j2b", "m_bjj")):
        expected = 400 * 100 * total[region] / entries
        assert found[Key(region, name, "wjets")].values.sum() == pytest.approx(expected, rel=1e-6)


def test_pseudodata_is_the_sum_that_is_declared(toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """(ME + PS)/2 + W+jets, and all names are those of the Grand Challenge: 124 histograms."""
    chosen = measurement(monkeypatch)
    tables = []
    for name, dataset in chosen.datasets.items():
        folder = tmp_path / name
        folder.mkdir()
        file = toy(Sample(2, 0, process=dataset.sample, physics="lepton_jets"), 700)
        tables.append(processed(chosen, name, file, folder)[0])
    found = templates_of(merge(tables), targets.template_settings(chosen.config, chosen.datasets), {})
    for region, name in (("4j1b", "HT"), ("4j2b", "m_bjj")):
        me, ps, w = (
            found[Key(region, name, *of)].values for of in (("ttbar", "ME_var"), ("ttbar", "PS_var"), ("wjets",))
        )
        np.testing.assert_allclose(found[Key(region, name, "pseudodata")].values, (me + ps) / 2 + w, rtol=1e-12)
    assert set(named(without_stages(found))) == names()


def names() -> set[str]:
    weights = [f"btag_var_{i}_{way}" for i in range(4) for way in ("up", "down")]
    common = ["", "pt_scale_up", "pt_res_up", *weights]
    every = {process: list(common) for process in ("single_top_s_chan", "single_top_t_chan", "single_top_tW")}
    every["ttbar"] = [*common, "ME_var", "PS_var", "scaleup", "scaledown"]
    every["wjets"] = [*common, "scale_var_up", "scale_var_down"]
    every["pseudodata"] = [""]
    return {
        "_".join(filter(None, (region, process, variation)))
        for region in ("4j1b", "4j2b")
        for process, variations in every.items()
        for variation in variations
    }


@pytest.mark.real
def test_the_reference_has_these_histograms(data: Path) -> None:
    content = read(data / "agc/histos_1_file_per_process.json")
    assert set(content) == names()
    assert len(content) == 124
    assert all(np.allclose(template.edges, reference.EDGES) for template in content.values())


@pytest.mark.real
def test_weights_of_the_reference_and_of_the_toy(data: Path, tmp_path: Path) -> None:
    """SYSTEMS appendix B: at pT 80 btag_var is 1.12 and 0.88, scale_var 1.025 and 0.975."""
    made = tmp_path / "made.json"
    made.write_text(corrections()["event_systematics.json"])
    for path in (data / "agc/corrections.json", made):
        correction = CorrectionFile.read(path).correction("event_systematics")
        for name, up, down in (("btag_var", 1.12, 0.88), ("scale_var", 1.025, 0.975)):
            for way, expected in (("up", up), ("down", down)):
                values = {"syst_name": name, "direction": way, "pt": np.array([80.0])}
                assert correction.evaluate(values).values == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("max_files", "files", "events", "t_channel"),
    [(None, 787, 940_160_174, 109_305_936), (5, 43, 47_996_231, 6_120_908), (1, 9, 10_455_719, 1_178_640)],
)
def test_the_inputs_are_locked(
    max_files: int | None, files: int, events: int, t_channel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYSTEMS 5a: files and events of 1, 5 and all files of each sample.

    Of the t channel, the Grand Challenge takes its first files from top, where files are taken by name here: antitop.
    """
    monkeypatch.chdir(ROOT)
    real = "config/agc_ttbar.yaml"
    wanted = targets.of(load({**read_yaml(real), "max_files": max_files}, [real]))
    assert wanted.unlocked == []
    every = [file for job in wanted.jobs.values() for file in job]
    assert len(every) == files
    others = [file for file in every if file.dataset != "agc_single_top_t_chan"]
    assert sum(file.entries or 0 for file in others) == events - t_channel
    assert (sum(file.entries or 0 for file in every) == events) == (max_files is None)
    assert all(file.location.startswith("root://eospublic.cern.ch//eos/opendata/cms/upload/agc/") for file in every)
    (file,) = wanted.task(*next(iter(wanted.jobs)))["files"]
    assert file["locked"] == {"uuid": None, "entries": 1_334_428}


def test_a_variation_that_the_file_does_not_know_is_refused(
    toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the Grand Challenge give 1 for names that they do not know: a slip would vary nothing."""
    wrong = read_yaml(DEMO)["corrections"]
    wrong[2]["inputs"] = {"syst_name": "btag_far"}
    file = toy(Sample(2, 0, process="ttbar", physics="lepton_jets"), 700)
    with pytest.raises(ConfigError, match="syst_name has no 'btag_far'; did you mean btag_var"):
        processed(measurement(monkeypatch, corrections=wrong), "toy_ttbar", file, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"selection": {"margin": 0.9}},
            "selection: margin: pt_res can raise momenta 1.25 times, so events that it would select are lost to the "
            "skim; at most 0.8",
        ),
        ({"observables": {"mass": {"label": "m", "bins": [0, 1]}}}, "observables: mass: agc_ttbar has HT, m_bjj"),
        ({"pseudodata": {"parts": [{"process": "tt"}]}}, "pseudodata: parts: tt is no simulated process"),
        (
            {"pseudodata": {"parts": [{"process": "wjets", "variation": "ME_var"}]}},
            "pseudodata: parts: wjets has no ME_var (nominal)",
        ),
    ],
)
def test_errors_say_what_and_where(changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        measurement(monkeypatch, **changes)
    assert message in str(caught.value)


def test_a_correction_for_an_unknown_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = read_yaml(DEMO)["corrections"]
    wrong[-1]["processes"] = ["wjet"]
    with pytest.raises(ConfigError, match="corrections: scale_var: processes: wjet is no simulated process"):
        measurement(monkeypatch, corrections=wrong)


jet = st.tuples(
    st.floats(20, 300), st.floats(-2.4, 2.4), st.floats(-math.pi, math.pi), st.floats(0, 40), st.floats(0, 1)
)


@examples(max_examples=40)
@given(st.lists(st.lists(jet, max_size=7), max_size=4))
def test_the_leading_tagged_trijet_of_any_jets(content: list[list[tuple]]) -> None:
    flat = np.array([one for event in content for one in event], float).reshape(-1, 5).T
    found = leading_trijets(PtEtaPhiM(*flat[:4]), flat[4], np.array([len(e) for e in content], int), 0.5)
    for event, pt, mass in zip(content, found.pt, found.mass, strict=True):
        candidates = []
        for three in itertools.combinations(event, 3):
            if max(one[4] for one in three) > 0.5:
                px = sum(p * math.cos(phi) for p, _, phi, _, _ in three)
                py = sum(p * math.sin(phi) for p, _, phi, _, _ in three)
                pz = sum(p * math.sinh(eta) for p, eta, _, _, _ in three)
                energy = sum(math.sqrt((p * math.cosh(eta)) ** 2 + m * m) for p, eta, _, m, _ in three)
                candidates.append((math.hypot(px, py), energy**2 - px**2 - py**2 - pz**2))
        assert math.isnan(pt) == math.isnan(mass) == (not candidates)
        if candidates:
            best = max(candidates)[0]
            assert pt == pytest.approx(best, rel=1e-9, abs=1e-6)
            # Of combinations whose pT differ by rounding only, any may be taken.
            near = [mass2 for other, mass2 in candidates if other > best - 1e-6]
            assert any(mass**2 == pytest.approx(mass2, rel=1e-6, abs=1e-3) for mass2 in near)


def test_of_equal_trijets_the_first_is_taken() -> None:
    """Four jets in one direction and with one pT: 0-1-2 comes first, and is not tagged; then 0-1-3."""
    jets = PtEtaPhiM(np.full(4, 20.0), np.zeros(4), np.zeros(4), np.array([1.0, 2.0, 4.0, 8.0]))
    found = leading_trijets(jets, np.array([0, 0, 0, 1.0]), np.array([4]), 0.5)
    energy = sum(math.sqrt(400 + mass**2) for mass in (1, 2, 8))
    assert found.mass == pytest.approx([math.sqrt(energy**2 - 3600)])


def test_partons_of_jets_by_hand() -> None:
    """t → b W⁺ → b ℓν, t̄ → b̄ W⁻ → b̄ q q̄', tops and W with copies; an event that is not wanted stands before."""
    last, first = 1 << 13, 0
    particles = [  # pdg, mother, flags, η, φ
        (6, -1, first, 0, 0),
        (6, 0, last, 0, 0),
        (-6, -1, last, 0, 0),
        (24, 1, first, 0, 0),
        (24, 3, last, 0, 0),
        (5, 1, first, 9, 9),
        (5, 5, last, 0.5, 3.1),
        (-24, 2, last, 0, 0),
        (-5, 2, last, -1.0, 0.0),
        (-11, 4, last, 2, 2),
        (12, 4, last, 2, 2),
        (1, 7, last, 1.5, 1.0),
        (-2, 7, last, 1.5, 1.5),
        (21, 2, last, -2.0, -2.0),
        (3, 13, last, -2.0, -2.0),
    ]
    jets = [(0.5, -3.1), (-1.2, 0.1), (1.5, 1.2), (1.5, 1.6), (-2.0, -2.0), (-1.0, 0.5)]
    names = ("pdgId", "genPartIdxMother", "statusFlags", "eta", "phi")
    other = particles[8:9]
    columns = {
        "nJet": np.array([2, len(jets)]),
        "nGenPart": np.array([len(other), len(particles)]),
        "Jet_eta": np.array([-1.0, -1.0, *(eta for eta, _ in jets)]),
        "Jet_phi": np.array([0.0, 0.0, *(phi for _, phi in jets)]),
        **{f"GenPart_{n}": np.array([p[i] for p in [*other, *particles]]) for i, n in enumerate(names)},
    }
    columns["GenPart_genPartIdxMother"][0] = -1
    found = jet_partons(columns, np.array([False, True]))
    assert found.tolist() == [NONE, NONE, LEPTONIC_TOP, TOP, W, W, NONE, NONE]


def test_partons_of_toy_jets_are_what_they_came_from(toy: Callable) -> None:
    """Jets of a W never hold a b quark, those of a top do; a lepton+jets event has at most two, one and one."""
    file = toy(Sample(1, 0, process="ttbar", physics="lepton_jets"), 4000)
    with uproot.open(file) as content:
        names = [n for n in content["Events"].keys() if n.startswith(("Jet_", "GenPart_", "nJet", "nGenPart"))]  # noqa: SIM118
    with NanoAOD(str(file), wanted=names) as opened:
        (columns,) = opened.chunks(names)
    origin = jet_partons(columns, np.ones(len(columns["nJet"]), bool))
    flavour = columns["Jet_hadronFlavour"]
    assert (flavour[np.isin(origin, (TOP, LEPTONIC_TOP))] == 5).mean() > 0.97
    assert (flavour[origin == W] != 5).mean() > 0.97
    assert (origin == LEPTONIC_TOP).sum() > 1000


def test_jets_of_ttbar_make_a_top_and_those_of_w_do_not(toy: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three jets of the hadronic top have its mass: median within 10 GeV of 172.5 GeV."""
    settings = measurement(monkeypatch).config.selection.model_dump(mode="json")
    columns = next(collisions(Sample(3, 0, process="ttbar", physics="lepton_jets")))
    seen = agc_ttbar.observe(columns, settings)
    mass = seen.observables["m_bjj"][seen.regions["4j2b"]]
    peak, edges = np.histogram(mass, 25, (50, 550))
    assert 150 <= edges[np.argmax(peak)] <= 170
    assert (np.abs(mass - 172.5) < 30).mean() > 0.35
    # Twice the smallest HT of four jets is above where W+jets has most of its events.
    medians = {}
    for process in ("ttbar", "wjets"):
        seen = agc_ttbar.observe(next(collisions(Sample(3, 0, process=process, physics="lepton_jets"))), settings)
        medians[process] = np.median(seen.observables["HT"][seen.regions["4j1b"]])
    assert medians["wjets"] < medians["ttbar"]
