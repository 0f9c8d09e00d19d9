"""Z′ → tt̄ end to end on its demo: against plain Python, the injected signal, what reruns, and the real inputs."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uproot

from skimflow.io.outputs import read_stamp
from tests.checkout import Checkout
from tests.reference.zprime import outcomes

pytestmark = pytest.mark.xdist_group("zprime")

DEMO = ("--configfile", "config/zprime_demo.yaml", "--config", "max_files=1")
ROOT = "results/zprime_demo"
MADE = ("templates.json", "classifier.json", "fits/zprime/fit.json", "plots/templates/SR_tag-mtt.png", "yields.csv")
"""What is asked for: drawing everything would take most of the time."""
WANTED = ("--", *(f"{ROOT}/{name}" for name in MADE), f"{ROOT}/plots/overview/classifier.png")
EDGES = np.linspace(200, 3000, 21)
INJECTED = 4.0  # pb
FILES = 6


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    pytest.importorskip("sklearn")
    pytest.importorskip("cabinetry")
    checkout = Checkout(tmp_path_factory.mktemp("zprime"))
    checkout.run("--cores", "2", *DEMO, *WANTED)
    return checkout


@pytest.fixture(scope="module")
def templates(demo: Checkout) -> pd.DataFrame:
    return pd.read_parquet(demo.folder / f"{ROOT}/templates.parquet")


def of(templates: pd.DataFrame, region: str, observable: str, process: str, variation: str = "nominal") -> pd.DataFrame:
    """Rows of one template, by falling mass; the first is the underflow."""
    keys = {"region": region, "observable": observable, "process": process, "variation": variation}
    rows = templates[np.logical_and.reduce([templates[name] == value for name, value in keys.items()])]
    return rows.sort_values("low")


def test_templates_are_those_of_plain_python(demo: Checkout, templates: pd.DataFrame) -> None:
    """Cross-section · luminosity / Σ genWeight times the weights of the selected events, for the signal of 1 pb."""
    (path,) = (demo.folder / "results/toy/toy_boosted_zprime").glob("*.root")
    with uproot.open(path) as file:
        weight = file["Events"]["genWeight"].array(library="np").astype(float)
        generated = float(file["Runs"]["genEventSumw"].array(library="np").sum())
    completeness = json.loads((demo.folder / f"{ROOT}/completeness.json").read_text())
    (luminosity,) = {r["recorded_pb"] for r in completeness["luminosity"]["rows"] if r["dataset"] == "all"}
    found = outcomes(str(path), "HLT_TkMu50")
    mass = np.array([outcome.values.get("workshop_mtt", math.nan) for outcome in found])
    inside = np.array(["CMS_WORKSHOP" in outcome.regions for outcome in found])
    edges = [-np.inf, *EDGES, np.inf]
    expected = np.histogram(mass[inside], edges, weights=weight[inside])[0] * luminosity / generated
    rows = of(templates, "CMS_WORKSHOP", "workshop_mtt", "signal")
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-6, atol=1e-9)
    assert rows["entries"].iloc[0] == inside.sum() > 500


def test_the_injected_signal_is_found(templates: pd.DataFrame) -> None:
    """4 pb were put into the data, within the error; the mass of the least χ² has it at 2 TeV."""
    for region, observable, low, high in (("CMS_WORKSHOP", "workshop_mtt", 1600, 3000), ("SR_tag", "mtt", 1700, 2300)):
        near = templates[(templates["low"] >= low - 1) & (templates["high"] <= high + 1)]
        values, variances = ({}, {})
        for process in near["process"].unique():
            rows = of(near, region, observable, process)
            values[process], variances[process] = rows["value"].sum(), rows["variance"].sum()
        data, signal = values.pop("data"), values.pop("signal")
        strength = (data - sum(values.values())) / signal
        background = sum(v for name, v in variances.items() if name not in ("data", "signal"))
        error = math.sqrt(data + background) / signal
        assert abs(strength - INJECTED) < 2.5 * error, region
        assert strength > 3 * error, region


def test_the_fit_finds_the_injected_signal(demo: Checkout) -> None:
    """Within its interval, widened to 95 %, and beyond doubt."""
    fit = json.loads((demo.folder / f"{ROOT}/fits/zprime/fit.json").read_text())
    assert fit["valid"], fit["reason"]
    low, high = fit["interval"]
    assert low - (high - low) / 2 < INJECTED < high + (high - low) / 2
    assert fit["significance"]["observed"] > 3
    assert fit["p_value"] > 0.01


def test_files(demo: Checkout) -> None:
    root = demo.folder / ROOT
    with uproot.open(root / "templates.root") as file:
        names = set(file.keys(cycle=False))
    wanted = ("signal", "ttbar_semilep_pileup_up", "wjets_muon_id_down", "signal_jet_pt_scale_up", "data")
    assert {f"CMS_WORKSHOP_workshop_mtt_{name}" for name in wanted} <= names
    learnt = json.loads((root / "classifier.json").read_text())
    assert all(quality["auc"] > 0.8 for quality in learnt["quality"].values())
    shapes = [np.shape(layer["weights"]) for layer in learnt["networks"][0]["layers"]]
    assert shapes == [(5, 16), (16, 16), (16, 1)]
    regions = set(pd.read_csv(root / "yields.csv")["region"])
    assert regions == {"CMS_WORKSHOP", "SR_tag", "SR_notag", "CR1", "CR2"}
    stamp = read_stamp(root / "templates.parquet")
    assert stamp["outside"] == {"pileup": 0, "muon_id": 0}


def test_what_reruns(demo: Checkout) -> None:
    """A classifier that learns otherwise fills histograms again, and skims nothing; so does a cut beside the skim's."""
    assert demo.jobs(*DEMO, *WANTED) == Counter()
    for setting in ("classifier={epochs: 9}", "selection={fat_jet_pt: 450}"):
        found = demo.jobs(*DEMO, setting, *WANTED)
        assert (found["classifier"], found["histograms"], found["templates"], found["fit"]) == (1, FILES, 1, 1)
        assert found["skim"] == found["toy_file"] == found["aggregate"] == 0


def test_real_inputs_make_their_jobs(tmp_path: Path) -> None:
    """A skim for each locked or listed file: 152 of data, 405 of simulation, 29 of other masses."""
    checkout = Checkout(tmp_path)
    (tmp_path / "corrections/2016postVFP_UL").mkdir(parents=True)
    for name in ("puWeights", "muon_Z"):
        (tmp_path / f"corrections/2016postVFP_UL/{name}.json.gz").write_bytes(b"")
    found = checkout.jobs("--configfile", "config/zprime.yaml", "--", "results/zprime/templates.json")
    assert found["skim"] == found["histograms"] == 152 + 405 + 29
    assert found["classifier"] == 1
