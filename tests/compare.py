"""Compare a skim with the independent event-by-event computation."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skimflow import counts
from skimflow.counts.views import select, summed
from tests.reference.hww_emu import CUTS, PATHS, outcomes


def assert_agrees(
    skim: Callable,
    path: Path,
    settings: dict,
    certified: Path | None = None,
    golden: dict | None = None,
    window: tuple[int, int] | None = None,
) -> list[int]:
    """Skim a file, compare cutflow, triggers and each selected event; the numbers after each cut are returned."""
    table, events = skim(path, settings, certified)
    expected = outcomes(str(path), golden, window)
    flow = [sum(o.steps > step for o in expected) for step in range(4 + len(CUTS))]
    assert [number for _, number, _ in counts.cutflow(table)] == flow
    chosen = [o for o in expected if o.values]
    rows = events.to_pylist()
    assert [(row["run"], row["luminosityBlock"], row["event"]) for row in rows] == [o.identity for o in chosen]
    for row, outcome in zip(rows, chosen, strict=True):
        assert {name: row[name] for name in outcome.values} == pytest.approx(outcome.values, rel=1e-6)
        assert {name: row[name] for name in outcome.fired} == outcome.fired
    for path_name in PATHS:
        content = summed(select(table, "trigger", name=path_name, variable="all"))
        assert content.passed_n[0] == sum(o.fired.get(path_name, False) for o in chosen)
        assert content.total_n[0] + content.absent_n[0] == len(chosen)
    both = summed(select(table, "trigger", name="any", variable="all"))
    if all(len(o.fired) == 2 for o in chosen):
        assert both.passed_n[0] == sum(any(o.fired.values()) for o in chosen)
    return flow
