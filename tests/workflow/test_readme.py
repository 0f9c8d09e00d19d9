"""The README's example of one's own files does what it says."""

import re

import pytest

from skimflow.toy import Sample, write_file
from tests.checkout import Checkout
from tests.conftest import ROOT


@pytest.mark.xdist_group("failures")
def test_own_files(tmp_path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    checkout = Checkout(tmp_path)
    for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        path = re.search(r"^# (config/\S+\.yaml)$", block, flags=re.MULTILINE)
        assert path, block
        checkout.write(path[1], block)
    (tmp_path / "my_files").mkdir()
    for index in range(2):
        write_file(tmp_path / f"my_files/{index}.root", Sample(1, index, process="TTTo2L2Nu"), 200)
    commands = re.findall(r"^snakemake (--configfile config/mine.yaml [^#\n]*)", text, flags=re.MULTILINE)
    dry, real = (command.split() for command in commands)
    assert checkout.jobs(*(a for a in dry if a != "-n"))["skim"] == 2
    checkout.run(*real)
    listed = re.findall(r"^\| `(\S+?)`", text, flags=re.MULTILINE)
    root = checkout.folder / "results/mine"
    for name in listed:
        pattern = re.sub(r"<\w+>", "*", name)
        assert list(root.glob(pattern)), name
