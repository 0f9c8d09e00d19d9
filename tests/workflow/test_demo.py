"""The demo prints what the README says."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.checkout import Checkout
from tests.conftest import ROOT


@pytest.mark.xdist_group("end-to-end")
def test_readme_shows_what_the_demo_prints(tmp_path) -> None:
    checkout = Checkout(tmp_path, truth_blocks=15)
    shutil.copytree(ROOT / "config", tmp_path / "config", dirs_exist_ok=True)
    checkout.run("--cores", "2", "results/demo/summary.txt", "results/demo/plots/cross_trigger/mll.png")
    printed = (tmp_path / "results/demo/summary.txt").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"^```\n(MuonEG: .*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert shown
    assert shown[1].strip() in printed
    check_the_cross_trigger(tmp_path / "results/demo", printed)


def check_the_cross_trigger(root: Path, printed: str) -> None:
    """From legs, the OR has its true efficiency in each sample: also for MuonEG, whose ratio of counts has not."""
    table, truth = pd.read_parquet(root / "cross_trigger.parquet"), json.loads((root / "truth.json").read_text())
    rows = table[table["variable"] == "all"].set_index(["reference", "sample"])
    assert rows.index.tolist() == [("none", "MuonEG"), ("none", "TTTo2L2Nu"), ("met", "MET"), ("met", "TTTo2L2Nu")]
    for (reference, sample), row in rows.iterrows():
        known = truth[sample]
        sums = known["unbiased"] if row["accepted"] else known["references"][reference]
        error = (row["high"] - row["low"]) / 2
        assert abs(row["efficiency"] - sums["fired"]["any"] / sums["selected"]) < 3 * error < 0.03
        assert row["unknown_n"] == row["absent_n"] == 0
    biased = rows.loc[("none", "MuonEG")]
    assert biased["measured"] - biased["efficiency"] > 0.08
    assert re.search(
        rf"^  MuonEG data\* \(none\), data +{biased['total_n']} +{biased['efficiency']:.4f}", printed, re.M
    )
    assert (table["variable"] == "mll").sum() == 4 * 10
