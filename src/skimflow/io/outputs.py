"""Parquet files that appear whole or not at all, with their provenance in the schema's metadata."""

import json
import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.files import whole

_KEY = b"skimflow"
_OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 3}


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


def write_csv(table: Any, path: str | os.PathLike[str]) -> None:
    """Write a pandas table as CSV to be read, with seven digits; the Parquet file beside it has all of them."""
    write_text(table.to_csv(index=False, float_format="%.7g"), path)


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    write_bytes(text.encode(), path)


def write_bytes(content: bytes, path: str | os.PathLike[str]) -> None:
    with whole(path) as partial:
        partial.write_bytes(content)


def _metadata(stamp: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {_KEY: json.dumps(stamp, sort_keys=True).encode()}
