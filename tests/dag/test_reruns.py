"""What reruns what (contract 6): a change reruns what depends on it, and nothing else."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from skimflow import lock, paths
from tests.checkout import Checkout

pytestmark = pytest.mark.xdist_group("dag")

EFFICIENCY_PLOTS = Counter(plot_efficiency=1, plot_map=1, plot_stability=1)
FACTORS = Counter(scale_factors=1, plot_scale_factors=1)
SHAPES = Counter(turn_ons=1, stability=1)
PLOTS = EFFICIENCY_PLOTS + Counter(plot_cutflow=1, plot_n_minus_one=1)
RESULT = Counter(efficiency=1, summary=1, pages=1, report=1) + SHAPES + FACTORS
AFTER_SKIM = Counter(aggregate=1, duplicates=1) + RESULT + PLOTS
CONFIG = Counter(resolved_config=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("finished"))
    checkout.run("--cores", "2")
    return checkout


@pytest.fixture
def copy(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished workflow, times of files kept, to change things in."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    checkout = object.__new__(Checkout)
    checkout.folder = tmp_path / "copy"
    return checkout


def test_nothing_to_do(finished: Checkout) -> None:
    assert finished.jobs() == Counter()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("selection={lead_pt: 30}", Counter(skim=4, toy_truth=1) + AFTER_SKIM),
        ("probe={on_missing: error}", Counter(skim=4) + AFTER_SKIM),
        ("eras={Run2016G: [278821, 280385]}", Counter(skim=3) + AFTER_SKIM),
        ("variables={met: {report: [20, 100, 250]}}", RESULT + EFFICIENCY_PLOTS),
        ("interval={method: wilson}", RESULT + EFFICIENCY_PLOTS),
        ("interval={compare: all}", Counter(intervals=1, plot_intervals=1, pages=1, report=1)),
        ("completeness=0.5", AFTER_SKIM - Counter(duplicates=1)),
        ("variables={met: {label: missing}}", PLOTS + FACTORS + Counter(pages=1, report=1)),
        ("style={colours: ['#ff0000']}", PLOTS + Counter(plot_scale_factors=1, report=1)),
        ("scale_factors={emu_met: {version: 2}}", FACTORS + Counter(pages=1, report=1)),
        ("luminosity={unit: /pb}", AFTER_SKIM - Counter(duplicates=1)),
        ("turn_ons=[]", Counter(plot_efficiency=1, pages=1, report=1)),
        (
            "turn_ons=[{variable: met, range: [20, 250]}]",
            Counter(turn_ons=1, plot_efficiency=1, pages=1, report=1),
        ),
        ("stability={block_events: 50}", Counter(stability=1, plot_stability=1, pages=1, report=1)),
        ("on_unreadable=record", Counter(report=1)),
        ("site=far", Counter(report=1)),
        ("title=Other", FACTORS + Counter(summary=1, pages=1, report=1)),
    ],
)
def test_a_changed_setting(setting: str, expected: Counter, finished: Checkout) -> None:
    assert finished.jobs("--config", setting) == expected + CONFIG


def test_changed_fine_bins_skim_again(finished: Checkout) -> None:
    found = finished.jobs("--config", "variables={met: {fine: {bins: 25}}}")
    assert found["skim"] == 4


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        (
            "src/skimflow/physics/kinematics.py",
            lambda text: text.replace("np.maximum(square, 0)", "np.abs(square)"),
            Counter(skim=4, toy_truth=1) + AFTER_SKIM,
        ),
        (
            "src/skimflow/analyses/hww_emu.py",
            lambda text: text.replace("charge.prod(axis=1) < 0", "charge.sum(axis=1) == 0"),
            Counter(skim=4, toy_truth=1) + AFTER_SKIM,
        ),
        (
            "src/skimflow/skim/run.py",
            lambda text: text.replace("return good or parts[:1]", "return good or parts"),
            Counter(skim=4) + AFTER_SKIM,
        ),
        ("src/skimflow/io/remote.py", lambda text: text.replace("_GRACE = 60", "_GRACE = 61"), Counter()),
        (
            "src/skimflow/efficiency/intervals.py",
            lambda text: text.replace("tail = (1 - level) / 2", "tail = 0.5 * (1 - level)"),
            RESULT + EFFICIENCY_PLOTS,
        ),
        (
            "src/skimflow/plots/overview.py",
            lambda text: text.replace('"0.8"', '"0.7"'),
            Counter(plot_cutflow=1, plot_n_minus_one=1, report=1),
        ),
        ("src/skimflow/physics/kinematics.py", lambda text: "# A comment.\n" + text, Counter()),
        (
            "src/skimflow/skim/job.py",
            lambda text: text.replace('"""The skim of one file.', '"""The skim of a file.'),
            Counter(),
        ),
    ],
    ids=["physics", "analysis", "several files", "attempts", "intervals", "figure", "comment", "docstring"],
)
def test_changed_code(path: str, change: Callable[[str], str], expected: Counter, copy: Checkout) -> None:
    copy.edit(path, change)
    assert copy.jobs() == expected


def test_a_file_more_skims_only_that_file(copy: Checkout) -> None:
    copy.edit("config/datasets/small_G.yaml", lambda text: text.replace("files: 3", "files: 4"))
    found = copy.jobs()
    assert (found["toy_file"], found["skim"]) == (1, 4)  # the new golden JSON concerns every data file of this toy
    copy.edit("config/datasets/small_tt.yaml", lambda text: text.replace("files: 1", "files: 2"))
    copy.edit("config/datasets/small_G.yaml", lambda text: text.replace("files: 4", "files: 3"))
    found = copy.jobs()
    assert (found["toy_file"], found["skim"], found["aggregate"]) == (1, 1, 1)


def test_a_file_less_skims_nothing(copy: Checkout) -> None:
    copy.edit("config/config.yaml", lambda text: re.sub(r"scale_factors:\n.*\n", "", text))
    found = copy.jobs("--config", "datasets=[small_G]")
    assert found["skim"] == 0
    assert found["aggregate"] == 1


REFERENCE = """\
references:
  none: {method: none}
  met: {method: orthogonal, datasets: [small_MET], paths: [HLT_MET200]}
"""
MET = "kind: data\nprimary_dataset: MET\nera: Run2016G\ntoy: {files: 1, events: 400, seed: 7}\n"


def test_a_reference_more_skims_its_data_and_the_simulation(copy: Checkout) -> None:
    """Simulation is counted with each reference; data of the others is not looked at again."""
    shutil.copy(copy.folder / "results/small/toy_certified.json", copy.folder / "config/golden.json")
    golden = "certified_luminosity: {path: config/golden.json, toy: false, url: null, sha256: null}"
    toy = "certified_luminosity: {toy: true, url: null, sha256: null}"
    copy.edit("config/config.yaml", lambda text: text.replace(toy, golden))
    copy.run("--touch", "--cores", "1")
    assert copy.jobs() == Counter()
    copy.write("config/datasets/small_MET.yaml", MET)
    copy.edit("config/config.yaml", lambda text: text + REFERENCE)
    assert copy.jobs() == Counter(skim=2, toy_file=1, toy_truth=1) + AFTER_SKIM + CONFIG
    copy.edit("config/config.yaml", lambda text: text.replace("[HLT_MET200]", "[HLT_MET200, HLT_PFMET120]"))
    assert copy.jobs()["skim"] == 2


def test_the_measurement_with_references_is_249_skims(finished: Checkout) -> None:
    """Data of references comes from a catalogue: its files are known when it is locked, as those of SingleMuon are."""
    records = [("MET_Run2016G", 30526, 17), ("MET_Run2016H", 30559, 32)]
    text = finished.run("-n", "--configfile", "config/hww_emu_2016.yaml", check=False)
    assert "error: dataset MET_Run2016G: not locked yet" in text
    for dataset, recid, files in records:
        lfns = [f"/eos/opendata/{dataset}/{index}.root" for index in range(files)]
        ids = [paths.file_id(lfn) for lfn in lfns]
        url = "root://eospublic.cern.ch/"
        rows = [lock.Row(i, i, lfn, url + lfn, 1, 1, "", i, 1, 1) for i, lfn in zip(ids, lfns, strict=True)]
        finished.write(f"config/locks/{dataset}.tsv", lock.text(rows, {}, f"recid:{recid}", 1))
    assert finished.jobs("--configfile", "config/hww_emu_2016.yaml")["skim"] == 48 + 17 + 32 + 70 + 82


LEGS = """\
references:
  none: {method: none}
  muon:
    method: tag_and_probe
    datasets: [small_mu]
    selection:
      flavour: muon
      nanoaod: v9
      year: 2016
      tag: {id: tightId, min_pt: 26, max_eta: 2.4, paths: [HLT_IsoMu24], object: {bit: Iso, min_pt: 24}}
      probe: {id: tightId, min_pt: 15, max_eta: 2.4}
      legs: {Mu12: {bit: TrkIsoVVL, min_pt: 12}, Mu23: {bit: TrkIsoVVL, min_pt: 23}}
    variables:
      probe_pt: {label: probe pT, fine: {bins: 20, low: 0, high: 100}, report: [15, 40, 100]}
  electron:
    method: tag_and_probe
    datasets: [small_ele]
    selection:
      flavour: electron
      nanoaod: v9
      year: 2016
      tag: {id: mvaFall17V2Iso_WP90, min_pt: 30, max_eta: 2.5, paths: [HLT_Ele27_WPTight_Gsf], object: {bit: WPTight}}
      probe: {id: mvaFall17V2Iso_WP90, min_pt: 15, max_eta: 2.5}
      legs:
        Ele12: {bit: CaloIdL_TrackIdL_IsoVL, min_pt: 12}
        Ele23: {bit: CaloIdL_TrackIdL_IsoVL, min_pt: 23}
    variables:
      probe_pt: {label: probe pT, fine: {bins: 20, low: 0, high: 100}, report: [15, 40, 100]}
cross_trigger:
  muon: {reference: muon, loose: Mu12, tight: Mu23}
  electron: {reference: electron, loose: Ele12, tight: Ele23}
"""


def test_legs_are_measured_again_from_counts(copy: Checkout) -> None:
    """A change of the fit is one of the table; a change of what a pair is skims its data, and no other."""
    shutil.copy(copy.folder / "results/small/toy_certified.json", copy.folder / "config/golden.json")
    golden = "certified_luminosity: {path: config/golden.json, toy: false, url: null, sha256: null}"
    toy = "certified_luminosity: {toy: true, url: null, sha256: null}"
    copy.edit("config/config.yaml", lambda text: text.replace(toy, golden))
    copy.run("--touch", "--cores", "1")
    for name, primary in (("mu", "SingleMuon"), ("ele", "SingleElectron")):
        copy.write(f"config/datasets/small_{name}.yaml", MET.replace("MET", primary))
    copy.edit("config/config.yaml", lambda text: text + LEGS)
    assert copy.jobs()["skim"] == 2
    made = ("results/small/cross_trigger.parquet", "results/small/duplicates.json")
    copy.run("--cores", "2", *made)
    assert copy.jobs(*made) == Counter()
    legs = Counter(tag_and_probe=1, cross_trigger=1)
    again = Counter(skim=1, aggregate=1, duplicates=1, efficiency=1) + legs
    sidebands = "windows: {signal: [80, 102], below: [70, 80], above: [102, 112]}"
    for change, expected in (
        ("references={muon: {fit: {method: counting}}}", legs),
        (f"references={{muon: {{fit: {{{sidebands}}}}}}}", legs),
        ("references={muon: {selection: {mass: [50, 130]}}}", again),
        ("references={muon: {mass: {bins: 120, low: 60, high: 120}}}", again),
        ("cross_trigger={against: [met]}", Counter(cross_trigger=1)),
        ("interval={method: wilson}", Counter(efficiency=1) + legs),
        ("variables={met: {report: [20, 100, 250]}}", Counter(efficiency=1, cross_trigger=1)),
    ):
        assert copy.jobs(*made, "--config", change) == expected, change


def test_three_lost_outputs_rerun_three_skims(copy: Checkout) -> None:
    """As after a run in which three jobs failed: there is no aggregate either."""
    lost = sorted((copy.folder / "results/small/skim/small_G").glob("*.counts.parquet"))
    for path in lost[:3]:
        path.unlink()
    for path in (copy.folder / "results/small").iterdir():
        if path.name not in ("skim", "truth.json", "toy_certified.json", "config.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert copy.jobs() == Counter(skim=3) + AFTER_SKIM


REMOTE = """\
kind: mc
process: TTTo2L2Nu
files: [root://one.example//store/a.root, root://one.example//store/b.root]
"""


def test_another_redirector_reruns_nothing(copy: Checkout) -> None:
    """Remote files cannot be read here: their outputs are made up and recorded with `--touch`."""
    copy.write("config/datasets/small_tt.yaml", REMOTE)
    pretend(copy)
    assert copy.jobs() == Counter()
    copy.write("config/datasets/small_tt.yaml", REMOTE.replace("one.example", "two.example:1094"))
    assert copy.jobs() == Counter()
    copy.write("config/datasets/small_tt.yaml", REMOTE.replace("b.root]", "b.root, root://one.example//store/c.root]"))
    assert copy.jobs()["skim"] == 1
    copy.write("config/datasets/small_tt.yaml", REMOTE.replace("store/b.root", "store/d.root"))
    assert copy.jobs()["skim"] == 1


def pretend(checkout: Checkout) -> None:
    """Make empty outputs of the skims that a dry run names, and tell Snakemake that they are up to date."""
    text = checkout.run("-n", "results/small/counts.parquet")
    for line in text.splitlines():
        if line.strip().startswith("output: ") and "small_tt" in line:
            for path in line.split("output: ")[1].split(", "):
                (checkout.folder / path).touch()
    checkout.run("--touch", "--cores", "1")


def test_the_real_measurement_is_48_skims(finished: Checkout) -> None:
    shutil.copy(Path(__file__).parents[2] / "config/hww_emu.yaml", finished.folder / "config/real.yaml")
    found = finished.jobs("--configfile", "config/real.yaml")
    assert found["skim"] == 48
    assert found["fetch"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "selection={lead_ptt: 3}"], "error: --config: selection.lead_ptt: unknown key (did you mean"),
        (["--configfile", "config/absent.yaml"], "config/absent.yaml"),
        (
            ["--config", "datasets=[small_H]"],
            "error: config/config.yaml: datasets: there is no config/datasets/small_H",
        ),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments: list[str], message: str, finished: Checkout) -> None:
    text = finished.run("-n", *arguments, check=False)
    assert message in text
    if "absent" not in message:
        assert "Traceback" not in text
