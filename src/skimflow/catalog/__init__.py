"""Where inputs come from."""

import glob
from collections.abc import Iterable
from typing import NamedTuple

from skimflow.catalog.base import CatalogFile
from skimflow.config import Dataset, Site
from skimflow.errors import InputError
from skimflow.paths import is_remote


class Found(NamedTuple):
    """The files of a dataset, and the totals which its catalogue states (`files`, `events`, `bytes`; empty if none)."""

    files: list[CatalogFile]
    stated: dict[str, int]


def discover(dataset: Dataset, site: Site) -> Found:
    """Look a dataset up in the source that it names. Each source is imported only when it is asked.

    Raises:
        InputError: the source cannot be reached or does not know the dataset; a glob matches nothing; one file is
            named twice; or the dataset is made by the toy generator and is in no catalogue.
    """
    found = _ask(dataset, site)
    _check_unique(found.files)
    return found


def _ask(dataset: Dataset, site: Site) -> Found:
    if dataset.files:
        return Found([CatalogFile(location) for pattern in dataset.files for location in _expand(pattern)], {})
    if dataset.lists:
        from skimflow.catalog.lists import read_lists

        return Found(read_lists(dataset.lists), {})
    if dataset.recid:
        return _records(dataset.recid, site.portal)
    if dataset.rucio:
        from skimflow.catalog import rucio

        return Found(rucio.discover(dataset.rucio, site.prefer), {})
    if dataset.das:
        from skimflow.catalog import das

        return Found(das.discover(dataset.das), {})
    raise InputError(
        "no_catalogue", "toy files are made by the workflow; there is nothing to look up, and no lock to make"
    )


def _expand(pattern: str) -> list[str]:
    """Paths that a glob matches, sorted; a URL or a plain path as it is, existing or not."""
    if is_remote(pattern) or not glob.has_magic(pattern):
        return [pattern]
    if not (found := sorted(glob.glob(pattern, recursive=True))):
        raise InputError("missing", f"{pattern}: no file matches; correct `files` of the dataset")
    return found


def _records(recids: Iterable[int], portal: str) -> Found:
    from skimflow.catalog import opendata

    records = opendata.discover(list(recids), portal)
    totals = {
        "files": [record.number_files for record in records],
        "events": [record.events for record in records],
        "bytes": [record.bytes for record in records],
    }
    # A sum over some of the records would state too little.
    stated = {what: sum(map(int, numbers)) for what, numbers in totals.items() if None not in numbers}
    return Found([file for record in records for file in record.files], stated)


def _check_unique(files: Iterable[CatalogFile]) -> None:
    places: dict[str, str] = {}
    for file in files:
        name = file.lfn
        if name in places:
            advice = "name it once, or its events count twice"
            raise InputError("duplicate", f"{name} is named twice, as {places[name]} and as {file.location}; {advice}")
        places[name] = file.location
