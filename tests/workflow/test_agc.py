"""tt̄ of the Analysis Grand Challenge as a workflow: from toy files to templates, and what reruns what."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import uproot
import yaml

from skimflow.config.loading import read_yaml
from tests.checkout import Checkout
from tests.conftest import ROOT
from tests.reference import agc_ttbar as reference

pytestmark = pytest.mark.xdist_group("agc")

SAMPLES = {"ttbar": 400, "ttbar_ME_var": 400, "ttbar_PS_var": 400, "wjets": 400}
"""Cross-sections, pb."""
TEMPLATES = "results/small_agc/templates.json"
FIGURES = "results/small_agc/plots/templates/4j2b-m_bjj.png"
AFTER = Counter(templates=1, plot_templates=1)


def config() -> dict[str, Any]:
    """The demo without single top, scales and fits."""
    content = {**read_yaml(ROOT / "config/agc_ttbar.yaml"), **read_yaml(ROOT / "config/agc_demo.yaml")}
    del content["extends"], content["fits"]
    content["processes"] = {name: content["processes"][name] for name in ("wjets", "ttbar")}
    content["processes"]["ttbar"]["variations"] = {"ME_var": "ttbar_ME_var", "PS_var": "ttbar_PS_var"}
    return {**content, "name": "small_agc", "datasets": [f"small_{name}" for name in SAMPLES]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path_factory.mktemp("agc"))
    for number, (name, cross_section) in enumerate(SAMPLES.items()):
        toy = {"files": 1, "events": 1000, "seed": number, "physics": "lepton_jets"}
        dataset = {"kind": "mc", "process": name, "cross_section": cross_section, "toy": toy}
        checkout.write(f"config/datasets/small_{name}.yaml", yaml.safe_dump(dataset))
    checkout.write("config/small_agc.yaml", yaml.safe_dump(config()))
    checkout.run("--cores", "2", "--configfile", "config/small_agc.yaml", "--", TEMPLATES, FIGURES)
    yield checkout
    shutil.rmtree(checkout.folder)


def jobs(checkout: Checkout, *settings: str) -> Counter:
    """What a dry run for the same targets would do."""
    changed = ["--config", *settings] if settings else []
    text = checkout.run("-n", "--configfile", "config/small_agc.yaml", *changed, "--", TEMPLATES, FIGURES)
    return Counter(
        line.split()[-1].rstrip(":") for line in text.splitlines() if line.startswith(("rule ", "localrule "))
    )


def test_yields_are_those_of_a_hand_calculation(finished: Checkout) -> None:
    """σ · L · Σw of selected events over Σw of all; all events are in a region or failed a cut."""
    yields = pd.read_csv(finished.folder / "results/small_agc/yields.csv").set_index(["region", "process", "step"])
    cutflow = pd.read_parquet(finished.folder / "results/small_agc/counts.parquet")
    for name in ("ttbar", "wjets"):
        (file,) = (finished.folder / f"results/toy/small_{name}").glob("*.root")
        with uproot.open(file) as content:
            total = float(content["Runs"]["genEventSumw"].array()[0])
        sums: Counter = Counter()
        for event in reference.events(file):
            seen = reference.observe(event, reference.jets(event, [1.0] * len(event["Jet_pt"]), True))
            sums[seen[0] if seen else "failed"] += 1
            if seen:
                sums["weight", seen[0]] += event["genWeight"]
        assert sums["failed"] + sums["4j1b"] + sums["4j2b"] == 1000
        read = cutflow[(cutflow["kind"] == "cutflow") & (cutflow["dataset"] == f"small_{name}")]
        assert read.loc[read["x"] == 0, "total_n"].sum() == 1000
        for region in ("4j1b", "4j2b"):
            row = yields.loc[(region, name, "nominal")]
            assert row["entries"] == sums[region]
            assert row["events"] == pytest.approx(400 * 100 * sums["weight", region] / total, rel=1e-5)


def test_templates_have_the_names_that_fits_expect(finished: Checkout) -> None:
    found = json.loads((finished.folder / TEMPLATES).read_text(encoding="utf-8"))
    weights = [f"btag_var_{i}_{way}" for i in range(4) for way in ("up", "down")]
    common = {"", "_pt_scale_up", "_pt_res_up", *(f"_{name}" for name in weights)}
    expected = {f"ttbar{variation}" for variation in (*common, "_ME_var", "_PS_var")} | {"pseudodata"}
    expected |= {f"wjets{variation}" for variation in (*common, "_scale_var_up", "_scale_var_down")}
    assert set(found) == {f"{region}_{name}" for region in ("4j1b", "4j2b") for name in expected}
    me, ps, wjets, pseudo = (
        found[f"4j2b_{name}"]["storage"]["values"] for name in ("ttbar_ME_var", "ttbar_PS_var", "wjets", "pseudodata")
    )
    assert pseudo == pytest.approx([(a + b) / 2 + w for a, b, w in zip(me, ps, wjets, strict=True)], rel=1e-12)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("pseudodata={label: other}", Counter(plot_templates=1)),
        ("integrated_luminosity=50", AFTER),
        ("pseudodata={parts: [{process: ttbar}]}", AFTER),
        ("normalisation=events", Counter(histograms=4) + AFTER),
        ("selection={jets: {min_btag: 0.6}}", Counter(skim=4, aggregate=1, histograms=4) + AFTER),
    ],
)
def test_a_changed_setting(setting: str, expected: Counter, finished: Checkout) -> None:
    assert jobs(finished, setting) == expected


def test_nothing_to_do(finished: Checkout) -> None:
    assert jobs(finished) == Counter()


def test_the_real_inputs_in_a_dry_run(finished: Checkout) -> None:
    """One file of each sample; the lists themselves are in the unit tests."""
    found = finished.jobs("--configfile", "config/agc_ttbar.yaml", "--config", "max_files=1")
    assert (found["skim"], found["histograms"], found["fetch"], found["fit"]) == (9, 9, 1, 1)
