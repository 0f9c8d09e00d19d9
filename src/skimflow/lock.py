"""The data lock: what the files of a dataset were when they were looked at. A TSV file, in git.

The first line is a comment with what the catalogue states of the dataset as a whole; then a header and one line a file.
`job` names the skim job that reads the file, so that files can be added without moving others to another job.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from skimflow.errors import ConfigError

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
    """All locked files of a dataset, in the order of their LFN, and the totals that its catalogue states."""

    rows: list[Row]
    stated: dict[str, int]


def path_of(dataset: str) -> Path:
    return FOLDER / f"{dataset}.tsv"


def read(path: Path) -> Lock | None:
    """The lock in a file, or None if there is none.

    Raises:
        ConfigError: it is not a lock.
    """
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        stated = dict(pair.split("=") for pair in lines[0].removeprefix("#").split())
        reader = csv.reader(lines[2:], delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(lines[1].split("\t")) != Row._fields:
            raise ValueError("unknown columns")
        return Lock([_row(fields) for fields in reader], {name: int(value) for name, value in stated.items()})
    except (ValueError, IndexError, TypeError) as error:
        raise ConfigError(f"{path}: not a data lock ({error}); remove it and run snakemake lock") from error


def text(rows: Iterable[Row], stated: Mapping[str, int]) -> str:
    """The content of a lock file."""
    head = " ".join(["#", *(f"{name}={value}" for name, value in sorted(stated.items()))])
    ordered = sorted(rows, key=lambda row: row.lfn)
    lines = ("\t".join("" if value is None else str(value) for value in row) for row in ordered)
    return "\n".join([head, "\t".join(Row._fields), *lines]) + "\n"


def _row(fields: list[str]) -> Row:
    file, job, lfn, location, entries, size, adler32, uuid, first, last = fields
    return Row(file, job, lfn, location, int(entries), _number(size), adler32, uuid, _number(first), _number(last))


def _number(field: str) -> int | None:
    return int(field) if field else None
