"""The demo prints what the README says."""

import re
import shutil

import pytest

from tests.checkout import Checkout
from tests.conftest import ROOT


@pytest.mark.xdist_group("end-to-end")
def test_readme_shows_what_the_demo_prints(tmp_path) -> None:
    checkout = Checkout(tmp_path)
    shutil.copytree(ROOT / "config", tmp_path / "config", dirs_exist_ok=True)
    checkout.run("--cores", "2", "results/demo/summary.txt")
    printed = (tmp_path / "results/demo/summary.txt").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"^```\n(MuonEG: .*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert shown
    assert shown[1].strip() in printed
