"""Z→μμ from NanoAOD to templates: against plain Python, and what its histograms must fulfil."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skimflow.analyses import zmumu
from skimflow.counts import merge
from skimflow.counts.views import select
from skimflow.io.outputs import write_table
from skimflow.physics.jagged import Jagged
from skimflow.toy import Sample
from skimflow.toy.collisions import RUNS
from tests.compare_templates import CUTS, assert_agrees, template, total
from tests.reference import zmumu as plain
from tests.templates import DATA, MC, Filled, everything_certified, fill, measurement, refill, toy_corrections

SIMULATION = Sample(5, 0, process="DYJetsToLL")
COLLISIONS = Sample(6, 0, primary_dataset="SingleMuon", era="Run2016G", muon_scale=0.995, muon_smear=0.012)


@pytest.fixture(scope="module")
def simulation(toy: Callable, tmp_path_factory: pytest.TempPathFactory) -> tuple[Filled, list[dict], Path]:
    """The histograms of simulation, all events of the file, and the folder of corrections."""
    folder, path = tmp_path_factory.mktemp("zmumu"), toy(SIMULATION, 1500)
    of = measurement({"mc": {**MC, "files": [str(path)]}}, corrections=toy_corrections(folder))
    return fill(of, "mc", folder), plain.events(path, ("HLT_IsoMu24",)), folder


def test_simulation_agrees_with_plain_python(simulation: tuple) -> None:
    found, events, folder = simulation
    pileup, muon = (
        json.loads((folder / f"{name}.json").read_text())["corrections"][0] for name in ("pileup", "muon_id")
    )
    files = plain.Files(folder / "muons.txt", pileup, muon, muon)
    outcomes = assert_agrees(found, events, files, CUTS, "muon_scale")
    assert sum(outcome.cuts == 5 for outcome in outcomes) > 300


def test_collision_data_agree_with_plain_python(toy: Callable, tmp_path: Path) -> None:
    """Data have no weights and no variations, whatever is declared."""
    path = toy(COLLISIONS, 1500)
    of = measurement({"data": {**DATA, "era": "Run2016G", "files": [str(path)]}}, corrections=toy_corrections(tmp_path))
    found = fill(of, "data", tmp_path, everything_certified(tmp_path, list(RUNS["Run2016G"])))
    events = plain.events(path, ("HLT_IsoMu24",))
    outcomes = assert_agrees(found, events, plain.Files(tmp_path / "muons.txt"), CUTS, "muon_scale")
    assert sum(outcome.cuts == 5 for outcome in outcomes) > 200


def test_a_skim_in_two_gives_the_same_counts(simulation: tuple, toy: Callable, tmp_path: Path) -> None:
    """Histograms are additive, and no event is corrected differently for its neighbours."""
    found, _, folder = simulation
    of = measurement({"mc": {**MC, "files": [str(toy(SIMULATION, 1500))]}}, corrections=toy_corrections(folder))
    events = pq.read_table(found.events)
    stamp = {"inputs": [{"status": "ok"}]}
    parts = []
    for number, part in enumerate((events.slice(0, 211), events.slice(211))):
        path = tmp_path / f"{number}.events.parquet"
        write_table(part, path, stamp)
        parts.append(refill(of, "mc", tmp_path, path))
    whole, added = merge([found.histograms]), merge([part.histograms for part in reversed(parts)])
    for name in whole.column_names:
        one, other = (table[name].to_pylist() for table in (whole, added))
        if "sumw" not in name:
            assert one == other
        elif not name.endswith("_rest"):  # within a file sums are rounded
            assert one == pytest.approx(other, rel=1e-12, abs=1e-9)
    assert {k: sum(p.stamp["outside"][k] for p in parts) for k in found.stamp["outside"]} == found.stamp["outside"]


def test_variations_differ_by_what_the_file_says(simulation: tuple) -> None:
    """The factors of the toy's muons are 1 ± 0.5 % in the barrel and 1 ± 1 % in the endcaps: two muons."""
    table = simulation[0].histograms
    nominal = total(table, "nominal")
    assert 1.010 <= total(table, "muon_id_up") / nominal <= 1.0201
    assert 0.980 <= total(table, "muon_id_down") / nominal <= 0.990
    for source in ("muon_id", "pileup", "trigger", "muon_scale"):
        for way in ("up", "down"):
            assert 0.9 < total(table, f"{source}_{way}") / nominal < 1.1
            assert template(table, "mass", f"{source}_{way}") != template(table, "mass", "nominal")
    # The nominal factor of all muons is 1, so is that of the trigger.
    assert total(table, "stage_2") == pytest.approx(total(table, "stage_1"), rel=1e-12)
    assert nominal == pytest.approx(total(table, "stage_1"), rel=1e-12)


def test_a_file_that_failed_counts_nothing(simulation: tuple, toy: Callable, tmp_path: Path) -> None:
    of = measurement({"mc": {**MC, "files": [str(toy(SIMULATION, 1500))]}}, corrections=toy_corrections(tmp_path))
    path = tmp_path / "failed.events.parquet"
    nothing = pa.table({name: pa.array([], pa.uint32()) for name in ("run", "luminosityBlock", "event")})
    write_table(nothing, path, {"inputs": [{"status": "failed", "reason": "unreadable"}]})
    assert refill(of, "mc", tmp_path, path).histograms.num_rows == 0


def test_a_file_without_selected_events_has_all_templates(toy: Callable, tmp_path: Path) -> None:
    of = measurement({"mc": {**MC, "files": [str(toy(SIMULATION, 0))]}}, corrections=toy_corrections(tmp_path))
    found = fill(of, "mc", tmp_path).histograms
    variations = set(select(found, "template")["reference"].to_pylist())
    assert {"nominal", "raw", "muon_scale_up", "muon_id_down", "stage_0"} <= variations
    assert total(found, "nominal") == 0


def test_generated_weights_are_those_of_the_runs_tree(simulation: tuple) -> None:
    """The toy's file was not selected, so they are the sum over its events, too."""
    found, events, _ = simulation
    rows = select(found.skim, "generated")
    assert rows["total_n"].to_pylist() == [1500]
    assert rows["total_sumw"].to_pylist()[0] == pytest.approx(sum(event["genWeight"] for event in events), rel=1e-6)


def test_counters_are_unsigned_in_real_files() -> None:
    """The toy's are not: lists of events, and generated momenta of muons, with counters as NanoAOD stores them."""
    counts = np.array([2, 0, 1], np.uint32)
    found = Jagged(counts, np.array([1.0, 2, 3])).at(np.array([False, True, True]))
    assert (found.counts.tolist(), found.values.tolist()) == ([0, 1], [3])
    match = {"nMuon": counts, "Muon_genPartIdx": np.array([1, -1, 0], np.int32)}
    generated = {"nGenPart": np.array([2, 1, 1], np.uint32), "GenPart_pt": np.array([10, 20, 30, 40], np.float32)}
    np.testing.assert_array_equal(zmumu.generated_momenta(match | generated)["Muon_genPt"], [20, np.nan, 40])
