"""The counts table: tall, sparse, additive.

A row says, for a `dataset`, what was counted (`kind`, `name`), in which bin (`variable`, `x`, and `y` for maps), and
how much there was in all (`total`) and passed (`passed`), as number, sum of weights and sum of squared weights.
`absent_n` counts events for which the question could not be asked: their file has no such trigger path.

| kind | name | variable, x, y | total | passed |
|---|---|---|---|---|
| file | file id | | entries in the file | entries read |
| cutflow | cut | x: its place | before the cut | after it |
| n_minus_one | cut | its variable, bin | passes all other cuts | and this one |
| trigger | path, or `any` | variable, bin(s); `all` | offline selected | and fired |
| lumi | `certified` or `rejected` | x: run, y: luminosity section | entries read | |

Sums of weights are exact. Floating-point addition depends on the order, so a merge that only added would not be
associative. Beside each rounded sum stands the remainder that rounding dropped (`…_rest`, usually empty); together
they are the exact sum, in a form that does not depend on how it was reached.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

KEYS = ("dataset", "kind", "name", "variable", "x", "y")
_NUMBERS = ("total_n", "passed_n", "absent_n")
_SUMS = ("total_sumw", "total_sumw2", "passed_sumw", "passed_sumw2")
_TEXT = pa.string()

SCHEMA = pa.schema(
    [(key, _TEXT) for key in KEYS[:4]]
    + [(key, pa.int64()) for key in (*KEYS[4:], *_NUMBERS)]
    + [(name, pa.float64()) for name in _SUMS]
    + [(f"{name}_rest", pa.list_(pa.float64())) for name in _SUMS]
)

_EXACT = 2.0**53
_AT_ONCE = 64


def tally(
    dataset: str,
    kind: str,
    name: str,
    variable: str,
    x: np.ndarray,
    passed: np.ndarray,
    *,
    y: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    absent: bool = False,
    always: int | None = None,
) -> pa.Table:
    """Count events into rows, one for each bin that occurs.

    Args:
        x, y: bins, shape (n,), integers; y from 0 to 2^32 - 1.
        passed: who passes, shape (n,), bool.
        weight: shape (n,); 1 by default.
        absent: the question cannot be asked of these events; they are counted as that and nothing else.
        always: a bin that gets its row even when it holds nothing.
    """
    # One number for each cell: y is a bin or a luminosity section, so it has room below x.
    packed = (np.asarray(x, np.int64) << 32) | (0 if y is None else np.asarray(y, np.int64))
    listed = [] if always is None else [always << 32]
    cells, inverse = np.unique(np.concatenate([np.array(listed, np.int64), packed]), return_inverse=True)
    inverse, size = inverse[len(listed) :], len(cells)
    number, zeros = np.bincount(inverse, minlength=size), np.zeros(size, np.int64)
    if absent:
        sums = {"absent_n": number}
    else:
        weight = np.ones(len(x)) if weight is None else np.asarray(weight, float)
        sums = {
            "total_n": number,
            "passed_n": np.bincount(inverse[passed], minlength=size),
            "total_sumw": np.bincount(inverse, weight, size),
            "total_sumw2": np.bincount(inverse, weight**2, size),
            "passed_sumw": np.bincount(inverse[passed], weight[passed], size),
            "passed_sumw2": np.bincount(inverse[passed], weight[passed] ** 2, size),
        }
    keys = {"dataset": [dataset] * size, "kind": [kind] * size, "name": [name] * size, "variable": [variable] * size}
    return _table(
        {**keys, "x": cells >> 32, "y": cells & 0xFFFFFFFF, **{n: sums.get(n, zeros) for n in (*_NUMBERS, *_SUMS)}}
    )


def counted(
    dataset: str,
    kind: str,
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    total: np.ndarray,
    passed: np.ndarray | None = None,
) -> pa.Table:
    """Unweighted rows from numbers that were counted elsewhere; all arrays of shape (n,), none passed by default."""
    passed = np.zeros_like(total) if passed is None else passed
    sums = {"total_sumw": total, "total_sumw2": total, "passed_sumw": passed, "passed_sumw2": passed}
    numbers = {"total_n": total, "passed_n": passed, "absent_n": np.zeros_like(total)}
    keys = {key: [value] * len(x) for key, value in zip(KEYS, (dataset, kind, name, ""), strict=False)}
    return _table({**keys, "x": x, "y": y, **numbers, **sums})


def merge(tables: Iterable[pa.Table]) -> pa.Table:
    """Add counts: one sorted row for each key. Any order and any grouping gives the same table, to the last bit."""
    merged = SCHEMA.empty_table()
    batch: list[pa.Table] = []
    for table in tables:
        batch.append(table.select(SCHEMA.names).cast(SCHEMA))
        if len(batch) == _AT_ONCE:
            merged, batch = _add(pa.concat_tables([merged, *batch])), []
    return _add(pa.concat_tables([merged, *batch]))


def read(paths: Sequence[str | Path]) -> Iterable[pa.Table]:
    """The counts in these files, one after the other."""
    return (pq.read_table(path, partitioning=None) for path in paths)


def _table(columns: dict) -> pa.Table:
    size = len(columns["x"])
    rests = {f"{name}_rest": [[]] * size for name in _SUMS}
    return pa.table({name: pa.array((columns | rests)[name], SCHEMA.field(name).type) for name in SCHEMA.names})


def _add(table: pa.Table) -> pa.Table:
    if not table.num_rows:
        return table
    table = table.sort_by([(key, "ascending") for key in KEYS]).combine_chunks()
    starts = _group_starts(table)
    columns = {key: table[key].take(pa.array(starts)) for key in KEYS}
    for name in _NUMBERS:
        columns[name] = pa.array(np.add.reduceat(table[name].to_numpy(), starts))
    for name in _SUMS:
        columns[name], columns[f"{name}_rest"] = _add_exactly(table[name], table[f"{name}_rest"], starts)
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _group_starts(table: pa.Table) -> np.ndarray:
    new = np.ones(table.num_rows, bool)
    new[1:] = False
    for key in KEYS:
        values = table[key]
        codes = values.combine_chunks().dictionary_encode().indices if values.type == _TEXT else values
        codes = codes.to_numpy()
        new[1:] |= codes[1:] != codes[:-1]
    return np.flatnonzero(new)


def _add_exactly(values: pa.ChunkedArray, rests: pa.ChunkedArray, starts: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """Sums of each group, with remainders. Whole numbers below 2^53 need none, and take the fast way."""
    numbers = values.to_numpy()
    sums = np.add.reduceat(numbers, starts)
    whole = not len(rests.combine_chunks().flatten()) and np.all(numbers == np.floor(numbers))
    if whole and np.add.reduceat(np.abs(numbers), starts).max() < _EXACT:
        return pa.array(sums), pa.array([[]] * len(starts), pa.list_(pa.float64()))
    parts = [[value, *rest] for value, rest in zip(numbers.tolist(), rests.to_pylist(), strict=True)]
    stops = [*starts[1:].tolist(), len(parts)]
    exact = [_expansion([p for part in parts[a:b] for p in part]) for a, b in zip(starts.tolist(), stops, strict=True)]
    return pa.array([e[0] for e in exact], pa.float64()), pa.array([e[1:] for e in exact], pa.list_(pa.float64()))


def _expansion(parts: list[float]) -> list[float]:
    """The exact sum as numbers of falling size, each the rounded rest of those before it: unique for each sum.

    `math.fsum` rounds the exact sum correctly (Shewchuk, Discrete Comput. Geom. 18 (1997) 305).
    """
    expansion = [math.fsum(parts) + 0.0]
    while rest := math.fsum([*parts, *(-p for p in expansion)]):
        expansion.append(rest)
    return expansion
