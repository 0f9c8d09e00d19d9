"""Dimuon rows: hand-made events, toy files against plain Python, and what the skim counts of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from skimflow import counts
from skimflow.analyses import get
from skimflow.analyses.base import Selection
from skimflow.counts.views import select, summed
from skimflow.errors import ConfigError, InputError
from skimflow.io import nanoaod
from skimflow.io.outputs import read_stamp
from skimflow.skim import Task, skim_file
from skimflow.toy import Sample
from tests.dimuon import LABELS, SELECTION, skim_settings
from tests.reference import dimuon as reference

MODULE = get("dimuon")
DOUBLE_MUON = Sample(5, 0, primary_dataset="DoubleMuon", era="Run2016G", physics="dimuon")
GOLDEN = {"278820": [[1, 100]]}


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    path = tmp_path / "golden.json"
    path.write_text(json.dumps(GOLDEN))
    return path


def columns(*events: list[tuple]) -> dict[str, np.ndarray]:
    """Flat columns of events with muons (pT, η, φ, charge, isolation, id)."""
    flat = np.array([muon for event in events for muon in event], float).reshape(-1, 6)
    size = len(flat)
    names = ("pt", "eta", "phi", "charge", "pfRelIso03_all", "tightId")
    found = {f"Muon_{name}": values for name, values in zip(names, flat.T, strict=True)}
    found |= {"Muon_charge": flat[:, 3].astype(np.int32), "Muon_mass": np.full(size, 0.10566)}
    found |= {"Muon_looseId": np.ones(size, bool), "Muon_dxy": np.zeros(size), "Muon_dz": np.full(size, 0.1)}
    event = {"PV_npvs": np.arange(len(events)), "MET_pt": np.full(len(events), 20.0)}
    return found | event | {"nMuon": np.array([len(event) for event in events], np.int64)}


def rows(*events: list[tuple], **changes: Any) -> Selection:
    return MODULE.select(columns(*events), skim_settings(**changes)["selection"])


PLUS, MINUS, OTHER = (40, 0.5, 0.1, 1, 0.02, 1), (30, -0.5, 3.0, -1, 0.3, 0), (10, 1.0, -2.0, 1, 0.1, 1)


def test_rows_by_hand() -> None:
    found = rows([MINUS, PLUS, OTHER], [PLUS], [PLUS, OTHER], [])
    assert [mask.tolist() for _, mask in found.steps] == [[True, False, True, False]]
    assert found.event.tolist() == [0, 0, 2]
    q = found.columns
    assert q["pair"].tolist() == [0, 1, -1]
    assert q["n_pairs"].tolist() == [2, 2, 0]
    assert q["n_muons"].tolist() == [3, 3, 2]
    # Pairs are plus-minus and minus-other; the event's leading muons are plus and minus, then plus and other.
    np.testing.assert_array_equal(q["lead_pt"], np.float32([40, 30, np.nan]))
    np.testing.assert_array_equal(q["sublead_pt"], np.float32([30, 10, np.nan]))
    assert q["lead_charge"].tolist() == [1, -1, 0]
    assert q["mu1_pt"].tolist() == [40, 40, 40]
    assert q["mu2_pt"].tolist() == [30, 30, 10]
    assert q["charge_product"].tolist() == [-1, -1, 1]
    assert q["mu2_iso"].tolist() == pytest.approx([0.3, 0.3, 0.1])
    assert q["PV_npvs"].tolist() == [0, 0, 2]
    # Massless: m² = 2 pT pT' (cosh Δη - cos Δφ).
    mass = np.sqrt(2 * 40 * 30 * (np.cosh(1.0) - np.cos(2.9)))
    assert q["m_mumu"][0] == pytest.approx(mass, rel=1e-5)
    assert q["m_12"][0] == q["m_mumu"][0]
    assert np.isnan(q["m_mumu"][2])
    assert q["dr_mumu"][:2] == pytest.approx([np.hypot(1, 2.9), np.hypot(1.5, 2 * np.pi - 5)], rel=1e-6)


def test_a_single_muon_may_be_a_row() -> None:
    found = rows([PLUS], [], min_muons=1)
    assert found.event.tolist() == [0]
    assert found.columns["pair"].tolist() == [-1]
    assert np.isnan(found.columns["mu2_pt"][0])
    assert found.columns["charge_product"].tolist() == [0]
    assert rows([], [], min_muons=0).columns["mu2_charge"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "pairs"),
    [
        ({}, 1),
        ({"muon": {"min_pt": 30}}, 0),
        ({"muon": {"max_eta": 0.5}}, 0),
        ({"muon": {"required_id": "tightId"}}, 0),
        ({"muon": {"max_isolation": 0.3}}, 0),
        ({"muon": {"max_isolation": 0.31}}, 1),
        ({"min_mass": 90}, 0),
    ],
)
def test_cuts(changes: dict[str, Any], pairs: int) -> None:
    found = rows([PLUS, MINUS], min_muons=0, **changes)
    assert found.columns["n_pairs"].tolist() == [pairs]


muon = st.tuples(
    *(st.floats(1, 200), st.floats(-3, 3), st.floats(-3.1, 3.1), st.sampled_from([-1, 1]), st.floats(0, 1)),
    st.sampled_from([0, 1]),
)


@given(st.lists(st.lists(muon, max_size=5), max_size=6))
def test_each_event_of_the_steps_has_its_rows(events: list) -> None:
    """Events ascend; each has its pairs, numbered from 0, or one row without; every pair has opposite charges."""
    found = rows(*events)
    passed = np.flatnonzero(found.steps[0][1])
    assert np.unique(found.events).tolist() == passed.tolist()
    q = found.columns
    for event in passed:
        mine = found.events == event
        pairs = q["n_pairs"][mine][0]
        assert q["pair"][mine].tolist() == (list(range(pairs)) if pairs else [-1])
    there = q["pair"] >= 0
    assert np.all(q["lead_charge"][there] * q["sublead_charge"][there] == -1)
    assert np.all(q["lead_pt"][there] >= q["sublead_pt"][there])
    assert np.all(q["mu1_pt"] >= q["mu2_pt"])


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        (["Muon_pt"], "Muon_pt is needed"),
        (["Muon_looseId"], "Muon_looseId is needed"),
        (["Muon_dx"], "does not read Muon_dx"),
        (["run"], "go together"),
    ],
)
def test_what_cannot_be_declared_absent(
    absent: list[str], message: str, toy: Callable, skim: Callable, golden: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        skim(toy(DOUBLE_MUON), skim_settings(absent=absent), golden)


def compare(table: pa.Table, expected: list[dict], iso: str) -> None:
    """Rows of a skim against the plain reference."""
    flat = [(event, number, pair) for event in expected for number, pair in enumerate(event["pairs"] or [None])]
    assert table.num_rows == len(flat)
    q = {name: table[name].to_numpy() for name in table.column_names if not name.startswith("HLT")}
    assert q["pair"].tolist() == [number if pair else -1 for _, number, pair in flat]
    assert q["n_muons"].tolist() == [len(event["muons"]) for event, _, _ in flat]
    for place, name in ((0, "mu1"), (1, "mu2")):
        for column, field in (("pt", "pt"), ("eta", "eta"), ("iso", iso)):
            values = [event["muons"][place].get(field, np.nan) for event, _, _ in flat]
            np.testing.assert_array_equal(q[f"{name}_{column}"], np.float32(values))
    pairs = [pair or {"lead": {}, "sublead": {}} for _, _, pair in flat]
    for name in ("m", "pt", "eta", "dr"):
        np.testing.assert_allclose(q[f"{name}_mumu"], [p.get(name, np.nan) for p in pairs], rtol=2e-4, atol=2e-4)
    for side in ("lead", "sublead"):
        np.testing.assert_array_equal(q[f"{side}_pt"], np.float32([p[side].get("pt", np.nan) for p in pairs]))


def test_a_toy_file_agrees_pair_by_pair(toy: Callable, skim: Callable, golden: Path) -> None:
    settings = skim_settings()
    table, found = skim(toy(DOUBLE_MUON), settings, golden)
    expected = reference.events(str(toy(DOUBLE_MUON)), settings["selection"])
    compare(found, expected, "pfRelIso03_all")
    # Paths are counted by event, not by pair.
    first = found.filter(pa.compute.less_equal(found["pair"], 0))
    assert summed(select(table, "trigger", name=LABELS[0], variable="all")).total_n[0] == len(expected)
    fired = summed(select(table, "trigger", name=LABELS[0], variable="all")).passed_n[0]
    assert fired == np.count_nonzero(first[LABELS[0]].to_numpy(zero_copy_only=False))
    assert counts.cutflow(table)[-1][1] == len(expected)
    lonely = sum(not event["pairs"] for event in expected)
    none = [row for row in select(table, "trigger", name=LABELS[0], variable="n_pairs").to_pylist() if row["x"] == 0]
    assert [row["total_n"] for row in none] == [lonely]
    assert lonely > 100


def test_pieces_do_not_matter(toy: Callable, skim: Callable, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = skim(toy(DOUBLE_MUON), skim_settings(), golden)
    monkeypatch.setattr(nanoaod, "_STEP", 700)
    monkeypatch.setattr("skimflow.skim.job._TOGETHER", 1)
    pieces = skim(toy(DOUBLE_MUON), skim_settings(), golden)
    assert pieces[0].equals(whole[0])
    assert pieces[1].schema.equals(whole[1].schema)
    assert pieces[1].to_pandas().equals(whole[1].to_pandas())  # NaN equals NaN


def test_a_path_outside_the_menu_is_unknown(toy: Callable, skim: Callable, golden: Path) -> None:
    settings = skim_settings()
    settings["probe"]["paths"] = [*LABELS, "HLT_Mu99_Mu99"]
    table, found = skim(toy(DOUBLE_MUON), settings, golden)
    assert found["HLT_Mu99_Mu99"].null_count == found.num_rows
    assert found[LABELS[0]].null_count == 0
    absent = summed(select(table, "trigger", name="HLT_Mu99_Mu99", variable="all"))
    assert absent.total_n[0] == 0


def test_the_stamp_says_what_selected_the_rows(toy: Callable, tmp_path: Path, golden: Path) -> None:
    task = Task("ds", "x", "/x.root", str(toy(DOUBLE_MUON)), str(golden), skim_settings(), {"code": "1"})
    skim_file(task, tmp_path / "c.parquet", tmp_path / "e.parquet")
    stamp = read_stamp(tmp_path / "e.parquet")
    assert (stamp["analysis"], stamp["selection"]) == ("dimuon", SELECTION)
    assert "absent" not in stamp["inputs"][0]


ABSENT = ["run", "luminosityBlock", "event", "PV_npvs", "MET_pt"]
ABSENT += [f"Muon_{name}" for name in ("pfRelIso03_all", "tightId", "dxy", "dz")]


def test_declared_absence(tmp_path: Path, skim: Callable) -> None:
    """A file of muons and nothing else passes where that is declared, and not otherwise."""
    path = tmp_path / "bare.root"
    names = ("pt", "eta", "phi", "mass")
    with uproot.recreate(path) as file:
        number = [2, 1, 3]
        flat = {name: np.float32([40, 30, 5, 20, 10, 9]) / (1 if name == "pt" else 20) for name in names}
        flat |= {"charge": np.int32([1, -1, 1, 1, 1, -1])}
        muons = ak.zip({name: ak.unflatten(values, number) for name, values in flat.items()})
        file.mktree("Events", {"Muon": muons.type.content}).extend({"Muon": muons})
    settings = skim_settings(absent=ABSENT, muon={"required_id": None})
    _, found = skim(path, settings)
    assert found["event"].to_pylist() == [0, 2, 2]
    assert found["run"].to_pylist() == [0, 0, 0]
    assert found["mu1_pt"].to_pylist() == [40, 20, 20]
    for name in ("mu1_iso", "mu2_id", "lead_dxy", "PV_npvs"):
        assert np.isnan(found[name].to_numpy()).all()
    assert found[LABELS[0]].null_count == 3
    with pytest.raises(InputError, match="no branch"):
        skim(path, skim_settings(absent=ABSENT[:-1], muon={"required_id": None}))


def test_what_is_declared_absent_must_be_absent(toy: Callable, skim: Callable, golden: Path) -> None:
    with pytest.raises(InputError, match="MET_pt, which `absent` declares absent"):
        skim(toy(DOUBLE_MUON), skim_settings(absent=["MET_pt"]), golden)


def test_bytes_are_the_same(toy: Callable, tmp_path: Path, golden: Path) -> None:
    def run(name: str) -> bytes:
        task = Task("ds", "x", "/x.root", str(toy(DOUBLE_MUON)), str(golden), skim_settings(), {})
        skim_file(task, tmp_path / "c.parquet", tmp_path / f"{name}.parquet")
        return (tmp_path / f"{name}.parquet").read_bytes()

    assert run("one") == run("other")
    assert pq.read_table(tmp_path / "one.parquet").num_rows > 1000
