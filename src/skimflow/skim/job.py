"""The skim of one file.

A file is counted whole or not at all: nothing appears under its name until the last entry was read, and then counts
and events appear with their accounting (contracts 2 to 4 of the design).
"""

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from skimflow import analyses
from skimflow.analyses.base import Columns, Cut, Kept
from skimflow.arrow import lists, numbers
from skimflow.counts.axes import Axis
from skimflow.counts.table import merge
from skimflow.errors import ConfigError, InputError
from skimflow.files import whole
from skimflow.io.nanoaod import NanoAOD
from skimflow.io.outputs import EventWriter, write_table
from skimflow.physics.jagged import Jagged
from skimflow.physics.triggers import ANY, EVERY, Decision, accepted, decisions, prescale_factors
from skimflow.skim.sections import Sections
from skimflow.skim.tallies import Generated, Tallies

_TOGETHER = 50_000
"""Candidates that are counted at a time."""
_ENTRY = "entry"
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
    settings, kept = task.settings, _kept(task.settings)
    tallies = Tallies(task.dataset, settings["axes"], settings["maps"])
    absent = _absent(settings)
    certified = task.certified if settings["kind"] == "data" and "run" not in absent else None
    if certified is None and settings["kind"] == "data" and "run" not in absent:
        raise InputError("no_certified", f"{task.location}: collision data, but no certified luminosity is given")
    sections = Sections(certified, settings["run_window"], settings["certified_sha256"])
    paths = _paths(settings)
    keeps = [*kept.required, *kept.optional, *kept.sources]
    wanted = [*_branches(settings, paths), *keeps, *map(_counter, keeps)]
    with NanoAOD(task.location, task.timeout, wanted, task.threads) as file, whole(events) as partial:
        _as_locked(task, file)
        facts = {"file": task.file, "lfn": task.lfn, "status": "ok", "uuid": file.uuid, "entries": file.entries}
        _as_declared(task, file, absent)
        # What the columns of the events mean depends on the selection.
        selected = {"analysis": settings["analysis"], "selection": settings["selection"]}
        stamp = {**task.stamp, **selected, "inputs": [facts | ({"absent": absent} if absent else {})]}
        menu = [path for path in paths if path in file.branches]
        keeping = _Keeping.of_file(kept, file.branches)
        selecting = _Selecting(task, menu, sections, tallies, keeping)
        branches = list(dict.fromkeys([*_branches(settings, menu), *keeping.read]))
        with contextlib.closing(EventWriter(partial, stamp)) as writer:
            for table in selecting.tables(file.chunks(branches)):
                writer.write(table)
        read = selecting.read
        if read != file.entries:
            raise InputError("corrupt", f"{task.location}: {read} entries read of {file.entries}")
        sections.count(file, tallies)
        if settings["kind"] == "mc":
            generated = file.generated()
            told = Generated(*generated) if generated else selecting.generated
            tallies.generated(task.file, "runs" if generated else "events", told)
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


def _absent(settings: Mapping[str, Any]) -> list[str]:
    """Branches that the selection declares absent. Without `run` nothing can be certified, and the stamp says so."""
    absent = list(settings["selection"].get("absent", ()))
    identity = [name for name in _EVENT_ID if name in absent]
    if identity and len(identity) < len(_EVENT_ID):
        raise ConfigError(f"absent: {', '.join(_EVENT_ID)} go together, but only {', '.join(identity)} is declared")
    return absent


def _as_declared(task: Task, file: NanoAOD, absent: Sequence[str]) -> None:
    """Raises InputError if the file has a branch that is declared absent: it would be left out without a word."""
    for name in absent:
        if name in file.branches:
            raise InputError(
                "not_absent", f"{task.location}: has the branch {name}, which `absent` declares absent; delete it there"
            )


class _Candidates(NamedTuple):
    """Candidates of a selection: identity and trigger bits, quantities, cuts, weights; for pairs of tag and probe also
    their decisions, and which are asked."""

    columns: Columns
    quantities: Columns
    cuts: list[Cut]
    decisions: Columns
    asked: Columns
    weight: np.ndarray
    lists: Mapping[str, Jagged]

    def at(self, keep: np.ndarray) -> "_Candidates":
        """Those of a mask, shape (candidates,)."""
        columns, quantities, own, asked = (
            {name: values[keep] for name, values in part.items()}
            for part in (self.columns, self.quantities, self.decisions, self.asked)
        )
        cuts = [cut._replace(passed=cut.passed[keep]) for cut in self.cuts]
        lists = {name: content.at(keep) for name, content in self.lists.items()}
        return _Candidates(columns, quantities, cuts, own, asked, self.weight[keep], lists)


class _Chosen(NamedTuple):
    """Selected candidates; `fired` holds the probes, and the paths of references."""

    columns: Columns
    quantities: Columns
    fired: Mapping[str, Decision]
    weight: np.ndarray
    lists: Mapping[str, Jagged]


class _Keeping(NamedTuple):
    """Branches that are written as they are, the branch that counts the values of those that are lists, and all that
    are read for them."""

    names: Sequence[str]
    counters: Mapping[str, str]
    read: Sequence[str]

    @classmethod
    def of_file(cls, kept: Kept, branches: Collection[str]) -> "_Keeping":
        """What there is of it in a file with these branches."""
        sources = [name for name in kept.sources if name in branches]
        derived = [name for name in kept.derived if len(sources) == len(kept.sources)]
        own = [*kept.required, *(name for name in kept.optional if name in branches)]
        counted = {name: _counter(name) for name in (*own, *sources, *derived) if _counter(name) in branches}
        counters = {name: counter for name, counter in counted.items() if name not in sources}
        return cls([*own, *derived], counters, [*own, *sources, *counted.values()])

    def of(self, columns: Columns, events: np.ndarray) -> tuple[Columns, dict[str, Jagged]]:
        """Numbers and lists of these events."""
        flat = {name: columns[name][events] for name in self.names if name not in self.counters}
        lists = {name: Jagged(columns[counter], columns[name]).at(events) for name, counter in self.counters.items()}
        return flat, lists


class _Selecting:
    """Selects and counts events piece by piece.

    What concerns all events is counted for each piece. Candidates, of which most pieces have few, are counted together,
    because that has its price for each call and not for each event.
    """

    def __init__(self, task: Task, menu: list[str], sections: Sections, tallies: Tallies, keeping: _Keeping):
        self._task, self._menu, self._sections, self._tallies, self._keeping = task, menu, sections, tallies, keeping
        self._steps = self.read = 0
        self.generated = Generated(0, 0.0, 0.0)

    def tables(self, pieces: Iterable[Columns]) -> Iterator[pa.Table]:
        """Selected events, some pieces at a time; at least one table."""
        nothing = self._candidates(_no_events(self._task.settings, self._menu, self._keeping))
        waiting = [nothing]
        for columns in pieces:
            waiting.append(self._candidates(columns))
            if sum(len(part.weight) for part in waiting) >= _TOGETHER:
                yield _event_table(self._chosen(_joined(waiting)))
                waiting = [nothing]
        yield _event_table(self._chosen(_joined(waiting)))

    def _candidates(self, columns: Columns) -> _Candidates:
        """Count the steps of the selection that concern all events; what passes them."""
        settings = self._task.settings
        columns = _identified(columns, self.read)
        good, weight = self._sections.mask(columns), _weight(columns, self._task)
        selection = analyses.get(settings["analysis"]).select(columns, settings["selection"])
        steps = [("certified", good), *selection.steps]
        self._tallies.cutflow(steps, weight)
        self.generated = self.generated.plus(weight)
        selection = selection.at(good[selection.events])
        kept = {name: columns[name][selection.events] for name in (*_EVENT_ID, *self._menu)}
        kept[_ENTRY] = self.read + selection.events
        self._steps, self.read = len(steps), self.read + len(weight)
        flat, lists = self._keeping.of({**columns, **selection.derived}, selection.events)
        kept |= flat
        quantities = {**selection.columns, "run": kept["run"]}
        if selection.decisions:
            quantities["pair"] = _number(selection.events)
        own = dict(selection.decisions), dict(selection.asked)
        return _Candidates(kept, quantities, selection.cuts, *own, weight[selection.events], lists)

    def _chosen(self, found: _Candidates) -> _Chosen:
        """Count candidates cut by cut, and those that pass everything but the trigger by trigger path or leg."""
        self._tallies.cutflow([(cut.name, cut.passed) for cut in found.cuts], found.weight, first=self._steps)
        self._tallies.n_minus_one(found.cuts, found.quantities, found.weight)
        every = np.ones(len(found.weight), bool)
        found = found.at(np.logical_and.reduce([every, *(cut.passed for cut in found.cuts)]))
        if found.decisions:
            return self._pairs(found)
        kept, probe = found.columns, self._task.settings["probe"]
        if not _paths(self._task.settings):
            return _Chosen(kept, found.quantities, {}, found.weight, found.lists)
        self._count_paths(found.at(np.diff(kept[_ENTRY], prepend=-1) > 0))
        fired = decisions(kept, probe["paths"], self._menu, probe["on_missing"], probe["combination"])
        bits = {path: kept[path].astype(bool) if path in self._menu else None for path in _paths(self._task.settings)}
        return _Chosen(kept, found.quantities, bits | fired, found.weight, found.lists)

    def _count_paths(self, found: _Candidates) -> None:
        """Count candidates by trigger path. A path decides about an event, so of each event there is one."""
        kept, weight = found.columns, found.weight
        probe, references = self._task.settings["probe"], self._task.settings["references"]
        fired = decisions(kept, probe["paths"], self._menu, probe["on_missing"], probe["combination"])
        factors = prescale_factors(fired, probe["prescales"])
        for name, paths in references.items():
            accepts = accepted(kept, paths, self._menu) if paths else np.ones(len(weight), bool)
            self._tallies.triggers(name, fired, factors, found.quantities, weight, accepts)

    def _pairs(self, found: _Candidates) -> _Chosen:
        """Count pairs of tag and probe, by leg."""
        mass = Axis(self._task.settings["mass"]).index(found.quantities["mass"])
        same = np.diff(found.quantities["mass"], prepend=0) == 0
        twin = same & (found.quantities["pair"] > 0)
        for name in self._task.settings["references"]:
            own = found.decisions, found.asked
            self._tallies.pairs(name, *own, found.quantities, mass, twin, found.weight)
        asked = {f"{leg}_asked": mask for leg, mask in found.asked.items()}
        return _Chosen(found.columns, found.quantities, found.decisions | asked, found.weight, found.lists)


def _identified(columns: Columns, first: int) -> Columns:
    """The columns, with run and luminosity section 0 and the entry in the file as event where identity is absent."""
    if "run" in columns:
        return columns
    size = next(len(values) for name, values in columns.items() if name.startswith("n"))
    nothing = {name: np.zeros(size, kind.to_pandas_dtype()) for name, kind in _EVENT_ID.items()}
    return columns | nothing | {"event": np.arange(first, first + size, dtype=np.uint64)}


def _number(event: np.ndarray) -> np.ndarray:
    """Number of each candidate within its event, from 0; `event` is ascending, shape (candidates,)."""
    first = np.diff(event, prepend=-1) > 0
    return np.arange(len(event)) - np.flatnonzero(first)[np.cumsum(first) - 1]


def _joined(parts: Sequence[_Candidates]) -> _Candidates:
    """Candidates of several pieces, in order. Empty parts, whose numbers may be of another kind, are left out."""
    parts = [part for part in parts if len(part.weight)] or parts[:1]
    first = parts[0]

    def join(of: Callable[[_Candidates], np.ndarray]) -> np.ndarray:
        return np.concatenate([of(part) for part in parts])

    cuts = [cut._replace(passed=join(lambda part, i=i: part.cuts[i].passed)) for i, cut in enumerate(first.cuts)]
    columns = {name: join(lambda part, name=name: part.columns[name]) for name in first.columns}
    quantities = {name: join(lambda part, name=name: part.quantities[name]) for name in first.quantities}
    own = {name: join(lambda part, name=name: part.decisions[name]) for name in first.decisions}
    asked = {name: join(lambda part, name=name: part.asked[name]) for name in first.asked}
    lists = {
        name: Jagged(join(lambda part, n=name: part.lists[n].counts), join(lambda part, n=name: part.lists[n].values))
        for name in first.lists
    }
    return _Candidates(columns, quantities, cuts, own, asked, join(lambda part: part.weight), lists)


def _paths(settings: Mapping[str, Any]) -> list[str]:
    """The trigger paths of the probe and of the references."""
    return list(dict.fromkeys(itertools.chain(settings["probe"]["paths"], *settings["references"].values())))


def _branches(settings: Mapping[str, Any], menu: list[str]) -> list[str]:
    probe = settings["probe"]
    paths = [*menu, *(probe["paths"] if probe["on_missing"] == "error" else [])]
    weight = ["genWeight"] if settings["kind"] == "mc" else []
    wanted = analyses.get(settings["analysis"]).branches(settings["selection"])
    identity = [name for name in _EVENT_ID if name not in _absent(settings)]
    return list(dict.fromkeys([*identity, *wanted, *paths, *weight]))


def _kept(settings: Mapping[str, Any]) -> Kept:
    keep = getattr(analyses.get(settings["analysis"]), "keep", None)
    return keep(settings["selection"], settings["kind"]) if keep else Kept(())


def _counter(branch: str) -> str:
    return f"n{branch.split('_')[0]}"


def _weight(columns: Columns, task: Task) -> np.ndarray:
    if task.settings["kind"] == "data":
        return np.ones(len(columns["run"]))
    weight = columns["genWeight"].astype(float)
    bad = np.count_nonzero(~np.isfinite(weight))
    if bad:
        raise InputError("bad_weight", f"{task.location}: genWeight is not a finite number in {bad} events")
    return weight


def _event_table(chosen: _Chosen) -> pa.Table:
    """Flat columns: event identity, quantities, weight, trigger bits (null where the path is not in the menu)."""
    size = len(chosen.weight)
    table = {name: numbers(chosen.columns[name], kind) for name, kind in _EVENT_ID.items()}
    for name, values in chosen.quantities.items():
        if name not in table:
            table[name] = numbers(values, pa.int32() if values.dtype.kind in "iu" else pa.float32())
    for name, content in chosen.columns.items():
        if name not in table and name not in chosen.fired and name != _ENTRY:
            table[name] = numbers(content)
    table |= {name: lists(content.values, content.counts) for name, content in chosen.lists.items()}
    table["weight"] = numbers(chosen.weight, pa.float64())
    for path, decision in chosen.fired.items():
        name = f"HLT_{path}" if path in (ANY, EVERY) else path
        table[name] = pa.nulls(size, pa.bool_()) if decision is None else numbers(decision)
    return pa.table(table)


def _no_events(settings: Mapping[str, Any], menu: list[str], keeping: _Keeping) -> Columns:
    """The columns of no events: with them a file without events gets the same rows and columns as any other."""
    own = analyses.get(settings["analysis"]).branches(settings["selection"])
    names = [*own, *menu, *keeping.read, "genWeight"]
    columns = {name: np.empty(0, np.int64 if name.startswith("n") else np.float32) for name in names}
    columns["PV_npvs"] = np.empty(0, np.int32)
    return columns | {name: np.empty(0, kind.to_pandas_dtype()) for name, kind in _EVENT_ID.items()}
