"""What tests on real batch systems share: runs with a profile, whose skims fail, wait or are greedy on demand."""

import abc
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from skimflow import paths
from tests.checkout import Checkout

GUARD = 180.0
"""Seconds after which waiting is given up: against hanging only."""
COUNTS = "results/small/counts.parquet"
"""All skims, and one short rule after them."""
JOBS = 4
"""Skims of the small measurement."""

# Beside the product: the skim of the test's copy calls it first.
_TROUBLE = '''\
import json, os, time
from pathlib import Path

HELD = 300


def make(job):
    """Be in the trouble that trouble.json has for this job; leave a note of having started, with the environment."""
    plan, started = Path("trouble.json"), Path("started")
    first = not list(started.glob(f"{job}.*"))
    number = os.environ.get("SLURM_JOB_ID") or cluster_id() or "local"
    (started / f"{job}.{number}.new").write_text(json.dumps(dict(os.environ)))
    (started / f"{job}.{number}.new").rename(started / f"{job}.{number}")
    if job in json.loads(plan.read_text()).get("fail", []):
        raise RuntimeError("made to fail")
    if first and job in json.loads(plan.read_text()).get("greedy", []):
        memory = bytearray(1700 << 20)
        memory[:: 4096] = b"x" * len(memory[:: 4096])
        wait(lambda: True)
    wait(lambda: first and job in json.loads(plan.read_text()).get("hold", []))


def cluster_id():
    """Of HTCondor, from the description that each job has of itself."""
    path = os.environ.get("_CONDOR_JOB_AD", "")
    lines = Path(path).read_text().splitlines() if path else []
    return next((line.split("=")[1].strip() for line in lines if line.startswith("ClusterId")), "")


def wait(condition):
    for _ in range(HELD * 20):
        if not condition():
            return
        time.sleep(0.05)
    raise RuntimeError("nobody let this job go on")
'''
_WITH = "with reporting(snakemake.log[0]):\n"
_CALL = "    import trouble; trouble.make(snakemake.wildcards.file.split('-')[0])\n"
"""What follows the name of the file is a fingerprint."""


class ClusterCheckout(Checkout, abc.ABC):
    """A checkout with a profile for its runs, whose toy files are there already, and whose skims obey `trouble`.

    Args:
        folder: must not exist.
        profile: words that a run begins with, `--profile` and what makes tests quick.
        variables: environment of the batch system.
        template: another one, of which this is a copy without results.
    """

    def __init__(
        self,
        folder: Path,
        profile: Sequence[str],
        variables: dict[str, str],
        template: "ClusterCheckout | None" = None,
    ):
        self.folder, self.profile, self.variables = folder, profile, variables
        if template is None:
            folder.mkdir()
            super().__init__(folder)
            self.write("src/trouble.py", _TROUBLE)
            self.edit("scripts/skim.py", lambda text: text.replace(_WITH, _WITH + _CALL))
        else:
            shutil.copytree(template.folder, folder, symlinks=True, ignore=_without_results)
        (folder / "started").mkdir()
        self.trouble()

    @abc.abstractmethod
    def submitted(self) -> int:
        """How many jobs were ever submitted from here."""

    @abc.abstractmethod
    def queue(self) -> list[str]:
        """Ids of this folder's jobs that are in the queue."""

    @abc.abstractmethod
    def stop_scheduler(self) -> None:
        """Nobody answers any more; jobs that run go on."""

    @abc.abstractmethod
    def restart_scheduler(self) -> None:
        """It answers again, and knows the jobs."""

    def trouble(self, **jobs: Sequence[str]) -> None:
        """Jobs that `fail`; that `hold` at their first attempt until they are not listed any more; that are `greedy`:
        at their first attempt they want 1.7 GB more than others, and wait for ever."""
        new = self.folder / "trouble.json.new"
        new.write_text(json.dumps(jobs), encoding="utf-8")
        new.rename(self.folder / "trouble.json")

    def harmless(self) -> None:
        """No trouble, and no notes of who has started."""
        self.edit("scripts/skim.py", lambda text: text.replace(_CALL, ""))

    def damage(self, skim: str) -> None:
        """Cut the input of a skim in half, behind the back of Snakemake."""
        path = self.toy(skim)
        shutil.copy2(path, path.with_suffix(".whole"))
        with _same_time(path):
            os.truncate(path, path.stat().st_size // 2)

    def mend(self, skim: str) -> None:
        """Put the whole input back."""
        path = self.toy(skim)
        path.with_suffix(".whole").rename(path)

    def toy(self, skim: str) -> Path:
        return next(self.folder.glob(f"results/toy/*/{skim}.root"))

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.variables}

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the profile; its output goes to run.log."""
        with open(self.folder / "run.log", "w", encoding="utf-8") as log:
            return subprocess.Popen(
                self.command(*self.profile, *arguments),
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self, process: subprocess.Popen) -> tuple[int, str]:
        """Exit code and output of a run; it is killed when it hangs."""
        try:
            code = process.wait(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"hangs:\n{self.log()}") from None
        return code, self.log()

    def go(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of a run with the profile."""
        return self.end(self.start(*arguments))

    def go_well(self, *arguments: str) -> None:
        """A run with the profile, that succeeds."""
        code, text = self.go(*arguments)
        assert code == 0, text

    def log(self) -> str:
        return (self.folder / "run.log").read_text(encoding="utf-8")

    def failures(self) -> int:
        """How many jobs of the batch system the run has told to have failed so far."""
        return self.log().count("    external_jobid: ")

    def skims(self) -> list[str]:
        """The names of all skims: those of their toy files."""
        return sorted(path.stem for path in self.folder.glob("results/toy/*/*.root"))

    def outputs(self, *skims: str) -> list[str]:
        """The counts of these skims, as targets of a run."""
        results = paths.Results("small")
        toys = [self.toy(skim).relative_to(self.folder) for skim in skims]
        return [results.skim_counts.format(dataset=toy.parent.name, file=paths.file_id(str(toy))) for toy in toys]

    def done(self) -> set[str]:
        """Skims that have their outputs."""
        return {path.name.split("-")[0] for path in self.folder.glob("results/small/skim/*/*.counts.parquet")}

    def started(self) -> dict[str, str]:
        """Skims that have begun on the batch system: the name by the id there."""
        notes = [path.name.rsplit(".", 1) for path in (self.folder / "started").iterdir() if path.suffix != ".new"]
        return {number: name for name, number in notes if number != "local"}

    def environments(self) -> list[dict[str, str]]:
        """Those that the skims have seen."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in (self.folder / "started").iterdir()]

    def number(self, skim: str) -> str:
        """The id, on the batch system, of a skim that has begun once."""
        return next(number for number, name in self.started().items() if name == skim)

    def wait_until_started(self, process: subprocess.Popen, skims: int) -> None:
        wait(lambda: len(self.started()) >= skims or process.poll() is not None, f"{skims} skims do not start")
        assert process.poll() is None, self.log()


def wait(condition: Callable[[], object], otherwise: str, seconds: float = GUARD) -> None:
    """Come back when the condition holds.

    Raises:
        RuntimeError: it does not within minutes.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {seconds:.0f} s: {otherwise}")
        time.sleep(0.05)


def same(checkout: ClusterCheckout, local: Checkout) -> None:
    """What each skim gave has the bytes of the local run, and so have the counts, if they were made."""
    mine, expected = checkout.final_files(), local.final_files()
    names = [name for name in mine if name.startswith("skim/") or name == "counts.parquet"]
    assert len(names) >= 2 * len(checkout.done()) > 0
    assert [name for name in names if mine[name] != expected[name]] == []


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def _same_time(path: Path):
    before = path.stat()
    yield
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _without_results(folder: str, names: list[str]) -> set[str]:
    mine = {"small", "started", "trouble.json", "run.log", "slurm_logs", "htcondor", "skimflow", "locks"}
    return {name for name in names if name in mine and Path(folder).name != "src"}
