"""Aggregate, efficiencies, summary, figures and outputs, on a small measurement."""

import json
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from PIL import Image

from skimflow.aggregate import Aggregate, Request, aggregate
from skimflow.catalog.fetch import fetch
from skimflow.config import Measurement, Probe
from skimflow.counts import SCHEMA, merge
from skimflow.efficiency import efficiencies, interval
from skimflow.efficiency import stability as constancy
from skimflow.efficiency.table import meaning
from skimflow.efficiency.turnon import turn_ons
from skimflow.errors import IncompleteError, InputError
from skimflow.files import whole
from skimflow.io.outputs import read_stamp, write_table
from skimflow.logs import reporting
from skimflow.plots.canvas import draw, write_png
from skimflow.plots.efficiency import efficiency_map, stability, turn_on
from skimflow.plots.overview import cutflow, n_minus_one
from skimflow.skim import Task, record_failure, skim_file
from skimflow.summary import summary
from skimflow.targets import axes, efficiency_settings, plot_settings, stability_settings, turn_on_settings
from skimflow.toy import Sample, certified_sections

G, H = (Sample(5, 0, primary_dataset="MuonEG", era=f"Run2016{era}") for era in "GH")
WINDOWS = {"G": (278820, 280385), "H": (280919, 284044)}
CLEAN = {"inputs": [], "duplicates": 0}
SAMPLES = {"G": "MuonEG", "H": "MuonEG"}


@pytest.fixture(scope="module")
def skims(toy: Callable, settings: Callable, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    """Counts files by dataset and file: two data datasets and simulation."""
    folder = tmp_path_factory.mktemp("skims")
    samples = {"G": [G, G._replace(index=1)], "H": [H], "tt": [Sample(5, 0, process="TTTo2L2Nu")]}
    truths = [json.loads(toy(s).with_suffix(".truth.json").read_text()) for d in "GH" for s in samples[d]]
    golden = folder / "certified.json"
    golden.write_text(json.dumps(certified_sections(truths)))
    files: dict[str, list[str]] = {}
    for dataset, members in samples.items():
        for index, sample in enumerate(members):
            path = folder / f"{dataset}{index}.parquet"
            kind = "mc" if dataset == "tt" else "data"
            changed = settings(kind, run_window=WINDOWS.get(dataset))
            task = Task(dataset, f"f{index}", f"/{dataset}{index}.root", str(toy(sample)), str(golden), changed, {})
            skim_file(task, path, folder / f"{dataset}{index}.events.parquet")
            files.setdefault(dataset, []).append(str(path))
    return files, golden


@pytest.fixture(scope="module")
def result(skims: tuple[dict, Path]) -> Aggregate:
    return aggregate(Request(skims[0], 1.0, str(skims[1]), WINDOWS, SAMPLES))


@pytest.fixture(scope="module")
def table(result: Aggregate, measurement: Measurement) -> pd.DataFrame:
    return efficiencies(result.counts, efficiency_config(measurement))


@pytest.fixture(scope="module")
def fits(result: Aggregate, table: pd.DataFrame, measurement: Measurement) -> pd.DataFrame:
    settings = turn_on_settings(measurement.config, measurement.datasets)
    return turn_ons(result.counts, table, {**settings, "datasets": efficiency_config(measurement)["datasets"]})


def efficiency_config(measurement: Measurement) -> dict:
    datasets = {d: {"kind": "data", "sample": "MuonEG", "references": ["none"]} for d in "GH"}
    datasets["tt"] = {"kind": "mc", "sample": "TTTo2L2Nu", "references": ["none"]}
    return {**efficiency_settings(measurement.config, measurement.datasets), "datasets": datasets}


def test_completeness(result: Aggregate, skims: tuple[dict, Path]) -> None:
    report = result.completeness
    assert report["statement"] == "4 of 4 files"
    for dataset, account in report["datasets"].items():
        events = account["events"]
        assert events["entries"] == events["read"] == events["certified"] + events["rejected"]
        assert events["read"] == 2000 * len(skims[0][dataset])
        assert events["certified"] >= events["selected"] > 0
    golden = json.loads(skims[1].read_text())
    assert result.processed_lumis == golden
    assert report["datasets"]["G"]["luminosity_sections"]["missing"] == {}


def test_missing_sections_are_named(skims: tuple[dict, Path]) -> None:
    files = {"G": skims[0]["G"][:1], "H": skims[0]["H"]}
    report = aggregate(Request(files, 1.0, str(skims[1]), WINDOWS, SAMPLES)).completeness["datasets"]["G"][
        "luminosity_sections"
    ]
    assert list(report["missing"]) == ["278873"]
    assert report["processed"] < report["certified"]


def test_luminosity_of_what_was_processed(skims: tuple[dict, Path], tmp_path: Path) -> None:
    """A table with 0.5 /pb in each certified section; one of the files of G is left out."""
    golden = {
        run: [n for a, b in spans for n in range(a, b + 1)] for run, spans in json.loads(skims[1].read_text()).items()
    }
    lines = [f"{run}:1,{n}:{n},0.5" for run, sections in golden.items() for n in sections]
    (tmp_path / "lumi.csv").write_text("\n".join(["#run:fill,ls,recorded(/pb)", *lines]))
    files = {"G": skims[0]["G"][:1], "H": skims[0]["H"]}
    found = aggregate(Request(files, 1.0, str(skims[1]), WINDOWS, SAMPLES, (str(tmp_path / "lumi.csv"), None)))
    number = {d: sum(len(s) for run, s in golden.items() if w[0] <= int(run) <= w[1]) for d, w in WINDOWS.items()}
    lost = len(golden["278873"])
    done = {"G": number["G"] - lost, "H": number["H"]}
    assert found.luminosity.splitlines()[1:] == [
        f"MuonEG,all,{sum(number.values())},{sum(done.values())},{sum(done.values()) / 2},0,0",
        *(f"MuonEG,{d},{number[d]},{done[d]},{done[d] / 2},0,0" for d in "GH"),
    ]
    assert found.completeness["luminosity"]["statement"] == f"{sum(done.values()) / 2:.3g} pb⁻¹"
    sections = found.lumis_of["datasets"]
    assert list(sections["G"]) == [run for run in golden if run != "278873" and int(run) <= WINDOWS["G"][1]]
    assert found.lumis_of["samples"] == {"MuonEG": found.processed_lumis} == {"MuonEG": sections["G"] | sections["H"]}
    text = summary(
        pd.DataFrame(columns=["variable", "dataset", "sample", "reference"]), found.completeness, CLEAN, None, "Title"
    )
    assert (
        f"MuonEG: {sum(done.values()) / 2:g} pb⁻¹ recorded, {sum(done.values())} of {sum(number.values())} cert" in text
    )
    assert f"dataset G: {lost} of {number['G']} certified luminosity sections were not processed (run 278873;" in text


def test_cutflow_csv(result: Aggregate) -> None:
    lines = result.cutflow.splitlines()
    assert lines[0] == "dataset,cut,events,sumw,of_previous"
    assert lines[1] == "G,read,4000,,"
    assert [line.split(",")[1] for line in lines if line.startswith("tt,")][:3] == [
        "read",
        "certified",
        "two_tight_leptons",
    ]


@pytest.fixture
def with_failure(skims: tuple[dict, Path], settings: Callable, tmp_path: Path) -> dict:
    path = tmp_path / "bad.parquet"
    task = Task("G", "f2", "/G2.root", "G2.root", None, settings("data"), {}, {"uuid": "x", "entries": 2000})
    record_failure(task, InputError("corrupt", "G2.root: is truncated"), path, tmp_path / "bad.events.parquet")
    return {**skims[0], "G": [*skims[0]["G"], str(path)]}


def test_too_few_files_is_refused(with_failure: dict, skims: tuple[dict, Path]) -> None:
    with pytest.raises(IncompleteError) as caught:
        aggregate(Request(with_failure, 0.9, str(skims[1]), WINDOWS, SAMPLES))
    text = str(caught.value)
    assert "only 4 of 5 files were processed" in text
    assert "G: G2.root: is truncated" in text


def test_enough_files_go_on_and_say_so(with_failure: dict, skims: tuple[dict, Path], result: Aggregate) -> None:
    found = aggregate(Request(with_failure, 0.8, str(skims[1]), WINDOWS, SAMPLES))
    assert found.completeness["statement"] == "4 of 5 files, 80.0 % of events"
    failed = found.completeness["files"]["failed"]
    assert [(f["dataset"], f["file"], f["lfn"], f["reason"], f["message"]) for f in failed] == [
        ("G", "f2", "/G2.root", "corrupt", "G2.root: is truncated")
    ]
    assert found.counts.equals(result.counts)


def test_a_file_counted_twice_is_noticed(skims: tuple[dict, Path], tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    once = pq.read_table(skims[0]["H"][0])
    write_table(merge([once, once]), path, read_stamp(skims[0]["H"][0]))
    with pytest.raises(InputError, match=r"dataset H: the accounting contradicts itself \(broken: entries = read"):
        aggregate(Request({"H": [str(path)]}, 1.0, str(skims[1]), {"H": WINDOWS["H"]}, SAMPLES))


def test_efficiencies_are_the_counts_of_the_events(table: pd.DataFrame, skims: tuple[dict, Path]) -> None:
    """Every number again, from the event files with pandas."""
    folder = skims[1].parent
    events = pd.concat([pd.read_parquet(folder / f"{name}.events.parquet") for name in ("G0", "G1", "H0")])
    rows = table[(table["sample"] == "MuonEG") & (table["dataset"] == "all") & (table["trigger"] == "any")]
    total = rows[rows["variable"] == "all"].iloc[0]
    assert (total["total_n"], total["passed_n"]) == (len(events), events["HLT_any"].sum())
    expected = interval(total["passed_n"], total["total_n"], "clopper_pearson", 0.6827)
    assert (total["efficiency"], total["low"], total["high"]) == tuple(expected)
    for row in rows[rows["variable"] == "met"].itertuples():
        inside = events[(events["met"] >= row.x_low) & (events["met"] < row.x_high)]
        assert (row.total_n, row.passed_n) == (len(inside), inside["HLT_any"].sum())
    for row in rows[rows["variable"] == "electron_pt:muon_pt"].itertuples():
        x = (events["electron_pt"] >= row.x_low) & (events["electron_pt"] < row.x_high)
        inside = events[x & (events["muon_pt"] >= row.y_low) & (events["muon_pt"] < row.y_high)]
        assert (row.total_n, row.passed_n) == (len(inside), inside["HLT_any"].sum())
    for row in rows[rows["variable"] == "run"].itertuples():
        assert row.total_n == (events["run"] == row.x_low).sum()


def test_simulation_is_weighted(table: pd.DataFrame, skims: tuple[dict, Path]) -> None:
    events = pd.read_parquet(skims[1].parent / "tt0.events.parquet")
    row = table[(table["kind"] == "mc") & (table["variable"] == "all") & (table["trigger"] == "any")].iloc[0]
    expected = events.loc[events["HLT_any"], "weight"].sum() / events["weight"].sum()
    assert row["efficiency"] == pytest.approx(expected, rel=1e-12)
    assert row["efficiency"] != row["passed_n"] / row["total_n"]


def test_samples_datasets_and_meaning(table: pd.DataFrame) -> None:
    groups = table[["sample", "dataset"]].drop_duplicates().values.tolist()
    assert groups == [["MuonEG", "all"], ["MuonEG", "G"], ["MuonEG", "H"], ["TTTo2L2Nu", "all"]]
    meanings = dict(table[["sample", "meaning"]].drop_duplicates().values.tolist())
    assert meanings["MuonEG"].startswith("P(trigger | offline selection hww_emu AND some MuonEG path fired): biased")
    assert meanings["TTTo2L2Nu"] == "P(trigger | offline selection hww_emu), simulated TTTo2L2Nu"


def test_no_data_is_no_number(table: pd.DataFrame) -> None:
    empty = table[table["total_n"] == 0]
    assert len(empty) > 0
    assert empty["efficiency"].isna().all()
    assert (empty["low"] == 0).all()
    assert (empty["high"] == 1).all()


def test_absent_path(toy: Callable, skim: Callable, settings: Callable, measurement: Measurement) -> None:
    """A path that no file has: every selected event is counted as absent, and there is no efficiency."""
    paths = [measurement.config.probe.paths[0], "HLT_Absent"]
    probe = {**settings("mc")["probe"], "paths": paths}
    changed = settings("mc", probe=probe)
    counts, events = skim(toy(Sample(5, 0, process="TTTo2L2Nu")), changed)
    datasets = {"ds": {"kind": "mc", "sample": "tt", "references": ["none"]}}
    config = {**efficiency_config(measurement), "probe": probe, "datasets": datasets}
    table = efficiencies(counts, config)
    totals = table[table["variable"] == "all"].set_index("trigger")
    for name in ("HLT_Absent", "any"):
        assert (totals.loc[name, "total_n"], totals.loc[name, "absent_n"]) == (0, events.num_rows)
        assert np.isnan(totals.loc[name, "efficiency"])
    assert (totals.loc[paths[0], "total_n"], totals.loc[paths[0], "absent_n"]) == (events.num_rows, 0)


def test_summary_with_and_without_truth(table: pd.DataFrame, result: Aggregate) -> None:
    plain = summary(table, result.completeness, CLEAN, None, "Title")
    assert "4 of 4 files processed" in plain
    assert "truth" not in plain
    names = [*table["trigger"].unique()]
    within = {"none": {"selected": 800, "fired": dict.fromkeys(names, 690)}}
    sums = {"unbiased": {"selected": 1000, "fired": dict.fromkeys(names, 700)}, "references": within}
    text = summary(table, result.completeness, CLEAN, {"MuonEG": sums}, "Title")
    assert "0.8625   0.7000" in text
    assert "only triggered events" in text
    assert "warning" not in text
    bad = {"inputs": ["/a and /b are one file (ROOT UUID u1)"], "duplicates": 3}
    nothing = {"events": {"read": 10, "certified": 0}}
    uncertified = {**result.completeness, "datasets": {"G": nothing}}
    assert "warning: dataset G: none of its 10 events is in" in summary(table, uncertified, CLEAN, None, "Title")
    text = summary(table, result.completeness, bad, None, "Title")
    assert "warning: counted twice: /a and /b are one file" in text
    assert "warning: counted twice: 3 events" in text


def test_reference_and_alpha(
    toy: Callable, skim: Callable, settings: Callable, measurement: Measurement, result: Aggregate
) -> None:
    """Simulation is counted with and without the reference; alpha is the ratio of the two efficiencies, bin by bin."""
    references = {"none": [], "met": ["HLT_PFMET120_PFMHT120_IDTight"]}
    counts, _ = skim(toy(Sample(5, 0, process="TTTo2L2Nu"), 8000), settings("mc", references=references))
    datasets = {"ds": {"kind": "mc", "sample": "tt", "references": ["none", "met"]}}
    config = {
        **efficiency_config(measurement),
        "datasets": datasets,
        "references": {"none": "none", "met": "orthogonal"},
    }
    table = efficiencies(counts, config)
    keys = ["trigger", "variable", "x_low", "y_low"]
    plain, met = (table[table["reference"] == name].set_index(keys) for name in ("none", "met"))
    assert plain["alpha"].isna().all()
    assert met.index.equals(plain.index)
    ratio = plain["efficiency"] / met["efficiency"]
    known = np.isfinite(ratio)
    assert known.sum() > 300
    np.testing.assert_allclose(met["alpha"][known], ratio[known], rtol=1e-9)
    assert ((met["alpha_low"] <= met["alpha"]) & (met["alpha"] <= met["alpha_high"]))[known].all()
    assert met["meaning"].unique().tolist() == [
        "P(trigger | offline selection hww_emu AND reference met fired), simulated tt"
    ]
    text = summary(table, result.completeness, CLEAN, None, "Title")
    value = table[(table["reference"] == "met") & (table["trigger"] == "any") & (table["variable"] == "all")].iloc[0]
    assert f"{value['alpha']:10.4f}  [{value['alpha_low']:.4f}, {value['alpha_high']:.4f}]" in text


def test_meaning_of_data_with_a_reference() -> None:
    found = meaning("MET", "data", "offline selection hww_emu", "met", "orthogonal")
    assert found.startswith("P(trigger | offline selection hww_emu AND reference met fired): the efficiency, as far as")


def test_prescaled_paths_have_their_interval_and_say_so(
    toy: Callable, skim: Callable, settings: Callable, measurement: Measurement, skims: tuple[dict, Path]
) -> None:
    prescaled = "HLT_Mu8_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL"
    probe = {**settings("data")["probe"], "paths": [prescaled], "prescales": {prescaled: 4}}
    counts, events = skim(toy(G), settings("data", probe=probe), skims[1])
    datasets = {"ds": {"kind": "data", "sample": "MuonEG", "references": ["none"]}}
    table = efficiencies(counts, {**efficiency_config(measurement), "probe": probe, "datasets": datasets})
    row = table[(table["variable"] == "all") & (table["trigger"] == prescaled)].iloc[0]
    plain = interval(row["passed_n"], events.num_rows, "clopper_pearson", 0.6827)
    found = row[["efficiency", "low", "high"]].tolist()
    assert found == pytest.approx([4 * plain.value, 4 * plain.low, min(4 * plain.high, 1)])
    assert row["meaning"].endswith(f"; what a prescaled path accepted counts prescale times ({prescaled} 4)")
    config = measurement.config.model_copy(
        update={"probe": Probe(any_of=[prescaled], prescales={prescaled: 4}, on_prescale="weight")}
    )
    wanted = {**turn_on_settings(config, measurement.datasets), "datasets": datasets}
    assert set(turn_ons(counts, table, wanted)["reason"]) == {"prescaled, and not fitted"}
    kept, _ = constancy.stability(pd.concat([table, table.assign(trigger="x")]), stability_settings(config))
    assert kept["trigger"].unique().tolist() == ["x"]


def test_figures_are_the_same_bytes_and_carry_provenance(
    table: pd.DataFrame, fits: pd.DataFrame, result: Aggregate, measurement: Measurement, tmp_path: Path
) -> None:
    settings = plot_settings(measurement.config)
    points, tests = constancy.stability(table, stability_settings(measurement.config))
    flow = pd.read_csv(pd.io.common.StringIO(result.cutflow))
    figures = {
        "met": lambda f: turn_on(f, table, "met", settings),
        "turn_on": lambda f: turn_on(f, table, "electron_pt", settings, fits),
        "stability": lambda f: stability(f, points, tests, settings),
        "map": lambda f: efficiency_map(f, table, "electron_pt", "muon_pt", settings),
        "cutflow": lambda f: cutflow(f, flow, settings),
        "n_minus_one": lambda f: n_minus_one(
            f, result.counts, axes(measurement.config.variables), ["G", "H"], settings
        ),
    }
    for name, paint in figures.items():
        files = [[tmp_path / f"{name}{i}.{ending}" for ending in ("png", "pdf")] for i in (0, 1)]
        for pair in files:
            draw(paint, pair, settings, {"completeness": "4 of 4 files", "luminosity": "16.4 fb⁻¹", "code": "abc123"})
        for one, other in zip(*files, strict=True):
            assert one.read_bytes() == other.read_bytes(), name
            assert b"abc123" in one.read_bytes()


def test_few_colours_show_what_was_drawn(tmp_path: Path) -> None:
    """A map has the most colours of all figures: here one of 900 shades, and a line over it."""
    figure = Figure(figsize=(10, 8))
    axes = figure.add_subplot()
    axes.imshow(np.arange(900.0).reshape(30, 30))
    axes.plot([0, 29], [29, 0], color="#bd1f01")
    write_png(figure, tmp_path / "x.png", {})
    drawn = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "P"
        seen = np.asarray(picture.convert("RGB")).astype(int)
    difference = np.abs(seen - drawn)
    assert (seen[0, 0] == 255).all()
    assert difference.mean() < 1
    assert np.quantile(difference, 0.999) < 32


@pytest.mark.parametrize("rows", ["no rows", "no events"])
def test_figures_without_data(rows: str, table: pd.DataFrame, measurement: Measurement, tmp_path: Path) -> None:
    settings = plot_settings(measurement.config)
    empty = table.iloc[:0] if rows == "no rows" else table.assign(total_n=0, total_sumw=0.0, efficiency=np.nan)
    fits = turn_ons(SCHEMA.empty_table(), empty, turn_on_settings(measurement.config, measurement.datasets))
    points, tests = constancy.stability(table, stability_settings(measurement.config))
    if rows == "no rows":
        points, tests = points.iloc[:0], tests.iloc[:0]
    else:
        points = points.assign(total_sumw=0.0, efficiency=np.nan)
    for paint in (
        lambda f: turn_on(f, empty, "electron_pt", settings, fits),
        lambda f: stability(f, points, tests, settings),
        lambda f: efficiency_map(f, empty, "electron_pt", "muon_pt", settings),
    ):
        draw(paint, [tmp_path / "x.png"], settings, {})
        assert (tmp_path / "x.png").stat().st_size > 1000


def test_outputs_appear_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    with pytest.raises(ZeroDivisionError), whole(target) as partial:
        partial.write_text(f"half {1 / 0}")
    assert list(tmp_path.iterdir()) == []
    with whole(target) as partial:
        partial.write_text("all")
    # What a killed process left is removed by the next writer; what a living one writes is not.
    host = platform.node()
    (tmp_path / f".x.txt.{host}.4194399.partial").touch()
    living = tmp_path / f".x.txt.{host}.1.partial"
    living.touch()
    with whole(target) as partial:
        partial.write_text("again")
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, "x.txt"]
    living.unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_job_errors(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    log = tmp_path / "logs/x.log"
    with pytest.raises(SystemExit, match=r"^error: x\.root: is truncated$"), reporting(log):
        raise InputError("corrupt", "x.root: is truncated")
    assert "ERROR x.root: is truncated" in log.read_text()
    with (
        pytest.raises(SystemExit, match=r"ZeroDivisionError.*a defect of skimflow; the traceback is in"),
        reporting(log),
    ):
        1 / 0  # noqa: B018
    assert "Traceback" in log.read_text()


def test_fetch_checks_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on this machine; the file is refused when its content is another one."""
    import functools
    import hashlib
    import http.server
    import threading

    (tmp_path / "served").mkdir()
    (tmp_path / "served/golden.txt").write_text('{"1": [[1, 2]]}')
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/golden.txt"
        right = hashlib.sha256(b'{"1": [[1, 2]]}').hexdigest()
        fetch(url, right, tmp_path / "inputs/golden.txt")
        assert (tmp_path / "inputs/golden.txt").read_text() == '{"1": [[1, 2]]}'
        with pytest.raises(InputError, match=f"refused, its sha256 is {right} where the configuration says 00"):
            fetch(url, "0" * 64, tmp_path / "inputs/other.txt")
        with pytest.raises(InputError, match="cannot be fetched"):
            fetch(url + "x", right, tmp_path / "inputs/other.txt")
        server.shutdown()
    assert [path.name for path in (tmp_path / "inputs").iterdir()] == ["golden.txt"]
