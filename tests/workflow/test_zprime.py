"""Z′ → tt̄ end to end on its demo: against plain Python, the injected signal, what reruns, and the real inputs."""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uproot

from skimflow import lock
from skimflow.io.outputs import read_stamp
from tests.checkout import Checkout
from tests.reference.zprime import outcomes

pytestmark = pytest.mark.xdist_group("zprime")

DEMO = ("--configfile", "config/zprime_demo.yaml", "--config", "max_files=1")
EDGES = np.linspace(200, 3000, 21)
INJECTED = 4.0  # pb
FILES = 6
AFTER = Counter(templates=1, plot_templates=1, summary=1, report=1, resolved_config=1)
FILLED = Counter(histograms=FILES) + AFTER
LEARNT = Counter(classifier=1, plot_classifier=1) + FILLED


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    pytest.importorskip("sklearn")
    checkout = Checkout(tmp_path_factory.mktemp("zprime"))
    checkout.run(*DEMO, "--cores", "2")
    return checkout


@pytest.fixture(scope="module")
def templates(demo: Checkout) -> pd.DataFrame:
    return pd.read_parquet(demo.folder / "results/zprime_demo/templates.parquet")


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
    completeness = json.loads((demo.folder / "results/zprime_demo/completeness.json").read_text())
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


def test_files_and_report(demo: Checkout) -> None:
    root = demo.folder / "results/zprime_demo"
    with uproot.open(root / "templates.root") as file:
        names = set(file.keys(cycle=False))
    wanted = ("signal", "ttbar_semilep_pileup_up", "wjets_muon_id_down", "signal_jet_pt_scale_up", "data")
    assert {f"CMS_WORKSHOP_workshop_mtt_{name}" for name in wanted} <= names
    learnt = json.loads((root / "classifier.json").read_text())
    assert all(quality["auc"] > 0.8 for quality in learnt["quality"].values())
    shapes = [np.shape(layer["weights"]) for layer in learnt["networks"][0]["layers"]]
    assert shapes == [(5, 16), (16, 16), (16, 1)]
    page = (root / "report.html").read_text(encoding="utf-8")
    for shown in ("classifier.png", "SR_tag-mtt.png", "CMS_WORKSHOP-workshop_mtt.png", "yields.csv"):
        assert shown in page
    text = (root / "summary.txt").read_text()
    assert "region CR1" in text
    assert "data / simulation" in text
    stamp = read_stamp(root / "templates.parquet")
    assert stamp["outside"] == {"pileup": 0, "muon_id": 0}


def test_what_reruns(demo: Checkout) -> None:
    """A classifier that learns otherwise fills histograms again, and skims nothing."""
    assert demo.jobs(*DEMO) == Counter()
    assert demo.jobs(*DEMO, "classifier={epochs: 9}") == LEARNT


def test_real_inputs_make_their_jobs(tmp_path: Path) -> None:
    """With locks of as many files as there are, a skim for each: 152 of data, 405 of simulation, 29 of other masses."""
    checkout = Checkout(tmp_path)
    files = {"SingleMuon_Run2016G": 70, "SingleMuon_Run2016H": 82, "TTToSemiLeptonic_UL2016": 138}
    files |= {"TTToHadronic_UL2016": 146, "TTTo2L2Nu_UL2016": 49, "WJetsToLNu_UL2016": 68}
    masses = {400: 2, 1000: 1, 1200: 9, 1400: 6, 1600: 3, 1800: 8, 2000: 4}
    files |= {f"ZprimeToTT_M{mass}_UL2016": number for mass, number in masses.items()}
    (tmp_path / "config/locks").mkdir()
    for name, number in files.items():
        text = (tmp_path / f"config/datasets/{name}.yaml").read_text()
        kind, where = next(line.split(": ", 1) for line in text.splitlines() if line.startswith(("recid", "das")))
        source = f"recid:{where.strip('[]')}" if kind == "recid" else where
        lfns = [f"/eos/{name}/{i:03d}.root" for i in range(number)]
        ids = [f"{i:03d}-{hashlib.sha256(lfn.encode()).hexdigest()[:8]}" for i, lfn in enumerate(lfns)]
        rows = [lock.Row(i, i, x, f"root://far/{x}", 1, 1, "", i, 1, 1) for i, x in zip(ids, lfns, strict=True)]
        checkout.write(f"config/locks/{name}.tsv", lock.text(rows, {}, source, 1))
    for name in ("puWeights", "muon_Z"):
        (tmp_path / "corrections/2016postVFP_UL").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"corrections/2016postVFP_UL/{name}.json.gz").write_bytes(b"")
    found = checkout.jobs("--configfile", "config/zprime.yaml")
    assert found["skim"] == found["histograms"] == 152 + 405 + 29
    assert found["classifier"] == 1
