"""NanoAOD datasets of the CERN Open Data portal, from its JSON.

Today's portal lists every file of a record under `_file_indices` of the API document. Older ones name index files under
`files` and serve those at `/record/<recid>/files/<name>`: JSON with checksums, and text with URLs only.
"""

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import requests

from skimflow.catalog.base import CatalogFile, adler32
from skimflow.errors import InputError
from skimflow.paths import lfn

TIMEOUT = 60  # seconds without an answer


class Record(NamedTuple):
    """A record: its files, and the totals that it states itself (None where it does not).

    `number_files` and `bytes` were compared with `files` as far as those have sizes; `events` cannot be, unopened.
    """

    recid: int
    title: str
    events: int | None
    files: list[CatalogFile]
    number_files: int | None
    bytes: int | None


def discover(recids: Sequence[int], portal: str) -> list[Record]:
    """The records of NanoAOD datasets, each with all its files in the portal's order.

    Args:
        recids: numbers of the records, as in https://opendata.cern.ch/record/30528.
        portal: start of the portal's addresses, such as https://opendata.cern.ch.

    Raises:
        InputError: the portal cannot be reached or has no such record; the record is not of a NanoAOD dataset; an index
            differs from what the record says of it; files are missing, or are listed twice.
    """
    return [_record(recid, portal.rstrip("/")) for recid in recids]


def _record(recid: int, portal: str) -> Record:
    url = f"{portal}/api/records/{recid}"
    content = _get(url)
    if content is None:
        raise InputError("no_such_record", f"{url}: the portal has no record {recid}; correct `recid`")
    document = _json(content, url)
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict):
        raise InputError("bad_answer", f"{url}: no record of the portal (no `metadata`); is `portal` right?")
    totals = metadata.get("distribution") or {}
    _check_format(metadata.get("title", ""), totals.get("formats") or [], url)
    numbers = [totals.get(key) for key in ("number_events", "number_files", "size")]
    record = Record(recid, metadata.get("title", ""), numbers[0], _files(recid, metadata, portal), *numbers[1:])
    _check_totals(record, url)
    return record


def _check_format(title: str, formats: list[str], url: str) -> None:
    if not any(name.startswith("nanoaod") for name in formats):
        what = f"'{title}' is not a NanoAOD dataset (formats: {', '.join(formats) or 'none stated'})"
        raise InputError(
            "not_nanoaod", f"{url}: {what}; correct `recid`, or name its files by `lists` if they can be read"
        )


def _check_totals(record: Record, url: str) -> None:
    names = [lfn(file.location) for file in record.files]
    if not names:
        raise InputError("incomplete", f"{url}: the record lists no file; correct `recid`")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise InputError("duplicate", f"{url}: the portal lists {len(twice)} files twice, the first is {twice[0]}")
    if record.number_files is not None and len(names) != record.number_files:
        what = f"its indexes list {len(names)} files where the record says {record.number_files}"
        raise InputError("incomplete", f"{url}: {what}; try again later, or tell opendata-support@cern.ch")
    found = sum(file.bytes or 0 for file in record.files)
    if record.bytes is not None and all(file.bytes is not None for file in record.files) and found != record.bytes:
        what = f"its files have {found} bytes together where the record says {record.bytes}"
        raise InputError("incomplete", f"{url}: {what}; try again later, or tell opendata-support@cern.ch")


def _files(recid: int, metadata: dict[str, Any], portal: str) -> list[CatalogFile]:
    where, listed = f"{portal}/api/records/{recid}", metadata.get("files") or []
    files = [_entry(entry, where) for entry in listed if str(entry.get("uri", "")).endswith(".root")]
    if metadata.get("_file_indices"):
        indexed = [_entry(entry, where) for index in metadata["_file_indices"] for entry in index.get("files", [])]
        return files + indexed
    # The two forms of an index differ only in the ending of their names.
    indexes: dict[str, dict[str, dict]] = {}
    for entry in listed:
        if str(entry.get("type", "")).startswith("index."):
            stem, _, ending = entry["uri"].rpartition(".")
            indexes.setdefault(stem, {})[ending] = entry
    return files + [file for forms in indexes.values() for file in _index(forms, f"{portal}/record/{recid}/files")]


def _index(forms: dict[str, dict], folder: str) -> list[CatalogFile]:
    """The files of one index: from its JSON, which has sizes and checksums, or else from its text."""
    for ending in ("json", "txt"):
        if ending not in forms:
            continue
        url = f"{folder}/{forms[ending]['uri'].rsplit('/', 1)[1]}"
        content = _get(url)
        if content is not None:
            _verify(content, forms[ending], url)
            return _parse(content, ending, url)
    names = " and ".join(entry["uri"].rsplit("/", 1)[1] for entry in forms.values())
    raise InputError("incomplete", f"{folder}: the portal does not serve the file index {names}; try again later")


def _verify(content: bytes, entry: dict[str, Any], url: str) -> None:
    """Compare an index with the size and the Adler-32 that its record states."""
    found, stated = f"{zlib.adler32(content):08x}", adler32(str(entry["checksum"]))
    if len(content) != entry["size"] or found != stated:
        what = f"{len(content)} bytes with adler32 {found} where the record says {entry['size']} bytes with {stated}"
        raise InputError(
            "checksum", f"{url}: refused, it has {what}; try again later, or tell opendata-support@cern.ch"
        )


def _parse(content: bytes, ending: str, url: str) -> list[CatalogFile]:
    if ending == "json":
        return [_entry(entry, url) for entry in _json(content, url)]
    return [CatalogFile(line) for line in content.decode().split()]


def _entry(entry: dict[str, Any], where: str) -> CatalogFile:
    try:
        return CatalogFile(entry["uri"], int(entry["size"]), adler32(entry["checksum"]))
    except (KeyError, TypeError) as error:
        raise InputError("bad_answer", f"{where}: a file without uri, size or checksum: {entry}") from error


def _get(url: str) -> bytes | None:
    """Content at a URL, None where the server says that there is none (404)."""
    try:
        answer = requests.get(url, timeout=TIMEOUT)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
    except requests.RequestException as error:
        raise InputError(
            "unreachable", f"{url}: cannot be fetched ({error}); try again later, or check `portal`"
        ) from error
    return answer.content


def _json(content: bytes, url: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise InputError("bad_answer", f"{url}: the answer is not JSON; is `portal` right?") from error
