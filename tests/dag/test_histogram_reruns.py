"""What reruns what, where histograms are filled from skims: the selection is made again without reading NanoAOD."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from skimflow import lock, paths
from tests.checkout import Checkout

pytestmark = pytest.mark.xdist_group("dag-histograms")

DEMO = ("--configfile", "config/z.yaml")
FIGURES = Counter(plot_templates=1, plot_selection=1)
AFTER = Counter(templates=1, summary=1, result_page=1, report=1) + FIGURES
HISTOGRAMS = Counter(histograms=2) + AFTER
SKIMS = Counter(skim=2, aggregate=1, duplicates=1, plot_cutflow=1) + HISTOGRAMS
CONFIG = Counter(resolved_config=1)
SMALL = """\
extends: zmumu_demo.yaml
name: z
datasets: [z_data, z_mc]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("z"))
    demo = (checkout.folder / "config/zmumu_demo.yaml").read_text(encoding="utf-8")
    muons = "file: {toy: muons.txt}"
    golden = "certified_luminosity: {toy: true}"
    assert muons in demo
    assert golden in demo
    kept = "".join(line for line in demo.splitlines(True) if not line.startswith(("  other:", "  top:")))
    checkout.write("config/zmumu_demo.yaml", kept)
    checkout.write("config/z.yaml", SMALL)
    toy = "toy: {files: 1, events: 600, seed: 7}\n"
    checkout.write("config/datasets/z_mc.yaml", f"kind: mc\nprocess: DYJetsToLL\ncross_section: 300\n{toy}")
    data = "kind: data\nprimary_dataset: SingleMuon\nera: Run2016G\n"
    checkout.write("config/datasets/z_data.yaml", data + toy)
    checkout.run(*DEMO, "--cores", "2")
    return checkout


def test_nothing_to_do(finished: Checkout) -> None:
    assert finished.jobs(*DEMO) == Counter()
    page = (finished.folder / "results/z/report.html").read_text(encoding="utf-8")
    for shown in ("zmumu-mass.png", "cutflow-zmumu.png", "n_minus_one-zmumu.png", "yields.csv", "selection.csv"):
        assert shown in page
    assert "System Message" not in page  # what docutils says of a page that it cannot read


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("selection={min_pt: 15}", SKIMS),
        # Of the pair, not of the muons that the skim asks for.
        ("selection={lead_pt: 30, mass: [70, 110], pair: leading}", HISTOGRAMS),
        ("observables={mass: {bins: {bins: 60}}}", HISTOGRAMS),
        ("observables={mass: {label: mass}}", FIGURES + Counter(plot_cutflow=1, report=1)),
        ("style={colours: ['#ff0000']}", FIGURES + Counter(plot_cutflow=1, report=1)),
        ("integrated_luminosity=10", AFTER),
    ],
)
def test_a_changed_setting(setting: str, expected: Counter, finished: Checkout) -> None:
    assert finished.jobs(*DEMO, "--config", setting) == expected + CONFIG


def test_the_content_of_a_correction_fills_histograms_again(finished: Checkout, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    copy = object.__new__(Checkout)
    copy.folder = tmp_path / "copy"
    copy.edit("results/toy/corrections/pileup.json", lambda text: text.replace("1.1", "1.2"))
    assert copy.jobs(*DEMO) == HISTOGRAMS


def test_changed_code(finished: Checkout, tmp_path: Path) -> None:
    """Corrections are part of histograms and of no skim; a figure of itself."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    copy = object.__new__(Checkout)
    copy.folder = tmp_path / "copy"
    copy.edit("src/skimflow/plots/templates.py", lambda text: text.replace('"0.8"', '"0.7"'))
    assert copy.jobs(*DEMO) == Counter(plot_templates=1, report=1)
    copy.edit("src/skimflow/histograms/objects.py", lambda text: text.replace("_TYPE1_EM = 15.0,", "_TYPE1_EM = 16.0,"))
    assert copy.jobs(*DEMO) == HISTOGRAMS


LOCKED = 70 + 82  # of SingleMuon G and H
RECORDS = {
    "DYJetsToLL_2016": (35671, 9),
    "TTTo2L2Nu_2016": (67801, 2),
    "ST_tW_top_2016": (64881, 2),
    "ST_tW_antitop_2016": (64825, 2),
    "WWTo2L2Nu_2016": (72676, 2),
    "WZTo3LNu_2016": (72750, 2),
    "WZTo2Q2L_2016": (72742, 2),
    "ZZ_2016": (75593, 2),
}


def test_the_open_data_of_2016(finished: Checkout) -> None:
    """As far as it goes without them: locks, then the files of corrections, then all jobs."""
    real = ("--configfile", "config/zmumu_2016.yaml")
    text = finished.run("-n", *real, check=False)
    assert "error: dataset DYJetsToLL_2016: not locked yet" in text
    for dataset, (recid, files) in RECORDS.items():
        lfns = [f"/eos/opendata/{dataset}/{index}.root" for index in range(files)]
        ids = [paths.file_id(lfn) for lfn in lfns]
        rows = [
            lock.Row(i, i, lfn, "root://x.example/" + lfn, 1, 1, "", i, 1, 1) for i, lfn in zip(ids, lfns, strict=True)
        ]
        finished.write(f"config/locks/{dataset}.tsv", lock.text(rows, {}, f"recid:{recid}", 1))
    text = finished.run("-n", *real, check=False)
    assert "error: inputs/RoccoR2016bUL.txt: the configuration names this file, but it is not there" in text
    (finished.folder / "inputs/2016postVFP_UL").mkdir(parents=True)
    for name in ("RoccoR2016bUL.txt", *(f"2016postVFP_UL/{n}.json.gz" for n in ("met", "puWeights", "muon_Z"))):
        finished.write(f"inputs/{name}", "")
    found = finished.jobs(*real)
    files = LOCKED + sum(number for _, number in RECORDS.values())
    assert (found["skim"], found["histograms"], found["fetch"]) == (files, files, 1)
