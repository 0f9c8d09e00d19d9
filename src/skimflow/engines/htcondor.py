"""HTCondor, through the Python client that comes with the extra `condor`."""

import os
from collections.abc import Sequence

from skimflow.engines import htcondor_plugin
from skimflow.errors import EngineError

_EVENT_LOG = "/snakemake-rules.log"
"""Name of the event log that Snakemake's plugin gives to all its jobs: others of the same folder are not touched."""

_COMPLETED = 4
"""Ended by itself, and waiting to leave the queue."""


class HTCondor:
    """The schedd of this machine."""

    name = "HTCondor"

    def prepare(self) -> None:
        htcondor_plugin.mend()

    def jobs(self, folder: str) -> list[str]:
        client = _client()
        # The schedd chooses: it may hold ten thousand jobs of other people.
        wanted = f"Iwd == {_quoted(os.path.realpath(folder))} && JobStatus != {_COMPLETED}"
        try:
            found = client.Schedd().query(constraint=wanted, projection=["ClusterId", "ProcId", "UserLog"])
        except client.HTCondorException as error:
            raise EngineError(f"HTCondor does not answer: {error}") from error
        return [f"{ad['ClusterId']}.{ad['ProcId']}" for ad in found if str(ad.get("UserLog", "")).endswith(_EVENT_LOG)]

    def remove(self, jobs: Sequence[str]) -> None:
        client = _client()
        try:
            client.Schedd().act(client.JobAction.Remove, list(jobs))
        except client.HTCondorException as error:
            raise EngineError(f"HTCondor did not remove {', '.join(jobs)}: {error}") from error


def _client():
    try:
        import htcondor2
    except ImportError as error:
        raise EngineError("HTCondor's Python client is not installed (make condor)") from error
    return htcondor2


def _quoted(text: str) -> str:
    """A string of HTCondor's expression language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
