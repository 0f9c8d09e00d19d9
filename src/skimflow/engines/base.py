"""What skimflow asks of a batch system."""

from collections.abc import Sequence
from typing import Protocol


class Engine(Protocol):
    """A batch system, seen from the submit node."""

    name: str

    def prepare(self) -> None:
        """Mend what is wrong in Snakemake's plugin, in the process that submits and follows the jobs."""

    def jobs(self, folder: str) -> list[str]:
        """Ids of the jobs that Snakemake submitted from `folder` and that have not left the queue.

        Raises:
            EngineError: the batch system does not answer.
        """

    def remove(self, jobs: Sequence[str]) -> None:
        """Ask for the removal of jobs; they may take some seconds to go.

        Raises:
            EngineError: the batch system does not answer, or refuses.
        """
