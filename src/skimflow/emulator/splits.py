"""Who is trained on and who is tested: folds of events, of luminosity sections, and blocks in time.

No event is in two folds, and so no pair of an event is trained on while another one is tested.

- `event`: which fold an event is in is a hash of its identity. New files change no fold of the events that were there,
  and an event that is there twice is in one fold.
- `lumi`: whole luminosity sections, of which each fold gets about as many events. Pileup, prescales and detector
  conditions are those of a section, so a model cannot have seen them.
- `time`: blocks in the order of (run, section), cut between sections. A block is tested by the model of all blocks
  before it, as a trigger that is being prepared would be. The first block is never tested.
"""

import heapq

import numpy as np

from skimflow.errors import ConfigError, InputError

Array = np.ndarray
EVENT, LUMI, TIME = "event", "lumi", "time"
SPLITS = (EVENT, LUMI, TIME)


def folds(run: Array, lumi: Array, event: Array, split: str, number: int, seed: int) -> Array:
    """Fold of each event, shape (events,), from 0; for `time` the block, of number + 1.

    Raises:
        ConfigError: there is no such split, or it has fewer than two folds (one, for `time`).
        InputError: there are fewer luminosity sections than folds.
    """
    if split not in SPLITS:
        raise ConfigError(f"splits: {split} is none of {', '.join(SPLITS)}")
    if number < (1 if split == TIME else 2):
        raise ConfigError(f"splits.{split}: {number} folds are too few")
    if split == EVENT:
        return (_hash(run, lumi, event, seed) % np.uint64(number)).astype(np.int16)
    keys = (run.astype(np.int64) << 32) | lumi.astype(np.int64)
    _, section, size = np.unique(keys, return_inverse=True, return_counts=True)
    parts = number + (split == TIME)
    if len(size) < parts:
        raise InputError("too_few_sections", f"splits.{split}: {len(size)} luminosity sections, but {parts} parts")
    return (_blocks(size, parts) if split == TIME else _balanced(size, parts))[section].astype(np.int16)


def tested(split: str, number: int) -> list[int]:
    """The folds that are tested."""
    return list(range(1, number + 1)) if split == TIME else list(range(number))


def masks(fold: Array, split: str, test: int) -> tuple[Array, Array]:
    """Who is trained on and who is tested in a fold, shape (events,)."""
    return (fold < test if split == TIME else fold != test), fold == test


def _hash(run: Array, lumi: Array, event: Array, seed: int) -> Array:
    """64 well-mixed bits of each identity: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), thrice."""
    state = np.full(len(run), seed, np.uint64)
    for part in (run, lumi, event):
        state = _mixed(state + part.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return state


def _mixed(z: Array) -> Array:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _balanced(size: Array, parts: int) -> Array:
    """Part of each section: the largest first, each to the part that has the fewest events."""
    part, heap = np.zeros(len(size), np.int64), [(0, index) for index in range(parts)]
    for section in np.argsort(-size, kind="stable").tolist():
        held, index = heapq.heappop(heap)
        part[section] = index
        heapq.heappush(heap, (held + int(size[section]), index))
    return part


def _blocks(size: Array, parts: int) -> Array:
    """Block of each section, in order: about as many events in each, and at least one section."""
    middle = np.cumsum(size) - size / 2
    wanted = np.minimum((middle * parts / size.sum()).astype(np.int64), parts - 1)
    block, current = np.zeros(len(size), np.int64), -1
    for section in range(len(size)):
        # No block is passed over because of a large section, and sections are left for the blocks to come.
        least = parts - len(size) + section
        block[section] = current = min(max(int(wanted[section]), least), current + 1)
    return block
