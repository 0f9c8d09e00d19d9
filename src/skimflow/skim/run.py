"""A skim job: one file, or a few small ones, read from wherever they can be reached."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from skimflow.counts.table import merge, read
from skimflow.errors import InputError
from skimflow.files import whole
from skimflow.io import remote
from skimflow.io.outputs import EventWriter, read_stamp, write_table
from skimflow.skim.job import Task, record_failure, skim_file


def skim_files(tasks: Sequence[Task], site: remote.Site, record: bool, counts: str | Path, events: str | Path) -> bool:
    """Skim files into one pair of outputs.

    Args:
        tasks: the files of the job, of one dataset and with the same settings.
        site: how they are reached.
        record: leave the reason in the outputs when a file cannot be read, instead of failing.
        counts, events: Parquet files to write.

    Returns:
        Whether all files were read.

    Raises:
        InputError: a file cannot be read, and `record` is false.
    """
    if len(tasks) == 1:
        return _skim(tasks[0], site, record, counts, events)
    folder = Path(remote.scratch(site))
    try:
        parts = [(folder / f"{task.file}.counts", folder / f"{task.file}.events") for task in tasks]
        done = [_skim(task, site, record, *part) for task, part in zip(tasks, parts, strict=True)]
        _join([part[0] for part in parts], [part[1] for part in parts], counts, events)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return all(done)


def _skim(task: Task, site: remote.Site, record: bool, counts: str | Path, events: str | Path) -> bool:
    def action(location: str) -> None:
        skim_file(task._replace(location=location, timeout=site.timeout), counts, events)

    try:
        remote.read(task.location, site, action, task.lfn)
    except InputError as error:
        if not record:
            raise
        record_failure(task, error, counts, events)
        return False
    return True


def _join(counts_parts: list[Path], events_parts: list[Path], counts: str | Path, events: str | Path) -> None:
    """Merge the parts; row groups of events are passed on one by one, so memory stays flat."""
    stamps = [read_stamp(part) for part in counts_parts]
    stamp = {**stamps[0], "inputs": [facts for part in stamps for facts in part["inputs"]]}
    with whole(events) as partial:
        writer = EventWriter(partial, stamp)
        for part in _with_columns(events_parts):
            file = pq.ParquetFile(part)
            writer.write(file.schema_arrow.empty_table())
            for group in range(file.num_row_groups):
                writer.write(file.read_row_group(group))
        writer.close()
    write_table(merge(read(counts_parts)), counts, stamp)


def _with_columns(parts: list[Path]) -> list[Path]:
    """The parts without those of failed files, which have no columns to speak of (unless all failed)."""
    good = [part for part in parts if all(f["status"] == "ok" for f in read_stamp(part)["inputs"])]
    return good or parts[:1]
