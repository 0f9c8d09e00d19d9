"""How far the skims of a run are, in one line."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_ENOUGH = 10
"""Skims that must have ended before a time is foretold; fewer when fewer are at work."""


class Skim(NamedTuple):
    """A skim job: its dataset, the LFNs of its files, and their entries when all are locked."""

    dataset: str
    lfns: tuple[str, ...]
    entries: int | None

    @classmethod
    def of(cls, dataset: str, files: Sequence[tuple[str, int | None]]) -> "Skim":
        """From LFN and entries of each file."""
        entries = [number for _, number in files]
        total = None if None in entries else sum(number or 0 for number in entries)
        return cls(dataset, tuple(lfn for lfn, _ in files), total)

    def __str__(self) -> str:
        more = f" and {len(self.lfns) - 1} more" if len(self.lfns) > 1 else ""
        return f"{self.dataset}: {self.lfns[0]}{more}"


class Skims:
    """The skims of one run.

    Args:
        planned: those of this run, by the number of their job.
        before: how many others were done before it.
        local: whether a job that was started is at work; on a cluster it may wait in a queue.
        clock: seconds.
    """

    def __init__(
        self, planned: Mapping[int, Skim], before: int, local: bool, clock: Callable[[], float] = time.monotonic
    ):
        self.planned, self._before, self._clock = planned, before, clock
        self._at_work = "running" if local else "submitted or running"
        self._running: set[int] = set()
        self._failed: set[int] = set()
        self._done: set[int] = set()
        self._events = 0
        self._first = self._last = 0.0
        self._begun = self._stopped = False

    def started(self, job: int) -> None:
        """A skim was started or submitted, for the first time or again."""
        if not self._begun:
            self._begun, self._first = True, self._clock()
        self._failed.discard(job)
        self._running.add(job)

    def failed(self, job: int, events: int = 0) -> None:
        """A skim failed, or read only so many `events` and recorded that it could not read more."""
        self._running.discard(job)
        self._failed.add(job)
        self._events += events
        self._last = self._clock()

    def finished(self, job: int, events: int | None) -> None:
        """A skim is done; `events` that it read, None if it did not say."""
        self._running.discard(job)
        self._failed.discard(job)
        self._done.add(job)
        self._events += (self.planned[job].entries or 0) if events is None else events
        self._last = self._clock()

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many are done, at work, and failed (unless they are tried again)."""
        return len(self._done), len(self._running), len(self._failed)

    def stop(self) -> None:
        """The run has ended: what is not done is not at work either."""
        self._running.clear()
        self._stopped = True

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self._stopped or not self.undone

    @property
    def undone(self) -> int:
        """How many are neither done nor failed."""
        return len(self.planned) - len(self._done) - len(self._failed)

    def line(self) -> str:
        """Done, at work, failed; events and their rate since the first skim began; the time left when it is known."""
        now = self._last if self.over else self._clock()
        done, running, failed = self.counts
        jobs = [f"{done} of {len(self.planned)} done"]
        jobs += [f"{count} {what}" for count, what in ((running, self._at_work), (failed, "failed")) if count]
        parts = [", ".join(jobs) + (f" ({self._before} were done before)" if self._before else "")]
        if self._events:
            took = now - self._first
            rate = f", {number(self._events / took)}/s" if took > 0 else ""
            parts.append(f"{number(self._events)} events{rate}")
        left = self._left(now)
        if left is not None:
            parts.append(f"{duration(left)} left")
        return "skims: " + "; ".join(parts)

    def _left(self, now: float) -> float | None:
        """Seconds until the last skim is done, if they go on as up to the last one that ended.

        None while too few have ended: those at work, of which nothing is known yet, would make it far too long.
        """
        done, undone = self._work()
        if self.over or not done or len(self._done) < min(len(self._running), _ENOUGH):
            return None
        left = (self._last - self._first) / done * undone - (now - self._last)
        return left if left > 0 else (now - self._first) / done * undone

    def _work(self) -> tuple[float, float]:
        """What is done and what is to do: entries where all are known, jobs otherwise."""
        sizes = {job: skim.entries for job, skim in self.planned.items()}
        if None in sizes.values():
            sizes = dict.fromkeys(sizes, 1)
        done = sum(size or 0 for job, size in sizes.items() if job in self._done)
        failed = sum(size or 0 for job, size in sizes.items() if job in self._failed)
        return done, sum(size or 0 for size in sizes.values()) - done - failed


def number(value: float) -> str:
    """Three digits: `940`, `21.5 k`, `15.9 M`.

    >>> number(15_900_000)
    '15.9 M'
    """
    for unit in ("", " k", " M"):
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G" if value < 999.5 else f"{value:.0f} G"


def duration(seconds: float) -> str:
    """How long, in the unit in which a person would say it."""
    for below, unit, name in ((90 * 60, 60, "min"), (36 * 3600, 3600, "h")):
        if seconds < below:
            return f"about {seconds / unit:.0f} {name}" if seconds >= 60 else "less than a minute"
    return f"about {seconds / 86400:.0f} d"
