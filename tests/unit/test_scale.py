"""The simulation behind docs/scale.md and the arithmetic of the cluster benchmark, against cases done by hand."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import cluster, scale
from benchmarks.cluster import Job
from benchmarks.scale import Campaign, Costs, Limits, bottleneck, simulate
from tests.conftest import ROOT

FREE = Costs(plan=0, submission=0, start=0, worker=0, file=0, events=0, collect=0)
NONE = Limits(math.inf, 0, 0)


def test_jobs_take_turns_on_the_slots() -> None:
    campaign = Campaign(files=5, millions=50)
    run = simulate(campaign, FREE._replace(events=1), NONE, slots=2)
    assert run.job == 10  # ten million events a file
    assert run.wall == 30  # two, two, one


def test_each_cost_counts_once() -> None:
    costs = Costs(plan=1, submission=0, start=0, worker=5, file=2, events=3, collect=0.5)
    run = simulate(Campaign(files=4, millions=4, chunk=2), costs, NONE, slots=10)
    assert run.job == 5 + 2 * (2 + 3)
    assert run.submitted == 2  # two jobs were planned
    assert run.wall == 2 + 15 + 2 * 0.5


@pytest.mark.parametrize(
    ("costs", "limits"), [(FREE._replace(submission=2), NONE), (FREE, NONE._replace(submission=2))]
)
def test_submissions_keep_their_distance(costs: Costs, limits: Limits) -> None:
    run = simulate(Campaign(4, 0), costs._replace(worker=10), limits, slots=10)
    assert run.submitted == 6
    assert run.wall == 16


def test_scheduler_starts_one_after_the_other() -> None:
    assert simulate(Campaign(4, 0), FREE._replace(worker=10, start=3), NONE, slots=10).wall == 3 + 3 * 3 + 10


def test_limit_of_jobs_holds_back_submissions_until_ends_are_seen() -> None:
    costs, limits = FREE._replace(worker=10), Limits(jobs=2, submission=0, look=0)
    assert simulate(Campaign(4, 0), costs, limits, slots=10) == (10, 20, 10)
    # Ends at 10 are seen at 12; what is submitted then ends at 22 and is seen at 24.
    assert simulate(Campaign(4, 0), costs, limits._replace(look=4), slots=10) == (12, 24, 10)


@pytest.mark.parametrize(
    ("campaign", "limits", "slots", "held"),
    [
        (Campaign(1000, 1000), NONE, 10, "slots"),
        (Campaign(1000, 1000), NONE._replace(jobs=10), 1000, "jobs in the queue"),
        (Campaign(1000, 1000), NONE._replace(submission=5), 1000, "submissions"),
        (Campaign(10, 10), NONE, 1000, "one job"),
    ],
)
def test_what_holds_a_campaign_up(campaign: Campaign, limits: Limits, slots: int, held: str) -> None:
    assert bottleneck(campaign, FREE._replace(events=60), limits, slots) == held


def test_many_short_jobs_are_held_up_by_their_number() -> None:
    costs = FREE._replace(submission=0.5, worker=5, events=60)
    assert bottleneck(Campaign(1000, 1), costs, NONE, 1000) == "number of jobs"


def test_limits_are_those_of_the_profiles() -> None:
    assert scale.limits("condor") == Limits(500, 0.1, 5)
    assert scale.limits("slurm") == Limits(500, 0.1, 20)


def test_table_of_the_page_is_the_one_that_is_printed() -> None:
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    for engine, costs in scale.MEASURED.items():
        assert scale.table(costs, scale.limits(engine)) in page


def test_wait_for_the_scheduler_is_not_the_wait_for_other_jobs() -> None:
    jobs = [Job(submit=0, start=2, end=10), Job(1, 10, 13), Job(12, 14, 15)]
    assert cluster.waited(jobs, slots=1) == [2, 0, 1]
    assert cluster.waited(jobs, slots=2) == [2, 9, 2]


def test_means_of_a_run() -> None:
    jobs = [Job(100, 101, 111), Job(102, 103, 115), Job(104, 104, 112)]
    found = cluster.times(jobs, seen=[112, 116, 117], limit=2)
    assert found == {
        "submission": 2,
        "queue": pytest.approx(2 / 3),
        "slot": 10,
        "noticed": pytest.approx(7 / 3),
        "each": pytest.approx(17 / 3),
    }


def test_parts_of_a_job_from_its_marks(tmp_path: Path) -> None:
    marks = {
        "1": [
            ["snakemake", "start", 0, 0.1],
            ["snakemake", "imported", 2, 1.5],
            ["snakemake", "parsed", 3, 2],
            ["snakemake", "end", 9, 4],
        ],
        "2": [["script", "start", 4, 0.1], ["script", "imported", 5, 0.5], ["script", "end", 8, 3]],
        "3": [["script", "start", 14, 0.1], ["script", "imported", 17, 1.5], ["script", "end", 18, 2]],
    }
    for name, rows in marks.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = cluster.phases(tmp_path)
    assert found["Snakefile"] == {"seconds": 1, "cpu": 0.5}
    assert found["interpreter, skim's imports"] == {"seconds": 2, "cpu": 1}
    assert found["work"] == {"seconds": 2, "cpu": 1.5}
    assert "job step (Snakemake, srun)" not in found


def test_times_are_read_from_what_snakemake_prints() -> None:
    rows = [("46", "6 (Rule: skim)"), ("51", "0 (Rule: all)"), ("56", "7 (Rule: skim)")]
    log = "".join(f"[Tue Nov 24 23:49:{second} 2026]\nFinished jobid: {job}\n1 of 3 steps\n" for second, job in rows)
    first, last = cluster.finished(log)
    assert last - first == 10
