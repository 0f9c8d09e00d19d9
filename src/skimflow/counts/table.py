"""The counts table: tall, sparse, additive.

A row says, for a `dataset`, what was counted (`kind`, `name`), under which condition (`reference`), in which bin
(`variable`, `x`, and `y` and `z` where there are several variables), and how much there was in all (`total`) and passed
(`passed`), as number, sum of weights and sum of squared weights. `absent_n` counts events for which the question could
not be asked: their file has no such trigger path.

| kind | name | reference | variable, x, y | total | passed |
|---|---|---|---|---|---|
| file | file id | | | entries in the file | entries read |
| cutflow | cut | | x: its place | before the cut | after it |
| n_minus_one | cut | | its variable, bin | passes all other cuts | and this one |
| trigger | path, `any` or `every` | its name | variable, bin(s); `all` | offline selected, and reference | and fired |
| pair | leg, or `dz` | its name | variable, bin(s), z: mass bin | probes (`dz`: those asked) | that fired |
| pair | `twins` | its name | variable, x and y: its bin for either probe | events of two pairs | the same |
| generated | file id | `runs` or `events`: who says it | | generated events | 1 for each time it was counted |
| template | region | variation | observable, bin | in the region | the same, with the weights of the variation |
| lumi | `certified` or `rejected` | | x: run, y: luminosity section | entries read | |

A fired event of a prescaled path may stand for several: it is one in `passed_n`, and counts that often in the sums.

Sums of weights are exact. Floating-point addition depends on the order, so a merge that only added would not be
associative. Beside each rounded sum stands the remainder that rounding dropped (`…_rest`, usually empty); together
they are the exact sum, in a form that does not depend on how it was reached.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.arrow import lists, numbers, texts, values

KEYS = ("dataset", "kind", "name", "reference", "variable", "x", "y", "z")
TWINS = "twins"
"""What events of two pairs are counted as, in place of a leg."""
_WORDS = KEYS[:5]
_NUMBERS = ("total_n", "passed_n", "absent_n")
_SUMS = ("total_sumw", "total_sumw2", "passed_sumw", "passed_sumw2")
_TEXT = pa.string()

SCHEMA = pa.schema(
    [(key, _TEXT) for key in _WORDS]
    + [(key, pa.int64()) for key in (*KEYS[len(_WORDS) :], *_NUMBERS)]
    + [(name, pa.float64()) for name in _SUMS]
    + [(f"{name}_rest", pa.list_(pa.float64())) for name in _SUMS]
)

_EXACT = 2.0**53
_AT_ONCE = 64


Keys = tuple[str, str, str, str, str]


class Rows(NamedTuple):
    """Rows that are not yet a table: dataset, kind, name, reference and variable of them all, and the other columns."""

    keys: Keys
    columns: dict[str, np.ndarray]


def tally(
    dataset: str,
    kind: str,
    name: str,
    variable: str,
    x: np.ndarray,
    passed: np.ndarray,
    *,
    reference: str = "",
    y: np.ndarray | None = None,
    z: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    absent: bool = False,
    always: int | None = None,
) -> Rows:
    """Count events into rows, one for each bin that occurs.

    Args:
        x, y, z: bins, shape (n,), integers; y from 0 to 2^32 - 1, or both y and z from 0 to 2^16 - 1.
        passed: who passes, shape (n,), bool.
        weight: shape (n,); 1 by default.
        absent: the question cannot be asked of these events; they are counted as that and nothing else.
        always: a bin that gets its row even when it holds nothing.
    """
    bins = Bins(x, y, z, weight, always)
    return bins.rows((dataset, kind, name, reference, variable), passed, absent)


class Bins:
    """The bins that occur among some events, and what each holds in all; arguments as those of `tally`."""

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray | None = None,
        z: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        always: int | None = None,
    ):
        self._deep = z is not None
        self._cells, self._inverse = _cells(np.asarray(x, np.int64), _below(y, z), always)
        # Sums of ones are numbers, which are counted faster.
        self._weight = None if weight is None or np.all(weight == 1) else np.asarray(weight, float)
        self._total = self._sums("total", slice(None))

    def rows(
        self, keys: Keys, passed: np.ndarray | slice, absent: bool = False, factor: np.ndarray | None = None
    ) -> Rows:
        """The bins, and how much in each `passed`, shape (n,), bool; or all of it counted as `absent`.

        `factor`, shape (n,), multiplies the weights of those that passed.
        """
        zeros = np.zeros(len(self._cells), np.int64)
        counted = {"absent_n": self._total["total_n"]}
        sums = counted if absent else self._total | self._sums("passed", passed, factor)
        low = self._cells & 0xFFFFFFFF
        place = {"x": self._cells >> 32, "y": low, "z": zeros}
        if self._deep:
            place |= {"y": low >> 16, "z": low & 0xFFFF}
        return Rows(keys, {**place, **{name: sums.get(name, zeros) for name in (*_NUMBERS, *_SUMS)}})

    def _sums(self, name: str, chosen: np.ndarray | slice, factor: np.ndarray | None = None) -> dict[str, np.ndarray]:
        inverse, size = self._inverse[chosen], len(self._cells)
        number = np.bincount(inverse, minlength=size)
        sumw = sumw2 = number.astype(float)
        weights = [values[chosen] for values in (self._weight, factor) if values is not None]
        if weights:
            weight = functools.reduce(np.multiply, weights)
            sumw, sumw2 = np.bincount(inverse, weight, size), np.bincount(inverse, weight**2, size)
        return {f"{name}_n": number, f"{name}_sumw": sumw, f"{name}_sumw2": sumw2}


def counted(
    dataset: str,
    kind: str,
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    total: np.ndarray,
    passed: np.ndarray | None = None,
) -> Rows:
    """Unweighted rows from numbers that were counted elsewhere; all arrays of shape (n,), none passed by default."""
    passed = np.zeros_like(total) if passed is None else passed
    sums = {"total_sumw": total, "total_sumw2": total, "passed_sumw": passed, "passed_sumw2": passed}
    counts = {"total_n": total, "passed_n": passed, "absent_n": np.zeros_like(total)}
    return Rows((dataset, kind, name, "", ""), {"x": x, "y": y, "z": np.zeros_like(x), **counts, **sums})


def assemble(rows: Sequence[Rows]) -> pa.Table:
    """Rows as a table for `merge`, one after the other, not yet added up."""
    index = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part.columns["x"]) for part in rows])
    columns: dict[str, pa.Array] = {}
    for place, key in enumerate(_WORDS):
        words = texts([part.keys[place] for part in rows], np.arange(len(rows)))
        columns[key] = pa.DictionaryArray.from_arrays(numbers(index), words)
    for name in (*KEYS[len(_WORDS) :], *_NUMBERS, *_SUMS):
        together = np.concatenate([part.columns[name] for part in rows])
        columns[name] = numbers(together, SCHEMA.field(name).type)
    nothing = lists(np.empty(0), np.zeros(len(index), np.int64))
    return pa.table(columns | {f"{name}_rest": nothing for name in _SUMS})


def _below(y: np.ndarray | None, z: np.ndarray | None) -> np.ndarray | None:
    """What stands below x in a cell: y, or y and z with half the room for each."""
    if z is None:
        return None if y is None else np.asarray(y, np.int64)
    above = np.zeros(len(z), np.int64) if y is None else np.asarray(y, np.int64)
    return above << 16 | np.asarray(z, np.int64)


def _cells(x: np.ndarray, y: np.ndarray | None, always: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The cells that occur, sorted, and which of them each event is in.

    A cell is one number: y is a bin or a luminosity section, so it has room below x.
    """
    listed = np.array([] if always is None else [always], np.int64)
    every = np.concatenate([listed, x])
    if y is None and len(every) and np.ptp(every) < 2 * len(every) + 100:
        # The same without sorting, in a tenth of the time.
        first = every.min()
        occurs = np.bincount(every - first) > 0
        return (np.flatnonzero(occurs) + first) << 32, (np.cumsum(occurs) - 1)[x - first]
    packed = every << 32
    packed[len(listed) :] |= 0 if y is None else y
    cells, inverse = np.unique(packed, return_inverse=True)
    return cells, inverse[len(listed) :]


def merge(tables: Iterable[pa.Table]) -> pa.Table:
    """Add counts: one sorted row for each key. Any order and any grouping gives the same table, to the last bit."""
    batch: list[pa.Table] = []
    for table in tables:
        batch.append(table)
        if len(batch) == _AT_ONCE:
            batch = [_add(batch)]
    return _add(batch)


def read(paths: Sequence[str | Path]) -> Iterable[pa.Table]:
    """The counts in these files, one after the other."""
    return (pq.read_table(path, partitioning=None) for path in paths)


def _add(tables: Sequence[pa.Table]) -> pa.Table:
    if not any(table.num_rows for table in tables):
        return SCHEMA.empty_table()
    words = {key: _coded([table[key] for table in tables]) for key in _WORDS}
    together = {name: _joined(tables, name) for name in (*KEYS[len(_WORDS) :], *_NUMBERS, *_SUMS)}
    keys = [_combined(words), *(together[key] for key in KEYS[len(_WORDS) :])]
    order = np.lexsort(keys[::-1])
    starts = _group_starts([key[order] for key in keys])
    first = order[starts]
    columns = {key: texts(names, codes[first]) for key, (names, codes) in words.items()}
    columns |= {key: numbers(together[key][first]) for key in KEYS[len(_WORDS) :]}
    for name in _NUMBERS:
        columns[name] = numbers(np.add.reduceat(together[name][order], starts))
    for name in _SUMS:
        rests = _rests([table[f"{name}_rest"] for table in tables], order)
        columns[name], columns[f"{name}_rest"] = _add_exactly(together[name][order], *rests, starts)
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _joined(tables: Sequence[pa.Table], name: str) -> np.ndarray:
    return np.concatenate([values(table[name]) for table in tables])


def _coded(columns: Sequence[pa.ChunkedArray]) -> tuple[list[str], np.ndarray]:
    """The words that occur, sorted, and which of them each row has."""
    numbered: dict[str, int] = {}
    parts = []
    for column in columns:
        # Encoding imports pyarrow.compute, which takes longer than all else here: `assemble` has done it already.
        whole = column.combine_chunks() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
        number = [numbered.setdefault(word, len(numbered)) for word in whole.dictionary.to_pylist()]
        parts.append(np.array(number, np.int64)[values(whole.indices)])
    names = sorted(numbered)
    place = np.empty(len(names), np.int64)
    place[[numbered[name] for name in names]] = np.arange(len(names))
    return names, place[np.concatenate(parts)]


def _combined(words: dict[str, tuple[list[str], np.ndarray]]) -> np.ndarray:
    """One number for each combination of words, in their order."""
    shape = [len(names) for names, _ in words.values()]
    return np.ravel_multi_index([codes for _, codes in words.values()], shape)


def _group_starts(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Where the first of the rows with the same keys is, of sorted rows."""
    changed = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.concatenate([[0], np.flatnonzero(changed) + 1])


def _rests(columns: Sequence[pa.ChunkedArray], order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of all remainders, row after row in this order, and how many each row has."""
    flat, lengths = zip(*(_flattened(column) for column in columns), strict=True)
    every, number = np.concatenate(flat), np.concatenate(lengths)
    begins, number = (np.cumsum(number) - number)[order], number[order]
    place = np.repeat(begins - (np.cumsum(number) - number), number) + np.arange(len(every))
    return every[place], number


def _add_exactly(
    first: np.ndarray, more: np.ndarray, lengths: np.ndarray, starts: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """Sums of each group, with remainders. Whole numbers below 2^53 need none, and a single part is its own sum.

    Args:
        first: the rounded sum of each row.
        more, lengths: their remainders, one after the other, and how many each has.
        starts: first row of each group.
    """
    sums, size = np.add.reduceat(first, starts) + 0.0, len(starts)
    whole = np.logical_and.reduceat((first == np.floor(first)) & (lengths == 0), starts)
    exact = whole & (np.add.reduceat(np.abs(first), starts) < _EXACT)
    if exact.all():
        return numbers(sums), lists(np.empty(0), np.zeros(size, np.int64))
    places = np.cumsum(lengths + 1) - lengths - 1
    parts = np.insert(more, np.cumsum(lengths) - lengths, first).tolist()
    begins, ends = places[starts], np.append(places[starts[1:]], len(parts))
    found: list[list[float]] = [[]] * size
    for group in np.flatnonzero((ends - begins > 1) & ~exact).tolist():
        sums[group], *found[group] = _expansion(parts[begins[group] : ends[group]])
    flat = [part for rest in found for part in rest]
    return numbers(sums), lists(np.array(flat, float), np.array([len(rest) for rest in found]))


def _flattened(rests: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The values of all lists, and how many each has."""
    whole = rests.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    ends = values(whole.offsets)
    return values(whole.values)[ends[0] : ends[-1]], np.diff(ends).astype(np.int64)


def _expansion(parts: list[float]) -> list[float]:
    """The exact sum as numbers of falling size, each the rounded rest of those before it: unique for each sum.

    `math.fsum` rounds the exact sum correctly (Shewchuk, Discrete Comput. Geom. 18 (1997) 305).
    """
    expansion = [math.fsum(parts) + 0.0]
    while rest := math.fsum([*parts, *(-p for p in expansion)]):
        expansion.append(rest)
    return expansion
