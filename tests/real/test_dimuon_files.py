"""Muon pairs of public files against plain Python, and the table stage on 100,000 real events without labels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from skimflow.emulator import steps, tables
from skimflow.emulator.tables import Tables
from skimflow.errors import ConfigError
from skimflow.io.outputs import read_stamp
from skimflow.skim import Task, skim_file
from tests.dimuon import LABELS, skim_settings
from tests.reference import dimuon as reference
from tests.unit.test_dimuon import ABSENT, compare

pytestmark = pytest.mark.real


def test_real_double_muon_data_agree_pair_by_pair(data: Path, skim: Callable, tmp_path: Path) -> None:
    path, golden = data / "nano/coffea_nano_dimuon_2018A_40ev.root", tmp_path / "golden.json"
    golden.write_text('{"315267": [[1, 5000]]}')
    settings = skim_settings(muon={"isolation": "pfRelIso04_all", "required_id": "softId"})
    _, found = skim(path, settings, golden)
    expected = reference.events(str(path), settings["selection"])
    compare(found, expected, "pfRelIso04_all")
    assert found.num_rows > 10
    # The menu of 2018 has the isolated path, and no other of the three: those are unknown, not false.
    assert [found[label].null_count for label in LABELS] == [0, found.num_rows, found.num_rows]
    with uproot.open(path) as file:
        fired = file["Events"].arrays(["event", LABELS[0]], library="np")
    bits = dict(zip(fired["event"].tolist(), fired[LABELS[0]].tolist(), strict=True))
    assert found[LABELS[0]].to_pylist() == [bits[event] for event in found["event"].to_pylist()]


def test_simulation_agrees_pair_by_pair(data: Path, skim: Callable) -> None:
    path = data / "nano/UnROOT_NanoAODv5_ttbar2018_1000ev.root"
    settings = skim_settings(kind="mc", muon={"isolation": "pfRelIso04_all", "required_id": "mediumId"}, min_mass=12)
    _, found = skim(path, settings)
    expected = reference.events(str(path), settings["selection"])
    compare(found, expected, "pfRelIso04_all")
    assert found.num_rows > 50


def test_100_000_events_without_labels_pass_the_table_stage(data: Path, tmp_path: Path) -> None:
    """Muons and nothing else: that has to be declared, and then their tables are made; what they lack is refused."""
    path = data / "nano/AGC_open-data-example_muons_100k.root"
    chosen = skim_settings(absent=ABSENT, muon={"required_id": None}, min_muons=1)
    skim = tmp_path / "x.events.parquet"
    skim_file(Task("agc", "x", "/x.root", str(path), None, chosen, {}), tmp_path / "x.counts.parquet", skim)
    assert read_stamp(skim)["inputs"][0]["absent"] == ABSENT
    found, settings = Tables(tmp_path / "pairs.parquet", tmp_path / "events.parquet"), {"labels": dict.fromkeys(LABELS)}
    steps.table([skim], settings, found, tmp_path / "table.json", {})
    summary: dict[str, Any] = json.loads((tmp_path / "table.json").read_text())
    expected = reference.events(str(path), chosen["selection"])
    pairs = [pair for event in expected for pair in event["pairs"]]
    assert summary["events"] == len(expected) > 80_000
    assert summary["pairs"] == len(pairs) > 40_000
    assert summary["without_pair"] == sum(not event["pairs"] for event in expected)
    assert summary["masked"] == dict.fromkeys(LABELS, len(expected))
    assert (summary["duplicates"], summary["absent"]) == (0, ABSENT)
    mass = tables.columns(found.pairs, ["m_mumu"])["m_mumu"]
    np.testing.assert_allclose(mass, [pair["m"] for pair in pairs], rtol=1e-3, atol=2e-3)
    # Real muons: the Z stands above its surroundings.
    near = [np.count_nonzero(np.abs(mass - m) < 2) for m in (70, 91, 112)]
    assert near[1] > 3 * max(near[0], near[2])
    with pytest.raises(ConfigError, match="declared absent"):
        steps.folds(found, {"splits": {"lumi": 2}, "seed": 1}, tmp_path / "folds.parquet", {})
