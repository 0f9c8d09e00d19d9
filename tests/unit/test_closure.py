"""The closure study in its quick form, and the numbers that it is read by."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import kurtosis

from benchmarks import closure
from benchmarks.closure import Result, moments, result


@pytest.mark.xdist_group("closure")
def test_quick_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """From files to table and figure: with few events already the ratio in MuonEG is far off, the others are not."""
    monkeypatch.chdir(tmp_path)
    closure.main(["--quick"])
    printed = capsys.readouterr().out
    report = json.loads(Path("results/benchmarks/closure.json").read_text())
    big = {(row["what"], row["method"]): row for row in report["big"]}
    assert big["OR", "naive"]["pull"] > 6
    assert abs(big["OR", "naive, own truth"]["pull"]) < 4
    for method in ("orthogonal", "tag and probe"):
        row = big["OR", method]
        assert row["truth"] == report["truth"]["unbiased"]["any"] < 0.9 < report["truth"]["naive"]["any"]
        assert abs(row["pull"]) < 4
        assert 0 < row["high"] - row["low"] < 0.1
    for leg in closure.LEGS:
        assert abs(big[leg, "all probes"]["pull"]) < 4
        assert sum(what == leg and "GeV" in method for what, method in big) >= 4
        assert report["truth"]["legs"][leg][-1] > report["truth"]["legs"][leg][1]
    assert f"| OR | {big['OR', 'naive']['truth']:.4f} | {big['OR', 'naive']['value']:.4f} +" in printed
    assert {row["n"] for row in report["pulls"] if row["method"] != "bins"} == {2}
    figure = Path("results/benchmarks/closure.png")
    with Image.open(figure) as picture:
        assert picture.size == (1300, 850)
    assert figure.stat().st_size < 200_000
    # A seed that is there is not made again.
    known = {path: path.stat().st_mtime_ns for path in Path("results/benchmarks/closure").glob("seed_*.json")}
    assert len(known) == 2
    job = (Path("results/benchmarks/closure"), 1000, closure.TINY, report["truth"])
    again = {(row.what, row.method): row.pull for row in closure.one_seed(job)}
    assert again["OR", "orthogonal"] == report["values"]["OR, orthogonal"][0]
    assert all(path.stat().st_mtime_ns == time for path, time in known.items())


def test_pulls_are_in_units_of_the_error_towards_the_truth() -> None:
    row = {"efficiency": 0.9, "low": 0.87, "high": 0.94}
    assert result("x", "y", row, 0.84) == Result("x", "y", 0.9, 0.87, 0.94, 0.84, pytest.approx(2))
    assert result("x", "y", row, 0.98).pull == pytest.approx(-2)
    assert result("x", "y", row, 0.95, more=0.03).pull == pytest.approx(-1)
    assert result("x", "y", row, 0.8, more=0.04).low == pytest.approx(0.85)


def test_moments() -> None:
    """Width and its error as scipy's kurtosis gives them; a shift of half an error bar is seen in 200 pulls."""
    values = np.random.default_rng(3).normal(0.5, 1, 200)
    found = moments(values)
    assert (found["n"], found["mean"]) == (200, pytest.approx(values.mean()))
    assert found["width"] == pytest.approx(math.sqrt(values.var() * 200 / 199))
    assert found["width_error"] == pytest.approx(found["width"] * math.sqrt((kurtosis(values) + 2) / 800), rel=0.02)
    assert found["p_value"] < 1e-3 < moments(values - 0.5)["p_value"]
