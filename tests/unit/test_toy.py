"""The toy: what it writes, and that its truth is true."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot
from scipy.stats import binom

from skimflow import analyses
from skimflow.counts.views import select as rows_of
from skimflow.counts.views import summed
from skimflow.efficiency import interval, weighted_interval
from skimflow.efficiency.intervals import prescaled_interval
from skimflow.errors import InputError
from skimflow.toy import Sample, collisions, trigger, truth, write_file
from skimflow.toy.writing import _BASKET

SIGMA = 0.682689492137086
TTBAR = Sample(3, 0, process="TTTo2L2Nu")
MUON_EG = Sample(3, 0, primary_dataset="MuonEG", era="Run2016H")

NANOAOD_TYPES = {
    "run": "uint32_t",
    "luminosityBlock": "uint32_t",
    "event": "uint64_t",
    "Electron_pt": "float[]",
    "Electron_charge": "int32_t[]",
    "Electron_mvaFall17V2Iso_WP90": "bool[]",
    "Muon_tightId": "bool[]",
    "Muon_pfRelIso04_all": "float[]",
    "Muon_miniIsoId": "uint8_t[]",
    "Jet_jetId": "int32_t[]",
    "PuppiMET_pt": "float",
    "PV_npvs": "int32_t",
    "TrigObj_id": "int32_t[]",
    "TrigObj_filterBits": "int32_t[]",
    trigger.MU12_ELE23: "bool",
    "HLT_IsoMu24": "bool",
    "HLT_PFMET120_PFMHT120_IDTight": "bool",
}


def test_names_and_types_of_nanoaod(toy: Callable) -> None:
    with uproot.open(toy(MUON_EG)) as file:
        types = file["Events"].typenames()
        assert {name: types.get(name) for name in NANOAOD_TYPES} == NANOAOD_TYPES
        assert "genWeight" not in types
        assert {"run", "luminosityBlock"} <= set(file["LuminosityBlocks"].keys())
        assert file["Runs"].keys() == ["run"]
    with uproot.open(toy(TTBAR)) as file:
        assert file["Events"]["genWeight"].typename == "float"
        assert file["Runs"]["genEventCount"].array(library="np").tolist() == [2000]
        weights = file["Events"]["genWeight"].array(library="np").astype(float)
        assert file["Runs"]["genEventSumw"].array(library="np")[0] == pytest.approx(weights.sum(), rel=1e-12)


def test_filler_branches_and_size(tmp_path: Path) -> None:
    write_file(tmp_path / "x.root", TTBAR, 100, filler=200)
    with uproot.open(tmp_path / "x.root") as file:
        assert file["Events"].num_entries == 100
        assert len(file["Events"].keys()) == 200


@pytest.mark.parametrize("events", [0, 1, _BASKET, _BASKET + 7])
def test_number_of_events(events: int, tmp_path: Path) -> None:
    write_file(tmp_path / "x.root", TTBAR, events)
    with uproot.open(tmp_path / "x.root") as file:
        assert file["Events"].num_entries == events


def test_seeded(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_file(tmp_path / name / "x.root", MUON_EG, 500)
    with uproot.open(tmp_path / "one/x.root") as one, uproot.open(tmp_path / "other/x.root") as other:
        assert one.file.uuid == other.file.uuid
        a, b = (f["Events"].arrays() for f in (one, other))
        assert a.to_list() == b.to_list()


def test_a_primary_dataset_holds_only_what_one_of_its_paths_fired(toy: Callable) -> None:
    with uproot.open(toy(MUON_EG)) as file:
        paths = trigger.PRIMARY_DATASETS["MuonEG"]
        fired = file["Events"].arrays(paths, library="np")
    assert np.logical_or.reduce(list(fired.values())).all()
    assert 0 < fired[trigger.MU12_ELE23].mean() < 1


def test_primary_datasets_of_one_seed_share_their_collisions(toy: Callable) -> None:
    """An event that two primary datasets accept is the same event, with the same leptons, in both."""
    single = toy(MUON_EG._replace(primary_dataset="SingleMuon"), 4000)
    found = []
    for path in (toy(MUON_EG), single):
        with uproot.open(path) as file:
            a = file["Events"].arrays(["event", "MET_pt", trigger.MU12_ELE23], library="np")
            found.append(
                dict(zip(a["event"].tolist(), zip(a["MET_pt"], a[trigger.MU12_ELE23], strict=True), strict=True))
            )
    both = set(found[0]) & set(found[1])
    assert len(both) > 100
    assert all(found[0][event] == found[1][event] for event in both)


def test_events_and_sections_are_in_one_file_only(toy: Callable) -> None:
    seen: set = set()
    for index in range(7):  # runs come round after six files
        with uproot.open(toy(MUON_EG._replace(index=index), 200)) as file:
            blocks = file["LuminosityBlocks"].arrays(library="np")
            pairs = set(zip(blocks["run"].tolist(), blocks["luminosityBlock"].tolist(), strict=True))
        assert not pairs & seen
        seen |= pairs


def test_turn_on_of_a_leg_is_the_declared_one() -> None:
    """Fired fractions of isolated muons in bins of pT lie on the curve of the leg."""
    columns = next(iter(collisions(TTBAR)))
    leg = trigger.LEGS["Mu23"]
    fired = np.concatenate(
        [trigger.leg_decisions(columns, trigger.draw(columns, np.random.default_rng(i)))["Mu23"] for i in range(30)]
    )
    pt, eta, iso = (np.tile(columns[f"Muon_{n}"], 30) for n in ("pt", "eta", "pfRelIso03_all"))
    expected = leg.efficiency(pt, eta, iso < trigger.ISOLATED)
    for low, high in ((20, 23), (23, 25), (25, 40), (40, 100)):
        chosen = (pt > low) & (pt < high)
        error = np.sqrt((expected[chosen] * (1 - expected[chosen])).sum()) / chosen.sum()
        assert abs(fired[chosen].mean() - expected[chosen].mean()) < 4 * error


def test_truth_file_beside(toy: Callable) -> None:
    content = json.loads(toy(MUON_EG).with_suffix(".truth.json").read_text())
    assert content["kept"] == 2000 < content["collisions"]
    assert content["trigger"]["legs"]["Ele23"]["threshold"] == trigger.LEGS["Ele23"].threshold
    assert content["fired"][trigger.MU12_ELE23] > 0


# Efficiencies and their truth.


@pytest.fixture(scope="module")
def select(settings: Callable) -> Callable:
    """The offline selection as `truth` takes it."""

    def mask(columns: dict) -> np.ndarray:
        selection = analyses.get("hww_emu").select(columns, settings("mc")["selection"])
        chosen = np.logical_and.reduce([m for _, m in selection.steps])
        chosen[chosen] = np.logical_and.reduce([cut.passed for cut in selection.cuts])
        return chosen

    return mask


PATHS = [trigger.MU12_ELE23, trigger.MU23_ELE12]
PROBE = {"paths": PATHS, "combination": "any", "on_missing": "exclude", "prescales": {}}


@pytest.mark.xdist_group("truth")
def test_truth_lies_in_the_interval_as_often_as_the_level_says(
    select: Callable, toy: Callable, skim: Callable, settings: Callable, tmp_path: Path
) -> None:
    """240 seeds of 1,500 simulated events each, from file to interval, unweighted and weighted."""
    known = truth([Sample(10**6, index, process="TTTo2L2Nu") for index in range(8)], 6, select, PROBE, {})["unbiased"]
    values = {path: known["fired"][path] / known["selected"] for path in PATHS}
    seeds, hits = 240, dict.fromkeys(("plain", "weighted"), 0)
    for seed in range(seeds):
        path = tmp_path / "x.root"
        write_file(path, Sample(seed, 0, process="TTTo2L2Nu"), 1500, codec="LZ4")
        content = summed(rows_of(skim(path, settings("mc"))[0], "trigger", name=PATHS[seed % 2], variable="all"))
        value = values[PATHS[seed % 2]]
        plain = interval(content.passed_n, content.total_n, "wilson", SIGMA)
        weighted = weighted_interval(
            *(getattr(content, f"{s}_{n}") for s in ("passed", "total") for n in ("sumw", "sumw2")), "wilson", SIGMA
        )
        for name, found in (("plain", plain), ("weighted", weighted)):
            hits[name] += bool(found.low[0] <= value <= found.high[0])
    for name, number in hits.items():
        # As many as a binomial allows with a probability of 99 %, for a coverage that is right within 3 %.
        low, high = binom.ppf(0.005, seeds, SIGMA - 0.03), binom.ppf(0.995, seeds, SIGMA + 0.03)
        assert low <= number <= high, (name, number)


@pytest.mark.xdist_group("bias")
def test_the_ratio_in_muon_eg_is_biased_upwards(
    select: Callable, toy: Callable, skim: Callable, settings: Callable, tmp_path: Path
) -> None:
    """SYSTEMS 1e.1: the denominator is triggered already. The ratio has its own truth, which is not the efficiency."""
    golden = tmp_path / "all.json"
    golden.write_text(json.dumps({str(run): [[1, 10**6]] for run in range(278820, 284045)}))
    known = truth([MUON_EG._replace(index=index) for index in range(4)], 8, select, PROBE, {"none": []})
    within, unbiased = known["references"]["none"], known["unbiased"]
    table, _ = skim(toy(MUON_EG, 20_000), settings("data", run_window=None), golden)
    for path in (*PATHS, "any"):
        content = summed(rows_of(table, "trigger", name=path, variable="all"))
        found = interval(content.passed_n[0], content.total_n[0], "clopper_pearson", 0.9999)
        assert found.low <= within["fired"][path] / within["selected"] <= found.high
        assert found.low > unbiased["fired"][path] / unbiased["selected"] + 0.03


@pytest.mark.xdist_group("bias")
def test_a_met_reference_covers_the_truth(
    select: Callable, toy: Callable, skim: Callable, settings: Callable, tmp_path: Path
) -> None:
    """Each ratio covers its own truth; the OR, which depends little on what MET is made of, that of the efficiency too,
    and excludes what MuonEG gives. A prescaled path has the efficiency of its decision before the prescale."""
    golden = tmp_path / "all.json"
    golden.write_text(json.dumps({str(run): [[1, 10**6]] for run in range(278820, 284045)}))
    prescaled = "HLT_Mu8_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL"
    met = {"met": trigger.PRIMARY_DATASETS["MET"]}
    sample = MUON_EG._replace(primary_dataset="MET")
    for probe in (PROBE, {**PROBE, "paths": [prescaled], "prescales": {prescaled: 4}}):
        known = truth([sample._replace(index=index) for index in range(4)], 6, select, probe, met)
        changed = settings("data", run_window=None, probe=probe, references=met)
        table, _ = skim(toy(sample, 8000), changed, golden)
        for path in (*probe["paths"], "any"):
            rows = rows_of(table, "trigger", reference="met", name=path, variable="all")
            content = summed(rows)
            prescale = max(probe["prescales"].values(), default=1)
            found = prescaled_interval(
                content.passed_sumw[0], content.passed_sumw2[0], content.total_n[0], prescale, "clopper_pearson", 0.999
            )
            assert content.total_n[0] > 1200
            assert found.low <= fraction(known["references"]["met"], path) <= found.high
        if probe is PROBE:
            assert found.low <= fraction(known["unbiased"], "any") <= found.high < 0.93
        else:
            assert found.low > content.passed_n[0] / content.total_n[0]


def fraction(sums: dict, path: str) -> float:
    return sums["fired"][path] / sums["selected"]


def test_simulation_has_no_prescales() -> None:
    path = "HLT_Mu8_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL"
    data, simulation = (next(iter(collisions(sample)))[path].mean() for sample in (MUON_EG, TTBAR))
    assert simulation > 4 * data > 0


def test_without_a_primary_dataset_both_truths_are_one(select: Callable) -> None:
    known = truth([TTBAR], 1, select, PROBE, {"none": []}, throws=3)
    assert known["references"]["none"] == known["unbiased"]


def test_what_the_toy_has_not(select: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the toy has no process ttbar"):
        write_file(tmp_path / "x.root", Sample(1, 0, process="ttbar"), 1)
    with pytest.raises(InputError, match="the toy has no path HLT_Foo"):
        truth([TTBAR], 1, select, {**PROBE, "paths": ["HLT_Foo"]}, {})
