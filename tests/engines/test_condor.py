"""What only HTCondor has: jobs that are removed, held and released; memory and time as its plugin reads them."""

import sys

import pytest

from tests.engines.cluster import COUNTS, JOBS, same, wait
from tests.engines.condor import Pool
from tests.engines.condor_runs import QUICK, CondorCheckout, hurried

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("condor")]
COMPLETED, REMOVED = "4", "3"
HIDE = """unshare --user --map-root-user --mount sh -c 'mount -t tmpfs none "$0" && exec "$@"'"""
"""Words before a folder and a command that does not see it."""


def test_a_job_asks_for_what_its_rule_and_the_profile_say(condor_finished: CondorCheckout) -> None:
    asked = ("RequestMemory", "RequestDisk", "RequestCpus", "JobMaxVacateTime", "JobLeaseDuration")
    jobs = condor_finished.attributes("JobStatus", *asked)
    assert jobs == [[COMPLETED, "1500", str(1000 * 1024), "1", "5", "300"]] * (JOBS + 1)


def test_removed_and_held_jobs_are_left_to_do(condor: CondorCheckout, pool: Pool, condor_local: CondorCheckout) -> None:
    """Two are removed and one is held by an operator; the held one leaves the queue, so that it can never run twice."""
    bad = condor.skims()[:3]
    condor.trouble(hold=bad)
    run = condor.start("--retries", "0", COUNTS)
    condor.wait_until_started(run, JOBS)
    pool.command("condor_hold", condor.number(bad[2]))
    pool.command("condor_rm", condor.number(bad[0]), condor.number(bad[1]))
    code, text = condor.end(run)
    assert code == 1
    told = text.split("3 jobs failed:")[1]
    assert told.count("was removed/aborted") == 2, text
    assert "Hold reason: via condor_hold" in " ".join(told.split())
    assert condor.done() == set(condor.skims()) - set(bad)
    wait(lambda: condor.queue() == [], "the held job stays in the queue")
    assert condor.jobs(COUNTS)["skim"] == 3
    same(condor, condor_local)


def test_held_job_goes_on_when_it_is_released(condor: CondorCheckout, pool: Pool, condor_local: CondorCheckout) -> None:
    held = condor.skims()[0]
    condor.trouble(hold=[held])
    run = condor.start("--htcondor-held-timeout", "300", *condor.outputs(held))
    condor.wait_until_started(run, 1)
    pool.command("condor_hold", condor.number(held))
    wait(lambda: "is held: via condor_hold" in condor.log(), "the run does not tell of the held job")
    pool.command("condor_release", condor.number(held))
    code, text = condor.end(run)
    assert code == 0, text
    assert condor.submitted() == 1
    same(condor, condor_local)


def test_more_memory_and_time_at_the_second_attempt(condor: CondorCheckout, condor_local: CondorCheckout) -> None:
    greedy, slow = condor.skims()[:2]
    condor.trouble(greedy=[greedy], hold=[slow])
    seconds = "skim:allowed_job_duration=30*attempt"
    code, text = condor.go("--set-resources", seconds, "--", *condor.outputs(greedy, slow))
    assert code == 0, text
    assert "MB used, 1500 MB requested" in text
    assert "exceeded allowed job duration" in text
    jobs = condor.attributes("JobStatus", "RequestMemory", "AllowedJobDuration")
    assert jobs == [[REMOVED, "1500", "30"]] * 2 + [[COMPLETED, "3000", "60"]] * 2
    same(condor, condor_local)


def test_without_a_shared_file_system(condor: CondorCheckout, condor_local: CondorCheckout) -> None:
    """The folder of the run is hidden from the jobs; HTCondor sends what they need and brings what they made."""
    hidden = condor.folder.resolve()
    condor.harmless()
    condor.edit("profiles/condor-transfer/config.yaml", hurried)
    condor.edit("envs/on_worker.sh", lambda text: text.replace("exec ", f"exec {HIDE} {hidden} "))
    condor.profile = ("--profile", "profiles/condor-transfer", *QUICK)
    condor.variables["SKIMFLOW_PYTHON"] = sys.executable
    good, bad = chosen = condor.skims()[-2:]
    condor.damage(bad)
    code, text = condor.go("--retries", "0", *condor.outputs(*chosen))
    assert code == 1
    assert "    reason  is truncated" in text.split("1 job failed:")[1]
    assert condor.done() == {good}
    condor.mend(bad)
    condor.go_well(*condor.outputs(*chosen))
    assert condor.submitted() == 3
    same(condor, condor_local)
