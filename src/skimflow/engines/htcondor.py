"""HTCondor, through the Python client that comes with the extra `condor`."""

import os
from collections.abc import Sequence

from skimflow.errors import EngineError

_EVENT_LOG = "/snakemake-rules.log"
"""Name of the event log that Snakemake's plugin gives to all its jobs: others of the same folder are not touched."""


class HTCondor:
    """The schedd of this machine."""

    name = "HTCondor"

    def jobs(self, folder: str) -> list[str]:
        client = _client()
        try:
            found = client.Schedd().query(projection=["ClusterId", "ProcId", "Iwd", "UserLog", "JobStatus"])
        except client.HTCondorException as error:
            raise EngineError(f"HTCondor does not answer: {error}") from error
        here = os.path.realpath(folder)
        return [f"{ad['ClusterId']}.{ad['ProcId']}" for ad in found if _ours(ad, here) and not _completed(ad)]

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


def _ours(ad, folder: str) -> bool:
    return os.path.realpath(ad["Iwd"]) == folder and str(ad.get("UserLog", "")).endswith(_EVENT_LOG)


def _completed(ad) -> bool:
    """Ended by itself, and waiting to leave the queue."""
    return ad["JobStatus"] == 4
