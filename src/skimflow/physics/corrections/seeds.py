"""Random numbers that belong to an object, not to a job: the same event is smeared alike wherever it is read.

A number is a hash of (stream, run, luminosity block, event, index of the object). There is no state, so neither the
order of events nor how they are cut into files and chunks matters.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skimflow.physics.corrections.normal import quantile

Array = np.ndarray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFT = (np.uint64(30), np.uint64(27), np.uint64(31))


class Identity(NamedTuple):
    """Which events: run, luminosity block and event number, shape (n,) each."""

    run: Array
    section: Array
    event: Array

    @classmethod
    def of(cls, columns: Mapping[str, Array]) -> "Identity":
        """From the NanoAOD branches `run`, `luminosityBlock` and `event`."""
        return cls(columns["run"], columns["luminosityBlock"], columns["event"])

    def at(self, place: Array) -> "Identity":
        """Of the events at these places, such as the event of each object."""
        return Identity(self.run[place], self.section[place], self.event[place])


def bits(stream: str, identity: Identity, index: Array | int = 0) -> Array:
    """64 random bits for each object, shape (n,), uint64.

    Each word is added to the state and mixed with the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014), whose
    every output bit depends on every input bit.

    Args:
        stream: name of the use, such as `jer`; different names give independent numbers.
        identity: run, luminosity block and event of each object, shape (n,).
        index: index of the object in its event, shape (n,), or the same for all.
    """
    state = np.uint64(int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little"))
    for word in (*identity, index):
        state = _mixed((state ^ np.asarray(word).astype(np.uint64, casting="unsafe")) + _GAMMA)
    return state


def uniform(stream: str, identity: Identity, index: Array | int = 0) -> Array:
    """Uniform numbers in (0, 1), both ends excluded, shape (n,); see `bits` for the arguments."""
    return ((bits(stream, identity, index) >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52


def normal(stream: str, identity: Identity, index: Array | int = 0) -> Array:
    """Numbers of the standard normal distribution, shape (n,): its quantile at `uniform`."""
    return quantile(uniform(stream, identity, index))


def integers(stream: str, identity: Identity, first: int, last: int) -> Array:
    """Whole numbers from `first` to `last`, both inclusive and equally likely, shape (n,)."""
    return first + np.floor(uniform(stream, identity) * (last - first + 1)).astype(np.int64)


def index_in_event(counts: Array) -> Array:
    """Index of each object in its event, shape (Σ counts,), from the objects of each event, shape (events,)."""
    counts = np.asarray(counts, np.int64)
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _mixed(state: Array) -> Array:
    with np.errstate(over="ignore"):  # arithmetic modulo 2⁶⁴ is meant
        state = (state ^ (state >> _SHIFT[0])) * _MULTIPLY[0]
        state = (state ^ (state >> _SHIFT[1])) * _MULTIPLY[1]
    return state ^ (state >> _SHIFT[2])
