"""Parquet files that appear whole or not at all, with their provenance in the schema's metadata."""

import contextlib
import glob
import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_KEY = b"skimflow"
_OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 3}


@contextlib.contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` when the block ends well, and is removed otherwise.

    The name holds host and process, so two writers of one output do not meet; what a killed one left is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{platform.node()}"
    for left in path.parent.glob(f"{glob.escape(mine)}.*.partial"):
        if not _alive(int(left.name.split(".")[-2])):
            left.unlink(missing_ok=True)
    partial = path.with_name(f"{mine}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def write_table(table: pa.Table, path: str | os.PathLike[str], stamp: Mapping[str, Any]) -> None:
    """Write a table with its provenance `stamp`."""
    with whole(path) as partial:
        pq.write_table(table.replace_schema_metadata(_metadata(stamp)), partial, **_OPTIONS)


def read_stamp(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The provenance stamp of a file that skimflow wrote."""
    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata.get(_KEY, b"{}"))


class EventWriter:
    """Appends pieces of flat columns to a Parquet file.

    Args:
        path: file to write (usually a temporary name from `whole`).
        stamp: provenance.
    """

    def __init__(self, path: str | os.PathLike[str], stamp: Mapping[str, Any]):
        self._path, self._stamp = path, stamp
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append a piece. The first one, even when empty, fixes the columns."""
        if self._writer is None:
            schema = table.schema.with_metadata(_metadata(self._stamp))
            self._writer = pq.ParquetWriter(self._path, schema, **_OPTIONS)
        if table.num_rows:
            self._writer.write_table(table.replace_schema_metadata(self._writer.schema.metadata))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def write_json(content: Any, path: str | os.PathLike[str]) -> None:
    """Readable JSON with sorted keys."""
    write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", path)


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _metadata(stamp: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {_KEY: json.dumps(stamp, sort_keys=True).encode()}
