"""Duplicates: found exactly, in any order, within the memory allowed."""

import tracemalloc
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skimflow import duplicates
from skimflow.duplicates import duplicate_inputs, find_duplicates
from skimflow.errors import InputError

_LEAST = duplicates._EVENT_BYTES
# Few values, so that events do repeat, and the largest that the types hold.
identities = st.tuples(
    st.sampled_from([1, 2, 2**32 - 1]), st.sampled_from([1, 2**32 - 1]), st.sampled_from([0, 1, 2, 3, 2**63, 2**64 - 1])
)
samples = st.dictionaries(
    st.sampled_from(["DYToLL", "MuonEG"]), st.lists(st.lists(identities, max_size=12), max_size=4), max_size=2
)


def write(path: Path, events: Any, **options: Any) -> Path:
    """Events as the skim writes them; `events`: shape (n, 3)."""
    columns = np.array(events, np.uint64).reshape(-1, 3).T
    kinds = {"run": np.uint32, "luminosityBlock": np.uint32, "event": np.uint64}
    table = {name: pa.array(column.astype(kind)) for (name, kind), column in zip(kinds.items(), columns, strict=True)}
    pq.write_table(pa.table({**table, "weight": pa.array(np.ones(len(table["run"])))}), path, **options)
    return path


def by_counting(content: dict[str, list[list[tuple]]], names: dict[str, list[Path]]) -> dict[str, Any]:
    """The same result the plain way."""
    numbers, examples = {}, []
    for sample in sorted(content):
        times = Counter(event for events in content[sample] for event in events)
        numbers[sample] = {"events": times.total(), "duplicates": times.total() - len(times)}
        for event in sorted(event for event, number in times.items() if number > 1):
            files = [str(name) for name, events in zip(names[sample], content[sample], strict=True) if event in events]
            identity = dict(zip(("run", "luminosityBlock", "event"), event, strict=True))
            examples.append({"sample": sample, **identity, "files": sorted(files)})
    totals = {what: sum(number[what] for number in numbers.values()) for what in ("events", "duplicates")}
    return {**totals, "examples": examples[:10], "samples": numbers}


@settings(deadline=None, max_examples=60)
@given(samples, st.integers(_LEAST, 20 * _LEAST), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_same_as_counting_in_any_order_with_any_budget(
    content: dict[str, list[list[tuple]]], budget: int, group: int, random
) -> None:
    with TemporaryDirectory() as folder:
        names = {
            sample: [
                write(Path(folder, f"{sample}{i}.events.parquet"), events, row_group_size=group)
                for i, events in enumerate(files)
            ]
            for sample, files in content.items()
        }
        expected = by_counting(content, names)
        assert find_duplicates(names, budget) == expected
        assert find_duplicates(names) == expected
        shuffled = [(sample, random.sample(files, len(files))) for sample, files in names.items()]
        random.shuffle(shuffled)
        assert find_duplicates(dict(shuffled), budget) == expected


def test_a_file_with_no_rows_and_no_file(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.events.parquet", [])
    one = write(tmp_path / "one.events.parquet", [(1, 1, 1)])
    assert find_duplicates({})["events"] == 0
    found = find_duplicates({"a": [empty, one], "b": [empty], "c": []})
    assert found["samples"]["a"] == {"events": 1, "duplicates": 0}
    assert found["samples"]["b"] == found["samples"]["c"] == {"events": 0, "duplicates": 0}
    assert found["examples"] == []


def test_samples_are_looked_at_each_for_itself(tmp_path: Path) -> None:
    """One collision may be in two primary datasets; numbers of simulated events begin at 1 in every process."""
    path = write(tmp_path / "x.events.parquet", [(1, 1, 1)])
    assert find_duplicates({"MuonEG": [path], "SingleMuon": [path]})["duplicates"] == 0
    assert find_duplicates({"MuonEG": [path, path]})["duplicates"] == 1


@pytest.mark.parametrize("same", [False, True], ids=["different", "one event all the time"])
def test_arrays_stay_below_the_budget(tmp_path: Path, same: bool) -> None:
    """Allocations of numpy and Python, as tracemalloc sees them: 1.6 MB of identities in a budget of 0.5 MiB."""
    budget, size = 2**19, 100_000
    events = np.column_stack([np.full(size, 278_820), np.ones(size), np.zeros(size) if same else np.arange(size)])
    path = write(tmp_path / "x.events.parquet", events)
    find_duplicates({"warm": [write(tmp_path / "one.events.parquet", [(1, 1, 1)])]})
    tracemalloc.start()
    try:
        found = find_duplicates({"MuonEG": [path]}, budget)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert budget / 4 < peak < budget
    assert found["duplicates"] == (size - 1 if same else 0)


def test_the_hash_spreads_neighbours() -> None:
    """Event numbers follow each other; a partition must not be much larger than the others."""
    numbers = np.arange(1 << 16, dtype=np.uint64)
    for keys in (duplicates._Keys(numbers * 0, numbers), duplicates._Keys(numbers << np.uint64(32), numbers * 0)):
        assert np.bincount((keys.hash() & np.uint64(15)).astype(int)).max() < 1.1 * (1 << 12)


def test_errors_name_the_file(tmp_path: Path) -> None:
    damaged, other = tmp_path / "damaged.events.parquet", tmp_path / "other.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    broken = write(tmp_path / "broken.events.parquet", np.arange(30_000).reshape(-1, 3))
    content = bytearray(broken.read_bytes())
    content[4:2000] = bytes(1996)  # its pages, while the footer is whole
    broken.write_bytes(content)
    pq.write_table(pa.table({"run": [1]}), other)
    with pytest.raises(InputError, match=r"damaged\.events\.parquet"):
        find_duplicates({"MuonEG": [damaged]})
    with pytest.raises(InputError, match=r"broken\.events\.parquet"):
        find_duplicates({"MuonEG": [broken]})
    with pytest.raises(InputError, match=r"other\.parquet: no column luminosityBlock, event"):
        find_duplicates({"MuonEG": [other]})
    with pytest.raises(ValueError, match="does not hold one event"):
        find_duplicates({}, budget=1)


def test_inputs_that_occur_twice() -> None:
    def stamp(*inputs: tuple[str, str | None]) -> dict[str, Any]:
        return {"inputs": [{"lfn": n, "uuid": u, "status": "ok" if u else "failed"} for n, u in inputs]}

    stamps = [stamp(("/b", "u1"), ("/c", "u2")), stamp(("/a", "u1")), stamp(("/c", "u2"), ("/d", None), ("/d", None))]
    assert duplicate_inputs(stamps) == ["/c was read 2 times", "/a and /b are one file (ROOT UUID u1)"]
    assert duplicate_inputs(reversed(stamps)) == duplicate_inputs(stamps)
    assert duplicate_inputs([]) == []
