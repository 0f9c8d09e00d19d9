"""The skim of one file.

A file is counted whole or not at all: nothing appears under its name until the last entry was read, and then counts
and events appear with their accounting (contracts 2 to 4 of the design).
"""

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from skimflow import analyses
from skimflow.analyses.base import Columns, Cut, Selection
from skimflow.arrow import numbers
from skimflow.counts.table import merge
from skimflow.errors import InputError
from skimflow.files import whole
from skimflow.io.nanoaod import NanoAOD
from skimflow.io.outputs import EventWriter, write_table
from skimflow.physics.triggers import ANY, Decision, decisions
from skimflow.skim.sections import Sections
from skimflow.skim.tallies import Tallies

_EVENT_ID = {"run": pa.uint32(), "luminosityBlock": pa.uint32(), "event": pa.uint64()}


class Task(NamedTuple):
    """What to skim.

    `certified` is the path of the golden JSON (None for simulation), `settings` are those of
    `targets.skim_settings`, `stamp` is the provenance that both outputs carry. `locked` holds the `uuid` and `entries`
    that the data lock knows, if there is one; `timeout` is that of the site, in seconds; `threads` decompress.
    """

    dataset: str
    file: str
    lfn: str
    location: str
    certified: str | None
    settings: Mapping[str, Any]
    stamp: Mapping[str, Any]
    locked: Mapping[str, Any] | None = None
    timeout: float = 60
    threads: int = 1


def skim_file(task: Task, counts: str | Path, events: str | Path) -> None:
    """Skim one file.

    Args:
        counts, events: Parquet files to write.

    Raises:
        InputError: the file cannot be read to its end, or lacks a branch. Nothing is left behind.
    """
    settings = task.settings
    tallies = Tallies(task.dataset, settings["axes"], settings["maps"])
    certified = task.certified if settings["kind"] == "data" else None
    if certified is None and settings["kind"] == "data":
        raise InputError("no_certified", f"{task.location}: collision data, but no certified luminosity is given")
    sections = Sections(certified, settings["run_window"], settings["certified_sha256"])
    wanted = _branches(settings, settings["triggers"]["any_of"])
    with NanoAOD(task.location, task.timeout, wanted, task.threads) as file, whole(events) as partial:
        _as_locked(task, file)
        facts = {"file": task.file, "lfn": task.lfn, "status": "ok", "uuid": file.uuid, "entries": file.entries}
        stamp = {**task.stamp, "inputs": [facts]}
        menu = [path for path in settings["triggers"]["any_of"] if path in file.branches]
        read = 0
        with contextlib.closing(EventWriter(partial, stamp)) as writer:
            pieces = file.chunks(_branches(settings, menu))
            for columns in itertools.chain([_no_events(settings, menu)], pieces):
                read += len(columns["run"])
                chosen = _count(columns, sections.mask(columns), _weight(columns, task), settings, menu, tallies)
                writer.write(_event_table(chosen))
        if read != file.entries:
            raise InputError("corrupt", f"{task.location}: {read} entries read of {file.entries}")
        sections.count(file, tallies)
        tallies.file(task.file, file.entries, read)
        write_table(tallies.table(), counts, stamp)


def record_failure(task: Task, error: InputError, counts: str | Path, events: str | Path) -> None:
    """Write outputs that count nothing and say why (`on_unreadable: record`)."""
    failure = {"status": "failed", "reason": error.reason, "message": str(error)}
    entries = (task.locked or {}).get("entries")
    where = {"attempts": len(error.tried) or 1, "where": list(error.tried) or [task.location]}
    facts = {"file": task.file, "lfn": task.lfn, **failure, **where, "uuid": None, "entries": entries}
    stamp = {**task.stamp, "inputs": [facts]}
    write_table(pa.table({name: pa.array([], kind) for name, kind in _EVENT_ID.items()}), events, stamp)
    write_table(merge([]), counts, stamp)


def _as_locked(task: Task, file: NanoAOD) -> None:
    """Raises InputError, naming both versions, if this is not the file that was locked."""
    for name, found in (("uuid", file.uuid), ("entries", file.entries)):
        locked = (task.locked or {}).get(name)
        if locked is not None and locked != found:
            raise InputError(
                "changed",
                f"{task.location}: changed since it was locked: {name} is {found}, config/locks says {locked}; "
                f"if the new version is right, delete its line in the lock of {task.dataset} and run snakemake lock",
            )


class _Chosen(NamedTuple):
    """Selected events of a piece."""

    columns: Columns
    quantities: Columns
    fired: Mapping[str, Decision]
    weight: np.ndarray


def _branches(settings: Mapping[str, Any], menu: list[str]) -> list[str]:
    triggers = settings["triggers"]
    paths = triggers["any_of"] if triggers["on_missing"] == "error" else menu
    weight = ["genWeight"] if settings["kind"] == "mc" else []
    wanted = analyses.get(settings["analysis"]).branches(settings["selection"])
    return list(dict.fromkeys([*_EVENT_ID, *wanted, *paths, *weight]))


def _weight(columns: Columns, task: Task) -> np.ndarray:
    if task.settings["kind"] == "data":
        return np.ones(len(columns["run"]))
    weight = columns["genWeight"].astype(float)
    bad = np.count_nonzero(~np.isfinite(weight))
    if bad:
        raise InputError("bad_weight", f"{task.location}: genWeight is not a finite number in {bad} events")
    return weight


def _count(
    columns: Columns,
    good: np.ndarray,
    weight: np.ndarray,
    settings: Mapping[str, Any],
    menu: list[str],
    tallies: Tallies,
) -> _Chosen:
    """Select, count, and return the events that pass everything but the trigger.

    Args:
        columns: as read, n events.
        good: certified events, shape (n,).
        weight: shape (n,).
    """
    selection = analyses.get(settings["analysis"]).select(columns, settings["selection"])
    steps = [("certified", good), *selection.steps]
    candidate = np.logical_and.reduce([mask for _, mask in steps])
    selection = _only(selection, good)
    tallies.cutflow([*steps, *((cut.name, _spread(candidate, cut.passed)) for cut in selection.cuts)], weight)

    quantities = {**selection.columns, "run": columns["run"][candidate]}
    tallies.n_minus_one(selection.cuts, quantities, weight[candidate])

    passed = np.logical_and.reduce([cut.passed for cut in selection.cuts])
    chosen = np.flatnonzero(candidate)[passed]
    kept = {name: columns[name][chosen] for name in (*_EVENT_ID, *menu)}
    fired = decisions(kept, settings["triggers"]["any_of"], menu, settings["triggers"]["on_missing"])
    quantities = {name: values[passed] for name, values in quantities.items()}
    tallies.triggers(fired, quantities, weight[chosen])
    return _Chosen(kept, quantities, fired, weight[chosen])


def _only(selection: Selection, good: np.ndarray) -> Selection:
    """The selection with its candidates limited to certified events."""
    keep = good[np.logical_and.reduce([mask for _, mask in selection.steps])]
    columns = {name: values[keep] for name, values in selection.columns.items()}
    return Selection(selection.steps, columns, [Cut(c.name, c.variable, c.passed[keep]) for c in selection.cuts])


def _spread(candidate: np.ndarray, passed: np.ndarray) -> np.ndarray:
    mask = candidate.copy()
    mask[candidate] = passed
    return mask


def _event_table(chosen: _Chosen) -> pa.Table:
    """Flat columns: event identity, quantities, weight, trigger bits (null where the path is not in the menu)."""
    size = len(chosen.weight)
    table = {name: numbers(chosen.columns[name], kind) for name, kind in _EVENT_ID.items()}
    for name, values in chosen.quantities.items():
        if name not in table:
            table[name] = numbers(values, pa.int32() if values.dtype.kind in "iu" else pa.float32())
    table["weight"] = numbers(chosen.weight, pa.float64())
    for path, decision in chosen.fired.items():
        name = path if path != ANY else "HLT_any"
        table[name] = pa.nulls(size, pa.bool_()) if decision is None else numbers(decision)
    return pa.table(table)


def _no_events(settings: Mapping[str, Any], menu: list[str]) -> Columns:
    """The columns of no events: with them a file without events gets the same rows and columns as any other."""
    names = [*analyses.get(settings["analysis"]).branches(settings["selection"]), *menu, "genWeight"]
    columns = {name: np.empty(0, np.int64 if name.startswith("n") else np.float32) for name in names}
    columns["PV_npvs"] = np.empty(0, np.int32)
    return columns | {name: np.empty(0, kind.to_pandas_dtype()) for name, kind in _EVENT_ID.items()}
