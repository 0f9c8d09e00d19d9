"""Pairs of tag and probe from a file to counts, and from counts to the table of legs."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from skimflow.counts.table import assemble, merge, tally
from skimflow.duplicates import find_duplicates
from skimflow.efficiency import interval
from skimflow.efficiency.legs import both_ways, leg_efficiencies
from skimflow.efficiency.tagandprobe import Spectra, counting, dispersion, fit
from skimflow.io.outputs import write_table
from skimflow.plots.efficiency import efficiency_map, turn_on
from skimflow.plots.mass import all_probes, in_bins
from skimflow.summary import summary
from skimflow.toy import Sample, leg_truth
from tests.reference import tag_and_probe as reference
from tests.tag_and_probe import MUON, settings
from tests.unit.test_tag_and_probe import DZ, MODULE

LEVEL = 0.682689492137086
PT = [15, 30, 45, 100]
PAIRS: dict[str, Any] = {
    **{"analysis": "tag_and_probe", "run_window": None, "certified_sha256": None},
    **{"selection": settings(MUON, dz=DZ, probe={"min_pt": 15}), "references": {"muon": []}},
    "probe": {"paths": [], "prescales": {}, "combination": "any", "on_missing": "exclude"},
    "axes": {"probe_pt": [20, 0, 100], "probe_eta": [2, -2.4, 2.4], "run": "integer"},
    **{"maps": [["probe_pt", "probe_eta"]], "mass": [60, 60, 120]},
}
WINDOWS = {"signal": [81, 101], "below": [71, 81], "above": [101, 111]}
HOW = {
    **{"flavour": "muon", "legs": ["Mu12", "Mu23", "dz"], "dz": DZ, "mass": PAIRS["mass"], "axes": PAIRS["axes"]},
    **{"report": {"probe_pt": PT, "probe_eta": [-2.4, 0, 2.4]}, "maps": PAIRS["maps"]},
    "fit": {"method": "fit", "signal": "crystal_ball", "background": "exponential", "windows": WINDOWS},
    "datasets": {"ds": {"kind": "data", "sample": "SingleMuon"}},
}
INTERVAL = {"method": "clopper_pearson", "level": LEVEL}


@pytest.fixture(scope="module")
def file(toy: Callable) -> Path:
    return toy(Sample(5, 0, primary_dataset="SingleMuon", era="Run2016G"), 6000)


@pytest.fixture
def skimmed(file: Path, skim: Callable, tmp_path: Path) -> tuple[pa.Table, pa.Table]:
    golden = tmp_path / "golden.json"
    golden.write_text(json.dumps({"278820": [[1, 10_000]]}))
    return skim(file, {**PAIRS, "kind": "data"}, golden)


def measured(counts: pa.Table, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    how = {**HOW, "fit": {**HOW["fit"], **changes}}
    return leg_efficiencies(counts, {"interval": INTERVAL, "references": {"muon": how}})


def test_pairs_are_counted_as_in_plain_python(file: Path, skimmed: tuple[pa.Table, pa.Table]) -> None:
    counts, events = (table.to_pandas() for table in skimmed)
    expected = reference.pairs(str(file), PAIRS["selection"])
    assert len(events) == len(expected) > 500
    rows = counts[counts["kind"] == "pair"]
    assert set(rows["name"]) == {"Mu12", "Mu23", "dz", "twins"}
    assert set(rows["variable"]) == {"all", "probe_pt", "probe_eta", "run", "probe_pt:probe_eta"}
    for leg in ("Mu12", "Mu23"):
        mine = rows[(rows["name"] == leg) & (rows["variable"] == "probe_pt")]
        found = {
            (x, z): (n, k) for x, z, n, k in zip(mine["x"], mine["z"], mine["total_n"], mine["passed_n"], strict=True)
        }
        place = [(min(int(pair.probe_pt // 5) + 1, 21), int(pair.mass) - 59) for pair in expected]
        number, fired = Counter(place), Counter(p for p, pair in zip(place, expected, strict=True) if pair.legs[leg])
        assert found == {p: (number[p], fired[p]) for p in number}
        assert mine["reference"].unique().tolist() == ["muon"]
        for variable, all_of_it in rows[rows["name"] == leg].groupby("variable"):
            assert all_of_it["total_n"].sum() == len(expected), variable
    assert set(rows[rows["variable"] == "run"]["x"]) == {278820}
    events = Counter((pair.entry, pair.mass) for pair in expected)
    twins = rows[rows["name"] == "twins"]
    assert twins[twins["variable"] == "all"]["total_n"].sum() == sum(n == 2 for n in events.values())
    assert set(twins["variable"]) == {"all", "probe_pt", "probe_eta"}
    assert not (counts["kind"] == "n_minus_one").any()
    steps = counts[counts["kind"] == "cutflow"].sort_values("x")
    assert steps["name"].tolist() == ["certified", "tag_trigger", "tag", "pair"]
    assert steps["passed_n"].iloc[-1] == len({pair.entry for pair in expected})


def test_without_fits_everything_is_counted(skimmed: tuple[pa.Table, pa.Table]) -> None:
    how = {**HOW, "fit": {**HOW["fit"], "method": "counting"}, "report": {}, "maps": []}
    settings = {"interval": INTERVAL, "references": {"muon": how}}
    table, _ = leg_efficiencies(skimmed[0], settings)
    quick, spectra = leg_efficiencies(skimmed[0], settings, fits=False)
    same = ["reference", "trigger", "variable", "x_low", "y_low", "total_n", "efficiency", "low", "high", "counting"]
    pd.testing.assert_frame_equal(quick[same], table[same])
    assert quick["fit"].isna().all()
    assert set(quick["estimator"]) == {"counting", "ratio"}
    assert not len(spectra)


def test_dz_is_asked_once_for_each_event(skimmed: tuple[pa.Table, pa.Table]) -> None:
    counts, events = (table.to_pandas() for table in skimmed)
    rows = counts[(counts["kind"] == "pair") & (counts["name"] == "dz") & (counts["variable"] == "all")]
    asked = events[events["dz_asked"]]
    assert (asked["pair"] == 0).all()
    assert (rows["total_n"].sum(), rows["passed_n"].sum()) == (len(asked), asked["dz"].sum())
    table, _ = measured(skimmed[0])
    found = table[(table["trigger"] == "dz") & (table["variable"] == "all")].iloc[0]
    expected = interval(asked["dz"].sum(), len(asked), **INTERVAL)
    assert (found["efficiency"], found["low"], found["high"]) == tuple(map(float, expected))
    assert found["estimator"] == "ratio"


def test_pairs_of_one_event_are_no_duplicates(skimmed: tuple[pa.Table, pa.Table], tmp_path: Path) -> None:
    _, events = skimmed
    pairs = events.to_pandas()
    number = len(pairs[["run", "luminosityBlock", "event"]].drop_duplicates())
    assert (pairs["pair"] == 0).sum() == number < len(pairs)
    path = tmp_path / "pairs.parquet"
    write_table(events, path, {})
    assert find_duplicates({"SingleMuon": [path]})["samples"]["SingleMuon"] == {"events": number, "duplicates": 0}
    assert find_duplicates({"SingleMuon": [path, path]})["duplicates"] == number


def test_a_file_without_events(toy: Callable, skim: Callable) -> None:
    counts, events = skim(toy(Sample(5, 0, process="DYJetsToLL"), 0), {**PAIRS, "kind": "mc"})
    assert "pair" not in counts["kind"].to_pylist()
    assert events.num_rows == 0
    assert {"Mu12", "dz", "dz_asked", "pair", "probe_pt", "weight"} <= set(events.column_names)


def test_the_table_is_made_of_the_spectra(skimmed: tuple[pa.Table, pa.Table]) -> None:
    counts, events = skimmed[0], skimmed[1].to_pandas()
    table, spectra = measured(counts)
    edges = np.arange(60, 121, 1.0)
    rows = table[(table["trigger"] == "Mu23") & (table["variable"] == "probe_pt")]
    assert list(zip(rows["x_low"], rows["x_high"], strict=True)) == list(itertools.pairwise(PT))
    for row in rows.to_dict("records"):
        inside = events[(events["probe_pt"] >= row["x_low"]) & (events["probe_pt"] < row["x_high"])]
        content = [np.histogram(inside["mass"][inside["Mu23"] == side], edges)[0][None] for side in (True, False)]
        assert (row["passed_n"], row["total_n"]) == (content[0].sum(), len(inside))
        mine = Spectra(edges, *content, *content)
        twice = inside.groupby(["run", "luminosityBlock", "event"]).size()
        spread = dispersion(len(inside), (twice == 2).sum())
        assert (row["counting"], row["counting_low"]) == pytest.approx([float(v[0]) for v in counting(mine, LEVEL)[:2]])
        found = fit(mine, LEVEL, dispersion=spread)
        assert (row["chi2"], row["ndf"]) == pytest.approx((found.chi2[0], found.ndf[0]))
        assert row["fit_valid"] == found.valid[0]
        assert row["efficiency"] == pytest.approx(row["fit"]) == pytest.approx(found.estimate.value[0], nan_ok=True)
        drawn = spectra[(spectra["trigger"] == "Mu23") & (spectra["variable"] == "probe_pt")]
        drawn = drawn[drawn["x_low"] == row["x_low"]]
        assert drawn["passed"].tolist() == content[0][0].tolist()
    flat = table[(table["trigger"] == "Mu12") & (table["variable"] == "probe_pt:probe_eta")]
    assert len(flat) == 6
    assert flat["total_n"].sum() == rows["total_n"].sum()
    runs = table[(table["trigger"] == "Mu12") & (table["variable"] == "run")]
    assert runs["estimator"].tolist() == ["counting"]
    assert runs["x_low"].tolist() == [278820]
    assert runs["efficiency"].iloc[0] == table[table["variable"] == "all"]["counting"].iloc[0]


def test_which_way_is_the_efficiency(skimmed: tuple[pa.Table, pa.Table]) -> None:
    table, _ = measured(skimmed[0], method="counting")
    legs = table[table["trigger"] != "dz"]
    assert legs["efficiency"].equals(legs["counting"])
    assert legs["meaning"].str.endswith("background subtracted").all()
    ways = both_ways(table)
    assert set(ways["reference"]) == {"muon", "muon.fit", "muon.counting"}
    fitted = ways[(ways["reference"] == "muon.fit") & (ways["variable"] == "all")]
    assert fitted["trigger"].tolist() == ["Mu12", "Mu23"]
    assert fitted["efficiency"].equals(fitted["fit"])
    assert fitted["efficiency"].notna().all()


def test_weighted_pairs_and_no_pairs() -> None:
    """Weights of 2 are half as many pairs as their sum; a sample without pairs has rows that say so."""
    rng = np.random.default_rng(3)
    mass, passed = np.digitize(rng.normal(91, 2.5, 900), np.arange(60, 121.0)), rng.random(900) < 0.8
    x, w = np.zeros(900, np.int64), np.full(900, 2.0)
    counts = [
        tally("ds", "pair", leg, "all", x, passed, reference="muon", z=mass, weight=weight)
        for leg, weight in (("Mu12", None), ("Mu23", w))
    ]
    table, _ = measured(merge([assemble(counts)]))
    totals = table[table["variable"] == "all"].set_index("trigger")
    assert totals.loc["Mu23", "fit"] == pytest.approx(totals.loc["Mu12", "fit"])
    assert totals.loc["Mu23", "fit_low"] == pytest.approx(totals.loc["Mu12", "fit_low"])
    assert (totals.loc["Mu23", "total_sumw"], totals.loc["Mu23", "total_n"]) == (1800, 900)
    empty = table[(table["variable"] == "probe_pt") & (table["trigger"] == "Mu12")]
    assert empty["reason"].str.startswith("only 0 probes").all()
    assert (empty["low"].tolist(), empty["high"].tolist()) == ([0] * 3, [1] * 3)
    assert empty["efficiency"].isna().all()


def test_the_truth_of_legs() -> None:
    legs = {"Mu12": [1, 12], "Mu23": [1, 23], "Mu99": [1, 99]}
    found = leg_truth(2, MODULE.select, 3, PAIRS["selection"], [81, 101], legs)
    assert found["Mu99"] is None
    assert 0.8 < found["Mu23"] < found["Mu12"] < 0.97
    assert found["dz"] == 0.96


def test_figures_and_summary(skimmed: tuple[pa.Table, pa.Table]) -> None:
    table, spectra = measured(skimmed[0])
    settings = {"style": {"colours": ["#3f90da", "#bd1f01"]}, "labels": {"probe_pt": ["probe pT", "GeV"]}}
    legs = table[table["trigger"] != "dz"]
    figure = Figure()
    turn_on(figure, legs, "probe_pt", settings)
    assert [container.get_label() for container in figure.axes[0].containers] == ["Mu12", "Mu23"]
    figure = Figure()
    efficiency_map(figure, table, "probe_pt", "probe_eta", settings, trigger="Mu23")
    assert figure.axes[-1].get_ylabel() == "efficiency of Mu23"
    one, drawn = (part[part["trigger"] == "Mu23"] for part in (table, spectra))
    for paint, variable in ((all_probes, "all"), (in_bins, "probe_pt")):
        figure = Figure()
        paint(figure, one[one["variable"] == variable], drawn[drawn["variable"] == variable], settings)
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert sum("ndf" in text or "only" in text or "no " in text for text in texts) == (
            1 if variable == "all" else 3
        )
    account = {"statement": "1 of 1 files", "files": {"failed": []}, "datasets": {}, "luminosity": {"rows": []}}
    nothing = pd.DataFrame(columns=["variable", "dataset", "sample", "reference", "kind"])
    truth = {"tag_and_probe": {"muon": {"Mu12": 0.93, "Mu23": None, "dz": 0.96}}}
    text = summary(nothing, account, {"inputs": [], "duplicates": 0}, truth, "Title", table)
    assert "SingleMuon data, tag and probe (muon): P(probe fires the leg)" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    assert lines["Mu12"].endswith(" 0.9300")
    assert lines["Mu23"].count("[") == 2
    assert lines["dz"].count("[") == 1
