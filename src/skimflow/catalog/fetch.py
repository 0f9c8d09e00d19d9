"""Small files fetched once from the web, with their content checked."""

import os
from pathlib import Path

import pooch
import requests

from skimflow.errors import InputError
from skimflow.io.outputs import whole


def fetch(url: str, sha256: str, path: str | os.PathLike[str]) -> None:
    """Fetch a file, unless its content is not the expected one.

    Raises:
        InputError: the server cannot be reached or has no such file, or the content differs.
    """
    with whole(path) as partial:
        try:
            pooch.retrieve(url, known_hash=None, fname=partial.name, path=partial.parent)
        except (OSError, ValueError, requests.RequestException) as error:
            raise InputError(
                "unreachable", f"{url}: cannot be fetched ({error}); or put it at {path} by hand"
            ) from error
        found = pooch.file_hash(str(partial))
        if found != sha256:
            raise InputError(
                "checksum",
                f"{url}: has sha256 {found}, the configuration expects {sha256}: refused ({Path(path).name})",
            )
