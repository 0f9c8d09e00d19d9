"""Templates as tables: normalised by hand, steps of the yields, cutflow, and what a summary says."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from skimflow.counts import Axis, assemble, merge
from skimflow.counts.table import tally
from skimflow.errors import ConfigError, IncompleteError
from skimflow.histograms import Key, fill, generated
from skimflow.histograms.tables import cutflow, part_of_luminosity, selected, summary, templates_of, to_table, yields

AXES = {"mass": [2, 60, 120]}
SAMPLES = {
    "mc": {"process": "Z", "cross_section": 300.0, "variation": "", "kind": "mc"},
    "data": {"process": "data", "cross_section": None, "variation": "", "kind": "data"},
}
SETTINGS = {
    "axes": AXES,
    "samples": SAMPLES,
    "luminosity": None,
    "weights": ["pileup", "id"],
    "normalisation": "weights",
    "pseudodata": None,
}


def completeness(*recorded: float | None, processed: int = 4) -> dict[str, Any]:
    rows = [{"dataset": "all", "recorded_pb": value, "certified": 4, "processed": processed} for value in recorded]
    return {"luminosity": {"rows": [*rows, {"dataset": "data", "recorded_pb": 99.0, "certified": 9, "processed": 9}]}}


def simulated(file: str, weight: float = 2.0, events: int = 1) -> list:
    """Rows of a file: events in the first bin, and pileup 0.5, id 0.9 with 1.0 and 0.8 as its variations."""
    filling = {"weight": np.full(events, weight)}
    factors = {"nominal": 0.45, "stage_1": 0.5, "id_up": 0.5, "id_down": 0.4}
    each = {name: np.full(events, value) for name, value in factors.items()}
    rows = fill(
        "mc", "z", "mass", Axis(AXES["mass"]), np.full(events, 70.0), variation="stage_0", factors=each, **filling
    )
    raw = fill(
        "mc", "z", "mass", Axis(AXES["mass"]), np.full(events, 130.0), variation="raw", weight=0.45 * filling["weight"]
    )
    return [*rows, *raw, generated("mc", file, np.full(4, 5.0))]


def collisions() -> list:
    values = np.array([70.0, 75, 100])
    return fill("data", "z", "mass", Axis(AXES["mass"]), values, variation="stage_0", factors={"nominal": np.ones(3)})


def counts(*files: str) -> pa.Table:
    return merge([assemble(collisions()), *(assemble(simulated(file)) for file in files)])


def test_yields_by_hand() -> None:
    """300 pb · 10 pb⁻¹ / Σ genWeight of both files, 2 · 4 · 5: 75; times 2 · 2 · 0.45 for two events of weight 2."""
    found = templates_of(counts("a", "b"), SETTINGS, completeness(10.0))
    nominal = found[Key("z", "mass", "Z")]
    np.testing.assert_allclose(nominal.values, [0, 75 * 2 * 2 * 0.45, 0, 0])
    np.testing.assert_allclose(nominal.variances, [0, 2 * (75 * 2 * 0.45) ** 2, 0, 0])
    np.testing.assert_allclose(found[Key("z", "mass", "data")].values, [0, 2, 1, 0])
    table = yields(found, SETTINGS)
    steps = table[table["process"] == "Z"].set_index("step")["events"].to_dict()
    expected = {"objects uncorrected": 135, "generator weight": 300, "+ pileup": 150, "nominal": 135}
    assert steps == pytest.approx({**expected, "id_down": 120, "id_up": 150})
    assert list(steps) == [*expected, "id_down", "id_up"]
    data = table[table["process"] == "data"].set_index("step")
    assert data["events"].to_dict() == {"generator weight": 3, "nominal": 3}
    assert data["error"].tolist() == pytest.approx([3**0.5] * 2)


def test_a_file_that_failed_is_not_in_the_sum_of_weights() -> None:
    """With one file of two, both its events and its generated weights are half: the yield is the same."""
    one, both = (templates_of(counts(*files), SETTINGS, completeness(10.0)) for files in (["a"], ["a", "b"]))
    np.testing.assert_allclose(one[Key("z", "mass", "Z")].values, both[Key("z", "mass", "Z")].values)
    assert one[Key("z", "mass", "Z")].entries == 1


def test_the_luminosity_declared_counts_before_the_table() -> None:
    found = templates_of(counts("a"), {**SETTINGS, "luminosity": 20.0}, completeness(10.0))
    assert found[Key("z", "mass", "Z")].values.sum() == pytest.approx(2 * 135)


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ((None,), "integrated_luminosity: missing, and the account of luminosity has none: give"),
        ((1.0, 2.0), "has 2 samples of data: give the luminosity in pb"),
        ((0.0,), "the account of luminosity is 0: give"),
    ],
)
def test_simulation_needs_a_luminosity(recorded: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        templates_of(counts("a"), SETTINGS, completeness(*recorded))


def test_data_alone_needs_none() -> None:
    only = {**SETTINGS, "samples": {"data": SAMPLES["data"]}}
    found = templates_of(merge([assemble(collisions())]), only, completeness(None))
    assert found[Key("z", "mass", "data")].values.sum() == 3


def test_a_dataset_that_was_not_processed() -> None:
    with pytest.raises(IncompleteError, match="dataset mc was not processed: it has no template"):
        templates_of(merge([assemble(collisions())]), SETTINGS, completeness(10.0))


def test_a_weight_that_replaces_is_refused() -> None:
    """SYSTEMS 4e.1 once more, in the tables."""
    rows = fill("mc", "z", "mass", Axis(AXES["mass"]), np.full(30, 70.0), factors={"pu_up": np.full(30, 31.3)})
    wrong = merge([assemble([*rows, generated("mc", "a", np.ones(30))]), assemble(collisions())])
    with pytest.raises(ConfigError, match=r"z mass Z pu_up has 31\.3 times the nominal yield"):
        templates_of(wrong, SETTINGS, completeness(10.0))


def test_cutflow_of_the_selection() -> None:
    weight, left = np.array([2.0, 2, -2]), np.array([True, True, False])
    rows = [
        tally("mc", "cutflow", "trigger", "", np.zeros(3, int), left, reference="z", weight=weight),
        tally("mc", "cutflow", "mass", "", np.ones(2, int), left[1:], reference="z", weight=weight[:2]),
        tally("mc", "cutflow", "certified", "", np.zeros(9, int), np.ones(9, bool)),
        generated("mc", "a", np.full(4, 5.0)),
    ]
    found = cutflow(merge([assemble(rows)]), SETTINGS, completeness(10.0))
    assert found[["cut", "events"]].values.tolist() == [["skim", 3], ["trigger", 2], ["mass", 1]]
    # 300 pb · 10 pb⁻¹ / 20 = 150 for a weight of 1.
    assert found["expected"].tolist() == [300, 600, -0.0 + 300]
    assert set(found["region"]) == {"z"}
    assert selected(merge([assemble(rows)])).num_rows == 3


def test_summary_of_a_run() -> None:
    table = to_table(templates_of(counts("a", "b"), SETTINGS, completeness(10.0))).to_pandas()
    lines = summary(table, ["data", "Z"], {"id": 3, "pileup": 0})
    assert [line.split() for line in lines[3:6]] == [
        ["data", "3.0", "1.7", "3"],
        ["Z", "135.0", "95.5", "2"],
        ["simulation", "135.0", "95.5"],
    ]
    assert lines[6].startswith("  data / simulation = 0.0222 ± 0.0203")
    assert lines[7] == "note: correction id: in 3 selected events an object was outside its bins"
    assert len(lines) == 8


def test_a_luminosity_of_all_files_is_noted_where_some_are_missing() -> None:
    assert part_of_luminosity(16393.0, completeness(10.0)) == []
    assert part_of_luminosity(None, completeness(10.0, processed=1)) == []
    (line,) = part_of_luminosity(16393.0, completeness(10.0, processed=1))
    assert line == (
        "warning: simulation is scaled to integrated_luminosity, 16,393 pb⁻¹, but only 1 of 4 certified sections "
        "were processed"
    )


def test_table_has_all_bins() -> None:
    table = to_table(templates_of(counts("a"), SETTINGS, completeness(10.0))).to_pandas()
    rows = table[(table["process"] == "data") & (table["variation"] == "nominal")]
    assert rows["low"].tolist() == [-np.inf, 60, 90, 120]
    assert rows["high"].tolist() == [60, 90, 120, np.inf]
    assert isinstance(table, pd.DataFrame)
