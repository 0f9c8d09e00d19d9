"""`make resume`, `python -m skimflow.resume [--force] [arguments of snakemake]`: go on after a run that was killed.

A Snakemake that is killed leaves its jobs at work, on this machine or on the cluster, and a lock on the folder. Started
again at once, those jobs would run twice and write the same files. This stops them, waits until they are gone, unlocks
the folder and starts Snakemake again, with the command of the killed run or with the arguments given.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from skimflow import session
from skimflow.engines import ENGINES
from skimflow.errors import EngineError, SkimflowError

_GONE = 180.0
"""Seconds that removed jobs get to leave the queue."""


def main(arguments: Sequence[str]) -> None:
    """Do it; does not come back when all is well.

    Args:
        arguments: `--force`, to take runs on other machines for gone, and arguments after `snakemake`.

    Raises:
        SkimflowError: a run is at work in this folder, or may be; jobs cannot be removed; nothing is to be resumed.
    """
    force = "--force" in arguments
    command = [word for word in arguments if word != "--force"]
    unfinished = session.runs()
    refuse_at_work(unfinished, force)
    if not command:
        command = command_of(unfinished)
    stop_jobs(unfinished)
    snakemake = [sys.executable, "-m", "snakemake", *command]
    subprocess.run([*snakemake, "--unlock"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for run in unfinished:
        run.path.unlink(missing_ok=True)
    print(f"going on: {shlex.join(['snakemake', *command])}", flush=True)
    os.execv(sys.executable, snakemake)


def refuse_at_work(unfinished: Sequence[session.Run], force: bool) -> None:
    """Raises SkimflowError when one of the runs is, or may be, alive."""
    for run in unfinished:
        if run.here and run.alive:
            raise SkimflowError(f"{run} is at work in this folder; stop it first: kill -INT {run.pid}")
        if not run.here and not force:
            raise SkimflowError(
                f"{run} has not ended, and cannot be seen from {os.uname().nodename}. Look there; if it is gone:\n"
                "  make resume ARGS=--force"
            )


def command_of(unfinished: Sequence[session.Run]) -> list[str]:
    """The command of the last run that did not end."""
    if not unfinished:
        raise SkimflowError(
            "no run of this folder was killed, there is nothing to resume: start Snakemake as usual "
            '(or give its arguments: make resume ARGS="--profile condor")'
        )
    return unfinished[-1].command


def stop_jobs(unfinished: Sequence[session.Run]) -> None:
    """Stop the jobs of killed runs, on this machine and on their batch systems, and wait until they are gone."""
    for executor in {run.executor for run in unfinished} & ENGINES.keys():
        remove_jobs(executor)
    left = session.local_jobs(os.getcwd())
    for process in left:
        print(f"stopping process {process.pid}: {shlex.join(process.cmdline())[:100]}")
        process.kill()
    if left:
        import psutil

        psutil.wait_procs(left, timeout=_GONE)


def remove_jobs(executor: str) -> None:
    """Remove this folder's jobs from a batch system, and wait until none is left.

    Raises:
        EngineError: it does not answer, or jobs stay.
    """
    engine, folder = ENGINES[executor], os.getcwd()
    jobs = engine.jobs(folder)
    if not jobs:
        return
    print(f"removing {len(jobs)} from {engine.name}: {', '.join(jobs[:20])}{', …' if jobs[20:] else ''}", flush=True)
    engine.remove(jobs)
    deadline = time.monotonic() + _GONE
    while jobs:
        if time.monotonic() > deadline:
            raise EngineError(f"{engine.name} still has {', '.join(jobs)} after {_GONE:.0f} s: look at them, try again")
        time.sleep(1)
        jobs = engine.jobs(folder)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SkimflowError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: the folder could not be unlocked: {shlex.join(error.cmd)}")
