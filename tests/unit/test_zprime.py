"""The zprime analysis: against plain Python event by event, its regions, variations, classifier and real inputs."""

import json
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skimflow import lock
from skimflow.analyses import zprime
from skimflow.config import Dataset, load
from skimflow.config.loading import read_yaml
from skimflow.counts.table import merge
from skimflow.counts.views import cutflow, select
from skimflow.errors import ConfigError, IncompleteError, InputError
from skimflow.histograms.collecting import Key, Sample, collect
from skimflow.histograms.job import REGION, histograms, pieces
from skimflow.histograms.tables import without_stages
from skimflow.learning.classifier import auc, train
from skimflow.skim import Task, skim_file
from skimflow.targets import of
from skimflow.targets.zprime import ZprimeTargets
from skimflow.toy import Sample as ToySample
from skimflow.toy import collisions
from skimflow.toy.corrections import corrections
from tests.conftest import ROOT
from tests.reference.zprime import Outcome, outcomes

SEMILEP, WJETS, SIGNAL = "TTToSemiLeptonic", "WJetsToLNu", "ZprimeToTT_M2000_W20"
CUTS = ("CMS_WORKSHOP", "SR_tag", "SR_notag")


def sample(process: str, seed: int = 77) -> ToySample:
    return ToySample(seed, 0, process=process, physics="boosted")


@pytest.fixture(scope="module")
def targets() -> ZprimeTargets:
    os.chdir(ROOT)
    found = of(load(read_yaml("config/zprime_demo.yaml"), ["config/zprime_demo.yaml"]))
    assert isinstance(found, ZprimeTargets)
    return found


@pytest.fixture(scope="module")
def skimmed(targets: ZprimeTargets, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, pa.Table]]:
    """`skimmed(path, kind, certified, **cuts)`: events and counts of a file, made once."""
    folder, made = tmp_path_factory.mktemp("skims"), {}

    def make(path: Path, kind: str = "mc", certified: Path | None = None, **cuts: Any) -> tuple[Path, pa.Table]:
        key = (path, kind, certified, *cuts.items())
        if key not in made:
            dataset = Dataset(kind="mc", process="x", files=("x",))
            if kind == "data":
                dataset = Dataset(kind="data", primary_dataset="SingleMuon", era="Run2016G", files=("x",))
            settings = {**targets.settings("x", dataset), "certified_sha256": None}
            settings["selection"] = {**settings["selection"], **cuts}
            place = folder / f"{len(made)}.counts.parquet", folder / f"{len(made)}.events.parquet"
            golden = str(certified) if certified else None
            skim_file(Task("x", "x", "/store/x.root", str(path), golden, settings, {}), *place)
            made[key] = place[1], pq.read_table(place[0])
        return made[key]

    return make


def assert_agrees(events: Path, expected: list[Outcome], settings: dict[str, Any]) -> dict[str, int]:
    """Same events, same regions, same observables; how many events are in each region, and have one muon."""
    kept = [outcome for outcome in expected if outcome.kept]
    (columns,) = pieces(events)
    identity = zip(*(columns[name].tolist() for name in ("run", "luminosityBlock", "event")), strict=True)
    assert list(identity) == [outcome.identity for outcome in kept]
    found = zprime.observe(columns, settings)
    assert set(found.regions) == set(CUTS)
    for name, mask in found.regions.items():
        assert mask.tolist() == [name in outcome.regions for outcome in kept], name
    for name in {name for outcome in kept for name in outcome.values}:
        there = [name in outcome.values for outcome in kept]
        values = [outcome.values[name] for outcome in kept if name in outcome.values]
        np.testing.assert_allclose(found.observables[name][there], values, rtol=2e-6, atol=1e-4, err_msg=name)
    one_muon = sum(1 for outcome in kept if outcome.values)
    return {name: int(mask.sum()) for name, mask in found.regions.items()} | {"one_muon": one_muon}


@pytest.mark.parametrize(("process", "least"), [(SEMILEP, (5, 10, 60)), (SIGNAL, (150, 200, 10)), (WJETS, (0, 0, 1))])
def test_toys_agree_event_by_event(
    process: str, least: tuple[int, ...], toy: Callable, skimmed: Callable, targets: ZprimeTargets
) -> None:
    path = toy(sample(process), 4000)
    events, _ = skimmed(path)
    found = assert_agrees(events, outcomes(str(path), "HLT_TkMu50"), targets.config.selection.model_dump(mode="json"))
    for region, number in zip(CUTS, least, strict=True):
        assert found[region] >= number


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "trigger", "tagger", "numbers"),
    [
        ("UnROOT_NanoAODv5_ttbar2018_1000ev", "HLT_IsoMu24", "deepTag_TvsQCD", (108, 6, 6, 56)),
        ("HiggsDNA_DYJetsToLL_UL2017v9_100ev", "HLT_IsoMu24", "particleNet_TvsQCD", (5, 0, 0, 0)),
    ],
)
def test_real_files_agree_event_by_event(
    name: str,
    trigger: str,
    tagger: str,
    numbers: tuple[int, ...],
    data: Path,
    skimmed: Callable,
    targets: ZprimeTargets,
) -> None:
    """With looser cuts: a thousand events of tt̄ have none with a muon of 55 GeV and a fat jet of 500 GeV."""
    path = data / f"nano/{name}.root"
    loose = {"muon_pt": 20.0, "fat_jet_pt": 200.0, "met": 15.0, "muon_met": 40.0, "min_btag": 0.2, "chi2": 100.0}
    cuts = {**loose, "paths": (trigger,), "top_tag": tagger}
    events, _ = skimmed(path, **cuts)
    settings = {**targets.config.selection.model_dump(mode="json"), **cuts}
    found = assert_agrees(events, outcomes(str(path), trigger, tagger, **loose), settings)
    assert tuple(found[name] for name in ("one_muon", *CUTS)) == numbers


def test_runs_that_are_not_certified_are_rejected(toy: Callable, skimmed: Callable, tmp_path: Path) -> None:
    """SYSTEMS 4e.2: a run that is not listed was compared with the last run, so its first 30 sections were accepted,
    and one above the last run was an error."""
    path = toy(ToySample(5, 0, primary_dataset="SingleMuon", era="Run2016G", physics="boosted"), 1500)
    for other in ("278000", "284044"):  # the file's run 278820 is above the last one, or not listed
        golden = tmp_path / f"{other}.json"
        golden.write_text(json.dumps({"278000": [[1, 5]], other: [[1, 30]]}), encoding="utf-8")
        assert skimmed(path, "data", golden)[0].exists()
        assert pq.read_table(skimmed(path, "data", golden)[0]).num_rows == 0
    golden = tmp_path / "own.json"
    golden.write_text(json.dumps({"278820": [[1, 1]]}), encoding="utf-8")
    kept = pq.read_table(skimmed(path, "data", golden)[0])
    assert kept.num_rows > 50
    assert set(kept["luminosityBlock"].to_pylist()) == {1}


def observed(events: Path, targets: ZprimeTargets, models: Any = (), **cuts: Any) -> Any:
    (columns,) = pieces(events)
    return columns, zprime.observe(columns, {**targets.config.selection.model_dump(mode="json"), **cuts}, models)


def test_overlap_is_a_switch(toy: Callable, skimmed: Callable, targets: ZprimeTargets) -> None:
    """Without it the b jet may be inside the fat jet, and counts twice: masses are larger than the Z′."""
    events, _ = skimmed(toy(sample(SIGNAL), 4000))
    _, plain = observed(events, targets)
    _, apart = observed(events, targets, overlap=0.8)
    region = apart.regions["CMS_WORKSHOP"]
    assert not (region & ~plain.regions["CMS_WORKSHOP"]).any()
    before, after = (found.observables["workshop_mtt"][region] for found in (plain, apart))
    assert np.percentile(before, 84) > 2400 > np.percentile(after, 84)
    assert 1700 < np.median(after) < 2100


def test_cuts_of_the_paper_are_switches(toy: Callable, skimmed: Callable, targets: ZprimeTargets) -> None:
    events, _ = skimmed(toy(sample(SEMILEP), 4000))
    columns, plain = observed(events, targets)
    _, jets = observed(events, targets, jet_pts=(150, 50))
    _, isolated = observed(events, targets, isolation_2d=(0.4, 25))
    o = plain.observables
    near = (o["delta_r"] <= 0.4) & (o["pt_rel"] <= 25)
    for region in ("SR_tag", "SR_notag"):
        assert (isolated.regions[region] == plain.regions[region] & ~near).all()
        assert not (jets.regions[region] & ~plain.regions[region]).any()
    assert 0 < jets.regions["SR_notag"].sum() < plain.regions["SR_notag"].sum()
    leading = np.maximum.reduceat(columns["Jet_pt"], np.cumsum(columns["nJet"]) - columns["nJet"])
    assert (leading[jets.regions["SR_notag"]] > 150).all()


def test_spectra_look_like_themselves(toy: Callable, skimmed: Callable, targets: ZprimeTargets) -> None:
    """The mass of a Z′ peaks where it is, that of tt̄ falls; W+jets have fewer and lighter jets."""
    number = {SEMILEP: 6000, SIGNAL: 4000, WJETS: 6000}
    found = {name: observed(skimmed(toy(sample(name), n))[0], targets)[1] for name, n in number.items()}
    tagged = found[SIGNAL].observables["mtt"][found[SIGNAL].regions["SR_tag"]]
    low, high = np.percentile(tagged, [25, 75])
    assert 1850 < low < 2000 < high < 2150
    falling = found[SEMILEP].observables["mtt"][found[SEMILEP].regions["SR_notag"]]
    counts, _ = np.histogram(falling, [600, 900, 1200, 2500])
    assert counts[0] > 2 * counts[1] > 4 * counts[2]
    jets = {name: np.mean(found[name].observables["n_jet"]) for name in found}
    assert jets[WJETS] + 1 < jets[SEMILEP]


@pytest.fixture(scope="module")
def filled(
    toy: Callable, skimmed: Callable, targets: ZprimeTargets, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., pa.Table]:
    """`filled(process, models)`: histograms and counts of 4,000 events, merged."""
    folder = tmp_path_factory.mktemp("histograms")
    for name, text in corrections().items():
        (folder / name).write_text(text, encoding="utf-8")

    def make(process: str, models: list[Path]) -> pa.Table:
        events, counts = skimmed(toy(sample(process), 4000))
        settings = {**targets.histograms("toy_boosted_semilep")["settings"], "dataset": "x"}
        own = [dict(how) for how in settings["corrections"]]
        for how in own:
            if "file" in how:
                how["file"] = {"path": str(folder / Path(how["file"]["path"]).name), "sha256": None}
        histograms(events, {**settings, "corrections": own}, folder / "x.parquet", {}, models)
        return merge([counts, pq.read_table(folder / "x.parquet")])

    return make


MODEL = {
    "layers": [{"weights": [[-8.0]], "bias": [4.05]}, {"weights": [[4.0]], "bias": [0.0]}],
    "features": {"n_jet": 10},
}
"""A score that falls with the number of jets: 0.88 for four, 0.1 for five, -0.85 for six."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"networks": [MODEL, MODEL]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("process", [SEMILEP, SIGNAL])
def test_events_are_conserved(process: str, filled: Callable, model: Path) -> None:
    """The regions of the paper share no event: their sum, and those in none, are all that were read."""
    table = filled(process, [model])
    read, *_, kept = (passed for _, passed, _ in cutflow(table))
    assert read == 4000
    rows = select(table, REGION)
    found = {
        name: (total, passed)
        for name, total, passed in zip(*(rows[c].to_pylist() for c in ("name", "total_n", "passed_n")), strict=True)
    }
    assert set(found) == {*CUTS, "CR1", "CR2"}
    assert {total for total, _ in found.values()} == {kept}
    inside = sum(passed for name, (_, passed) in found.items() if name != "CMS_WORKSHOP")
    failed = sum(kept - passed for name, (_, passed) in found.items() if name != "CMS_WORKSHOP") - 3 * kept
    assert inside + failed + (read - kept) == read
    assert inside > 20


def test_no_event_is_in_two_regions(toy: Callable, skimmed: Callable, targets: ZprimeTargets) -> None:
    events, _ = skimmed(toy(sample(SEMILEP), 4000))
    columns, found = observed(events, targets, [{"networks": [MODEL, MODEL]}])
    _, without = observed(events, targets)
    both = without.regions["SR_tag"] | without.regions["SR_notag"]
    number = np.sum([mask for name, mask in found.regions.items() if name != "CMS_WORKSHOP"], axis=0)
    assert number.max() == 1
    nn, tagged = found.observables["nn"], without.regions["SR_tag"]
    np.testing.assert_array_equal(found.regions["SR_tag"], tagged & (nn >= 0.5))
    np.testing.assert_array_equal(found.regions["CR1"], both & (nn < -0.75))
    np.testing.assert_array_equal(found.regions["CR2"], both & (nn > 0) & (nn < 0.5))
    assert all(found.regions[name].any() for name in ("SR_notag", "CR1", "CR2"))
    muons = np.bincount(np.repeat(np.arange(len(columns["nMuon"])), columns["nMuon"])[columns["Muon_pt"] > 55])
    none = np.ones(len(nn), bool)
    none[: len(muons)] = muons == 0
    assert (nn[none] == -1).all()


def test_variations_are_of_order_one(filled: Callable, model: Path, targets: ZprimeTargets) -> None:
    """SYSTEMS 4e.1: varied templates had lost cross-section and luminosity. Here each is within a few percent, and the
    toy's muon factors move every template by what they say: 0.5 to 1 %."""
    table = filled(SIGNAL, [model])
    axes = targets.histograms("toy_boosted_semilep")["settings"]["axes"]
    found = without_stages(collect(table, axes, {"x": Sample("signal", 1.0)}, 100.0))
    sources = {key.variation for key in found}
    assert sources == {
        *("nominal", "jet_pt_scale_up", "jet_pt_resolution_up", "pileup_up", "pileup_down"),
        *("muon_id_up", "muon_id_down"),
    }
    place = Key("CMS_WORKSHOP", "workshop_mtt", "signal")
    nominal = found[place].values.sum()
    # 100 pb⁻¹ · 1 pb · (selected / generated), each with the same |genWeight| to 2 %.
    assert nominal == pytest.approx(100 * found[place].entries / 4000, rel=0.01)
    for variation in sources - {"nominal"}:
        ratio = found[place._replace(variation=variation)].values.sum() / nominal
        assert abs(ratio - 1) < 0.1, variation
        if variation.startswith("muon_id"):
            assert 0.0049 < abs(ratio - 1) < 0.0101
    values = {v: found[place._replace(variation=v)] for v in ("nominal", "jet_pt_scale_up")}
    means = {v: np.average(t.edges[:-1], weights=t.values[1:-1]) for v, t in values.items()}
    assert means["nominal"] < means["jet_pt_scale_up"] < 1.05 * means["nominal"]


def test_a_classifier_is_learnt_from_the_other_half(
    toy: Callable, skimmed: Callable, targets: ZprimeTargets, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    files = {name: skimmed(toy(sample(name), 6000))[0] for name in (SEMILEP, WJETS)}
    settings = learning(targets)
    found = train({name: [path] for name, path in files.items()}, settings)
    assert all(quality["auc"] > 0.75 for quality in found["quality"].values())
    assert sum(found["scores"]["signal"]) == sum(q["signal"] for q in found["quality"].values()) > 300
    # Without the events of even number, the network that scores them is the same, as it never saw them; but none of
    # them may be missing altogether, so their jets are changed instead.
    table = pq.read_table(files[SEMILEP])
    even = np.asarray(table["event"]) % 2 == 0
    mass = pa.array(
        [[9.0] * len(jets) if e else jets for jets, e in zip(table["Jet_mass"].to_pylist(), even, strict=True)]
    )
    place = table.schema.get_field_index("Jet_mass")
    pq.write_table(
        table.set_column(place, "Jet_mass", mass.cast(table.schema.field(place).type)), tmp_path / "x.parquet"
    )
    other = train({SEMILEP: [tmp_path / "x.parquet"], WJETS: [files[WJETS]]}, settings)
    assert other["networks"][0] == found["networks"][0]
    assert other["networks"][1] != found["networks"][1]
    assert other["quality"]["even"]["auc"] < found["quality"]["even"]["auc"]


FEATURES = {"n_jet": 10, "leading_jet_mass": 20, "subleading_jet_mass": 20}


def learning(targets: ZprimeTargets) -> dict[str, Any]:
    settings = targets.training()
    settings["classifier"] = {**settings["classifier"], "epochs": 15, "features": FEATURES}
    settings["datasets"] = {
        SEMILEP: {"signal": True, "files": 1, "corrections": []},
        WJETS: {"signal": False, "files": 1, "corrections": []},
    }
    return settings


def test_too_few_events_teach_nothing(toy: Callable, skimmed: Callable, targets: ZprimeTargets) -> None:
    files = {name: [skimmed(toy(sample(name), 100))[0]] for name in (SEMILEP, WJETS)}
    with pytest.raises(IncompleteError, match=r"classifier: .*: \d+ events of even number pass the baseline, 50 are"):
        train(files, learning(targets))


def test_area_under_the_curve_by_pairs() -> None:
    rng = np.random.default_rng(3)
    scores, signal = np.round(rng.normal(size=60), 1), rng.random(60) < 0.4
    one, other = np.meshgrid(scores[signal], scores[~signal])
    assert auc(scores, signal) == pytest.approx(((one > other) + 0.5 * (one == other)).mean())


def demo(**changes: Any) -> dict[str, Any]:
    os.chdir(ROOT)
    return {**read_yaml("config/zprime_demo.yaml"), **changes}


def test_without_a_classifier_there_are_no_control_regions() -> None:
    content = demo(classifier=None)
    del content["observables"]["nn"]
    found = of(load(content))
    assert isinstance(found, ZprimeTargets)
    assert found.models() == []
    assert "classifier" not in found.rules
    assert {name.split("-")[0] for name in found.shown()} == set(CUTS)


def test_a_classifier_learns_from_corrected_objects() -> None:
    """Weights do not move them, so a change of one teaches nothing new."""
    content = demo()
    muons = {"name": "muon_scale", "kind": "rochester", "file": {"toy": "muons.txt"}}
    content["corrections"] = [muons, *content["corrections"]]
    found = of(load(content))
    assert isinstance(found, ZprimeTargets)
    for how in found.training()["datasets"].values():
        assert [c["name"] for c in how["corrections"]] == ["muon_scale", "jet_pt_scale", "jet_pt_resolution"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classifier": None}, "observables: nn: zprime has "),
        ({"classifier": {"signal": "top", "background": "wjets"}}, "classifier: top: must be a process of simulation"),
        ({"classifier": {"signal": "wjets", "background": "wjets"}}, "classifier: wjets: .* on one side only"),
        ({"selection": {"nn_cr1": 0.2}}, "no event may be in two of these regions"),
    ],
)
def test_configurations_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(demo(**changes))


def test_the_toy_says_what_it_has() -> None:
    with pytest.raises(InputError, match=r"no boosted QCD \(it has .*ZprimeToTT_M2000_W20"):
        next(collisions(sample("QCD")))


def test_a_signal_is_injected() -> None:
    """Half of the collisions are a Z′: of these alone have so many top-tagged fat jets."""
    mixture = ((WJETS, 0.5), ("ZprimeToTT_M1500_W15", 0.5))
    data = next(collisions(ToySample(1, 0, "SingleMuon", physics="boosted", mixture=mixture)))
    alone = next(collisions(sample("ZprimeToTT_M1500_W15")))
    tagged = [int((columns["FatJet_particleNet_TvsQCD"] > 0.5).sum()) for columns in (data, alone)]
    assert tagged[0] == pytest.approx(tagged[1] / 2, rel=0.06)
    assert "genWeight" not in data


INPUTS = {
    "SingleMuon_Run2016G": (70, 149_916_849),
    "SingleMuon_Run2016H": (82, 174_035_164),
    "TTToSemiLeptonic_UL2016": (138, 144_722_000),
    "TTToHadronic_UL2016": (146, 107_067_000),
    "TTTo2L2Nu_UL2016": (49, 43_546_000),
    "WJetsToLNu_UL2016": (68, 80_958_227),
    "ZprimeToTT_M2000_UL2016": (4, 527_279),
    "ZprimeToTT_M400_UL2016": (2, 570_127),
}
"""Files and events of SYSTEMS 4a; of each era those of records 30530 and 30563, of 2 TeV those of its files."""
LISTED = {"M1000": 1, "M1200": 9, "M1400": 6, "M1600": 3, "M1800": 8}


def test_the_inputs_are_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wanted = of(load(read_yaml("config/zprime.yaml"), ["config/zprime.yaml"]))
    assert wanted.unlocked == []
    every = [file for job in wanted.jobs.values() for file in job]
    found: dict[str, tuple[int, int]] = {}
    for file in every:
        files, events = found.get(file.dataset, (0, 0))
        found[file.dataset] = files + 1, events + (file.entries or 0)
    listed = {f"ZprimeToTT_{mass}_UL2016": (files, 0) for mass, files in LISTED.items()}
    assert found == INPUTS | listed
    assert len({file.location for file in every}) == 152 + 405 + 29
    assert all(file.location.startswith("root://eospublic.cern.ch//eos/opendata/cms/") for file in every)


@pytest.mark.parametrize(
    ("era", "folder", "files", "adler32"),
    [
        ("G", 130000, 17, "1f01fe51"),
        ("G", 70000, 53, "cc614c9b"),
        ("H", 120000, 1, "841b2d03"),
        ("H", 1210000, 1, "ab322d1a"),
        ("H", 130000, 40, "bff80a95"),
        ("H", 280000, 8, "84a6673c"),
        ("H", 70000, 32, "7d389b6c"),
    ],
)
def test_locked_names_are_those_of_the_portal(era: str, folder: int, files: int, adler32: str) -> None:
    """The records state checksums of their text indexes, which are the sorted URLs of each folder, one a line."""
    rows = lock.read(ROOT / f"config/locks/SingleMuon_Run2016{era}.tsv").rows
    urls = sorted(row.location for row in rows if re.search(rf"-v1/{folder}/", row.location))
    assert len(urls) == files
    index = "".join(f"{url}\n" for url in urls)
    assert f"{zlib.adler32(index.encode()):08x}" == adler32
