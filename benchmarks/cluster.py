"""What a job costs on a batch system beside its work: a run of many skims on a pool of this machine.

    python -m benchmarks.cluster --engine condor               2,000 jobs of a null worker
    python -m benchmarks.cluster --engine slurm --real         12 jobs that do what a skim does, on tiny files

With the null worker all is real on the side of Snakemake, the scheduler and the file system (submission, queue, start,
status, checks of outputs), but the process on the worker only copies ready-made outputs. With `--real` the processes of
each job note when, and after how many CPU seconds, they got how far. The profile is the project's own, but for
`Engine.hurried`. Needs what the engine tests need (tests/engines).
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks import dry_run
from skimflow import paths
from skimflow.toy import Sample, write_file
from tests.engines import condor, slurm

FOLDER = Path("results/benchmarks")
WORKER = Path(__file__).parent / "worker"
EVENTS = 1_000
"""In each file that is really read."""
BRANCHES = 1_380
READY = {"counts": 40_000, "events": 20_000}
"""Bytes of what the null worker writes: what a tiny file gives."""
SLOTS = 4
"""Of the pools of tests/engines."""

_DATASET = "kind: mc\nprocess: TTTo2L2Nu\nfiles: [tiny/*.root]\n"
_MARK = "import sitecustomize; sitecustomize.mark('{}')\n"
_PHASES = (
    ("job step (Snakemake, srun)", "jobstep", "", "end"),
    ("interpreter, Snakemake", "snakemake", "", "imported"),
    ("Snakefile", "snakemake", "imported", "parsed"),
    ("DAG of one job, checks", "snakemake", "parsed", "end"),
    ("interpreter, skim's imports", "script", "", "imported"),
    ("work", "script", "imported", "end"),
)


class Job(NamedTuple):
    """Times of a job, as the batch system wrote them down (seconds since 1970, whole)."""

    submit: float
    start: float
    end: float


class Engine(NamedTuple):
    """A batch system.

    Attributes:
        hurried: what is not as in the profile, so that a wait for the next look at the jobs is not what is measured.
        running: starts it in a folder.
        jobs: the jobs it ran, from the folder of the run and that of the batch system.
        daemons: name and pids of what works for all jobs.
    """

    hurried: tuple[str, ...]
    running: Callable[[Path], AbstractContextManager]
    jobs: Callable[[Path, Path], list[Job]]
    daemons: Callable[[Any], dict[str, list[int]]]


def condor_jobs(run: Path, _: Path) -> list[Job]:
    """From the event log that the plugin follows."""
    times: dict[str, dict[str, float]] = {}
    log = (run / ".snakemake/htcondor/snakemake-rules.log").read_text(encoding="utf-8")
    for event, number, when in re.findall(r"(?m)^(00[015]) \((\d+)\.\S+ (\S+ \S+)", log):
        times.setdefault(number, {})[event] = datetime.fromisoformat(when).timestamp()
    return [Job(found["000"], found["001"], found["005"]) for found in times.values()]


def slurm_jobs(_: Path, cluster: Path) -> list[Job]:
    """From the list of jobs that have ended."""
    found = re.findall(
        r"SubmitTime=(\S+)|StartTime=(\S+)|EndTime=(\S+)", (cluster / "jobs.txt").read_text(encoding="utf-8")
    )
    times = [datetime.fromisoformat("".join(one)).timestamp() for one in found]
    starts, ends, submits = times[0::3], times[1::3], times[2::3]
    return [Job(*one) for one in zip(submits, starts, ends, strict=True)]


ENGINES = {
    "condor": Engine(
        ("--seconds-between-status-checks", "1"),
        condor.running,
        condor_jobs,
        lambda pool: {name: pool.pids(name) for name in ("schedd", "negotiator", "collector", "startd")},
    ),
    "slurm": Engine(
        ("--slurm-init-seconds-before-status-checks", "1"),
        slurm.running,
        slurm_jobs,
        lambda cluster: {name: [cluster.pid(name)] for name in ("slurmctld", "slurmd")},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--jobs", type=int, help="number of jobs (2,000; with --real 12; with --quick 4)")
    parser.add_argument("--real", action="store_true", help="skims, instead of the null worker")
    parser.add_argument("--quick", action="store_true", help="a short look")
    options = parser.parse_args()
    jobs = options.jobs or (4 if options.quick else 12 if options.real else 2_000)
    # To write a file with all branches takes longer than a short look.
    prepare = partial(prepare_real, branches=0 if options.quick else BRANCHES) if options.real else prepare_null
    with tempfile.TemporaryDirectory(prefix="sf-") as folder:
        found = measure(ENGINES[options.engine], options.engine, Path(folder).resolve(), jobs, prepare)
    found = {"engine": options.engine, "worker": "skim" if options.real else "null", "slots": SLOTS, **found}
    show(found)
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = FOLDER / f"cluster_{options.engine}_{found['worker']}.json"
    told.write_text(json.dumps(found, indent=1), encoding="utf-8")


def measure(
    engine: Engine, profile: str, folder: Path, jobs: int, prepare: Callable[[Path, Path, int], None]
) -> dict[str, Any]:
    """Start the batch system, run so many skims on it, and say what was seen.

    Raises:
        SystemExit: the run failed; the message is Snakemake's own.
    """
    for name in ("engine", "bench/marks"):
        (folder / name).mkdir(parents=True)
    copy, arguments = dry_run.workflow(folder, jobs)
    prepare(copy, folder / "bench", jobs)
    with engine.running(folder / "engine") as service:
        environment = {
            **os.environ,
            **service.environment,
            "PYTHONPATH": f"{WORKER}:{copy / 'src'}",
            "SKIMFLOW_BENCHMARK": str(folder / "bench"),
        }
        command = ["--profile", f"profiles/{profile}", *engine.hurried, "--until", "skim", *arguments]
        before = {name: cpu(pids) for name, pids in engine.daemons(service).items()}
        snakemake = run(copy, command, environment)
        after = {name: cpu(pids) for name, pids in engine.daemons(service).items()}
        memory = {name: megabytes(pids) for name, pids in engine.daemons(service).items()}
        found = engine.jobs(copy, folder / "engine")
    return {
        "jobs": len(found),
        "snakemake": snakemake,
        "times": times(found, finished((copy / "run.log").read_text(encoding="utf-8"))),
        "phases": phases(folder / "bench/marks"),
        "cpu": {name: [a - b for a, b in zip(after[name], before[name], strict=True)] for name in after},
        "memory": memory,
        "folders": folders(copy),
        "event_log": sum(path.stat().st_size for path in copy.glob(".snakemake/htcondor/*.log")),
    }


def prepare_null(copy: Path, bench: Path, _: int) -> None:
    """Outputs for the null worker to put in place; the files are remote, and nobody opens them."""
    results = paths.Results("dry")
    patterns = {
        "counts": results.skim_counts,
        "events": results.skim_events,
        "log": results.log("skim", "{dataset}", "{file}"),
        "benchmark": results.benchmark("skim", "{dataset}", "{file}"),
    }
    for name in patterns:
        (bench / name).write_bytes(os.urandom(READY.get(name, 100)))
    ready = {pattern: str(bench / name) for name, pattern in patterns.items()}
    (bench / "ready.json").write_text(json.dumps(ready), encoding="utf-8")


def prepare_real(copy: Path, _: Path, jobs: int, branches: int) -> None:
    """Tiny files to read, all the same but for their names, and marks in the copy of the workflow."""
    (copy / "config/locks/dry.tsv").unlink()
    (copy / "config/datasets/dry.yaml").write_text(_DATASET, encoding="utf-8")
    (copy / "tiny").mkdir()
    write_file(copy / "tiny/0.root", Sample(1, 0, process="TTTo2L2Nu"), EVENTS, filler=branches)
    for index in range(1, jobs):
        os.link(copy / "tiny/0.root", copy / f"tiny/{index}.root")
    for name, change in (("Snakefile", around), ("scripts/skim.py", before_the_work)):
        path = copy / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def around(snakefile: str) -> str:
    """The Snakefile with marks before and after it."""
    return _MARK.format("imported") + snakefile + "\n" + _MARK.format("parsed")


def before_the_work(script: str) -> str:
    """The script with a mark when all is imported."""
    imports, work = script.split("with reporting(")
    return imports + _MARK.format("imported") + "with reporting(" + work


def run(copy: Path, arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Seconds, CPU seconds and peak MB of a run of Snakemake, with the commands it starts (sbatch, squeue)."""
    start = time.perf_counter()
    with (copy / "run.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=copy,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: the run failed:\n{(copy / 'run.log').read_text(encoding='utf-8')[-3000:]}")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024}


def finished(log: str) -> list[float]:
    """When Snakemake saw jobs end, from what it printed."""
    stamps = re.findall(r"(?m)^\[(.+)\]\nFinished jobid: \d+ \(Rule: skim\)", log)
    return [datetime.strptime(stamp, "%a %b %d %H:%M:%S %Y").timestamp() for stamp in stamps]


def times(jobs: list[Job], seen: list[float], limit: int = 500) -> dict[str, float]:
    """Means of what a job waits for, seconds.

    `submission` is the time from one to the next while the profile's limit of jobs in the queue is not reached;
    `queue` the wait for the scheduler, not for other jobs (see `waited`); `slot` from the start to the end; `noticed`
    from the end until Snakemake says so; `each` the whole run over the number of jobs.
    """
    submits = sorted(job.submit for job in jobs)
    burst = min(len(jobs), limit) - 1
    return {
        "submission": (submits[burst] - submits[0]) / burst if burst else 0.0,
        "queue": statistics.fmean(waited(jobs, SLOTS)),
        "slot": statistics.fmean(job.end - job.start for job in jobs),
        "noticed": statistics.fmean(seen) - statistics.fmean(job.end for job in jobs),
        "each": (max(seen) - submits[0]) / len(jobs),
    }


def waited(jobs: Iterable[Job], slots: int) -> list[float]:
    """Seconds between the moment at which a job was there and a slot was free, and its start, in order of start."""
    ordered = sorted(jobs, key=lambda job: job.start)
    ends = sorted(job.end for job in ordered)
    free = [-float("inf")] * slots + ends
    return [job.start - max(job.submit, free[index]) for index, job in enumerate(ordered)]


def phases(marks: Path) -> dict[str, dict[str, float]]:
    """Mean seconds and CPU seconds of the parts of a job, from the marks of its processes; none of the null worker."""
    processes: dict[str, list[dict[str, tuple[float, float]]]] = {}
    for path in marks.iterdir():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        processes.setdefault(rows[0][0], []).append({name: (wall, used) for _, name, wall, used in rows})
    return {
        name: {
            "seconds": statistics.fmean(one[last][0] - one[first or "start"][0] for one in processes[role]),
            "cpu": statistics.fmean(one[last][1] - (one[first][1] if first else 0) for one in processes[role]),
        }
        for name, role, first, last in _PHASES
        if role in processes
    }


def cpu(pids: list[int]) -> tuple[float, float]:
    """CPU seconds so far of these processes, and of their children that have ended."""
    each = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(t.user + t.system for t in each), sum(t.children_user + t.children_system for t in each)


def megabytes(pids: list[int]) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20


def folders(copy: Path) -> dict[str, int]:
    """Number of files in the five fullest folders that the run made."""
    made = (path for top in ("results", "logs", ".snakemake") for path in (copy / top).rglob("*") if path.is_file())
    counts = Counter(str(path.parent.relative_to(copy)) for path in made)
    return dict(counts.most_common(5))


def show(found: dict[str, Any]) -> None:
    """A table of all that was seen."""
    jobs, snakemake = found["jobs"], found["snakemake"]
    print(f"{found['engine']}, {jobs} jobs, {found['worker']} worker, {SLOTS} slots: {snakemake['seconds']:.0f} s")
    for name, seconds in found["times"].items():
        print(f"  {name:28} {seconds:8.3f} s a job")
    for name, phase in found["phases"].items():
        print(f"  {name:28} {phase['seconds']:8.3f} s {phase['cpu']:8.3f} CPU s")
    print(f"  {'snakemake':28} {1e3 * snakemake['cpu'] / jobs:8.1f} CPU ms a job, peak {snakemake['peak']:.0f} MB")
    for name, (own, children) in found["cpu"].items():
        memory = found["memory"][name]
        each = f"{1e3 * own / jobs:8.1f} CPU ms a job, its children {1e3 * children / jobs:.1f}"
        print(f"  {name:28} {each}; {memory:.0f} MB")
    for folder, number in found["folders"].items():
        print(f"  {number:8d} files in {folder}")
    print(f"  event log: {found['event_log'] / 1024:.0f} kB")


if __name__ == "__main__":
    main()
