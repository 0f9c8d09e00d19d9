"""Runs of the small measurement on an HTCondor pool."""

import re
import signal
from pathlib import Path

from tests.engines.cluster import ClusterCheckout, wait
from tests.engines.condor import Pool

QUICK = ("--seconds-between-status-checks", "1", "--latency-wait", "10")
"""What is not as in profiles/condor. Nothing else, so that the profile is what is tested."""
HELD, REMOVED = 3, 20
"""Seconds instead of the profile's, after which a held job counts as failed, and leaves the queue."""


class CondorCheckout(ClusterCheckout):
    """A checkout whose runs go to a pool; see `ClusterCheckout`."""

    def __init__(self, folder: Path, pool: Pool, template: "CondorCheckout | None" = None, profile: str = "condor"):
        self.pool = pool
        super().__init__(folder, ("--profile", profile, *QUICK), pool.environment, template)
        if template is None:
            (folder / "condor").symlink_to("profiles/condor")
            self.edit("profiles/condor/config.yaml", hurried)

    def submitted(self) -> int:
        return len(self.attributes("ClusterId"))

    def queue(self) -> list[str]:
        return [row[0] for row in self.pool.queue("ClusterId", where=f'Iwd == "{self.folder.resolve()}"')]

    def stop_scheduler(self) -> None:
        # The master would start a killed one again; what waits for an answer waits for ever now.
        self.pool.signal(signal.SIGSTOP, "schedd")

    def restart_scheduler(self) -> None:
        self.pool.signal(signal.SIGKILL, "schedd")
        wait(self.pool.answers, "the schedd does not come back")

    def attributes(self, *names: str) -> list[list[str]]:
        """Of all jobs that were ever submitted from here, in that order."""
        return self.pool.submitted(self.folder, *names)


def hurried(profile: str) -> str:
    """A profile in which held jobs are given up within seconds."""
    profile, found = re.subn(r"(?m)^(htcondor-held-timeout:) \d+", rf"\1 {HELD}", profile)
    profile, also = re.subn(r"(EnteredCurrentStatus >) \d+", rf"\1 {REMOVED}", profile)
    assert found == also == 1
    return profile
