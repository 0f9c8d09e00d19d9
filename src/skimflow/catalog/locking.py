"""Make a data lock by opening every file, and verify one."""

import json
import logging
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from skimflow import lock, paths
from skimflow.catalog.base import CatalogFile
from skimflow.config import Dataset
from skimflow.errors import InputError
from skimflow.io import remote
from skimflow.io.nanoaod import NanoAOD

_log = logging.getLogger(__name__)
_CHUNK = 2**22
_SHOWN = 5


class Finding(NamedTuple):
    """What the check of a locked file found; `status` is `ok` or one word for what is wrong."""

    dataset: str
    lfn: str
    status: str
    detail: str


def make(
    name: str,
    files: list[CatalogFile],
    stated: dict[str, int],
    dataset: Dataset,
    site: remote.Site,
    progress: Path,
    workers: int,
    say: Callable[[str], None],
) -> str:
    """The text of a lock for these files. Files that are in the lock already, or were done before, are not opened.

    Those that are locked without their UUID are opened, and must have the events that the lock says.

    Args:
        progress: file that keeps what is done, so that an interrupted run goes on where it stopped.
        workers: files opened at a time.
        say: told of the progress in one line, now and then.

    Raises:
        InputError: files cannot be read; the others are kept in `progress`.
    """
    remote.prepare(site)
    before = lock.read(lock.path_of(name))
    locked = {row.lfn: row for row in (before.rows if before else ())}
    known = {row.lfn: row for row in (*locked.values(), *_done(progress)) if row.uuid}
    said = {name: row.entries for name, row in locked.items() if not row.uuid}
    missing = [
        file._replace(events=said.get(file.lfn, file.events)) if file.events is None else file
        for file in files
        if file.lfn not in known
    ]
    failures: list[str] = []
    for count, row in enumerate(_opened(missing, site, workers), start=1):
        if isinstance(row, InputError):
            failures.append(str(row))
        else:
            known[row.lfn] = row
            _keep(progress, row)
        if count % max(1, len(missing) // 20) == 0 or count == len(missing):
            say(f"{name}: {count} of {len(missing)} files opened, {len(failures)} failed")
    if failures:
        shown = "\n  ".join(failures[:_SHOWN] + ([f"and {len(failures) - _SHOWN} more"] if failures[_SHOWN:] else []))
        raise InputError(
            "unreachable", f"{name}: {len(failures)} files cannot be locked (run it again for these):\n  {shown}"
        )
    at = {file.lfn: file.location for file in files}
    rows = _assign([known[lfn] for lfn in sorted(at)], before, dataset.files_per_job)
    rows = [row._replace(location=at[row.lfn]) for row in rows]
    return lock.text(rows, stated, lock.source_of(dataset), dataset.files_per_job)


def inspect(file: CatalogFile, site: remote.Site) -> lock.Row:
    """Open one file and write down what it is.

    Raises:
        InputError: it cannot be read, or has another size or number of events than its catalogue says.
    """
    entries, uuid, runs = remote.read(file.location, site, lambda at: _facts(at, site.timeout), file.lfn)
    if file.events is not None and file.events != entries:
        raise InputError("changed", f"{file.location}: has {entries} events, its catalogue says {file.events}")
    size = remote.read(file.location, site, _size, file.lfn)
    if file.bytes not in (None, size):
        raise InputError("changed", f"{file.location}: has {size} bytes, its catalogue says {file.bytes}")
    first, last = (min(runs), max(runs)) if runs else (None, None)
    key = paths.file_id(file.lfn)
    return lock.Row(key, key, file.lfn, file.location, entries, size, file.adler32 or "", uuid, first, last)


def check(
    dataset: str, rows: Iterable[lock.Row], site: remote.Site, checksums: bool, workers: int
) -> Iterator[Finding]:
    """Verify locked files: that they are there, with their entries and UUID, their size and, if asked, checksum."""
    remote.prepare(site)
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda row: _check(dataset, row, site, checksums), rows)


def adler32(location: str) -> str:
    """Adler-32 of a file, local or remote, eight hexadecimal digits.

    Raises:
        InputError: it cannot be read to its end.
    """
    value = 1
    try:
        with fsspec.open(location, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                value = zlib.adler32(chunk, value)
    except Exception as error:
        raise InputError(remote.reason(error), f"{location}: cannot be read ({remote.describe(error)})") from error
    return f"{value:08x}"


def _check(dataset: str, row: lock.Row, site: remote.Site, checksums: bool) -> Finding:
    try:
        wrong = remote.read(row.location, site, lambda at: _differences(at, row, site, checksums), row.lfn)
    except InputError as error:
        return Finding(dataset, row.lfn, error.reason, str(error))
    return Finding(dataset, row.lfn, "changed" if wrong else "ok", wrong)


def _differences(location: str, row: lock.Row, site: remote.Site, checksums: bool) -> str:
    entries, uuid, _ = _facts(location, site.timeout)
    found: dict[str, Any] = {"entries": entries}
    if row.uuid:
        found["uuid"] = uuid
    if row.bytes is not None:
        found["bytes"] = _size(location)
    if checksums and row.adler32:
        found["adler32"] = adler32(location)
    wrong = [f"{n} is {v}, locked as {getattr(row, n)}" for n, v in found.items() if v not in (None, getattr(row, n))]
    return "; ".join(wrong)


def _facts(location: str, timeout: float) -> tuple[int, str, list[int]]:
    with NanoAOD(location, timeout, wanted=["run"]) as file:
        return file.entries, file.uuid, file.runs()


def _size(location: str) -> int | None:
    try:
        files, path = fsspec.url_to_fs(location)
        return files.size(path)
    except Exception as error:
        raise InputError(remote.reason(error), f"{location}: has no size ({remote.describe(error)})") from error


def _opened(files: list[CatalogFile], site: remote.Site, workers: int) -> Iterator[lock.Row | InputError]:
    """What each file is, or why it cannot be read, in the order in which they are done."""

    def attempt(file: CatalogFile) -> lock.Row | InputError:
        try:
            return inspect(file, site)
        except InputError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(attempt, file) for file in files]):
            yield future.result()


def _assign(rows: list[lock.Row], before: lock.Lock | None, files_per_job: int) -> list[lock.Row]:
    """Rows with their jobs: files that had one keep it, new ones fill new jobs, named by their first file.

    Another `files_per_job` than the lock was made with assigns all of them anew.
    """
    same = before is not None and before.files_per_job == files_per_job
    held = {row.lfn: row.job for row in before.rows} if before and same else {}
    kept = [row._replace(job=held[row.lfn]) for row in rows if row.lfn in held]
    new = [row for row in rows if row.lfn not in held]
    groups = [new[i : i + files_per_job] for i in range(0, len(new), files_per_job)]
    return kept + [row._replace(job=group[0].file) for group in groups for row in group]


_writing = threading.Lock()


def _keep(progress: Path, row: lock.Row) -> None:
    progress.parent.mkdir(parents=True, exist_ok=True)
    with _writing, progress.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def _done(progress: Path) -> Iterator[lock.Row]:
    """Rows of an interrupted run; its last line may be half written."""
    if not progress.is_file():
        return
    for line in progress.read_text(encoding="utf-8").splitlines():
        try:
            yield lock.Row(*json.loads(line))
        except (ValueError, TypeError):
            _log.warning("%s: half a line left out", progress)
