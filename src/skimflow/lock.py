"""The data lock: what the files of a dataset were when they were looked at. A TSV file, in git.

The first line is a comment with what the catalogue states of the dataset as a whole; then a header and one line a file.
`job` names the skim job that reads the file, so that files can be added without moving others to another job. A lock
made from a published list may know the entries only, with `uuid` left empty; `snakemake lock` completes it.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from skimflow.config import Dataset
from skimflow.errors import ConfigError
from skimflow.paths import file_id

FOLDER = Path("config/locks")


class Row(NamedTuple):
    """One locked file; an empty text or None where a fact is not known."""

    file: str
    job: str
    lfn: str
    location: str
    entries: int
    bytes: int | None
    adler32: str
    uuid: str
    first_run: int | None
    last_run: int | None


class Lock(NamedTuple):
    """All locked files of a dataset, in the order of their LFN.

    `stated`: totals that its catalogue states. `source` and `files_per_job`: what the dataset said when it was locked.
    """

    rows: list[Row]
    stated: dict[str, int]
    source: str
    files_per_job: int


def path_of(dataset: str) -> Path:
    return FOLDER / f"{dataset}.tsv"


def source_of(dataset: Dataset) -> str:
    """Where the files of a dataset come from, in one word; lists of files are compared file by file instead."""
    if dataset.recid:
        return "recid:" + ",".join(map(str, dataset.recid))
    return dataset.rucio or dataset.das or "list"


def read(path: Path) -> Lock | None:
    """The lock in a file, or None if there is none.

    Raises:
        ConfigError: it is not a lock, is empty, or holds a file twice.
    """
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        head = dict(pair.split("=", 1) for pair in lines[0].removeprefix("#").split())
        if tuple(lines[1].split("\t")) != Row._fields:
            raise ValueError("unknown columns")
        rows = [_row(fields) for fields in csv.reader(lines[2:], delimiter="\t", quoting=csv.QUOTE_NONE)]
        source, per_job = head.pop("source"), int(head.pop("files_per_job"))
        found = Lock(rows, {name: int(value) for name, value in head.items()}, source, per_job)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: not a data lock ({error}); remove it and run snakemake lock") from error
    _check(path, rows)
    return found


def text(rows: Iterable[Row], stated: Mapping[str, int], source: str, files_per_job: int) -> str:
    """The content of a lock file."""
    facts = {"source": source, "files_per_job": files_per_job, **dict(sorted(stated.items()))}
    head = " ".join(["#", *(f"{name}={value}" for name, value in facts.items())])
    ordered = sorted(rows, key=lambda row: row.lfn)
    lines = ("\t".join("" if value is None else str(value) for value in row) for row in ordered)
    return "\n".join([head, "\t".join(Row._fields), *lines]) + "\n"


def _check(path: Path, rows: list[Row]) -> None:
    if not rows:
        raise ConfigError(f"{path}: locks no file; remove it and run snakemake lock")
    seen: set[str] = set()
    for row in rows:
        if row.lfn in seen:
            raise ConfigError(f"{path}: {row.lfn}: locked twice, so its events would count twice; remove one line")
        if row.file != file_id(row.lfn) or not re.fullmatch(r"[A-Za-z0-9_-]+", row.job):
            raise ConfigError(f"{path}: {row.lfn}: its line was changed by hand; remove it and run snakemake lock")
        seen.add(row.lfn)


def _row(fields: list[str]) -> Row:
    file, job, lfn, location, entries, size, adler32, uuid, first, last = fields
    return Row(file, job, lfn, location, int(entries), _number(size), adler32, uuid, _number(first), _number(last))


def _number(field: str) -> int | None:
    return int(field) if field else None
