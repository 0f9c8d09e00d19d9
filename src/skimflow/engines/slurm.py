"""Slurm, through its own commands."""

import os
import subprocess
from collections.abc import Sequence

from skimflow.engines import slurm_plugin
from skimflow.errors import EngineError

_PREFIX = "skimflow"
"""How the names of our jobs start (`slurm-jobname-prefix` in profiles/slurm): others of the same folder stay."""
_SECONDS = 60
_AT_ONCE = 500
"""Ids in one command: the command line has an end."""


class Slurm:
    """The cluster that `squeue` speaks to."""

    name = "Slurm"

    def prepare(self) -> None:
        slurm_plugin.mend()

    def jobs(self, folder: str) -> list[str]:
        here = os.path.realpath(folder)
        # %F is the array's id, one for all its tasks.
        rows = [line.split("|", 2) for line in _run("squeue", "--me", "--noheader", "-o", "%F|%j|%Z").splitlines()]
        return sorted({number for number, job, work in rows if job.startswith(_PREFIX) and _same(work, here)})

    def remove(self, jobs: Sequence[str]) -> None:
        for start in range(0, len(jobs), _AT_ONCE):
            _run("scancel", *jobs[start : start + _AT_ONCE])


def _same(folder: str, here: str) -> bool:
    return os.path.realpath(folder) == here


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except FileNotFoundError as error:
        raise EngineError(f"Slurm's command {command[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"Slurm does not answer: {command[0]} took more than {_SECONDS} s") from error
    if done.returncode:
        raise EngineError(f"Slurm does not answer: {command[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout
