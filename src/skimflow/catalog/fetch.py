"""Small files fetched once from the web, with their content checked."""

import os

import pooch
import requests

from skimflow.errors import InputError
from skimflow.files import whole


def fetch(url: str, sha256: str, path: str | os.PathLike[str]) -> None:
    """Fetch a file, unless its content is not the expected one.

    Raises:
        InputError: the server cannot be reached or has no such file, or the content differs.
    """
    with whole(path) as partial:
        try:
            pooch.HTTPDownloader(timeout=60)(url, str(partial), None)
        except (OSError, ValueError, requests.RequestException) as error:
            advice = f"or put it at {path} by hand"
            raise InputError("unreachable", f"{url}: cannot be fetched ({error}); {advice}") from error
        found = pooch.file_hash(str(partial))
        if found != sha256:
            raise InputError("checksum", f"{url}: refused, its sha256 is {found} where the configuration says {sha256}")
