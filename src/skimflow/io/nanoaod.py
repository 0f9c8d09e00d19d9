"""One NanoAOD file, opened and read in pieces; whatever goes wrong in between becomes an InputError."""

import contextlib
import difflib
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skimflow.errors import InputError
from skimflow.io import baskets, lean, remote
from skimflow.io.light import uproot
from skimflow.paths import is_remote

Columns = dict[str, np.ndarray]

# Entries read at a time: large enough to hide the cost of each call, small enough that memory stays flat.
_STEP = 50_000


class NanoAOD:
    """The `Events` of a NanoAOD file, a TTree or an RNTuple.

    Args:
        location: local path or URL.
        timeout: seconds without an answer from a server that are an error.
        wanted: the branches that may be read, if that is known: the file opens faster.
        threads: how many decompress at a time.

    Raises:
        InputError: the file is missing, not ROOT, damaged, or has no `Events`.
    """

    def __init__(self, location: str, timeout: float = 60, wanted: Collection[str] | None = None, threads: int = 1):
        self.location, self._threads = location, threads
        with _explained(location, "opening"):
            # No caches: every basket is read once, and memory stays flat.
            self._file = uproot.open(location, array_cache=None, object_cache=None, **_options(location, timeout))
            classes = self._file.classnames(cycle=False, recursive=False)
            size, expected = self._file.file.source.num_bytes, self._file.file.fEND
        _check_size(location, size, expected)
        if "Events" not in classes:
            held = ", ".join(sorted(classes)) or "nothing"
            raise InputError("no_events_tree", f"{location}: no Events tree, so this is not NanoAOD (it holds {held})")
        with _explained(location, "reading the tree of"):
            if wanted is not None and classes["Events"] == "TTree":
                self._events, self.branches = lean.events(self._file, wanted)
            else:
                self._events = self._file["Events"]
                self.branches = frozenset(self._events.keys(recursive=False))
            if "RNTuple" in classes["Events"]:
                self.branches = frozenset(self._events.keys())
            self.entries = int(self._events.num_entries)
        self.uuid = str(self._file.file.uuid)

    def __enter__(self) -> "NanoAOD":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def require(self, branches: list[str]) -> None:
        """Raises InputError, naming near misses, unless all of `branches` are there."""
        missing = [name for name in branches if name not in self.branches]
        if missing:
            raise InputError("missing_branch", f"{self.location}: {'; '.join(map(self._describe, missing))}")

    def _describe(self, name: str) -> str:
        collection = name.split("_")[0]
        near = [b for b in self.branches if b.split("_")[0] == collection]
        close = difflib.get_close_matches(name, near, n=3, cutoff=0.5)
        return f"no branch {name}" + (f" (near: {', '.join(close)})" if close else "")

    def chunks(self, branches: list[str]) -> Iterator[Columns]:
        """Read `branches` piece by piece, each entry once, in order.

        Yields:
            Flat arrays by branch name. A jagged branch `Electron_pt` comes as the values of all electrons of the
            piece, one after the other; `nElectron` says how many belong to each event.

        Raises:
            InputError: a branch is absent or cannot be read, or the lengths contradict each other.
        """
        self.require(branches)
        with _explained(self.location, "reading the baskets of"):
            simple = baskets.columns(self._events, branches)
        others = [name for name in branches if name not in {column.name for column in simple}]
        steps = list(self._steps(branches))
        pieces = baskets.pieces(self._file.file.source, simple, steps, self._threads)
        with contextlib.closing(pieces):
            for start, stop in steps:
                with _explained(self.location, f"reading entries {start} to {stop} of"):
                    columns = next(pieces) | self._by_uproot(others, start, stop)
                self._check_lengths(columns, stop - start)
                yield columns
            with _explained(self.location, "reading the end of"):
                next(pieces, None)

    def _by_uproot(self, branches: list[str], start: int, stop: int) -> Columns:
        if not branches:
            return {}
        arrays = self._events.arrays(filter_name=branches, entry_start=start, entry_stop=stop, library="ak")
        return {name: _flat(arrays[name]) for name in branches}

    def _steps(self, branches: list[str]) -> Iterator[tuple[int, int]]:
        """Pieces of at most _STEP entries that end where baskets of all branches end, if one ends near enough."""
        ends = np.array([self.entries])
        if hasattr(self._events, "common_entry_offsets"):
            with _explained(self.location, "reading the baskets of"):
                ends = np.array(self._events.common_entry_offsets(filter_branch=lambda b: b.name in branches))
        start = 0
        while start < self.entries:
            near = ends[(ends > start) & (ends <= start + _STEP)]
            stop = int(near[-1]) if len(near) else min(start + _STEP, self.entries)
            yield start, stop
            start = stop

    def _check_lengths(self, columns: Columns, entries: int) -> None:
        totals = {name: int(values.sum()) for name, values in columns.items() if name.startswith("n")}
        for name, values in columns.items():
            expected = totals.get(f"n{name.split('_')[0]}", entries)
            if len(values) != expected:
                raise InputError(
                    "corrupt", f"{self.location}: {name} has {len(values)} values where {expected} belong: damaged file"
                )

    def runs(self) -> list[int]:
        """Run numbers of the `Runs` tree, or of the events without one; sorted."""
        with _explained(self.location, "reading the runs of"):
            tree = self._file["Runs"] if "Runs" in self._file.keys(cycle=False, recursive=False) else self._events
            found = np.unique(np.asarray(tree["run"].array(library="np"), np.int64))
        return found.tolist()

    def generated(self) -> tuple[int, float, float] | None:
        """Number of generated events, Σ genWeight and Σ genWeight², as the `Runs` tree tells for all events that were
        made, also those that a skim left out; None if it does not, or tells no finite numbers."""
        with _explained(self.location, "reading the runs of"):
            if "Runs" not in self._file.keys(cycle=False, recursive=False):
                return None
            tree = self._file["Runs"]
            # Versions before v8 end the names with an underscore.
            for end in ("", "_"):
                names = [f"{name}{end}" for name in ("genEventCount", "genEventSumw", "genEventSumw2")]
                if all(name in tree.keys(recursive=False) for name in names):
                    number, sumw, sumw2 = (math.fsum(tree[name].array(library="np").tolist()) for name in names)
                    return (int(number), sumw, sumw2) if math.isfinite(sumw) and math.isfinite(sumw2) else None
        return None

    def lumi_sections(self) -> np.ndarray:
        """Luminosity sections that the `LuminosityBlocks` tree lists, shape (n, 2): run, section. Empty without it."""
        with _explained(self.location, "reading LuminosityBlocks of"):
            if "LuminosityBlocks" not in self._file.keys(cycle=False, recursive=False):
                return np.empty((0, 2), np.int64)
            blocks = self._file["LuminosityBlocks"].arrays(["run", "luminosityBlock"], library="np")
        return np.stack([blocks["run"].astype(np.int64), blocks["luminosityBlock"].astype(np.int64)], axis=1)


def _check_size(location: str, found: int, expected: int) -> None:
    """A file shorter than its header says is refused, even if what is missing would not be read."""
    if found < expected:
        raise InputError("corrupt", f"{location}: is truncated: {found} bytes, its header says {expected}")


def _flat(array: Any) -> np.ndarray:
    import awkward as ak

    return np.asarray(ak.to_numpy(ak.flatten(array, axis=1) if array.ndim > 1 else array))


@contextlib.contextmanager
def _explained(location: str, doing: str) -> Iterator[None]:
    """Turn whatever uproot, a codec or the network raises into an InputError that names the file.

    Only calls into uproot stand inside: it raises a dozen unrelated classes for damaged files (struct.error,
    zlib.error, lzma.LZMAError, DeserializationError, KeyError, ValueError, ...).
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError("missing", f"{location}: no such file") from error
    except PermissionError as error:
        raise InputError("authentication", f"{location}: you may not read this file") from error
    except Exception as error:
        reason, advice = _diagnose(location, error)
        detail = remote.describe(error)
        raise InputError(reason, f"{location}: {advice} while {doing} it ({detail})") from error


def _options(location: str, timeout: float) -> dict[str, Any]:
    # Local files are read, not mapped: pages of a mapped file count as memory of the job.
    local = {"handler": uproot.MultithreadedFileSource, "num_workers": 1}
    return {"timeout": timeout} if is_remote(location) else local


def _diagnose(location: str, error: Exception) -> tuple[str, str]:
    if is_remote(location) and not isinstance(error, ImportError):
        why = remote.reason(error)
        return why, f"{remote.ADVICE[why]}:"
    path = Path(location)
    if isinstance(error, ImportError):
        return "no_client", "needs packages that are not installed (pip install 'skimflow[remote]'): noticed"
    if path.is_dir():
        return "not_root", "is a folder, not a ROOT file: noticed"
    if path.is_file():
        with path.open("rb") as stream:
            magic = stream.read(4)
        if not magic:
            return "empty_file", "has no bytes: noticed"
        if magic != b"root":
            return "not_root", "is not a ROOT file: noticed"
        return "corrupt", "is truncated or damaged: failed"
    return "unreadable", "failed"
