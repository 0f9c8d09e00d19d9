"""How long a campaign takes on a pool of some size, from what was measured of one job: the table of docs/scale.md.

    python benchmarks/scale.py                               HTCondor, with the costs below
    python benchmarks/scale.py --engine slurm --events 5     Slurm, 5 s for a million events

A deterministic simulation. All jobs of a campaign are equal. Snakemake plans, then submits at a steady rate, with at
most `jobs` in the queue; a job starts when a slot is free and the scheduler comes to it; its end counts when Snakemake
looks the next time; at the end the counts of all jobs are put together. How fast files are delivered is not in it.
"""

import argparse
import heapq
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import yaml

PROFILES = Path(__file__).resolve().parents[1] / "profiles"
POOLS = (10, 100, 1_000)


class Campaign(NamedTuple):
    """Files of one size.

    Attributes:
        millions: events in all files, in millions.
        chunk: files that one job reads (`files_per_job`).
    """

    files: int
    millions: float
    chunk: int = 1

    @property
    def jobs(self) -> int:
        return math.ceil(self.files / self.chunk)


class Costs(NamedTuple):
    """What was measured (benchmarks/README.md), in seconds.

    Attributes:
        plan: before the first submission, for each job: Snakemake's graph of jobs.
        submission: Snakemake's own time for each job, which it does one after the other; submissions are not closer.
        start: the scheduler's own time for each job; starts are not closer.
        worker: in a job, before and after its work: interpreters, imports, Snakefile.
        file: to open a file.
        events: to read a million events.
        collect: for each job, in the rules after the skims.
    """

    plan: float
    submission: float
    start: float
    worker: float
    file: float
    events: float
    collect: float


class Limits(NamedTuple):
    """What a profile sets: jobs in the queue at once, seconds between submissions, and between looks at the jobs."""

    jobs: float
    submission: float
    look: float


class Run(NamedTuple):
    """Seconds after the start: when the last job was submitted, and the end; and the seconds of one job."""

    submitted: float
    wall: float
    job: float


MILLION = 2.0
"""Seconds for a million events: LZMA, 1,380 branches (benchmarks/skim.py)."""
MEASURED = {
    "condor": Costs(plan=0.0022, submission=0.032, start=0.018, worker=4.7, file=1.2, events=MILLION, collect=0.055),
    "slurm": Costs(plan=0.0022, submission=0.081, start=0.013, worker=7.1, file=1.2, events=MILLION, collect=0.055),
}
# MuonEG of Run2016G and H; the tt̄ analysis; the older, smaller files of the same, with as many events as their 3.44 TB
# give at 1.9 kB an event.
CAMPAIGNS = (
    Campaign(48, 63),
    Campaign(787, 940),
    Campaign(22_635, 1_800),
    Campaign(22_635, 1_800, chunk=20),
)
SETTINGS = {
    "slots": "more slots",
    "jobs in the queue": "`jobs`",
    "submissions": "`max-jobs-per-timespan`",
    "number of jobs": "`files_per_job`",
    "one job": "nothing: a file is not divided",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=MEASURED, default="condor")
    for name in Costs._fields:
        parser.add_argument(f"--{name}", type=float, help="seconds instead of those measured")
    options = vars(parser.parse_args())
    engine = options.pop("engine")
    costs = MEASURED[engine]._replace(**{name: value for name, value in options.items() if value is not None})
    print(table(costs, limits(engine)))


def limits(profile: str) -> Limits:
    """What a profile of the project sets."""
    keys = yaml.safe_load((PROFILES / profile / "config.yaml").read_text(encoding="utf-8"))
    number, span = keys["max-jobs-per-timespan"].split("/")
    look = keys.get("slurm-init-seconds-before-status-checks") or keys["seconds-between-status-checks"]
    return Limits(keys["jobs"], float(Fraction(span.removesuffix("s")) / int(number)), look)


def simulate(campaign: Campaign, costs: Costs, limits: Limits, slots: float) -> Run:
    """A campaign on a pool of so many slots."""
    job = costs.worker + campaign.chunk * (costs.file + costs.events * campaign.millions / campaign.files)
    pause = max(limits.submission, costs.submission)
    submit = start = costs.plan * campaign.jobs
    free = [0.0] * min(slots, campaign.jobs)
    seen: list[float] = []
    for index in range(campaign.jobs):
        # Jobs are equal, so they end in their order.
        room = seen[index - int(limits.jobs)] if index >= limits.jobs else 0.0
        submit = max(submit + pause * (index > 0), room)
        start = max(submit, heapq.heappop(free), start + costs.start)
        heapq.heappush(free, start + job)
        seen.append(limits.look * math.ceil((start + job) / limits.look) if limits.look else start + job)
    return Run(submit, seen[-1] + costs.collect * campaign.jobs, job)


def bottleneck(campaign: Campaign, costs: Costs, limits: Limits, slots: int) -> str:
    """Of what ten times as much (or as many files a job) ends it earliest; `one job` if nothing gains a tenth."""
    more = {
        "slots": (campaign, limits, 10 * slots),
        "jobs in the queue": (campaign, limits._replace(jobs=10 * limits.jobs), slots),
        "submissions": (campaign, limits._replace(submission=limits.submission / 10), slots),
        "number of jobs": (campaign._replace(chunk=10 * campaign.chunk), limits, slots),
    }
    walls = {name: simulate(which, costs, *rest).wall for name, (which, *rest) in more.items()}
    best = min(walls, key=lambda name: walls[name])
    return best if walls[best] < 0.9 * simulate(campaign, costs, limits, slots).wall else "one job"


def fullest(campaign: Campaign) -> int:
    """Files in the fullest folder: two of each job, among Snakemake's records as among the outputs of one dataset."""
    return 2 * campaign.jobs


def table(costs: Costs, limits: Limits, campaigns: Iterable[Campaign] = CAMPAIGNS) -> str:
    """A line for each campaign and pool, in Markdown."""
    head = (
        "files|events|files a job|jobs|files in a folder|slots|submitted in|ends after|reading|held up by|what moves it"
    )
    lines = [head.split("|"), ["---"] * 11]
    for campaign in campaigns:
        for slots in POOLS:
            run = simulate(campaign, costs, limits, slots)
            held = bottleneck(campaign, costs, limits, slots)
            reading = campaign.chunk * costs.events * campaign.millions / campaign.files / run.job
            lines.append(
                [
                    f"{campaign.files:,}",
                    f"{campaign.millions:,} M",
                    f"{campaign.chunk}",
                    f"{campaign.jobs:,}",
                    f"{fullest(campaign):,}",
                    f"{slots:,}",
                    duration(run.submitted),
                    duration(run.wall),
                    f"{reading:.0%}",
                    held,
                    SETTINGS[held],
                ]
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def duration(seconds: float) -> str:
    """In the largest unit of which there are two or more.

    >>> [duration(s) for s in (90, 700, 8000)]
    ['90 s', '12 min', '2.2 h']
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main()
