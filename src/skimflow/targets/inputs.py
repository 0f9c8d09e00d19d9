"""Which NanoAOD files a dataset has: those of its lock, or of its list."""

from typing import NamedTuple

from skimflow import lock, paths
from skimflow.catalog import discover
from skimflow.catalog.base import CatalogFile
from skimflow.config import Dataset, Site
from skimflow.errors import ConfigError, InputError, NotLockedError


class InputFile(NamedTuple):
    """One NanoAOD file of a dataset; `uuid` and `entries` are known when it is locked. `job` reads it."""

    dataset: str
    id: str
    lfn: str
    location: str
    job: str
    uuid: str | None = None
    entries: int | None = None

    @property
    def local(self) -> bool:
        """Whether it is an input of a rule; a remote file is streamed and is none."""
        return not paths.is_remote(self.location)


def resolve(name: str, dataset: Dataset, max_files: int | None = None) -> list[InputFile]:
    """The files of a dataset, in the order of their LFN: those of its lock, or of its list while it has no lock.

    Raises:
        NotLockedError: the dataset comes from a catalogue and was not locked yet, its list and its lock differ, or it
            asks for several files a job without a lock.
        ConfigError: a glob matches nothing, or one file is named twice.
    """
    locked = None if dataset.toy else lock.read(lock.path_of(name))
    if dataset.recid or dataset.rucio or dataset.das:
        if locked is None:
            raise NotLockedError(f"dataset {name}: not locked yet, so its files are not known")
        at: dict[str, str] = {}
    else:
        files = _listed(name, dataset)
        if locked is not None:
            _same_files(name, files, locked)
        elif dataset.files_per_job > 1:
            raise NotLockedError(f"dataset {name}: files_per_job needs a lock, so that jobs keep their files")
        at = {file.lfn: file.location for file in files}
    if locked is not None:
        _same_settings(name, dataset, locked)
        files = [
            InputFile(name, r.file, r.lfn, at.get(r.lfn, r.location), r.job, r.uuid, r.entries) for r in locked.rows
        ]
    return files[: dataset.max_files or max_files]


def _listed(name: str, dataset: Dataset) -> list[InputFile]:
    """The files that the dataset itself names."""
    if dataset.toy:
        paths_of_toys = (paths.TOY_FILE.format(dataset=name, file=f"{name}_{i:04d}") for i in range(dataset.toy.files))
        found = [CatalogFile(path) for path in paths_of_toys]
    else:
        try:
            found = discover(dataset, Site()).files
        except InputError as error:
            raise ConfigError(f"dataset {name}: {error}") from error
    ids = {file.lfn: paths.file_id(file.lfn) for file in found}
    files = [InputFile(name, ids[file.lfn], file.lfn, file.location, ids[file.lfn]) for file in found]
    return sorted(files, key=lambda file: file.lfn)


def _same_settings(name: str, dataset: Dataset, locked: lock.Lock) -> None:
    now = {"source": lock.source_of(dataset), "files_per_job": dataset.files_per_job}
    for what, value in now.items():
        then = getattr(locked, what)
        if then != value:
            raise NotLockedError(f"dataset {name}: {what} is {value}, but {lock.path_of(name)} was made with {then}")


def _same_files(name: str, files: list[InputFile], locked: lock.Lock) -> None:
    listed, known = {file.lfn for file in files}, {row.lfn for row in locked.rows}
    for lfns, what in ((listed - known, "not in the lock"), (known - listed, "locked, but not in the list")):
        if lfns:
            more = f" and {len(lfns) - 1} more" if len(lfns) > 1 else ""
            raise NotLockedError(f"dataset {name}: {min(lfns)}{more}: {what} {lock.path_of(name)}")
