"""Runs of the small measurement on a Slurm cluster."""

import signal
from pathlib import Path

from tests.engines.cluster import ClusterCheckout, wait
from tests.engines.slurm import Cluster, Ended

QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10", "--local-cores", "2")
"""What is not as in profiles/slurm. Nothing else, so that the profile is what is tested."""


class SlurmCheckout(ClusterCheckout):
    """A checkout whose runs go to a Slurm cluster; see `ClusterCheckout`."""

    def __init__(self, folder: Path, cluster: Cluster, template: "SlurmCheckout | None" = None):
        self.cluster = cluster
        super().__init__(folder, ("--profile", "slurm", *QUICK), cluster.environment, template)
        if template is None:
            (folder / "slurm").symlink_to("profiles/slurm")

    def submitted(self) -> int:
        return len({job.number for job in self.ended()} | set(self.queue()))

    def queue(self) -> list[str]:
        return self.cluster.queue(folder=self.folder)

    def stop_scheduler(self) -> None:
        """It saves its state: killed within seconds of a job's start, it would forget the start and drain the node."""
        self.cluster.signal("slurmctld", signal.SIGTERM)

    def restart_scheduler(self) -> None:
        self.cluster.start_daemon("slurmctld")
        wait(lambda: self.cluster.node() in ("idle", "mixed", "allocated"), "the node does not come back")

    def ended(self) -> list[Ended]:
        """This folder's jobs that have left the queue."""
        return self.cluster.ended(self.folder)
