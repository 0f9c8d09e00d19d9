"""What only Slurm has: jobs that are cancelled, held, requeued; memory and time as its plugin reads them."""

from collections import Counter

import pytest

from tests.engines.cluster import COUNTS, JOBS, same, wait
from tests.engines.slurm import Cluster
from tests.engines.slurm_runs import SlurmCheckout

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("slurm")]


def test_a_job_asks_for_what_its_rule_says(slurm_finished: SlurmCheckout) -> None:
    jobs = Counter((job.state, job.memory, job.minutes) for job in slurm_finished.ended())
    assert jobs == {("COMPLETED", "1500M", "60"): JOBS, ("COMPLETED", "1500M", "30"): 1}


def test_logs_of_good_jobs_do_not_pile_up(slurm_finished: SlurmCheckout) -> None:
    assert list(slurm_finished.folder.glob(".snakemake/slurm_logs/**/*.log")) == []
    assert len(list(slurm_finished.folder.glob("logs/**/*.log"))) > JOBS


def test_cancelled_and_held_jobs_are_left_to_do(
    slurm: SlurmCheckout, cluster: Cluster, slurm_local: SlurmCheckout
) -> None:
    """Two are cancelled at work; one is put on hold by an operator, waits while the others finish, is cancelled too."""
    bad = slurm.skims()[:3]
    slurm.trouble(hold=bad)
    run = slurm.start("--retries", "0", COUNTS)
    slurm.wait_until_started(run, JOBS)
    cluster.command("scontrol", "requeuehold", slurm.number(bad[2]))
    cluster.command("scancel", slurm.number(bad[0]), slurm.number(bad[1]))
    wait(lambda: only_one_waits(cluster), "others stay")
    wait(lambda: slurm.failures() == 2, "two failures are not seen")
    assert run.poll() is None
    cluster.command("scancel", slurm.number(bad[2]))
    code, text = slurm.end(run)
    assert code == 1
    assert text.split("3 jobs failed:")[1].count("SLURM status is: 'CANCELLED'") == 3
    assert slurm.done() == set(slurm.skims()) - set(bad)
    assert slurm.jobs(COUNTS)["skim"] == 3
    same(slurm, slurm_local)


def test_held_job_goes_on_when_it_is_released(
    slurm: SlurmCheckout, cluster: Cluster, slurm_local: SlurmCheckout
) -> None:
    held = slurm.skims()[0]
    slurm.trouble(hold=[held])
    run = slurm.start(*slurm.outputs(held))
    slurm.wait_until_started(run, 1)
    cluster.command("scontrol", "requeuehold", slurm.number(held))
    wait(lambda: only_one_waits(cluster), "it does not wait")
    cluster.command("scontrol", "release", slurm.number(held))
    # Slurm lets a job that was requeued wait two minutes.
    cluster.command("scontrol", "update", f"JobId={slurm.number(held)}", "StartTime=now")
    code, text = slurm.end(run)
    assert code == 0, text
    assert slurm.submitted() == 1
    same(slurm, slurm_local)


def test_more_memory_and_time_at_the_second_attempt(
    slurm: SlurmCheckout, cluster: Cluster, slurm_local: SlurmCheckout
) -> None:
    greedy, slow = slurm.skims()[:2]
    slurm.trouble(greedy=[greedy], hold=[slow])
    run = slurm.start(*slurm.outputs(greedy, slow))
    slurm.wait_until_started(run, 2)
    # Its 60 minutes, over within seconds.
    cluster.command("scontrol", "update", f"JobId={slurm.number(slow)}", "EndTime=now+1")
    code, text = slurm.end(run)
    assert code == 0, text
    jobs = slurm.ended()
    assert Counter(job.state for job in jobs if job.memory == "1500M") == {"TIMEOUT": 1, "FAILED": 1}
    assert [(job.state, job.minutes) for job in jobs if job.memory == "3000M"] == [("COMPLETED", "120")] * 2
    assert "exceeded memory limit" in text + slurm_logs(slurm)
    same(slurm, slurm_local)


def test_job_that_no_node_can_run(slurm: SlurmCheckout) -> None:
    (output,) = slurm.outputs(slurm.skims()[0])
    code, text = slurm.go("--set-resources", "skim:mem_mb=99999999", "--", output)
    assert code == 1
    assert "Memory specification can not be satisfied" in text
    assert slurm.queue() == []
    assert slurm.started() == {}


def only_one_waits(cluster: Cluster) -> bool:
    queue = cluster.queue()
    return len(queue) == 1 and cluster.queue("PENDING") == queue


def slurm_logs(checkout: SlurmCheckout) -> str:
    return "".join(path.read_text() for path in checkout.folder.glob(".snakemake/slurm_logs/**/*.log"))
