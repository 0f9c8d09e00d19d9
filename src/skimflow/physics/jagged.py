"""Lists of numbers, one a event, as flat arrays."""

from typing import NamedTuple

import numpy as np


class Jagged(NamedTuple):
    """How many values each event has, shape (events,), and the values of all, one after the other."""

    counts: np.ndarray
    values: np.ndarray

    def at(self, index: np.ndarray) -> "Jagged":
        """The lists of these events: a mask, shape (events,), or places."""
        places = np.flatnonzero(index) if index.dtype == bool else index
        every = self.counts.astype(np.int64)  # unsigned in files, and numpy adds those to signed ones as floats
        counts, starts = every[places], (np.cumsum(every) - every)[places]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return Jagged(counts, self.values[np.repeat(starts, counts) + within])


def event_of(counts: np.ndarray) -> np.ndarray:
    """The event of each value, shape (Σ counts,), from how many values each event has, shape (events,)."""
    return np.repeat(np.arange(len(counts)), counts)
