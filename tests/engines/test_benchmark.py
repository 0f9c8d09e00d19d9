"""The benchmarks that need engines run: on something small, without looking at the times they measure."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engines import xrootd
from tests.engines.conftest import need

FIXTURES = {"condor": "pool", "slurm": "cluster"}
"""They skip where there is no such engine; the benchmark starts its own."""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("engine", "worker"),
    [
        pytest.param("condor", "skim", marks=pytest.mark.xdist_group("condor")),
        pytest.param("slurm", "null", marks=pytest.mark.xdist_group("slurm")),
    ],
)
def test_benchmark_runs(engine: str, worker: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(FIXTURES[engine])
    words = ["--engine", engine, "--quick", *(["--real"] if worker == "skim" else [])]
    run("benchmarks.cluster", *words, folder=tmp_path)
    found = json.loads((tmp_path / f"results/benchmarks/cluster_{engine}_{worker}.json").read_text(encoding="utf-8"))
    assert found["jobs"] == 4
    assert found["folders"]["results/dry/skim/dry"] == 2 * 4
    assert worker == "null" or {"Snakefile", "work"} <= set(found["phases"])


@pytest.mark.engine
@pytest.mark.xdist_group("xrootd")
def test_the_remote_benchmark_runs_and_reads_little(tmp_path: Path) -> None:
    """What comes over the network is the wanted baskets and the tree, in a few requests, however slow the way."""
    need("fsspec_xrootd", "make remote", "" if xrootd.available() else "xrootd (Debian: xrootd-server)")
    run("benchmarks.remote", "--quick", folder=tmp_path)
    found = json.loads((tmp_path / "results/benchmarks/remote.json").read_text(encoding="utf-8"))
    assert set(found["rounds"]) == {"disk, 0 ms", "HTTP, 0 ms", "HTTP, 50 ms", "XRootD, 0 ms", "XRootD, 50 ms"}
    for how, (result,) in found["rounds"].items():
        assert result["selected"] == found["rounds"]["disk, 0 ms"][0]["selected"]
        if how != "disk, 0 ms":
            assert found["bytes"] < result["received"] < 1.3 * found["bytes"] + 100_000 < found["file"]
            assert 0 < result["reads"] < found["baskets"]


def run(module: str, *words: str, folder: Path) -> None:
    (folder / "config").symlink_to(ROOT / "config")
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
