"""The reference histograms of the Analysis Grand Challenge: their fit, and the model that config/fits declares."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
import yaml

from skimflow.histograms.files import read, write_json, write_root
from skimflow.histograms.validate import main as validate
from skimflow.stats.fitting import fit
from skimflow.stats.likelihood import Likelihood
from skimflow.stats.model import from_settings
from skimflow.stats.workspace import build
from tests.conftest import ROOT

pytestmark = pytest.mark.real

MODEL = ROOT / "config/fits/agc_ttbar.yaml"
SAMPLES = {
    "ttbar": "ttbar",
    "W+jets": "wjets",
    "single top, s-channel": "single_top_s_chan",
    "single top, t-channel": "single_top_t_chan",
    "tW": "single_top_tW",
}
SYSTEMATICS = [
    ("ME variation", ["ttbar"], "ME_var", None),
    ("PS variation", ["ttbar"], "PS_var", None),
    ("ttbar scale variations", ["ttbar"], "scaleup", "scaledown"),
    ("Jet energy scale", list(SAMPLES), "pt_scale_up", None),
    ("Jet energy resolution", list(SAMPLES), "pt_res_up", None),
    *((f"b-tag NP {i + 1}", list(SAMPLES), f"btag_var_{i}_up", f"btag_var_{i}_down") for i in range(4)),
    ("W+jets scale variations", ["W+jets"], "scale_var_up", "scale_var_down"),
]


@pytest.fixture(params=[1, 5], ids=["1 file", "5 files"])
def reference(data: Path, request: pytest.FixtureRequest) -> Path:
    return data / f"agc/histos_{request.param}_file_per_process.json"


def by_hand(reference: Path, folder: Path) -> dict[str, Any]:
    """cabinetry's workspace, from histograms that hist rebins and cabinetry reads, with the model written out here."""
    cabinetry, hist = pytest.importorskip("cabinetry"), pytest.importorskip("hist")
    with uproot.recreate(folder / "histograms.root") as file:
        for name, content in json.loads(reference.read_text()).items():
            axis = hist.axis.Regular(25, 50, 550)
            assert np.allclose(axis.edges, content["edges"])
            filled = hist.Hist(axis, storage=hist.storage.Weight())
            filled.view(flow=True)["value"] = content["contents"]
            file[name] = filled[110j :: hist.rebin(2)]
    path = lambda variation: {"VariationPath": f"_{variation}"} if variation else {"Symmetrize": True}  # noqa: E731
    shapes = [
        {"Name": name, "Samples": samples, "Up": path(up), "Down": path(down), "Type": "NormPlusShape"}
        for name, samples, up, down in SYSTEMATICS
    ]
    luminosity = {"Up": {"Normalization": 0.03}, "Down": {"Normalization": -0.03}}
    config = {
        "General": {
            "Measurement": "CMS_ttbar",
            "POI": "ttbar_norm",
            "HistogramFolder": str(folder / "templates"),
            "InputPath": f"{folder}/histograms.root:{{RegionPath}}_{{SamplePath}}{{VariationPath}}",
            "VariationPath": "",
        },
        "Regions": [{"Name": "4j1b CR", "RegionPath": "4j1b"}, {"Name": "4j2b SR", "RegionPath": "4j2b"}],
        "Samples": [
            {"Name": "Pseudodata", "SamplePath": "pseudodata", "Data": True},
            *({"Name": name, "SamplePath": path, "DisableStaterror": True} for name, path in SAMPLES.items()),
        ],
        "Systematics": [*shapes, {"Name": "Luminosity", "Type": "Normalization", **luminosity}],
        "NormFactors": [{"Name": "ttbar_norm", "Samples": ["ttbar"], "Nominal": 1, "Bounds": [0, 10]}],
    }
    logging.getLogger("cabinetry").setLevel(logging.ERROR)
    cabinetry.templates.collect(config, method="uproot")
    cabinetry.templates.postprocess(config)
    return cabinetry.workspace.build(config)


def mine(reference: Path) -> Likelihood:
    settings = yaml.safe_load(MODEL.read_text(encoding="utf-8"))
    return Likelihood(build(from_settings(settings), read(reference)))


def documented(column: int) -> dict[str, tuple[float, float]]:
    """The parameters in a column of the table of docs/fits.md."""
    text = (ROOT / "docs/fits.md").read_text(encoding="utf-8").replace("−", "-").replace("*", "")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line[0:1] == "|" and line.count(" ± ") == 2]
    found = {row[0]: tuple(map(float, row[column].split(" ± "))) for row in rows}
    assert len(found) == 2 + len(SYSTEMATICS)
    return found


# pyhf 0.7.6 checks workspaces with jsonschema's old interface; skimflow silences that, cabinetry called here does not.
@pytest.mark.filterwarnings(r"ignore:jsonschema\.RefResolver is deprecated:DeprecationWarning")
def test_the_fit_gives_the_numbers_of_the_issue_and_those_of_cabinetry(reference: Path, tmp_path: Path) -> None:
    """HESSE, which the issue's errors and cabinetry's come from, is off by up to some per cent here (docs/fits.md)."""
    result = fit(mine(reference))
    value, error = result.of("ttbar_norm")
    expected = (0.9699, 0.0648) if "_1_" in reference.name else (0.9487, 0.0716)
    assert value == pytest.approx(expected[0], abs=2e-4)
    assert error == pytest.approx(expected[1], rel=0.01)
    # MINOS needs no second derivatives: half its interval says which error is right.
    assert error == pytest.approx((result.interval[1] - result.interval[0]) / 2, rel=0.005)
    assert result.valid
    assert result.notes == ()
    column = 1 if "_1_" in reference.name else 2
    for name, (told, told_error) in documented(column).items():
        assert result.of(name) == (pytest.approx(told, abs=1e-3), pytest.approx(told_error, abs=1e-3)), name

    import cabinetry

    model, data = cabinetry.model_utils.model_and_data(by_hand(reference, tmp_path))
    other = cabinetry.fit.fit(model, data, goodness_of_fit=True)
    places = [result.names.index(name) for name in other.labels]
    np.testing.assert_allclose(result.values[places], other.bestfit, atol=0.005)
    np.testing.assert_allclose(result.errors[places], other.uncertainty, rtol=0.05)
    assert result.twice_nll == pytest.approx(other.best_twice_nll, abs=1e-3)
    assert result.p_value == pytest.approx(other.goodness_of_fit, abs=1e-3)


def test_contents_are_those_of_the_fixtures(data: Path) -> None:
    """Rounded contents of SYSTEMS.md, appendix B, and in-range sums of its section 5d."""
    found = read(data / "agc/histos_1_file_per_process.json")
    assert len(found) == 124
    contents = found["4j2b_ttbar"].values
    assert contents[[0, 1, 6, 25, 26]].round(2).tolist() == [5.54, 190.3, 7290.36, 291.91, 2758.37]
    sums = {
        name: round(float(found[name].inside.sum()), 2)
        for name in ("4j1b_ttbar", "4j2b_ttbar_ME_var", "4j1b_pseudodata")
    }
    assert sums == {"4j1b_ttbar": 21080.35, "4j2b_ttbar_ME_var": 57797.34, "4j1b_pseudodata": 30152.36}


def test_pseudodata_are_half_of_each_generator_and_w_jets(reference: Path) -> None:
    found = read(reference)
    for region in ("4j1b", "4j2b"):
        parts = [found[f"{region}_ttbar_{name}"].values for name in ("ME_var", "PS_var")]
        np.testing.assert_allclose(
            found[f"{region}_pseudodata"].values, sum(parts) / 2 + found[f"{region}_wjets"].values, rtol=1e-6
        )


def test_the_validator_accepts_the_reference_in_every_format(reference: Path, tmp_path: Path) -> None:
    found = read(reference)
    write_root(found, tmp_path / "a.root", {})
    write_json(found, tmp_path / "a.json", {})
    for name in ("a.root", "a.json"):
        assert validate([str(tmp_path / name), str(reference)]) == 0
    other = reference.with_name(reference.name.replace("_1_", "_x_").replace("_5_", "_1_").replace("_x_", "_5_"))
    assert validate([str(reference), str(other)]) == 1
