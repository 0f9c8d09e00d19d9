"""A copy of the workflow in a folder of its own, to run, kill, change and ask for a dry run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT

_PARTS = ("Snakefile", "config", "workflow", "scripts", "profiles", "src", "envs")

SMALL = """\
extends: hww_emu.yaml
name: small
title: Small
datasets: [small_G, small_tt]
certified_luminosity: {toy: true, url: null, sha256: null}
eras: {Run2016G: [278820, 280385]}
maps: [{x: electron_pt, y: muon_pt}]
style: {status: Toy}
luminosity: {table: config/luminosity.csv}
scale_factors:
  emu_met: {data: MuonEG, simulation: TTTo2L2Nu, variables: [met]}
variables: null
"""
LUMINOSITY = """\
#run:fill,time,nls,ncms,delivered(/pb),recorded(/pb)
278820:1,t,40,40,21.0,20.0
278873:1,t,40,40,21.0,20.0
279588:1,t,40,40,21.0,20.0
280330:1,t,40,40,21.0,20.0
"""
VARIABLES = """\
variables:
  electron_pt: {label: electron pT, unit: GeV, fine: {bins: 50, low: 0, high: 250}, report: [15, 25, 50, 100]}
  muon_pt: {label: muon pT, unit: GeV, fine: {bins: 50, low: 0, high: 250}, report: [15, 25, 50, 100]}
  met: {label: MET, unit: GeV, fine: {bins: 50, low: 0, high: 250}, report: [20, 50, 100, 250]}
  run: {label: run, fine: integer}
"""


def _of_a_job(line: str) -> bool:
    """Whether Snakemake tells of a job that begins or has ended."""
    return "Finished jobid" in line or line.startswith(("rule ", "localrule "))


class Checkout:
    """The workflow in `folder`, with the small measurement as its default configuration.

    `truth_blocks`: of collisions that tell the truth of toys; the workflow itself looks at 15, for more events.
    """

    def __init__(self, folder: Path, truth_blocks: int = 3):
        self.folder = folder
        for part in _PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        if truth_blocks != 15:
            self.edit("scripts/toy_truth.py", lambda text: text.replace("_BLOCKS = 15", f"_BLOCKS = {truth_blocks}"))
        base = (ROOT / "config/hww_emu.yaml").read_text(encoding="utf-8")
        before, after = base.split("variables:\n")[0], base.split("maps:\n")[1].replace(", against: [npv]", "")
        self.write("config/hww_emu.yaml", before + VARIABLES + "maps:\n" + after)
        self.write("config/config.yaml", SMALL.replace("variables: null\n", ""))
        self.write("config/luminosity.csv", LUMINOSITY)
        self.write("config/sites/far.yaml", "redirectors: [root://far.example/]\nattempts: 2\nthreads: 2\n")
        self.write("config/datasets/small_G.yaml", _toy("data", "primary_dataset: MuonEG\nera: Run2016G", 3))
        self.write("config/datasets/small_tt.yaml", _toy("mc", "process: TTTo2L2Nu", 1))

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        before = (self.folder / path).read_text(encoding="utf-8")
        after = change(before)
        assert after != before, f"nothing changed in {path}"
        self.write(path, after)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run Snakemake; its output."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def resume(self, *arguments: str) -> str:
        """`make resume`; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "skimflow.resume", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def jobs(self, *arguments: str) -> Counter:
        """What a dry run would do: number of jobs by rule, without `all`."""
        text = self.run("-n", *arguments)
        if "Nothing to be done" in text:
            return Counter()
        table = re.search(r"^Job stats:\n.*?\n-+ +-+\n(.*?)\n\n", text, flags=re.MULTILINE | re.DOTALL)
        assert table, text
        counts = Counter({name: int(number) for name, number in map(str.split, table[1].splitlines())})
        del counts["all"], counts["total"]
        return counts

    def kill_after(
        self, marks: int, *arguments: str, mark: Callable[[str], bool] = _of_a_job, jobs_too: bool = True
    ) -> bool:
        """SIGKILL Snakemake, and its jobs, when so many of its lines are marks; whether it came to that."""
        process = subprocess.Popen(
            self.command("--cores", "2", *arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            seen += mark(line)
            if seen >= marks:
                (os.killpg if jobs_too else os.kill)(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        return process.wait() == -signal.SIGKILL

    def final_files(self) -> dict[str, bytes]:
        """Content of every result but the report (which holds run times)."""
        root = self.folder / "results" / "small"
        files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "report.html"]
        return {str(path.relative_to(root)): path.read_bytes() for path in files}


def _toy(kind: str, what: str, files: int) -> str:
    return f"kind: {kind}\n{what}\ntoy: {{files: {files}, events: 400, seed: 7}}\n"
