"""The skim of toy files: against the independent computation, and with everything that can be wrong with a file."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skimflow import analyses, counts
from skimflow.analyses.base import Cut, Selection
from skimflow.counts.views import select, summed
from skimflow.errors import InputError
from skimflow.io import nanoaod
from skimflow.io.outputs import read_stamp
from skimflow.physics.luminosity import CertifiedLuminosity, ranges
from skimflow.skim import Task, record_failure, skim_file
from skimflow.toy import Sample, certified_sections
from tests.compare import assert_agrees

MUON_EG = Sample(1, 0, primary_dataset="MuonEG", era="Run2016G")
TTBAR = Sample(1, 0, process="TTTo2L2Nu")
G = (278820, 280385)


@pytest.fixture
def golden(toy: Callable, tmp_path: Path) -> Path:
    truth = json.loads(toy(MUON_EG).with_suffix(".truth.json").read_text())
    path = tmp_path / "certified.json"
    path.write_text(json.dumps(certified_sections([truth])))
    return path


def test_simulation_agrees_event_for_event(toy: Callable, skim: Callable, settings: Callable) -> None:
    flow = assert_agrees(skim, toy(TTBAR), settings("mc"))
    assert flow[-1] > 100


@pytest.mark.parametrize("codec", ["ZSTD", "LZMA", "ZLIB", "LZ4"])
def test_data_agrees_event_for_event(
    codec: str, toy: Callable, skim: Callable, settings: Callable, golden: Path
) -> None:
    content = json.loads(golden.read_text())
    flow = assert_agrees(skim, toy(MUON_EG, codec=codec), settings("data"), golden, content, G)
    assert 300 < flow[-1] < flow[0] < 2000


def test_pieces_do_not_matter(
    toy: Callable, skim: Callable, settings: Callable, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of the pieces, the same counts and events; simulation has weights."""
    whole = [skim(toy(MUON_EG), settings("data"), golden), skim(toy(TTBAR), settings("mc"))]
    for step in (1999, 640):
        monkeypatch.setattr(nanoaod, "_STEP", step)
        pieces = [skim(toy(MUON_EG), settings("data"), golden), skim(toy(TTBAR), settings("mc"))]
        for (one, one_events), (other, other_events) in zip(whole, pieces, strict=True):
            numbers = [name for name in one.column_names if not name.startswith(("total_sumw", "passed_sumw"))]
            assert other.select(numbers).equals(one.select(numbers))
            assert other_events.equals(one_events)
            for name in ("total_sumw", "passed_sumw2"):
                np.testing.assert_allclose(other[name].to_numpy(), one[name].to_numpy(), rtol=1e-12)


def test_the_same_file_gives_the_same_bytes(toy: Callable, settings: Callable, tmp_path: Path) -> None:
    def run(name: str) -> list[bytes]:
        outputs = [tmp_path / f"{name}.{kind}.parquet" for kind in ("counts", "events")]
        skim_file(Task("ds", "x", "/x.root", str(toy(TTBAR)), None, settings("mc"), {"a": 1}), *outputs)
        return [path.read_bytes() for path in outputs]

    assert run("one") == run("other")


def test_conservation_and_sections(toy: Callable, skim: Callable, settings: Callable, golden: Path) -> None:
    table, _ = skim(toy(MUON_EG), settings("data"), golden)
    file = select(table, "file").to_pylist()[0]
    inside, outside = (summed(select(table, "lumi", name=name)).total_n[0] for name in ("certified", "rejected"))
    assert file["total_n"] == file["passed_n"] == inside + outside == 2000
    assert inside == counts.cutflow(table)[0][1]
    truth = json.loads(toy(MUON_EG).with_suffix(".truth.json").read_text())
    assert all(first == 1 for first, _ in truth["sections"].values())
    found = counts.lumi_sections(table, "ds")
    assert ranges(found) == json.loads(golden.read_text())
    flow = [number for _, number, _ in counts.cutflow(table)]
    assert flow == sorted(flow, reverse=True)


def test_sections_without_events_count_as_processed(skim: Callable, settings: Callable, tmp_path: Path) -> None:
    """A section whose events the trigger removed was processed all the same: brilcalc needs to know."""
    path, certified = tmp_path / "quiet.root", tmp_path / "golden.json"
    write_minimal(path, settings("data"), run=[278820] * 2, section=[2, 2], blocks=[1, 2, 3])
    certified.write_text('{"278820": [[2, 3]]}')
    table, _ = skim(path, settings("data"), certified)
    assert ranges(counts.lumi_sections(table, "ds")) == {"278820": [[2, 3]]}
    assert select(table, "lumi").to_pylist()[1]["total_n"] == 0


def write_minimal(path: Path, settings: dict, run: list[int], section: list[int], blocks: list[int], **extra) -> None:
    """A NanoAOD file whose events have no leptons."""
    flags = {"mvaFall17V2Iso_WP90": bool, "tightId": bool, "charge": np.int32}

    def collection(*names: str) -> ak.Array:
        return ak.zip({n: ak.unflatten(np.empty(0, flags.get(n, np.float32)), [0] * len(run)) for n in names})

    events = {
        "run": np.array(run, np.uint32),
        "luminosityBlock": np.array(section, np.uint32),
        "event": np.arange(len(run), dtype=np.uint64),
        "Electron": collection("pt", "eta", "phi", "mass", "charge", "mvaFall17V2Iso_WP90"),
        "Muon": collection("pt", "eta", "phi", "mass", "charge", "tightId", "pfRelIso04_all"),
        "PuppiMET_pt": np.ones(len(run), np.float32),
        "PuppiMET_phi": np.ones(len(run), np.float32),
        "PV_npvs": np.ones(len(run), np.int32),
        **{name: np.zeros(len(run), bool) for name in settings["probe"]["paths"]},
        **extra,
    }
    types = {n: v.type.content if isinstance(v, ak.Array) else v.dtype for n, v in events.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types).extend(events)
        if blocks:
            pairs = {"run": np.full(len(blocks), run[0], np.uint32), "luminosityBlock": np.array(blocks, np.uint32)}
            file.mktree("LuminosityBlocks", {name: v.dtype for name, v in pairs.items()}).extend(pairs)


def test_n_minus_one_is_the_other_cuts(toy: Callable, skim: Callable, settings: Callable) -> None:
    table, _ = skim(toy(TTBAR), settings("mc"))
    selected = counts.cutflow(table)[-1][1]
    for cut in ("lead_pt", "met", "mll", "muon_eta"):
        rows = summed(select(table, "n_minus_one", name=cut))
        assert rows.passed_n[0] == selected
        off = settings("mc")
        loose = {
            "lead_pt": {"lead_pt": 0},
            "met": {"min_met": -1},
            "mll": {"min_mll": -1},
            "muon_eta": {"muon_max_eta": 9},
        }
        off["selection"] = {**off["selection"], **loose[cut]}
        without, _ = skim(toy(TTBAR), off)
        assert rows.total_n[0] == counts.cutflow(without)[-1][1]


def test_every_variable_counts_every_selected_event(toy: Callable, skim: Callable, settings: Callable) -> None:
    table, events = skim(toy(TTBAR), settings("mc"))
    for variable in [*settings("mc")["axes"], "electron_pt:muon_pt", "all"]:
        content = summed(select(table, "trigger", name="any", variable=variable))
        assert content.total_n[0] == events.num_rows
        assert content.passed_n[0] == sum(events["HLT_any"].to_pylist())
        assert content.total_sumw[0] == pytest.approx(events["weight"].to_numpy().sum(), rel=1e-12)


MET_PATHS = ["HLT_PFMET120_PFMHT120_IDTight", "HLT_NotThere", "HLT_MET200"]


def test_references_count_what_their_paths_accepted(toy: Callable, skim: Callable, settings: Callable) -> None:
    """Every number again from the events, which keep the reference's bits; the rows without reference do not change."""
    references = {"none": [], "met": MET_PATHS, "unknown": ["HLT_NotThere"]}
    table, events = skim(toy(TTBAR, 8000), settings("mc", references=references))
    plain, _ = skim(toy(TTBAR, 8000), settings("mc"))
    assert select(table, "trigger", reference="none").equals(select(plain, "trigger", reference="none"))
    frame = events.to_pandas()
    assert frame["HLT_NotThere"].isna().all()
    accepted = frame[frame[MET_PATHS[0]] | frame[MET_PATHS[2]]]
    assert 100 < len(accepted) < len(frame) / 2
    for variable, low, high in (("all", -np.inf, np.inf), ("electron_pt", 20, 22.5)):
        inside = accepted[accepted["electron_pt"].between(low, high, inclusive="left")]
        rows = select(table, "trigger", reference="met", name="any", variable=variable)
        if variable != "all":
            rows = rows.filter(pc.equal(rows["x"], 9))
        content = summed(rows)
        assert (content.total_n[0], content.passed_n[0]) == (len(inside), inside["HLT_any"].sum())
        assert content.passed_sumw[0] == pytest.approx(inside.loc[inside["HLT_any"], "weight"].sum(), rel=1e-12)
    unknown = summed(select(table, "trigger", reference="unknown", name="any", variable="all"))
    assert (unknown.total_n[0], unknown.absent_n[0]) == (0, len(frame))


def test_a_prescaled_path_counts_prescale_times(
    toy: Callable, skim: Callable, settings: Callable, golden: Path
) -> None:
    prescaled = "HLT_Mu8_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL"
    probe = {**settings("data")["probe"], "prescales": {prescaled: 4}}
    probe["paths"] = [probe["paths"][0], prescaled]
    table, events = skim(toy(MUON_EG), settings("data", probe=probe), golden)
    frame = events.to_pandas()
    rows = {name: summed(select(table, "trigger", name=name, variable="all")) for name in (*probe["paths"], "any")}
    first, second = (frame[path].to_numpy() for path in probe["paths"])
    assert rows[prescaled].passed_n[0] == second.sum() > 100
    assert rows[prescaled].passed_sumw[0] == 4 * second.sum()
    assert rows["any"].passed_n[0] == (first | second).sum()
    assert rows["any"].passed_sumw[0] == first.sum() + 4 * (second & ~first).sum()
    assert rows[probe["paths"][0]].passed_sumw[0] == first.sum()


class PerMuon:
    """An analysis with a candidate for each muon, and a probe that is no trigger path."""

    @staticmethod
    def branches(_: dict) -> list[str]:
        return ["nMuon", "Muon_pt", "Muon_tightId"]

    @staticmethod
    def select(columns: dict, _: dict) -> Selection:
        number, pt = columns["nMuon"], columns["Muon_pt"]
        tight = columns["Muon_tightId"] == 1
        event = np.repeat(np.arange(len(number)), number)
        return Selection(
            [("muon", number > 0)],
            {"muon_pt": pt, "mass": np.full(len(pt), 90.0)},
            [Cut("pt", "muon_pt", pt > 20)],
            event,
            {"tight": tight},
        )


def test_several_candidates_in_an_event(
    toy: Callable, skim: Callable, settings: Callable, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyses, "get", lambda _: PerMuon)
    changed = {"axes": {"muon_pt": [50, 0, 250], "run": "integer"}, "maps": [], "mass": [60, 60, 120]}
    table, rows = skim(toy(MUON_EG), settings("data", **changed), golden)
    with uproot.open(toy(MUON_EG)) as file:
        names = ["run", "luminosityBlock", "event", "Muon_pt", "Muon_tightId"]
        events = ak.to_list(file["Events"].arrays(names))
    content = json.loads(golden.read_text())
    good = [
        event
        for event in events
        if any(a <= event["luminosityBlock"] <= b for a, b in content.get(str(event["run"]), []))
    ]
    muons = [(e["event"], pt, tight) for e in good for pt, tight in zip(e["Muon_pt"], e["Muon_tightId"], strict=True)]
    chosen = [muon for muon in muons if muon[1] > 20]
    assert rows["event"].to_pylist() == [event for event, _, _ in chosen]
    assert len({event for event, _, _ in chosen}) < len(chosen)
    assert rows["tight"].to_pylist() == [tight for _, _, tight in chosen]
    flow = {row["name"]: (row["total_n"], row["passed_n"]) for row in select(table, "cutflow").to_pylist()}
    assert flow["muon"] == (len(good), sum(bool(event["Muon_pt"]) for event in good))
    assert flow["pt"] == (len(muons), len(chosen))
    counted = summed(select(table, "pair", name="tight", variable="muon_pt"))
    assert (counted.total_n[0], counted.passed_n[0]) == (len(chosen), sum(tight for *_, tight in chosen))
    assert set(select(table, "pair", name="tight")["z"].to_pylist()) == {31}
    assert not select(table, "trigger").num_rows


def test_stamp_says_what_was_read(toy: Callable, settings: Callable, tmp_path: Path) -> None:
    outputs = [tmp_path / "c.parquet", tmp_path / "e.parquet"]
    skim_file(Task("ds", "x", "/x.root", str(toy(TTBAR)), None, settings("mc"), {"code": "abc"}), *outputs)
    for path in outputs:
        found = read_stamp(path)
        (facts,) = found["inputs"]
        assert facts["entries"] == 2000
        assert facts["uuid"] == str(uproot.open(toy(TTBAR)).file.uuid)
        assert (facts["status"], found["code"]) == ("ok", "abc")


# What can be wrong with a file.


def test_missing_file(skim: Callable, settings: Callable) -> None:
    with pytest.raises(InputError, match=r"nowhere\.root: no such file") as caught:
        skim("nowhere.root", settings("mc"))
    assert caught.value.reason == "missing"


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [(b"", "empty_file", "has no bytes"), (b"<html>not found</html>" * 50, "not_root", "is not a ROOT file")],
)
def test_not_root(
    content: bytes, reason: str, message: str, tmp_path: Path, skim: Callable, settings: Callable
) -> None:
    path = tmp_path / "x.root"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        skim(path, settings("mc"))
    assert caught.value.reason == reason


def test_a_folder(tmp_path: Path, skim: Callable, settings: Callable) -> None:
    with pytest.raises(InputError, match="is a folder"):
        skim(tmp_path, settings("mc"))


def test_no_events_tree(tmp_path: Path, skim: Callable, settings: Callable) -> None:
    path = tmp_path / "x.root"
    with uproot.recreate(path) as file:
        file["Runs"] = {"run": np.ones(1, np.uint32)}
    with pytest.raises(InputError, match=r"no Events tree, so this is not NanoAOD \(it holds Runs\)"):
        skim(path, settings("mc"))


def test_missing_branch_names_a_near_one(toy: Callable, skim: Callable, settings: Callable) -> None:
    changed = settings("mc")
    changed["selection"] = {**changed["selection"], "electron_id": "mvaIso_WP90"}
    with pytest.raises(InputError, match=r"no branch Electron_mvaIso_WP90 \(near: Electron_mvaFall17V2Iso_WP90"):
        skim(toy(TTBAR), changed)


def test_data_read_as_simulation_lacks_weights(toy: Callable, skim: Callable, settings: Callable) -> None:
    with pytest.raises(InputError, match="no branch genWeight"):
        skim(toy(MUON_EG), settings("mc"))


def test_weights_that_are_no_numbers(tmp_path: Path, skim: Callable, settings: Callable) -> None:
    path = tmp_path / "x.root"
    weights = np.array([1, np.nan, np.inf], np.float32)
    write_minimal(path, settings("mc"), run=[1] * 3, section=[1] * 3, blocks=[], genWeight=weights)
    with pytest.raises(InputError, match="genWeight is not a finite number in 2 events"):
        skim(path, settings("mc"))


def test_golden_json_is_never_left_out(toy: Callable, skim: Callable, settings: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="certified luminosity cannot be read"):
        skim(toy(MUON_EG), settings("data"), tmp_path / "absent.json")


def test_another_golden_json_is_refused(toy: Callable, skim: Callable, settings: Callable, golden: Path) -> None:
    right = hashlib.sha256(golden.read_bytes()).hexdigest()
    skim(toy(MUON_EG), settings("data", certified_sha256=right), golden)
    with pytest.raises(InputError, match=f"refused, its sha256 is {right} where the configuration says 00"):
        skim(toy(MUON_EG), settings("data", certified_sha256="0" * 64), golden)


@pytest.fixture(scope="session")
def small(toy: Callable) -> Path:
    """LZMA, as the real files: it has a checksum, which ROOT's ZSTD has not."""
    return toy(TTBAR, 300, codec="LZMA")


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0, 0.9999))
@example(share=0.98)
def test_truncated_anywhere(share: float, small: Path, tmp_path: Path, settings: Callable) -> None:
    """Never a number, never a traceback, nothing left behind."""
    path, content = tmp_path / "cut.root", small.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert_refused(path, tmp_path, settings)


@pytest.mark.parametrize("codec", ["LZMA", "ZLIB", "LZ4"])
@pytest.mark.parametrize("branch", ["Electron_charge", "Muon_tightId", "nElectron", "luminosityBlock"])
def test_zeroed_in_the_numbers_of_a_basket(
    branch: str, codec: str, toy: Callable, tmp_path: Path, settings: Callable
) -> None:
    """As after a disk or transfer error. These codecs have checksums; ROOT's ZSTD and what was stored uncompressed have
    none, so there only the checksum of the whole file tells."""
    path = with_a_hole(toy(TTBAR, 2000, codec=codec), branch, 60, tmp_path)
    assert_refused(path, tmp_path, settings)


@pytest.mark.parametrize(("codec", "right"), [("LZMA", True), ("ZLIB", True), ("LZ4", False)])
@pytest.mark.parametrize("branch", ["Electron_charge", "Muon_tightId"])
def test_zeroed_behind_the_numbers_of_a_basket(
    branch: str, codec: str, right: bool, toy: Callable, tmp_path: Path, settings: Callable
) -> None:
    """What stands there follows from the counter, and where the checksum proves that, the damage does no harm."""
    intact = toy(TTBAR, 2000, codec=codec)
    path = with_a_hole(intact, branch, None, tmp_path)
    if not right:
        return assert_refused(path, tmp_path, settings)
    outputs = [[tmp_path / f"{name}.{kind}" for kind in "ce"] for name in ("hole", "intact")]
    for location, pair in zip((path, intact), outputs, strict=True):
        skim_file(Task("ds", "x", "/x.root", str(location), None, settings("mc"), {}), *pair)
    assert [output.read_bytes() for output in outputs[0]] == [output.read_bytes() for output in outputs[1]]


def with_a_hole(intact: Path, branch: str, place: int | None, folder: Path) -> Path:
    """A copy in which 8 bytes of a branch's compressed first basket are zero: from `place` on, or in the middle."""
    path = folder / "hole.root"
    with uproot.open(intact) as file:
        key = file["Events"][branch].basket_key(0)
        start, length = key.fSeekKey + key.fKeylen, key.fNbytes - key.fKeylen
    content = bytearray(intact.read_bytes())
    first = start + min(length // 2, place or length)
    content[first : first + 8] = bytes(8)
    path.write_bytes(content)
    return path


def assert_refused(path: Path, folder: Path, settings: Callable) -> None:
    outputs = [folder / "c.parquet", folder / "e.parquet"]
    with pytest.raises(InputError) as caught:
        skim_file(Task("ds", "x", "/x.root", str(path), None, settings("mc"), {}), *outputs)
    assert str(caught.value).startswith(str(path))
    assert caught.value.reason in ("corrupt", "not_root", "empty_file", "no_events_tree", "missing_branch")
    assert not any(output.exists() for output in outputs)
    assert not list(folder.glob(".*.partial"))


def test_recorded_failure_counts_nothing(settings: Callable, tmp_path: Path) -> None:
    outputs = [tmp_path / "c.parquet", tmp_path / "e.parquet"]
    task = Task("ds", "x", "/x.root", "x.root", None, settings("mc"), {"code": "abc"})
    record_failure(task, InputError("corrupt", "x.root: is truncated"), *outputs)
    assert pq.read_table(outputs[0]).num_rows == 0
    (found,) = read_stamp(outputs[0])["inputs"]
    assert (found["status"], found["reason"], found["message"]) == ("failed", "corrupt", "x.root: is truncated")


def test_certified_toy_sections(toy: Callable) -> None:
    truth = json.loads(toy(MUON_EG).with_suffix(".truth.json").read_text())
    golden = CertifiedLuminosity(certified_sections([truth]))
    section = np.arange(1, 30)
    assert golden.mask(np.full(29, 278820), section)[:1].tolist() == [False]
