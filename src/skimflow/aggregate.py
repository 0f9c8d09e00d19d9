"""Counts of all files together, and whether they are enough for a result."""

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skimflow import counts, luminosity
from skimflow.counts.views import select
from skimflow.errors import IncompleteError, InputError
from skimflow.io.outputs import read_stamp
from skimflow.physics.luminosity import CertifiedLuminosity, Sections, ranges
from skimflow.physics.recorded import RecordedLuminosity

_SHOWN = 10
Window = tuple[int, int] | None


class Request(NamedTuple):
    """What to aggregate.

    `files`: paths of the counts by dataset. `required`: least fraction of files that must have been
    processed. `certified`: path of the golden JSON, if there is data. `windows`: run window of each data dataset;
    datasets not listed are simulation. `samples`: sample of each data dataset. `luminosity`: path and unit of the table
    of recorded luminosity, if there is one.
    """

    files: Mapping[str, Sequence[str]]
    required: float
    certified: str | None
    windows: Mapping[str, Window]
    samples: Mapping[str, str]
    luminosity: tuple[str, str | None] | None = None


class Aggregate(NamedTuple):
    """Merged counts and their accounting.

    `processed_lumis` has the sections of all data; `lumis_of` those of each of the `datasets` and `samples`.
    """

    counts: pa.Table
    completeness: dict[str, Any]
    processed_lumis: Sections
    lumis_of: dict[str, dict[str, Sections]]
    luminosity: str
    cutflow: str


def aggregate(request: Request) -> Aggregate:
    """Merge the counts of all files and check that nothing is lost or doubled.

    Raises:
        IncompleteError: fewer files were processed than required; the message names those that failed.
        InputError: the accounting contradicts itself.
    """
    inputs = {
        d: [facts for path in files for facts in read_stamp(path)["inputs"]] for d, files in request.files.items()
    }
    failed = [{"dataset": d, **facts} for d in inputs for facts in inputs[d] if facts["status"] != "ok"]
    expected = sum(map(len, inputs.values()))
    _enough(failed, expected, request.required)

    merged = counts.merge(counts.read([path for files in request.files.values() for path in files]))
    golden = CertifiedLuminosity.read(request.certified) if request.certified else None
    processed = {name: counts.lumi_sections(merged, name) for name in request.windows}
    certified = {name: _certified(golden, window, processed[name]) for name, window in request.windows.items()}
    table = RecordedLuminosity.read(*request.luminosity) if request.luminosity else None
    recorded = luminosity.account(processed, certified, request.samples, table)
    completeness = {
        "statement": statement([facts for d in inputs for facts in inputs[d]]),
        "required": request.required,
        "files": {"expected": expected, "processed": expected - len(failed), "failed": failed},
        "datasets": {d: _account(merged, d, inputs[d], certified) for d in inputs},
        "luminosity": recorded,
    }
    kinds = {"datasets": processed, "samples": luminosity.by_sample(processed, request.samples)}
    return Aggregate(
        merged,
        completeness,
        ranges(luminosity.union(processed.values())),
        {kind: {name: ranges(pairs) for name, pairs in kinds[kind].items()} for kind in kinds},
        _csv(luminosity.COLUMNS, [list(row.values()) for row in recorded["rows"]]),
        _cutflow_csv(merged, list(inputs)),
    )


def statement(inputs: Sequence[Mapping[str, Any]]) -> str:
    """What every result and figure says about completeness: "46 of 48 files, 97.1 % of events".

    The share of events is known when the failed files are in a data lock.
    """
    good = [facts for facts in inputs if facts["status"] == "ok"]
    text = f"{len(good)} of {len(inputs)} files"
    entries = [facts["entries"] for facts in inputs]
    if len(good) == len(inputs) or None in entries or not sum(entries):
        return text
    return f"{text}, {100 * sum(facts['entries'] for facts in good) / sum(entries):.1f} % of events"


def _enough(failed: list[dict[str, str]], expected: int, required: float) -> None:
    processed = expected - len(failed)
    if not expected:
        raise IncompleteError("there is no file to aggregate")
    if processed >= required * expected - 1e-9:
        return
    lines = [f"  {f['dataset']}: {f['message']}" for f in failed[:_SHOWN]]
    more = [f"  and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else []
    head = (
        f"only {processed} of {expected} files were processed, and `completeness: {required:.4g}` asks for more; "
        "mend these files, or lower completeness:"
    )
    raise IncompleteError("\n".join([head, *lines, *more]))


def _account(
    merged: pa.Table,
    dataset: str,
    inputs: Sequence[Mapping[str, Any]],
    certified: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Files, events and luminosity sections of a dataset; contract 3 is checked here.

    Args:
        certified: sections that each data dataset should have, shape (n, 2).
    """
    good = [facts for facts in inputs if facts["status"] == "ok"]
    files = select(merged, "file", [dataset])
    flow = [number for _, number, _ in counts.cutflow(merged, [dataset])] or [0]
    events = {
        "entries": sum(facts["entries"] for facts in good),
        "read": _sum(files, "passed_n"),
        "certified": flow[0],
        "rejected": _sum(select(merged, "cutflow", [dataset], name="certified"), "total_n") - flow[0],
        "selected": flow[-1],
    }
    conserved = {
        "entries = read": events["entries"] == events["read"] == _sum(files, "total_n"),
        "read = certified + rejected": events["read"] == events["certified"] + events["rejected"],
        "the cutflow falls": all(a >= b for a, b in itertools.pairwise(flow)),
    }
    account: dict[str, Any] = {"files": {"expected": len(inputs), "processed": len(good)}, "events": events}
    if dataset in certified:
        inside = _sum(select(merged, "lumi", [dataset], name="certified"), "total_n")
        conserved["sections hold the certified events"] = inside == events["certified"]
        account["luminosity_sections"] = _sections(merged, dataset, certified[dataset])
    if not all(conserved.values()):
        broken = "; ".join(name for name, holds in conserved.items() if not holds)
        raise InputError("not_conserved", f"dataset {dataset}: the accounting contradicts itself (broken: {broken})")
    return account


def _certified(golden: CertifiedLuminosity | None, window: Window, processed: np.ndarray) -> np.ndarray:
    return golden.sections(window) if golden else processed


def _sections(merged: pa.Table, dataset: str, expected: np.ndarray) -> dict[str, Any]:
    processed = counts.lumi_sections(merged, dataset)
    known = {tuple(pair) for pair in processed.tolist()}
    missing = np.array([pair for pair in expected.tolist() if tuple(pair) not in known], np.int64)
    return {
        "certified": len(expected),
        "processed": len(processed),
        "missing": ranges(missing),
        "rejected": select(merged, "lumi", [dataset], name="rejected").num_rows,
    }


def _sum(rows: pa.Table, column: str) -> int:
    return pc.sum(rows[column]).as_py() or 0


def _cutflow_csv(merged: pa.Table, datasets: list[str]) -> str:
    """One line for each dataset and cut: events and sum of weights left, and the fraction of the step before."""
    lines = []
    for dataset in datasets:
        before = _sum(select(merged, "file", [dataset]), "passed_n")
        lines.append([dataset, "read", before, "", ""])
        for name, number, sumw in counts.cutflow(merged, [dataset]):
            lines.append([dataset, name, number, repr(sumw), f"{number / before:.6f}" if before else ""])
            before = number
    return _csv(["dataset", "cut", "events", "sumw", "of_previous"], lines)


def _csv(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *lines])
    return text.getvalue()
