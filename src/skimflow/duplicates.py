"""Events and files that occur more than once: what would be counted double."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.errors import InputError

_COLUMNS = ["run", "luminosityBlock", "event"]
_PAIR = "pair"
_SHOWN = 10
# Bytes for each event of a pass: 27 in the partition, 24 for its order, the sort's workspace and a column being sorted,
# and a share of what was read last.
_EVENT_BYTES = 64
_PIECES = 8
_LARGEST_PIECE = 1 << 16


def find_duplicates(files: Mapping[str, Sequence[Path]], budget: int = 256 * 2**20) -> dict[str, Any]:
    """Events that occur more than once within a sample, in several of its files or in one.

    The files are read several times, and each pass looks only at the events whose hash falls into its partition, so
    that the arrays stay within the budget however many events there are. (What pyarrow unpacks of one row group, three
    columns, comes on top.)

    Args:
        files: Parquet files of selected events by sample, those of all its datasets. A file that is given twice has
            each of its events twice. Files of pairs of tag and probe have a column `pair`, the number within the
            event; those beyond the first are left out.
        budget: bytes that the arrays of a pass may take.

    Returns:
        `events`: number looked at; `duplicates`: number of surplus events; `samples`: the same for each sample;
        `examples`: the first 10 events that occur more than once, by sample, run, luminosity section and event, each
        with the different `files` that hold it. The order of the files given plays no role.

    Raises:
        InputError: a file cannot be read, or lacks a column.
        ValueError: the budget does not hold one event.
    """
    capacity = budget // _EVENT_BYTES
    if capacity < 1:
        raise ValueError(f"a budget of {budget} bytes does not hold one event ({_EVENT_BYTES} bytes)")
    samples, examples = {}, []
    for sample, paths in sorted(files.items()):
        events = sum(_footer_rows(path) for path in paths)
        surplus, first = _repeated(paths, events, capacity)
        samples[sample] = {"events": events, "duplicates": surplus}
        first = first[: _SHOWN - len(examples)]
        examples += [
            _example(sample, key, where) for key, where in zip(first, _where(paths, first, capacity), strict=True)
        ]
    totals = {what: sum(found[what] for found in samples.values()) for what in ("events", "duplicates")}
    return {**totals, "examples": examples, "samples": samples}


def duplicate_inputs(stamps: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each LFN, and for each ROOT UUID of different LFNs, that was read more than once.

    Args:
        stamps: provenance of counts or events; their `inputs` have `lfn` and `uuid` (None for a file that failed,
            which counts nothing and is left out).
    """
    times: dict[str, int] = defaultdict(int)
    names: dict[str, set[str]] = defaultdict(set)
    for read in (read for stamp in stamps for read in stamp["inputs"] if read["uuid"] is not None):
        times[read["lfn"]] += 1
        names[read["uuid"]].add(read["lfn"])
    again = [f"{lfn} was read {number} times" for lfn, number in sorted(times.items()) if number > 1]
    same = sorted((sorted(lfns), uuid) for uuid, lfns in names.items() if len(lfns) > 1)
    return again + [f"{' and '.join(lfns)} are one file (ROOT UUID {uuid})" for lfns, uuid in same]


class _Keys(NamedTuple):
    """Identities of n events, each array of shape (n,), uint64."""

    section: np.ndarray  # run << 32 | luminosityBlock: sorted like the pair
    event: np.ndarray

    def where(self, mask: np.ndarray) -> "_Keys":
        return _Keys(self.section[mask], self.event[mask])

    def hash(self) -> np.ndarray:
        """64 well mixed bits of each identity (the finaliser of splitmix64), shape (n,), uint64."""
        mixed = self.section * np.uint64(0x9E3779B97F4A7C15)
        mixed += self.event
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        return mixed ^ (mixed >> np.uint64(31))


class _Partition:
    """Different events with the number of times that each was seen, in `places` places."""

    def __init__(self, places: int):
        self.section, self.event = np.empty(places, np.uint64), np.empty(places, np.uint64)
        self.times = np.empty(places, np.int64)
        self.size = 0

    def add(self, keys: _Keys) -> bool:
        """Take these events; False, and they are not taken, if there is no room."""
        stop = self.size + len(keys.event)
        if stop > len(self.event):
            self.unite()
            stop = self.size + len(keys.event)
            if stop > len(self.event):
                return False
        new = slice(self.size, stop)
        self.section[new], self.event[new], self.times[new] = keys.section, keys.event, 1
        self.size = stop
        return True

    def unite(self) -> None:
        """Sort, with one place for each event."""
        if not self.size:
            return
        held = slice(0, self.size)
        order = np.lexsort((self.event[held], self.section[held]))
        for array in (self.section, self.event, self.times):
            array[held] = array[held][order]
        new = np.ones(self.size, bool)
        new[1:] = (self.section[1 : self.size] != self.section[: self.size - 1]) | (
            self.event[1 : self.size] != self.event[: self.size - 1]
        )
        if new.all():
            return
        starts = np.flatnonzero(new)
        self.size = len(starts)
        self.times[: self.size] = np.add.reduceat(self.times[held], starts)
        self.section[: self.size], self.event[: self.size] = self.section[starts], self.event[starts]

    def repeated(self) -> tuple[int, list[tuple[int, int]]]:
        """Number of surplus events, and the first events that were seen more than once."""
        self.unite()
        times = self.times[: self.size]
        first = np.flatnonzero(times > 1)[:_SHOWN]
        keys = zip(self.section[first].tolist(), self.event[first].tolist(), strict=True)
        return int(times.sum()) - self.size, list(keys)


def _repeated(paths: Sequence[Path], events: int, capacity: int) -> tuple[int, list[tuple[int, int]]]:
    """Number of surplus events, and the first of those that occur more than once as (section, event)."""
    surplus, first = 0, []
    bits = max(0, (-(-events // capacity) - 1).bit_length())
    waiting = [(bits, part) for part in range(1 << bits)]
    # Room for one piece more than the capacity: so one event, however often it comes, always fits, and sorting is rare.
    partition = _Partition(min(capacity, events) + _piece(capacity))
    while waiting:
        bits, part = waiting.pop()
        partition.size = 0
        if not _fill(partition, paths, bits, part, capacity):
            # More different events than there should be by chance: halve it. Events that are the same need one place.
            waiting += [(bits + 1, part), (bits + 1, part | 1 << bits)]
            continue
        more, found = partition.repeated()
        surplus, first = surplus + more, sorted(first + found)[:_SHOWN]
    return surplus, first


def _fill(partition: _Partition, paths: Sequence[Path], bits: int, part: int, capacity: int) -> bool:
    """Put the events in whose lowest `bits` bits of the hash are `part`; False if there are too many."""
    mask = np.uint64((1 << bits) - 1)
    return all(
        partition.add(keys.where(keys.hash() & mask == part) if bits else keys)
        for path in paths
        for keys in _read(path, capacity)
    )


def _where(paths: Sequence[Path], wanted: list[tuple[int, int]], capacity: int) -> list[list[str]]:
    """The files that hold each of these events, sorted."""
    found: list[set[str]] = [set() for _ in wanted]
    for path in paths if wanted else ():
        for keys in _read(path, capacity):
            for files, (section, event) in zip(found, wanted, strict=True):
                if np.any((keys.event == event) & (keys.section == section)):
                    files.add(str(path))
    return [sorted(files) for files in found]


def _example(sample: str, key: tuple[int, int], where: list[str]) -> dict[str, Any]:
    section, event = key
    run, block = section >> 32, section & 0xFFFFFFFF
    return {"sample": sample, "run": run, "luminosityBlock": block, "event": event, "files": where}


def _footer_rows(path: Path) -> int:
    with _opened(path) as file:
        if _PAIR not in file.schema_arrow.names:
            return file.metadata.num_rows
        return sum(int((batch.column(_PAIR).to_numpy() == 0).sum()) for batch in file.iter_batches(columns=[_PAIR]))


def _read(path: Path, capacity: int) -> Iterator[_Keys]:
    """The identities in a file, in pieces that are small beside the capacity."""
    with _opened(path) as file:
        pairs = _PAIR in file.schema_arrow.names
        columns = [*_COLUMNS, _PAIR] if pairs else _COLUMNS
        for batch in file.iter_batches(_piece(capacity), columns=columns, use_threads=False):
            run, block, event = (batch.column(name).to_numpy().astype(np.uint64, copy=False) for name in _COLUMNS)
            keys = _Keys(run << np.uint64(32) | block, event)
            yield keys.where(batch.column(_PAIR).to_numpy() == 0) if pairs else keys


def _piece(capacity: int) -> int:
    """Number of events to read at once."""
    return min(max(1, capacity // _PIECES), _LARGEST_PIECE)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file; what goes wrong while it is open is an error that names it."""
    try:
        with pq.ParquetFile(path) as file:
            lost = [name for name in _COLUMNS if name not in file.schema_arrow.names]
            if lost:
                raise InputError("missing_branch", f"{path}: no column {', '.join(lost)}; are these selected events?")
            yield file
    except (OSError, pa.ArrowException) as error:
        raise InputError("corrupt", f"{path}: cannot be read as Parquet: {error}") from error
