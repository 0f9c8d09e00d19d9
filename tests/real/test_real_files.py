"""The public NanoAOD files: right numbers, or clear errors."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from skimflow import counts
from skimflow.counts.views import select, summed
from skimflow.errors import InputError
from tests.compare import assert_agrees

pytestmark = pytest.mark.real


def test_unroot_ttbar_numbers_of_the_issue(data: Path, skim: Callable, settings: Callable) -> None:
    path = data / "nano/UnROOT_NanoAODv5_ttbar2018_1000ev.root"
    flow = assert_agrees(skim, path, settings("mc"))
    assert (flow[0], flow[1], flow[3], flow[-1]) == (1000, 34, 11, 7)
    table, events = skim(path, settings("mc"))
    assert summed(select(table, "trigger", name="any", variable="all")).passed_n[0] == 6
    assert events["HLT_any"].to_pylist().count(True) == 6


@pytest.mark.parametrize(
    "name",
    [
        "HiggsDNA_DYJetsToLL_UL2017v9_100ev",
        "coffea_nano_dy_40ev",
        "coffea_nano_dy_empty_0ev",
        "coffea_nano_dy_rntuple_40ev",
        "skhep_ttbar2015_opendata_200ev",
    ],
)
def test_simulation_agrees_event_for_event(name: str, data: Path, skim: Callable, settings: Callable) -> None:
    assert_agrees(skim, data / f"nano/{name}.root", settings("mc"))


def test_looser_cuts_agree_on_more_events(data: Path, skim: Callable, settings: Callable) -> None:
    """With the cuts off, the candidates of every file are compared in number."""
    off = {
        "lead_pt": 0,
        "sublead_pt": 0,
        "min_mll": 0,
        "min_mt_higgs": 0,
        "min_mt_l2_met": 0,
        "min_ptll": 0,
        "min_met": 0,
    }
    for name, selected in {"UnROOT_NanoAODv5_ttbar2018_1000ev": 10, "HiggsDNA_DYJetsToLL_UL2017v9_100ev": 1}.items():
        loose = settings("mc")
        loose["selection"] = {**loose["selection"], **off}
        table, events = skim(data / f"nano/{name}.root", loose)
        # One opposite-charge muon of the tt̄ file has |η| above 2.4.
        assert events.num_rows == counts.cutflow(table)[-1][1] == selected


def test_collision_data_and_golden_json(data: Path, skim: Callable, settings: Callable) -> None:
    path = data / "nano/coffea_nano_dimuon_2018A_40ev.root"
    certified = data / "golden/Cert_314472-325175_13TeV_Legacy2018_Collisions18_JSON.txt"
    golden = json.loads(certified.read_text())
    for window in ((315252, 316995), (316000, 316995)):
        changed = settings("data", run_window=list(window))
        flow = assert_agrees(skim, path, changed, certified, golden, window)
        assert flow[0] == (40 if window[0] < 315267 else 0)


def test_rntuple_and_ttree_give_the_same_counts(data: Path, skim: Callable, settings: Callable) -> None:
    tree, _ = skim(data / "nano/coffea_nano_dy_40ev.root", settings("mc"))
    ntuple, _ = skim(data / "nano/coffea_nano_dy_rntuple_40ev.root", settings("mc"))
    # Only one of the two files has a Runs tree, which tells of the events before they were cut down to 40.
    tree, ntuple = (table.filter(pc.not_equal(table["kind"], "generated")) for table in (tree, ntuple))
    assert tree.equals(ntuple)


def test_no_events_is_fine(data: Path, skim: Callable, settings: Callable) -> None:
    table, events = skim(data / "nano/coffea_nano_dy_empty_0ev.root", settings("mc"))
    assert events.num_rows == 0
    assert events.schema.field("mll").type == pa.float32()
    assert select(table, "file")["total_n"].to_pylist() == [0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HiggsDNA_EGamma2022F_100ev", "no branch Electron_mvaFall17V2Iso_WP90 (near: Electron_mvaIso_Fall17V2_WP90"),
        ("coffea_missing_luminosityBlock_2ev", "no branch luminosityBlock"),
        ("AGC_open-data-example_muons_100k", "no branch run; no branch luminosityBlock"),
    ],
)
def test_missing_branches_are_named(name: str, message: str, data: Path, skim: Callable, settings: Callable) -> None:
    path = data / f"nano/{name}.root"
    with pytest.raises(InputError) as caught:
        skim(path, settings("mc"))
    assert caught.value.reason == "missing_branch"
    assert f"{path}: {message}" in str(caught.value)


def test_a_path_absent_from_the_menu(data: Path, skim: Callable, settings: Callable) -> None:
    path = data / "nano/UnROOT_NanoAODv5_ttbar2018_1000ev.root"
    paths = ["HLT_Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ", "HLT_NotThere"]

    def probe(on_missing: str) -> dict:
        return {**settings("mc")["probe"], "paths": paths, "on_missing": on_missing}

    def total(on_missing: str, trigger: str) -> tuple[int, int, int]:
        table, _ = skim(path, settings("mc", probe=probe(on_missing)))
        content = summed(select(table, "trigger", name=trigger, variable="all"))
        return int(content.passed_n[0]), int(content.total_n[0]), int(content.absent_n[0])

    assert total("exclude", paths[1]) == (0, 0, 7)
    assert total("exclude", "any") == (0, 0, 7)
    assert total("false", paths[1]) == (0, 7, 0)
    assert total("false", "any") == total("false", paths[0])
    with pytest.raises(InputError, match="no branch HLT_NotThere"):
        total("error", "any")


@pytest.mark.parametrize("keep", [0, 3, 100, 5_000, 100_000, 250_000, 352_000])
def test_truncated(keep: int, data: Path, tmp_path: Path, skim: Callable, settings: Callable) -> None:
    path = tmp_path / "cut.root"
    path.write_bytes((data / "nano/coffea_nano_dy_40ev.root").read_bytes()[:keep])
    with pytest.raises(InputError) as caught:
        skim(path, settings("mc"))
    assert str(caught.value).startswith(str(path))
    assert caught.value.reason in ("corrupt", "not_root", "empty_file", "no_events_tree")
