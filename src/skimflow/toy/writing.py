"""Toy NanoAOD files: the ROOT file and the truth beside it."""

import json
import lzma
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import uproot

from skimflow.arrow import numbers
from skimflow.files import whole
from skimflow.io.outputs import write_table
from skimflow.toy import trigger
from skimflow.toy.collisions import Columns, Sample, collisions
from skimflow.toy.probabilities import path_probabilities
from skimflow.toy.truth import pick


class _LZMA(uproot.LZMA):
    """LZMA with the checksum that ROOT writes (CRC32; uproot writes another)."""

    @property
    def code_pair(self) -> tuple[int, int]:
        return uproot.const.kLZMA, self.level

    def compress(self, data: Any) -> bytes:
        return lzma.compress(data, check=lzma.CHECK_CRC32, preset=self.level)


_CODECS = {
    "ZSTD": uproot.ZSTD(5),
    "LZMA": _LZMA(4),
    "ZLIB": uproot.ZLIB(4),
    "LZ4": uproot.LZ4(4),
    "none": uproot.ZLIB(0),
}
# Nobody reads the filler: it is there to be skipped, so it is compressed fast.
_FILLER_CODEC = uproot.ZLIB(1)
_BASKET, _ROOM = 20_000, 10
_FILLER = "Filler"


def write_file(
    path: str | Path,
    sample: Sample,
    events: int,
    codec: str = "ZSTD",
    filler: int = 0,
    probabilities: str | Path | None = None,
) -> None:
    """Write a toy NanoAOD file, and its truth as `<stem>.truth.json` beside it.

    The file of a primary dataset holds only events that some path of that dataset fired.

    Args:
        events: number of events in the file.
        codec: ZSTD, LZMA, ZLIB, LZ4 or none.
        filler: number of branches of `Events` to fill up to (0: none; real files have about 1,380).
        probabilities: Parquet file to write, with the identity of each event of the file and what
            `path_probabilities` says of it. Only dimuon physics has them.
    """
    path, book = Path(path), _Book(sample)
    known: list[pa.Table] = []
    seeded = uuid.UUID(bytes=np.random.default_rng([sample.seed, sample.index, *path.stem.encode()]).bytes(16))
    # Handed over opened: uproot writes a file's name into it, and the temporary name holds the process.
    with (
        whole(path) as partial,
        partial.open("w+b") as sink,
        uproot.recreate(sink, compression=_CODECS[codec], uuid_function=lambda: seeded) as file,
    ):
        tree = None
        for columns in _kept(sample, events, book):
            content = _branches(columns, filler, sample)
            tree = tree or _tree(file, content, baskets=events // _BASKET + 2)
            tree.extend(content)
            if probabilities:
                known.append(_known(columns, sample))
        for name, content in (("LuminosityBlocks", book.sections()), ("Runs", book.runs())):
            _tree(file, content, name).extend(content)
    with whole(path.with_suffix(".truth.json")) as partial:
        partial.write_text(json.dumps(book.truth(), indent=1) + "\n", encoding="utf-8")
    if probabilities:
        write_table(pa.concat_tables(known), probabilities, {"sample": sample._asdict()})


def write_probabilities(path: str | Path, sample: Sample, events: int) -> None:
    """What `write_file` writes as `probabilities`, without the toy file: its events are generated again."""
    known = [_known(columns, sample) for columns in _kept(sample, events, _Book(sample))]
    write_table(pa.concat_tables(known), path, {"sample": sample._asdict()})


def _known(columns: Columns, sample: Sample) -> pa.Table:
    """Identity of events, and their true probabilities."""
    found = path_probabilities(columns, sample.menu, sample.primary_dataset)
    identity = {name: columns[name] for name in ("run", "luminosityBlock", "event")}
    return pa.table({name: numbers(values) for name, values in (identity | found).items()})


def _tree(file: Any, content: dict[str, Any], name: str = "Events", baskets: int = 1) -> Any:
    """The empty tree of these branches, with room for so many baskets of each: making room later takes long."""
    types = {branch: _type(values) for branch, values in content.items()}
    tree = file.mktree(name, types, initial_basket_capacity=max(baskets, _ROOM))
    for name in content:
        if _FILLER in name:
            tree[name].compression = _FILLER_CODEC
    return tree


class _Book:
    """What was generated, whether or not it was kept."""

    def __init__(self, sample: Sample):
        self.sample, self.generated, self.kept = sample, 0, 0
        self.fired = dict.fromkeys(sample.menu.paths, 0)
        self.pairs: list[np.ndarray] = [np.empty((0, 2), np.uint32)]
        self.weights: list[np.ndarray] = [np.empty(0)]

    def add(self, columns: Columns, kept: int) -> None:
        self.generated += len(columns["run"])
        self.kept += kept
        for path in self.fired:
            self.fired[path] += int(columns[path].sum())
        self.pairs.append(np.unique(np.stack([columns["run"], columns["luminosityBlock"]], axis=1), axis=0))
        self.weights.append(columns.get("genWeight", np.empty(0)).astype(float))

    def sections(self) -> dict[str, np.ndarray]:
        pairs = np.unique(np.concatenate(self.pairs), axis=0)
        return {"run": pairs[:, 0], "luminosityBlock": pairs[:, 1]}

    def runs(self) -> dict[str, np.ndarray]:
        weight = np.concatenate(self.weights)
        runs = np.unique(np.concatenate(self.pairs)[:, 0])
        if self.sample.process is None:
            return {"run": runs}
        sums = {"genEventCount": [len(weight)], "genEventSumw": [weight.sum()], "genEventSumw2": [(weight**2).sum()]}
        return {"run": np.array([1], np.uint32), **{name: np.array(value) for name, value in sums.items()}}

    def _by_run(self) -> Iterator[tuple[int, np.ndarray]]:
        pairs = np.concatenate(self.pairs)
        for run in np.unique(pairs[:, 0]).tolist():
            yield run, pairs[pairs[:, 0] == run, 1]

    def truth(self) -> dict[str, Any]:
        return {
            "sample": self.sample._asdict(),
            "collisions": self.generated,
            "kept": self.kept,
            "fired": self.fired,
            "sections": {str(run): [int(n.min()), int(n.max())] for run, n in self._by_run()},
            "trigger": trigger.parameters(self.sample.menu),
        }


def _kept(sample: Sample, events: int, book: _Book) -> Iterator[Columns]:
    """Pieces of _BASKET events of the primary dataset, `events` in all; one empty piece when that is none."""
    pending: list[Columns] = []
    waiting, left = 0, events
    for columns in collisions(sample):
        fired = {path: columns[path] for path in sample.menu.paths}
        kept = trigger.in_primary_dataset(fired, sample.primary_dataset, sample.menu)
        kept &= np.cumsum(kept) <= left
        last = kept.sum() == left
        if last:  # collisions after the last kept one were not looked at
            columns = dict(pick(columns, _up_to_last(kept)).items())
            kept = kept[: len(columns["run"])]
        book.add(columns, int(kept.sum()))
        left -= int(kept.sum())
        pending.append(pick(columns, kept))
        waiting += int(kept.sum())
        while waiting >= _BASKET or last:
            piece, pending = _join(pending, _BASKET)
            waiting -= len(piece["run"])
            yield piece
            if last and not waiting:
                return


def _up_to_last(kept: np.ndarray) -> np.ndarray:
    places = np.flatnonzero(kept)
    return np.arange(len(kept)) <= (places[-1] if len(places) else -1)


def _join(pieces: list[Columns], size: int) -> tuple[Columns, list[Columns]]:
    """The first `size` events of these pieces, and the rest."""
    whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    first = np.arange(len(whole["run"])) < size
    return pick(whole, first), [pick(whole, ~first)]


def _branches(columns: Columns, filler: int, sample: Sample) -> dict[str, Any]:
    """Columns as uproot writes them: one record array for each collection."""
    collections = [name[1:] for name in columns if name.startswith("n")]
    content: dict[str, Any] = {}
    for name, values in columns.items():
        if name.split("_")[0] not in collections and name[1:] not in collections:
            content[name] = values
    for collection in collections:
        prefix, counts = f"{collection}_", columns[f"n{collection}"]
        fields = {name.removeprefix(prefix): v for name, v in columns.items() if name.startswith(prefix)}
        content[collection] = ak.zip({name: ak.unflatten(v, counts) for name, v in fields.items()})
    missing = filler - len(columns)
    if missing > 0:
        content |= _filler(len(columns["run"]), missing, sample)
    return content


def _filler(events: int, branches: int, sample: Sample) -> dict[str, np.ndarray]:
    """Branches that nobody reads: rarely set bits and floats of reduced precision, as in real files."""
    rng = np.random.default_rng([sample.seed, sample.index, events, branches])
    names = [f"HLT_{_FILLER}{i:04d}" if i % 5 < 3 else f"{_FILLER}{i:04d}_value" for i in range(branches)]
    floats = (rng.gamma(2, 20, events).astype(np.float32).view(np.uint32) & np.uint32(0xFFF00000)).view(np.float32)
    bits = rng.random(events) < 0.02
    return {name: np.roll(bits if name.startswith("HLT") else floats, i) for i, name in enumerate(names)}


def _type(values: Any) -> Any:
    return values.type.content if isinstance(values, ak.Array) else values.dtype
