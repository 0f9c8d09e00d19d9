"""Following a run by the events that Snakemake logs. They are known by the attributes of their records.

A job's life: `job_info` when it is started or submitted, then `job_finished` or `job_error`; after an error that is
tried again comes another `job_info`.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from skimflow import logs
from skimflow.progress import failures
from skimflow.progress.failures import Failure
from skimflow.progress.skims import Skims

_INTERVAL = 30.0
"""Seconds between two lines; SKIMFLOW_PROGRESS says otherwise, and 0 means none."""
_NO_OUTPUTS = re.compile(r"Job (\d+)\s+completed successfully, but some output files are missing")
_CONDOR_OUTPUT = ".snakemake/htcondor/{rule}/{rule}-{job}_{cluster}.err"
"""Where HTCondor's plugin keeps what a job wrote to the terminal, with the folder of the profiles."""


class _Job(NamedTuple):
    """A job that was started: what to call it, its log, and the state of that log then."""

    what: str
    log: str
    before: tuple[int, int] | None


class Follower(logging.Handler):
    """Hears the events of a run, tells of its progress, and knows at the end what failed.

    Args:
        skims: the skims of the run.
        say: how a line is shown.
        table: path of the whole table of failures.
    """

    def __init__(self, skims: Skims, say: Callable[[str], Any], table: str):
        super().__init__()
        self._skims, self._say, self._table = skims, say, table
        self._jobs: dict[int, _Job] = {}
        self._failures: dict[int, Failure] = {}
        self._said: dict[int | None, str] = {}
        self._shown = (0, 0, 0)
        self._interval = float(os.environ.get("SKIMFLOW_PROGRESS", _INTERVAL))
        self._over = threading.Event()

    def start(self, logger: logging.Logger) -> None:
        """Listen, and show a line from time to time. The table of an earlier run goes."""
        failures.write([], self._table)
        logger.addHandler(self)
        if self._interval:
            threading.Thread(target=self._tell, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event; a mistake in here must not end the run."""
        hear = getattr(self, f"_hear_{getattr(record, 'event', None)}", None)
        if hear is None:
            return
        try:
            hear(record)
        except Exception:
            self.handleError(record)

    def end(self, logger: logging.Logger, finished: Iterable[int], failed: Iterable[int]) -> str:
        """Stop listening, show the last line, write the table.

        Args:
            logger: as for `start`.
            finished, failed: jobs, as Snakemake counts them; some end without an event (`--quiet progress`).

        Returns:
            What to show; empty when all went well.
        """
        self._over.set()
        logger.removeHandler(self)
        for job in finished:
            self._finished(job)
        for job in failed:
            if job not in self._failures:
                self._failed(job, "", [])
        self._skims.stop()
        self.show()
        rows = list(self._failures.values())
        failures.write(rows, self._table)
        return failures.table(rows, self._skims.undone, self._table)

    def show(self) -> None:
        """Show a line, if anything changed since the last one."""
        with self.lock:
            if self._interval and self._skims.counts != self._shown:
                self._shown = self._skims.counts
                self._say(self._skims.line())

    def _tell(self) -> None:
        while not self._over.wait(self._interval):
            self.show()

    def _hear_job_info(self, record: Any) -> None:
        log = next(iter(record.log), "")
        if record.jobid in self._skims.planned:
            what = str(self._skims.planned[record.jobid])
            self._skims.started(record.jobid)
        else:
            what = " ".join([record.rule_name, *map(str, record.wildcards.values())])
        self._failures.pop(record.jobid, None)
        self._jobs[record.jobid] = _Job(what, log, _state(log))

    def _hear_error(self, record: Any) -> None:
        """An exception; that of a job on this machine is followed by its `job_error` in the same thread."""
        lost = _NO_OUTPUTS.search(record.getMessage())
        if lost:
            self._failed(int(lost[1]), record.getMessage(), [])
        else:
            self._said[record.thread] = record.getMessage()

    def _hear_job_error(self, record: Any) -> None:
        exception = self._said.pop(record.thread, "")
        cluster = record.aux.get("external_jobid")
        outputs = [*map(str, filter(None, record.log))]
        outputs.append(_CONDOR_OUTPUT.format(rule=record.rule_name, job=record.jobid, cluster=cluster))
        self._failed(record.jobid, record.rule_msg or exception, outputs)

    def _hear_job_finished(self, record: Any) -> None:
        self._finished(record.job_id)
        if record.job_id in self._skims.planned and self._skims.over:
            self.show()

    def _finished(self, job: int) -> None:
        if job not in self._jobs:
            return
        known = self._jobs.pop(job)
        self._failures.pop(job, None)
        if job not in self._skims.planned:
            return
        told = logs.told(known.log)
        if told and told.errors:
            self._skims.failed(job, told.events or 0)
            self._failures[job] = Failure(known.what, "; ".join(told.errors), known.log, recorded=True)
        else:
            self._skims.finished(job, told.events if told else None)

    def _failed(self, job: int, said: str, outputs: list[str]) -> None:
        """Note why a job failed. A log that has not changed since the job was started is of an earlier one."""
        if job not in self._jobs:
            return
        known = self._jobs[job]
        own = known.log if _state(known.log) not in (None, known.before) else None
        others = [path for path in outputs if path != known.log and Path(path).exists()]
        told = logs.told(own) if own else None
        log = own or next(iter(others), f"none (it would be {known.log})")
        self._failures[job] = Failure(known.what, failures.reason(told, said), log)
        if job in self._skims.planned:
            self._skims.failed(job)


def _state(log: str) -> tuple[int, int] | None:
    """What changes when a log is written; None if there is none. Opened, because NFS may know an old state."""
    try:
        with open(log, "rb") as file:
            found = os.fstat(file.fileno())
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
