"""Counts: binning, exact and order-free merging, rebinning."""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimflow.counts import SCHEMA, Axis, assemble, binned, merge, read, tally
from skimflow.counts.axes import coarse
from skimflow.counts.table import Bins, Rows
from skimflow.counts.views import by_value, select, summed

weights = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda w: abs(w) < 1e30)
events = st.lists(st.tuples(st.integers(-2, 4), st.booleans(), weights), min_size=1, max_size=30)
places = st.tuples(st.sampled_from(["", "met"]), st.integers(-2, 4), st.integers(0, 3), st.integers(0, 2))


def table(content: list, name: str = "HLT_a", absent: bool = False) -> pa.Table:
    x, passed, weight = (np.array(column) for column in zip(*content, strict=True))
    return assemble([tally("ds", "trigger", name, "v", x, passed.astype(bool), weight=weight, absent=absent)])


@given(st.lists(events, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_merging_in_any_order_and_grouping_gives_the_same_bytes(pieces: list, random) -> None:
    tables = [table(piece, name=f"HLT_{len(piece) % 2}") for piece in pieces]
    straight = merge(tables)
    shuffled = tables[:]
    random.shuffle(shuffled)
    while len(shuffled) > 1:  # merge random pairs until one is left
        one, other = (shuffled.pop(random.randrange(len(shuffled))) for _ in range(2))
        shuffled.append(merge([one, other]))
    assert as_bytes(merge(shuffled)) == as_bytes(straight)


def as_bytes(content: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink)
    return sink.getvalue().to_pybytes()


@given(st.lists(events, min_size=1, max_size=6))
def test_merging_loses_nothing(pieces: list) -> None:
    """The rounded sum with its remainder is the sum of fractions, exactly."""
    tables = [table(piece) for piece in pieces]
    merged = merge(tables)
    for x in {x for piece in pieces for x, _, _ in piece}:
        row = merged.filter(pa.array(merged["x"].to_numpy() == x)).to_pylist()[0]
        parts = [row_of(t, x) for t in tables]
        for name in ("total_sumw", "total_sumw2", "passed_sumw", "passed_sumw2"):
            exact = sum(Fraction(part[name]) for part in parts if part)
            assert Fraction(row[name]) + sum(map(Fraction, row[f"{name}_rest"])) == exact
            assert row[name] == float(exact)
        assert row["total_n"] == sum(e[0] == x for piece in pieces for e in piece)
        assert row["passed_n"] == sum(e[0] == x and e[1] for piece in pieces for e in piece)


def row_of(content: pa.Table, x: int) -> dict | None:
    rows = content.filter(pa.array(content["x"].to_numpy() == x)).to_pylist()
    return rows[0] if rows else None


@given(st.lists(st.lists(st.tuples(places, st.booleans(), weights), min_size=1, max_size=20), min_size=1, max_size=5))
def test_references_and_bins_of_three_variables_stay_apart(pieces: list) -> None:
    """Merged in any order, each key holds exactly the sum of what was counted under it."""
    tables = [assemble(list(in_three(piece))) for piece in pieces]
    merged = merge(tables)
    assert as_bytes(merge(reversed(tables))) == as_bytes(merged)
    expected: dict = {}
    for place, passed, weight in itertools.chain(*pieces):
        total, kept = expected.get(place, (0, 0))
        expected[place] = total + Fraction(weight), kept + passed
    keys = zip(*(merged[name].to_pylist() for name in ("reference", "x", "y", "z")), strict=True)
    sums = (Fraction(row["total_sumw"]) + sum(map(Fraction, row["total_sumw_rest"])) for row in merged.to_pylist())
    # What one call adds up is rounded; sums of several calls are exact.
    found = dict(zip(keys, zip(sums, merged["passed_n"].to_pylist(), strict=True), strict=True))
    assert {place: kept for place, (_, kept) in found.items()} == {p: kept for p, (_, kept) in expected.items()}
    scale = sum(abs(weight) for piece in pieces for _, _, weight in piece)
    for place, (total, _) in expected.items():
        assert abs(found[place][0] - total) <= 1e-12 * scale


def in_three(piece: list) -> Iterator[Rows]:
    for reference in {place[0] for place, _, _ in piece}:
        mine = [(place[1:], passed, weight) for place, passed, weight in piece if place[0] == reference]
        bins, passed, weight = (np.array(column) for column in zip(*mine, strict=True))
        x, y, z = bins.T
        yield tally("ds", "pair", "leg", "v", x, passed, reference=reference, y=y, z=z, weight=weight)


def test_a_factor_multiplies_what_passed() -> None:
    bins = Bins(np.array([0, 0, 1]), weight=np.array([2.0, 3.0, 1.0]))
    rows = bins.rows(("ds", "trigger", "HLT_a", "none", "v"), np.array([True, False, True]), factor=np.full(3, 40.0))
    assert rows.columns["passed_n"].tolist() == [1, 1]
    assert rows.columns["passed_sumw"].tolist() == [80, 40]
    assert rows.columns["passed_sumw2"].tolist() == [6400, 1600]
    assert rows.columns["total_sumw"].tolist() == [5, 1]


def test_a_sum_that_rounding_would_lose() -> None:
    """1 + 1e17 - 1e17 is 0 in floating point, from the left."""
    parts = [[(0, True, w)] for w in (1.0, 1e17, -1e17)]
    assert merge(map(table, parts))["total_sumw"].to_pylist() == [1.0]
    assert (1.0 + 1e17) - 1e17 != 1.0


def test_merging_nothing_and_many() -> None:
    assert merge([]).schema == SCHEMA
    assert merge([]).num_rows == 0
    one = table([(0, True, 0.1)])
    many = merge(one for _ in range(1000))
    assert many["total_n"].to_pylist() == [1000]
    assert many["total_sumw"].to_pylist() == [math.fsum([0.1] * 1000)]


def test_absent_triggers_are_counted_apart() -> None:
    merged = merge([table([(0, True, 1.0)]), table([(0, False, 1.0), (0, False, 1.0)], absent=True)])
    row = merged.to_pylist()[0]
    assert (row["total_n"], row["passed_n"], row["absent_n"]) == (1, 1, 2)
    assert row["total_sumw"] == 1.0


def test_counts_survive_the_file(tmp_path: Path) -> None:
    content = merge([table([(0, True, 0.1), (3, False, 1e16)]), table([(3, True, 0.3)])])
    pq.write_table(content, tmp_path / "a.parquet")
    assert merge(read([tmp_path / "a.parquet"])).equals(content)


def test_bins_include_their_lower_edge() -> None:
    axis = Axis([4, 0, 2])
    values = np.array([-0.1, 0, 0.5, 1.999, 2, 99, np.nan])
    assert axis.index(values).tolist() == [0, 1, 2, 4, 5, 5, 5]
    assert Axis("integer").index(np.array([278820], np.uint32)).tolist() == [278820]


@given(st.lists(st.floats(-50, 300, allow_nan=False), max_size=50))
def test_report_bins_agree_with_numpy(values: list[float]) -> None:
    report = np.array([15, 20, 30, 50, 100.0])
    axis = Axis([100, 0, 250])
    x = axis.index(np.array(values))
    rows = assemble([tally("ds", "trigger", "HLT_a", "v", x, np.ones(len(x), bool))])
    found = binned(rows, [axis.edges], [report]).total_n
    inside = np.histogram([v for v in values if v != 100], report)[0]  # numpy puts the last edge inside
    assert found[1:-1].tolist() == inside.tolist()
    assert found.sum() == len(values)


def test_maps() -> None:
    fine, report = Axis([10, 0, 10]), np.array([0, 5, 10.0])
    x, y = fine.index(np.array([1, 6, 11.0])), fine.index(np.array([6, 6, 2.0]))
    rows = assemble([tally("ds", "trigger", "HLT_a", "a:b", x, np.array([True, False, True]), y=y)])
    found = binned(rows, [fine.edges] * 2, [report] * 2)
    assert found.total_n[1:3, 1:3].tolist() == [[0, 1], [0, 1]]
    assert found.passed_n[1:3, 1:3].tolist() == [[0, 1], [0, 0]]
    assert found.total_n[3, 1] == 1


def test_report_edges_must_be_fine_edges() -> None:
    with pytest.raises(ValueError, match="not all among the fine edges"):
        coarse(np.array([0, 1, 2.0]), np.array([0, 1.5]))


def test_selecting_and_summing() -> None:
    merged = merge([table([(5, True, 2.0), (7, False, 3.0)]), table([(5, True, 1.0)], name="HLT_b")])
    assert summed(select(merged, "trigger", name="HLT_a")).total_sumw.tolist() == [5.0]
    assert select(merged, "trigger", ["other"]).num_rows == 0
    values, content = by_value(select(merged, "trigger"))
    assert values.tolist() == [5, 7]
    assert content.passed_n.tolist() == [2, 0]
