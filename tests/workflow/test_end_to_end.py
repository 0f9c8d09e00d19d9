"""The whole workflow: its results, what it says when a file is bad, and that killing it changes nothing."""

import json
import os
import re
from pathlib import Path

import correctionlib
import pandas as pd
import pytest

from skimflow.io.outputs import read_stamp
from tests.checkout import Checkout

_WITH = "with reporting(snakemake.log[0]):\n"
_FAIL_ONCE = """\
    from pathlib import Path
    from skimflow.errors import SkimflowError
    if snakemake.wildcards.file.startswith("small_G_0000") and not Path("tried").exists():
        Path("tried").touch()
        raise SkimflowError("made to fail")
"""
FIGURES = [f"plot_{what}" for what in ("cutflow", "efficiency", "map", "n_minus_one", "scale_factors", "stability")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.run("--cores", "2")
    return checkout


@pytest.mark.xdist_group("end-to-end")
def test_results(undisturbed: Checkout) -> None:
    root = undisturbed.folder / "results/small"
    table = pd.read_parquet(root / "efficiency.parquet")
    totals = table[(table["variable"] == "all") & (table["trigger"] == "any")].set_index("sample")
    assert totals.loc["TTTo2L2Nu", "total_n"] > 30
    assert json.loads((root / "completeness.json").read_text())["statement"] == "4 of 4 files"
    fits = pd.read_parquet(root / "turn_ons.parquet")
    assert len(fits) == 2 * 3 * 4  # samples, paths with their OR, turn-ons
    leg = "HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ"
    fit = fits[(fits["kind"] == "mc") & (fits["trigger"] == leg) & (fits["variable"] == "electron_pt")].iloc[0]
    assert fit["reason"] or fit["threshold_low"] - 5 < 23.5 < fit["threshold_high"] + 5
    tests = pd.read_csv(root / "stability.csv")
    assert set(tests["by"]) == {"run", "block", "era"}
    assert set(pd.read_csv(root / "turn_ons.csv")["model"]) == {"erf", "step"}
    text = (root / "summary.txt").read_text()
    assert "truth  unbiased" in text
    page = (root / "report.html").read_text(encoding="utf-8")
    assert "System Message" not in page  # docutils, of a caption it does not understand
    tables = ("summary.txt", "efficiency.parquet", "turn_ons.csv", "stability.csv", "luminosity.csv", "config.json")
    tables += ("measurement.html", "cutflow.html", "efficiencies.html", "scalefactors.json.gz")
    for shown in (*tables, "met.png", "n_minus_one.png", "emu_met.png"):
        assert shown in page
    names = {path.name for path in root.rglob("*") if path.is_file()}
    assert not [name for name in names if "partial" in name]
    for figure in ("met", "electron_pt-muon_pt", "cutflow", "n_minus_one", "stability"):
        assert {f"{figure}.png", f"{figure}.pdf"} <= names
    assert correctionlib.CorrectionSet.from_file(str(root / "scalefactors.json.gz"))["emu_met"].evaluate("up", 30.0) > 0
    assert {"submission.yaml", "emu_met.yaml"} == {path.name for path in (root / "hepdata").iterdir()}
    sections = json.loads((root / "processed_lumis/datasets/small_G.json").read_text())
    assert sections == json.loads((root / "processed_lumis.json").read_text()) != {}
    recorded = re.search(r"^MuonEG: ([\d.]+ pb⁻¹) recorded, .*; runs in part, scaled .*: 3$", text, re.MULTILINE)
    assert recorded
    assert f"MuonEG: {recorded[1]}." in (root / "pages/measurement.html").read_text(encoding="utf-8")
    for path in [*root.rglob("*.parquet")]:
        assert {"versions", "settings", "code"} <= set(read_stamp(path)), path


@pytest.mark.xdist_group("end-to-end")
def test_another_order_of_jobs_gives_the_same_bytes(undisturbed: Checkout, tmp_path: Path) -> None:
    """But for figures: the same tables make the same bytes of them (tests/unit/test_results.py)."""
    other = Checkout(tmp_path)
    other.run("--cores", "1", "--omit-from", *FIGURES)
    found = {name: content for name, content in undisturbed.final_files().items() if not name.startswith("plots/")}
    assert {"efficiency.parquet", "scalefactors.json.gz", "summary.txt", "truth.json"} <= set(found)
    assert other.final_files() == found


@pytest.mark.xdist_group("end-to-end")
def test_killed_again_and_again_gives_the_same_bytes(undisturbed: Checkout, tmp_path: Path) -> None:
    """SIGKILL to Snakemake and all its jobs, while jobs of every kind run; then the same command again."""
    other = Checkout(tmp_path)
    killed = 0
    for marks in (1, 3, 6, 4, 3, 5, 9, 7):
        killed += other.kill_after(marks)
        other.run("--unlock")
    assert killed >= 6
    other.run("--cores", "2")
    assert other.final_files() == undisturbed.final_files()
    assert not list(other.folder.rglob("results/small/**/*.parquet.*"))


@pytest.mark.xdist_group("end-to-end")
def test_resume_after_a_kill_that_left_jobs_at_work(undisturbed: Checkout, tmp_path: Path) -> None:
    """SIGKILL to Snakemake alone: refused with the command that helps, which stops the orphans and goes on."""
    other = Checkout(tmp_path)
    assert other.kill_after(2, jobs_too=False)
    text = other.run("--cores", "2", check=False)
    assert "error: `snakemake --cores 2`" in text
    assert "was killed" in text
    assert "make resume" in text
    assert "LockException" not in text
    assert other.jobs()["skim"] == 4  # a dry run may look
    text = other.resume()
    assert "going on: snakemake --cores 2" in text
    assert other.final_files() == undisturbed.final_files()
    assert not list(other.folder.glob(".snakemake/skimflow/*"))


_TOY = "kind: data\nprimary_dataset: {primary}\nera: Run2016{era}\ntoy: {{files: 1, events: 1500, seed: 7}}\n"
_MC = "kind: mc\nprocess: TTTo2L2Nu\ntoy: {files: 1, events: 1500, seed: 7}\n"
_ALL_TOYS = """\
extends: hww_emu_2016.yaml
datasets: [MuonEG_Run2016G, MuonEG_Run2016H, tt]
certified_luminosity: {toy: true, url: null, sha256: null}
"""
MASSES = "plots/tag_and_probe/muon-Mu23-SingleMuon-mass-probe_pt.png"


@pytest.mark.xdist_group("end-to-end")
def test_the_measurement_with_references_runs_on_toys_of_its_names(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    for primary in ("MuonEG", "MET", "SingleMuon"):
        for era in "GH":
            checkout.write(f"config/datasets/{primary}_Run2016{era}.yaml", _TOY.format(primary=primary, era=era))
    checkout.write("config/datasets/tt.yaml", _MC)
    checkout.write("config/toys.yaml", _ALL_TOYS)
    name = "results/hww_emu_2016"
    wanted = [f"{name}/summary.txt", f"{name}/pages/measurement.html", f"{name}/{MASSES}"]
    checkout.run("--cores", "2", "--configfile", "config/toys.yaml", "--", *wanted)
    root = checkout.folder / name
    table = pd.read_parquet(root / "efficiency.parquet")
    totals = table[(table["variable"] == "all") & (table["trigger"] == "any") & (table["dataset"] == "all")]
    found = totals.set_index(["reference", "sample"])
    assert found.index.tolist() == [("none", "MuonEG"), ("none", "TTTo2L2Nu"), ("met", "MET"), ("met", "TTTo2L2Nu")]
    assert (found["total_n"] > 30).all()
    assert found["alpha"].notna().tolist() == [False, False, False, True]
    assert found.loc[("met", "MET"), "high"] < found.loc[("none", "MuonEG"), "efficiency"]
    legs = pd.read_parquet(root / "tag_and_probe.parquet")
    legs = legs[legs["variable"] == "all"].set_index("trigger")
    truth = json.loads((root / "truth.json").read_text())["tag_and_probe"]["muon"]
    for leg in ("Mu12", "Mu23"):
        found = legs.loc[leg]
        assert found["fit_valid"]
        for way in ("fit", "counting"):
            error = (found[f"{way}_high"] - found[f"{way}_low"]) / 2
            assert abs(found[way] - truth[leg]) < 4 * error < 0.2
    duplicates = json.loads((root / "duplicates.json").read_text())
    assert duplicates["duplicates"] == 0
    assert duplicates["samples"]["SingleMuon (muon)"]["events"] > 100
    assert (root / MASSES).read_bytes().startswith(b"\x89PNG")
    text = (root / "summary.txt").read_text(encoding="utf-8")
    assert "SingleMuon data, tag and probe (muon): P(probe fires the leg)" in text
    assert text.count("truth  unbiased") == 4
    assert "alpha: the efficiency without reference over this one" in text
    assert "MET_Run2016H" in (root / "pages/measurement.html").read_text(encoding="utf-8")


@pytest.fixture
def damaged(tmp_path: Path) -> Checkout:
    """One of the toy's files is cut short after it was made."""
    checkout = Checkout(tmp_path)
    checkout.run("--cores", "2", "--until", "toy_file", "toy_certified")
    path = checkout.folder / "results/toy/small_tt/small_tt_0000.root"
    times = path.stat()
    path.with_suffix(".intact").write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes()[:20_000])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return checkout


@pytest.mark.xdist_group("failures")
def test_a_bad_file_fails_its_job_only_and_says_why(damaged: Checkout) -> None:
    assert "skims:" not in damaged.run("-n")
    # Another one fails, at its first attempt only: that one is done in the end.
    damaged.edit("scripts/skim.py", lambda text: text.replace(_WITH, _WITH + _FAIL_ONCE))
    text = damaged.run("--cores", "2", "--retries", "1", check=False)
    assert "error: results/toy/small_tt/small_tt_0000.root: is truncated" in text
    assert "error: made to fail" in text
    table = text[text.index("1 job failed:") :]
    log = next(damaged.folder.glob("logs/small/skim/small_tt/*.log")).relative_to(damaged.folder)
    assert "  small_tt: results/toy/small_tt/small_tt_0000.root\n    reason  is truncated: 20000 bytes" in table
    assert f"    log     {log}\n" in table
    assert "it does exactly this one again" in table
    assert "made to fail" not in table
    assert re.search(r"^skims: 3 of 4 done, 1 failed; 1\.2 k events, \S+/s$", text, flags=re.MULTILINE)
    assert len((damaged.folder / "logs/small/failed.tsv").read_text().splitlines()) == 2
    assert "Traceback" not in text
    assert len(list(damaged.folder.glob("results/small/skim/*/*.counts.parquet"))) == 3
    assert not (damaged.folder / "results/small/counts.parquet").exists()
    # Mended, only that file is skimmed.
    (damaged.folder / "results/toy/small_tt/small_tt_0000.root").unlink()
    found = damaged.jobs()
    assert (found["toy_file"], found["skim"]) == (1, 1)


@pytest.mark.xdist_group("failures")
def test_a_bad_file_can_be_recorded(damaged: Checkout) -> None:
    summary = "results/small/summary.txt"
    text = damaged.run("--cores", "2", summary, "--config", "on_unreadable=record", check=False)
    assert "error: only 3 of 4 files were processed" in text
    assert "  aggregate\n    reason  only 3 of 4 files were processed" in text
    assert re.search(r"^skims: 3 of 4 done, 1 failed; 1\.2 k events, \S+/s$", text, flags=re.MULTILINE)
    assert "small_tt: results/toy/small_tt/small_tt_0000.root: is truncated" in text
    settings = (summary, "--config", "on_unreadable=record", "completeness=0.7")
    text = damaged.run("--cores", "2", *settings)
    assert "1 job could not read all input (on_unreadable: record):\n\n  small_tt: results/toy/small_tt" in text
    assert "3 of 4 files processed" in (damaged.folder / summary).read_text()
    # Each run tries the recorded file again, and no other, until it can be read.
    for _ in range(2):
        assert damaged.jobs(*settings)["skim"] == 1
    damaged.run("--cores", "2", *settings)
    assert damaged.jobs(*settings)["skim"] == 1
    path = damaged.folder / "results/toy/small_tt/small_tt_0000.root"
    path.write_bytes(path.with_suffix(".intact").read_bytes())
    text = damaged.run("--cores", "2", *settings)
    assert "skims: 1 of 1 done (3 were done before); 400 events" in text
    assert "Mend it" not in text
    assert not (damaged.folder / "logs/small/failed.tsv").exists()
    assert "4 of 4 files processed" in (damaged.folder / summary).read_text()
    assert damaged.jobs(*settings) == {}
