"""Histograms of a file beside Z→μμ in plain Python, event by event."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skimflow.counts.views import select, summed
from tests.reference import zmumu as plain
from tests.reference.corrections import Rochester
from tests.templates import Filled


def template(table: pa.Table, observable: str, variation: str) -> dict[int, float]:
    """Sums of weights by bin."""
    rows = select(table, "template", name="zmumu", reference=variation, variable=observable)
    return dict(zip(rows["x"].to_pylist(), rows["passed_sumw"].to_pylist(), strict=True))


def total(table: pa.Table, variation: str) -> float:
    return sum(template(table, "mass", variation).values())


EDGES = {"mass": np.linspace(60, 120, 31), "pt": np.linspace(0, 100, 21), "lead_pt": np.linspace(20, 100, 21)}
EDGES["met"] = np.array([0, 10, 20, 40, 80.0])
CUTS = {"paths": ["HLT_IsoMu24"], "lead_pt": 26, "min_pt": 20, "max_eta": 2.4, "max_isolation": 0.15}
CUTS |= {"max_dxy": 0.2, "max_dz": 0.5, "mass": (60, 120)}


def expected(outcomes: list[plain.Outcome], observable: str, weight: str) -> dict[int, float]:
    found = {0: 0.0}
    for outcome in outcomes:
        if outcome.cuts == 5:
            place = int(np.searchsorted(EDGES[observable], outcome.values[observable], side="right"))
            found[place] = found.get(place, 0.0) + outcome.weights[weight]
    return found


def assert_agrees(
    found: Filled, events: list[dict], files: plain.Files, cuts: dict, source: str
) -> list[plain.Outcome]:
    """All observables and variations, cutflow and N-1; the nominal outcomes."""
    tables = Rochester(files.rochester)
    ways = {"raw": (None, 0.0), "nominal": (tables, 0.0), "up": (tables, 1.0), "down": (tables, -1.0)}
    data = "genWeight" not in events[0]
    outcomes = {
        way: [plain.outcome(event, cuts, table, files, shift) for event in events]
        for way, (table, shift) in ways.items()
        if not (data and shift)
    }
    nominal = outcomes["nominal"]
    weights = next(outcome.weights for outcome in nominal if outcome.weights)
    wanted = {name: (nominal, name) for name in weights} | {"raw": (outcomes["raw"], "nominal")}
    wanted |= {f"{source}_{way}": (outcomes[way], "nominal") for way in ("up", "down") if way in outcomes}
    rows = select(found.histograms, "template")
    assert set(rows["reference"].to_pylist()) == set(wanted)
    for observable in EDGES:
        for variation, (of, weight) in wanted.items():
            close = pytest.approx(expected(of, observable, weight), rel=1e-9, abs=1e-9)
            assert template(found.histograms, observable, variation) == close, (observable, variation)
    flow = select(found.histograms, "cutflow", reference="zmumu")
    left = dict(zip(flow["name"].to_pylist(), flow["passed_n"].to_pylist(), strict=True))
    skimmed = set(pq.read_table(found.events)["event"].to_pylist())
    names = ("trigger", "two_muons", "opposite_charge", "lead_pt", "mass")
    passed = [outcome.cuts for outcome, event in zip(nominal, events, strict=True) if event["event"] in skimmed]
    assert left == {name: sum(cuts >= place for cuts in passed) for place, name in enumerate(names, 1)}
    assert left["mass"] == sum(outcome.cuts == 5 for outcome in nominal)
    removed = summed(select(found.histograms, "n_minus_one", name="mass", reference="zmumu"))
    assert (removed.total_n[0], removed.passed_n[0]) == (left["lead_pt"], left["mass"])
    return nominal
