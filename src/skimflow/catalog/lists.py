"""Text files with one path or URL a line. The Snakefile calls this, so nothing heavy is imported."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from skimflow.catalog.base import CatalogFile
from skimflow.errors import InputError
from skimflow.paths import lfn


def read_lists(paths: Sequence[str]) -> list[CatalogFile]:
    """The files that lists name, in the order of the lists. Blank lines and `#` comments are passed over.

    Raises:
        InputError: a list is missing, empty, or has a line that is no path or URL of a ROOT file; or one LFN is listed
            twice, be it by two servers or in two lists.
    """
    files, places = [], {}
    for place, location in (line for path in paths for line in _lines(path)):
        name = lfn(location)
        if name in places:
            advice = "remove one of them, or its events count twice"
            raise InputError("duplicate", f"{places[name]} and {place}: both list {name}; {advice}")
        places[name] = place
        files.append(CatalogFile(location))
    return files


def _lines(path: str) -> Iterator[tuple[str, str]]:
    """`file:line` and content of each line that names a file."""
    empty = True
    for number, line in enumerate(_read(path).splitlines(), start=1):
        # A `#` inside a name begins no comment, as in shells.
        content = re.sub(r"(^|\s)#.*", "", line).strip()
        if content:
            empty = False
            yield f"{path}:{number}", _checked(content, f"{path}:{number}")
    if empty:
        raise InputError("empty_list", f"{path}: lists no file; write one path or URL a line")


def _read(path: str) -> str:
    try:
        # Editors on Windows put a byte-order mark first, which utf-8-sig takes away.
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError("missing", f"{path}: this list of files cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("not_text", f"{path}: is no text file; a list has one path or URL a line") from error


def _checked(content: str, place: str) -> str:
    if not re.fullmatch(r"\S+\.root", content):
        raise InputError("not_a_file", f"{place}: '{content}' is not one path or URL ending in .root")
    if re.match(r"[a-z]+:/[^/]", content):
        raise InputError("not_a_file", f"{place}: {content}: a URL needs two slashes after the colon")
    return content
