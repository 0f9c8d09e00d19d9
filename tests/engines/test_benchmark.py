"""The benchmark of jobs on a cluster runs: on something small, without looking at what it measures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

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
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cluster", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / f"results/benchmarks/cluster_{engine}_{worker}.json").read_text(encoding="utf-8"))
    assert found["jobs"] == 4
    assert found["folders"]["results/dry/skim/dry"] == 2 * 4
    assert worker == "null" or {"Snakefile", "work"} <= set(found["phases"])
