"""`snakemake --profile condor` and `slurm` on real daemons: the same bytes as locally, and only what failed again."""

import os
import signal
from collections.abc import Sequence

import pytest

from tests.engines.cluster import COUNTS, JOBS, ClusterCheckout, same, wait
from tests.engines.conftest import PROXY

pytestmark = pytest.mark.engine


def test_same_bytes_as_locally(finished: ClusterCheckout, local: ClusterCheckout) -> None:
    expected = local.final_files()
    assert finished.final_files() == expected
    assert len(expected) > 30


def test_the_short_rules_stay_on_the_submit_node(finished: ClusterCheckout) -> None:
    """One job for each skim, and for the toy file that was missing."""
    assert finished.submitted() == JOBS + 1
    assert len(finished.started()) == JOBS


def test_proxy_and_token_reach_the_jobs(finished: ClusterCheckout) -> None:
    seen = [{name: environment.get(name) for name in PROXY} for environment in finished.environments()]
    assert seen == [PROXY] * JOBS


def test_damaged_files_fail_and_only_they_run_again(checkout: ClusterCheckout, local: ClusterCheckout) -> None:
    bad = checkout.skims()[:3]
    for skim in bad:
        checkout.damage(skim)
    code, text = checkout.go("--retries", "0", COUNTS)
    assert code == 1
    assert checkout.failures() == 3, text
    told = text.split("3 jobs failed:")[1]
    assert all(f"{checkout.toy(skim).relative_to(checkout.folder)}\n    reason  is truncated" in told for skim in bad)
    assert checkout.done() == set(checkout.skims()) - set(bad)
    assert checkout.submitted() == JOBS
    for skim in bad:
        checkout.mend(skim)
    assert checkout.jobs(COUNTS)["skim"] == 3
    checkout.go_well(COUNTS)
    assert checkout.submitted() == JOBS + 3
    assert (checkout.folder / COUNTS).exists()
    same(checkout, local)


@pytest.fixture
def two(checkout: ClusterCheckout) -> Sequence[str]:
    """Two skims that hold when they are at work, at their first attempt."""
    chosen = checkout.skims()[:2]
    checkout.trouble(hold=chosen)
    return chosen


def test_sigterm_lets_running_jobs_end(checkout: ClusterCheckout, local: ClusterCheckout, two: Sequence[str]) -> None:
    run = checkout.start("--jobs", "1", *checkout.outputs(*two))
    checkout.wait_until_started(run, 1)
    run.send_signal(signal.SIGTERM)
    wait(lambda: "Will exit after finishing currently running jobs" in checkout.log(), "no drain")
    checkout.trouble()
    assert checkout.end(run)[0] != 0
    assert len(checkout.done()) == checkout.submitted() == 1
    checkout.go_well(*checkout.outputs(*two))
    assert checkout.submitted() == 2
    same(checkout, local)


def test_ctrl_c_removes_the_jobs(checkout: ClusterCheckout, two: Sequence[str]) -> None:
    run = checkout.start(*checkout.outputs(*two))
    checkout.wait_until_started(run, 2)
    run.send_signal(signal.SIGINT)
    code, text = checkout.end(run)
    assert code != 0
    assert "make resume" not in text
    assert checkout.queue() == []
    assert checkout.done() == set()


def test_killed_and_resumed(checkout: ClusterCheckout, local: ClusterCheckout, two: Sequence[str]) -> None:
    """SIGKILL while jobs run: the same command refuses and says what helps; that one command removes the orphans."""
    run = checkout.start(*checkout.outputs(*two))
    checkout.wait_until_started(run, 2)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    orphans = set(checkout.queue())
    assert len(orphans) == 2
    code, text = checkout.go(*checkout.outputs(*two))
    assert code != 0
    assert "was killed, and its jobs may still be at work on" in text
    assert "make resume" in text
    assert set(checkout.queue()) == orphans
    text = checkout.resume()
    assert all(number in text for number in orphans), text
    assert checkout.submitted() == 4
    assert checkout.done() == set(two)
    same(checkout, local)


def test_scheduler_away_for_a_while(checkout: ClusterCheckout, local: ClusterCheckout, two: Sequence[str]) -> None:
    """Jobs go on; the run finds them again when the scheduler is back, and none runs twice."""
    run = checkout.start(*checkout.outputs(*two))
    checkout.wait_until_started(run, 2)
    checkout.stop_scheduler()
    checkout.trouble()
    wait(lambda: checkout.done() == set(two), "the jobs do not go on")
    checkout.restart_scheduler()
    code, text = checkout.end(run)
    assert code == 0, text
    assert checkout.submitted() == 2
    same(checkout, local)


def test_scheduler_gone_for_good(
    checkout: ClusterCheckout, local: ClusterCheckout, two: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with a message instead of waiting for ever, and can be repeated."""
    monkeypatch.setenv("SKIMFLOW_PATIENCE", "8")
    run = checkout.start(*checkout.outputs(*two))
    checkout.wait_until_started(run, 2)
    checkout.stop_scheduler()
    try:
        code, text = checkout.end(run)
    finally:
        checkout.restart_scheduler()
    assert code != 0
    assert "does not answer" in text
    assert "was away for 8 s, so this run ends here" in text
    assert "make resume" in text
    checkout.resume()
    assert checkout.done() == set(two)
    same(checkout, local)
