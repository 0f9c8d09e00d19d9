"""Outputs are safe against two writers: an orphan of a killed run and its second try."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

from skimflow.skim import Task, skim_file
from skimflow.toy import Sample


def test_two_writers_of_one_output(toy: Callable, settings: Callable, tmp_path: Path) -> None:
    """Three write the same files at once, and one is killed while it writes: what stands there is always whole."""
    path, chosen = toy(Sample(seed=1, index=0, process="TTTo2L2Nu")), settings()
    counts, events = tmp_path / "x.counts.parquet", tmp_path / "x.events.parquet"
    task = Task("ds", "x", "/store/x.root", str(path), None, chosen, {})
    skim_file(task, counts, events)
    expected = counts.read_bytes(), events.read_bytes()
    spawn = multiprocessing.get_context("spawn")
    for _ in range(3):
        writers = [spawn.Process(target=skim_file, args=(task, counts, events)) for _ in range(3)]
        for writer in writers:
            writer.start()
        while writers[1].is_alive() and not list(tmp_path.glob(f".*.{writers[1].pid}.partial")):
            assert (counts.read_bytes(), events.read_bytes()) == expected
        writers[1].kill()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers[::2]] == [0, 0]
        assert (counts.read_bytes(), events.read_bytes()) == expected
