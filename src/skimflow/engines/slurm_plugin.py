"""Three faults of snakemake-executor-plugin-slurm 2.8, mended in the process that follows the jobs.

- While slurmctld is away the plugin cannot read MinJobAge, takes it for too short, and asks sacct until the end of the
  outage and after it. Without an accounting database sacct never answers, and the run hangs.
- squeue does not list a job that Slurm has lost (a controller that came back from an older state) or has forgotten
  (a submit node that slept longer than MinJobAge): the plugin waits for it for ever.
- It looks less and less often while nothing ends, in the end every three minutes.

With `slurm-status-attempts` as large as in profiles/slurm it asks until it has an answer, and keeps its jobs meanwhile.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

_MISSING = 3
"""Answers in a row without a job, after which it is taken for lost."""
_SLOWEST = 60
"""Seconds between two looks, at most."""


def mend() -> None:
    """Change the plugin, once in a process."""
    import snakemake_executor_plugin_slurm as plugin

    answers = Answers()
    plugin.get_min_job_age = remembered(plugin.get_min_job_age)
    plugin.query_job_status = answers.listen(plugin.query_job_status)
    plugin.Executor.check_active_jobs = without_lost(plugin.Executor.check_active_jobs, answers)


def remembered(function: Callable[[], int | None]) -> Callable[[], int | None]:
    """The same function, whose first answer that is not None is the answer from then on."""
    known: list[int] = []

    @functools.wraps(function)
    def ask() -> int | None:
        if not known and (answer := function()) is not None:
            known.append(answer)
        return known[0] if known else None

    return ask


class Answers:
    """Which jobs squeue has left out, and how often in a row."""

    def __init__(self) -> None:
        self._listed: set[str] | None = None
        self._left_out: dict[str, int] = {}

    def listen(self, query: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The same query, whose answers are noted."""

        @functools.wraps(query)
        async def ask(command: str, *arguments: Any) -> Any:
            answer = await query(command, *arguments)
            # sacct may hear of a job late, so its silence means nothing.
            if command.startswith("squeue") and answer[0] is not None:
                self._listed = set(answer[0])
            return answer

        return ask

    def lost(self, jobs: Iterable[str]) -> set[str]:
        """Those that were missing several times in a row. To be called once after each answer."""
        if self._listed is None:
            return set()
        # A pending task of an array has no line of its own.
        missing = {job for job in jobs if job not in self._listed and "_" not in job}
        self._left_out = {job: self._left_out.get(job, 0) + 1 for job in missing}
        self._listed = None
        return {job for job, times in self._left_out.items() if times >= _MISSING}


def without_lost(check: Callable[..., AsyncIterator[Any]], answers: Answers) -> Callable[..., AsyncIterator[Any]]:
    """The plugin's generator of jobs that are not at an end, without those that Slurm does not know any more."""

    @functools.wraps(check)
    async def jobs(self: Any, active: list[Any]) -> AsyncIterator[Any]:
        waiting = [job async for job in check(self, active)]
        lost = answers.lost(job.external_jobid for job in waiting)
        for job in waiting:
            if job.external_jobid in lost:
                self.report_job_error(job, msg=f"Slurm does not know its job {job.external_jobid} any more. ")
            else:
                yield job
        self.next_seconds_between_status_checks = min(self.next_seconds_between_status_checks, _SLOWEST)

    return jobs
