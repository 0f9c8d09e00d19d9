"""Who runs Snakemake in this folder, so that a run that was killed is noticed, and so is a batch system that is gone.

Each run leaves a record in .snakemake/skimflow/ and takes it away when it ends. A record whose process is gone means
that the run was killed: its jobs may be on the cluster still, and started again at once they would run twice.
`python -m skimflow.resume` deals with them.
"""

import atexit
import contextlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from skimflow.engines import ENGINES
from skimflow.errors import EngineError, SkimflowError

_FOLDER = Path(".snakemake/skimflow")
_LOCKS = Path(".snakemake/locks")
_LOOK = 30.0
"""Seconds between two looks at the batch system."""
_PATIENCE = 900.0
"""Seconds a batch system may be away, before the run is given up; SKIMFLOW_PATIENCE says otherwise."""
_LEAVING = 20.0
"""Seconds that cancelled jobs get to leave the queue at the end of a run."""
_SAME = 2.0
"""Seconds within which two readings of one process's start agree (the kernel tells it from the boot)."""
_STARTS_NOTHING = re.compile(r"-[a-zA-Z]*n[a-zA-Z]*|--(dry-?run|unlock|report|lint|dag|d3dag|rulegraph|summary)")


@dataclass(frozen=True)
class Run:
    """One run of Snakemake.

    Attributes:
        host, pid, born: the process; `born` is its start in seconds since the epoch, because pids come again.
        executor: Snakemake's name of the engine: local, htcondor, slurm.
        command: arguments after `snakemake`.
    """

    host: str
    pid: int
    born: float
    executor: str
    command: list[str]

    @property
    def path(self) -> Path:
        return _FOLDER / f"{self.host}.{self.pid}.json"

    @property
    def here(self) -> bool:
        return self.host == platform.node()

    @property
    def alive(self) -> bool:
        """Whether its process is there; known on its own host only."""
        born = _born(self.pid)
        return born is not None and abs(born - self.born) < _SAME

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.born))
        return f"`{shlex.join(['snakemake', *self.command])}` (process {self.pid} on {self.host}, started {when})"


def runs() -> list[Run]:
    """The runs of the current folder that have not ended by themselves, oldest first."""
    found = []
    for path in _FOLDER.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            found.append(Run(**json.loads(path.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda run: run.born)


def killed() -> list[Run]:
    """Those that are known to be killed."""
    return [run for run in runs() if run.here and not run.alive]


def refuse_after_a_kill(command: Sequence[str]) -> None:
    """Stop before jobs run twice. Of a run on another machine, which may be alive, a line is printed.

    Args:
        command: arguments after `snakemake`; one that starts no jobs (`-n`, `--unlock`) is let through.

    Raises:
        SkimflowError: an earlier run of this folder was killed.
    """
    if any(_STARTS_NOTHING.fullmatch(word) for word in command):
        return
    for run in runs():
        if not run.here:
            print(f"{run} has not ended.\nIf it is gone: make resume ARGS=--force", file=sys.stderr)
    for run in killed():
        if _nothing_left(run):
            run.path.unlink(missing_ok=True)
            continue
        where = ENGINES[run.executor].name if run.executor in ENGINES else "this machine"
        raise SkimflowError(
            f"{run} was killed, and its jobs may still be at work on {where}.\n"
            "  make resume      cancels them, unlocks the folder and goes on with the same command"
        )


def _nothing_left(run: Run) -> bool:
    """Whether a killed run left neither jobs nor a lock: somebody has cleaned up."""
    return run.executor not in ENGINES and not any(_LOCKS.glob("*.lock")) and not local_jobs(os.getcwd())


def begin(executor: str, command: Sequence[str]) -> None:
    """Record this run, until the process ends; watch its batch system.

    Args:
        executor: Snakemake's name of the engine.
        command: arguments after `snakemake`.
    """
    run = Run(platform.node(), os.getpid(), _born(os.getpid()) or 0.0, executor, list(command))
    _FOLDER.mkdir(parents=True, exist_ok=True)
    run.path.write_text(json.dumps(asdict(run)), encoding="utf-8")
    atexit.register(_end, run)
    if executor in ENGINES:
        ENGINES[executor].prepare()
        threading.Thread(target=_watch, args=(executor,), daemon=True).start()


def local_jobs(folder: str) -> list:
    """Processes of killed runs (psutil.Process): Snakemake's own jobs and scripts, whose folder this is."""
    import psutil

    here, found = os.path.realpath(folder), []
    for process in psutil.process_iter():
        try:
            if process.cwd() == here and _is_job(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _is_job(words: Sequence[str]) -> bool:
    """Whether a command line is that of a job; a person's own Snakemake has no `--mode`."""
    return any(".snakemake/scripts/" in word for word in words) or ("snakemake" in words and "--mode" in words)


def _end(run: Run) -> None:
    """Take the record away, unless jobs are left behind (an interrupted run that could not cancel them)."""
    left = _left(run.executor) if run.executor in ENGINES else ""
    if left:
        _say(f"error: {left}\n  make resume      cancels what is left of this run, and goes on with the same command")
    else:
        run.path.unlink(missing_ok=True)


def _left(executor: str) -> str:
    """What is known of jobs that this run leaves in the queue; empty when there are none."""
    jobs: list[str] = []
    for _ in range(int(_LEAVING)):
        try:
            jobs = ENGINES[executor].jobs(os.getcwd())
        except EngineError as error:
            return f"{error}\nJobs of this run may still be there."
        if not jobs:
            return ""
        time.sleep(1)
    return f"{len(jobs)} jobs of this run are still on {ENGINES[executor].name}."


def _watch(executor: str) -> None:
    """End the process when the batch system has been away too long.

    Snakemake's plugins would wait for ever: HTCondor's reads an event log that nobody writes any more, Slurm's forgets
    the jobs whose state it could not learn.
    """
    patience, since = float(os.environ.get("SKIMFLOW_PATIENCE", _PATIENCE)), None
    while True:
        time.sleep(min(_LOOK, patience / 4))
        trouble = _trouble(executor)
        if not trouble:
            since = None
        elif since is None:
            since = time.monotonic()
            _say(f"{trouble}\nJobs that were submitted go on; giving it {patience:.0f} s to come back.")
        elif time.monotonic() - since > patience:
            _say(
                f"error: {trouble}\n{ENGINES[executor].name} was away for {patience:.0f} s, so this run ends here.\n"
                "  make resume      when it answers again: cancels what is left of this run, and goes on"
            )
            # Nothing softer ends a process whose executor waits for jobs that it has lost.
            os._exit(1)


def _trouble(executor: str) -> str:
    """Why the batch system does not answer. Asked in another process, so that a client that hangs hangs alone."""
    command = [sys.executable, "-m", "skimflow.engines", executor]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * _LOOK, check=False)
    except subprocess.TimeoutExpired:
        return f"{ENGINES[executor].name} does not answer within {2 * _LOOK:.0f} s"
    return done.stderr.strip().removeprefix("error: ") if done.returncode else ""


def _say(text: str) -> None:
    print(f"\n{text}", file=sys.stderr, flush=True)


def _born(pid: int) -> float | None:
    """When a process started; None when there is none."""
    import psutil  # not needed by the jobs that parse the Snakefile

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
