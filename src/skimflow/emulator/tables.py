"""Tables of pairs and of events, made of skims of the analysis `dimuon`; and how they are read.

Identity is kept as three integers. As text, `run:luminosityBlock:event` would take more room than all other columns
together, and it would sort and compare more slowly; `event_id` makes it where somebody wants to see it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skimflow.analyses.dimuon import OF_MUON, PAIR
from skimflow.arrow import numbers
from skimflow.errors import ConfigError, InputError
from skimflow.files import whole
from skimflow.io.outputs import EventWriter, read_stamp

Array = np.ndarray
Columns = dict[str, Array]

IDENTITY = {"run": "run", "luminosityBlock": "lumi", "event": "event"}
"""Columns of a skim, and what the tables call them."""
ROW = "event_row"
MASKED = -1
_ANALYSIS = "dimuon"
_OF_PAIR = (*PAIR, *(f"{side}_{name}" for side in ("lead", "sublead") for name in OF_MUON))
_OF_EVENT = (
    *(f"{side}_{name}" for side in ("mu1", "mu2") for name in OF_MUON),
    *("m_12", "dr_12", "charge_product", "n_muons", "n_pairs"),
)


class Tables(NamedTuple):
    """The two tables of a dataset: Parquet files."""

    pairs: str | Path
    events: str | Path


def make(
    skims: Sequence[str | Path], labels: Sequence[str], tables: Tables, stamp: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the tables: one row for each pair of opposite charge, and one row for each event.

    Both have the context and the labels; `event_row` says in which row of the events the event of a pair is.

    Args:
        skims: event files of skims, of one selection; those of failed jobs are left out and counted.
        labels: trigger paths. One that a file has not in its menu is null there, and never false.

    Returns:
        What is in them: `files`, `failed`, `events`, `pairs`, `without_pair` (events), `masked` (events whose label is
        unknown, by label), `duplicates` (events that are there more than once), and `absent` (declared branches).

    Raises:
        InputError: no skim has events, or they were made by different selections.
        ConfigError: the skims know nothing of a label.
    """
    parts = [Path(path) for path in skims]
    stamps = {path: read_stamp(path) for path in parts}
    good = [path for path in parts if any(facts["status"] == "ok" for facts in stamps[path].get("inputs", []))]
    selection = _one_selection(good, stamps)
    context = [name for name in selection["context"] if name not in (*_OF_PAIR, *_OF_EVENT)]
    pieces = (group for path in good for group in _groups(path, labels))
    about = {**stamp, "analysis": _ANALYSIS, "selection": selection}
    facts: dict[str, Any] = {"files": len(good), "failed": len(parts) - len(good), "absent": selection["absent"]}
    return facts | _write(pieces, [*context], labels, tables, about)


def columns(path: str | Path, names: Sequence[str]) -> Columns:
    """These columns of a table, shape (rows,); a bool column becomes 0 and 1, and MASKED where it is null.

    Raises:
        InputError: one is missing.
    """
    known = pq.read_schema(path).names
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError("missing_column", f"{path}: has no column {', '.join(missing)} (it has {', '.join(known)})")
    table = pq.read_table(path, columns=list(dict.fromkeys(names)))
    return {name: _values(table[name]) for name in table.column_names}


def matrix(values: Mapping[str, Array], names: Sequence[str]) -> Array:
    """Columns side by side as float32, shape (rows, columns)."""
    return np.stack([np.asarray(values[name], np.float32) for name in names], axis=1)


def event_id(values: Mapping[str, Array]) -> Array:
    """`run:lumi:event` of each row, as text; unique within a primary dataset only."""
    rows = zip(*(values[name].tolist() for name in IDENTITY.values()), strict=True)
    return np.array([":".join(map(str, row)) for row in rows], dtype=np.str_)


def identified(values: Mapping[str, Array], what: str) -> None:
    """Raises ConfigError if the events have no run, as in files where that is declared absent."""
    if len(values["run"]) and not values["run"].any():
        raise ConfigError(f"{what}: the events have no run and luminosity section; these are declared absent")


def schema(path: str | Path, names: Sequence[str]) -> dict[str, Any]:
    """What the columns of a table mean: their types, and the selection that made their rows.

    A table of the step `table` and the event file of a skim describe themselves in the same way.
    """
    found, stamp = pq.read_schema(path), read_stamp(path)
    types = {name: str(found.field(name).type) if name in found.names else "missing" for name in names}
    return {"types": types, "analysis": stamp.get("analysis"), "selection": stamp.get("selection")}


def schema_hash(described: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def highest(score: Array, event: Array, events: int) -> Array:
    """Score of each event, the highest of its rows, shape (events,); NaN for an event without rows.

    Args:
        score, event: of the rows, ascending in `event`, shape (rows,).
    """
    found = np.full(events, np.nan)
    if len(event):
        start = np.flatnonzero(np.diff(event, prepend=-1) > 0)
        found[event[start]] = np.maximum.reduceat(score, start)
    return found


def _one_selection(good: Sequence[Path], stamps: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    if not good:
        raise InputError("no_skims", "the emulator has no skims to learn from: none was given, or all of them failed")
    first = stamps[good[0]]
    if first.get("analysis") != _ANALYSIS:
        raise InputError("analysis", f"{good[0]}: is a skim of {first.get('analysis')}, not of {_ANALYSIS}")
    for path in good[1:]:
        if (stamps[path].get("analysis"), stamps[path].get("selection")) != (_ANALYSIS, first["selection"]):
            raise InputError("selection", f"{path}: was made by another selection than {good[0]}; skim them again")
    return dict(first["selection"])


def _groups(path: Path, labels: Sequence[str]) -> Iterator[pa.Table]:
    file = pq.ParquetFile(path)
    missing = [label for label in labels if label not in file.schema_arrow.names]
    if missing:
        raise ConfigError(
            f"{path}: no column for the label {', '.join(missing)}: it must be among the paths of the skim"
        )
    for group in range(file.num_row_groups):
        yield file.read_row_group(group)


def _write(
    pieces: Iterator[pa.Table], context: list[str], labels: Sequence[str], tables: Tables, about: Mapping[str, Any]
) -> dict[str, Any]:
    facts: dict[str, Any] = {"events": 0, "pairs": 0, "without_pair": 0, "masked": dict.fromkeys(labels, 0)}
    identity: list[Array] = []
    with contextlib.ExitStack() as stack:
        partial = [stack.enter_context(whole(path)) for path in tables]
        pairs, events = (stack.enter_context(contextlib.closing(EventWriter(path, about))) for path in partial)
        for piece in pieces:
            piece = piece.rename_columns([IDENTITY.get(name, name) for name in piece.column_names])
            number = _values(piece["pair"])
            first, there = number <= 0, number >= 0
            row = facts["events"] + np.cumsum(first) - 1
            kept = piece.filter(numbers(first)).select([*IDENTITY.values(), *_OF_EVENT, *context, *labels])
            events.write(kept)
            mine = piece.append_column(ROW, numbers(row.astype(np.int64))).filter(numbers(there))
            pairs.write(mine.select([*IDENTITY.values(), ROW, *_OF_PAIR, *context, "n_muons", *labels]))
            facts["events"] += int(first.sum())
            facts["pairs"] += int(there.sum())
            facts["without_pair"] += int((number < 0).sum())
            for label in labels:
                facts["masked"][label] += kept[label].null_count
            identity.append(np.stack([_values(kept[name]).astype(np.uint64) for name in IDENTITY.values()], axis=1))
        if not identity:
            raise InputError("no_events", "the skims hold no events at all: nothing can be learnt")
    names = np.concatenate(identity)
    facts["duplicates"] = len(names) - len(np.unique(names, axis=0))
    return facts


def _values(column: pa.ChunkedArray | pa.Array) -> Array:
    if pa.types.is_boolean(column.type):
        column = pc.fill_null(pc.cast(column, pa.int8()), MASKED)
    return column.to_numpy()
