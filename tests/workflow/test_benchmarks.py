"""The benchmarks run: on something small, without looking at what they measure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.xdist_group("catalogue")
@pytest.mark.parametrize(("benchmark", "options"), [("skim", ["--filler", "60"]), ("dry_run", [])])
def test_benchmarks_run(benchmark: str, options: list[str], tmp_path) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    small = f"""
import sys; sys.path.insert(0, {str(ROOT / "benchmarks")!r}); sys.argv = {[benchmark, "--quick", *options]}
import {benchmark} as b
b.SIZES = (20, 40, 60)
b.main()
"""
    # A script of its own, as the benchmark starts itself again.
    done = subprocess.run([sys.executable, "-c", small], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / f"results/benchmarks/{benchmark}.json").read_text())
    assert len(found["files"] if benchmark == "dry_run" else found) == 2


@pytest.mark.xdist_group("catalogue")
def test_the_workflow_benchmark_runs(tmp_path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/workflow.py"), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results/benchmarks/workflow.json").read_text())
    assert found["files"] == 4
    assert 0 < found["skims"] < found["wall"]
    assert found["again_cpu"] < found["cpu"]


@pytest.mark.real
def test_the_benchmark_of_corrections_runs(data, tmp_path) -> None:
    small = f"""
import sys; sys.path.insert(0, {str(ROOT / "benchmarks")!r}); sys.argv = ["corrections", "--data", {str(data)!r}]
import corrections as b
b.EVENTS = 200
b.main()
"""
    command = [sys.executable, "-W", "error", "-c", small]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results/benchmarks/corrections.json").read_text())
    assert found["events"] == 200
    assert len(found["microseconds"]) > 20
    assert min(found["microseconds"].values()) >= 0


@pytest.mark.xdist_group("catalogue")
@pytest.mark.parametrize(("analysis", "regions"), [("agc_ttbar", ("4j1b", "4j2b")), ("zprime", ("CMS_WORKSHOP",))])
def test_the_benchmark_of_histograms_runs(analysis: str, regions: tuple[str, ...], tmp_path: Path) -> None:
    small = f"""
import sys; sys.path.insert(0, {str(ROOT / "benchmarks")!r})
sys.argv = ["histograms", "--quick", "--analysis", {analysis!r}]
import histograms as b
b.EVENTS = 20_000
b.main()
"""
    done = subprocess.run([sys.executable, "-c", small], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results/benchmarks/histograms.json").read_text())
    (skim,), (filled,) = found["skim"], found["histograms"]
    assert 0 < sum(filled["entries"][f"{region} nominal"] for region in regions) <= skim["events"] <= 2000
