"""The Z→μμ demo: what was measured wrong is brought back, and all that is promised is there."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uproot

from skimflow.efficiency.peak import Peak, fit_peak
from skimflow.histograms.files import read
from skimflow.io.outputs import read_stamp
from tests.checkout import Checkout
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = Checkout(tmp_path_factory.mktemp("zmumu"))
    shutil.copytree(ROOT / "config", checkout.folder / "config", dirs_exist_ok=True)
    fine = "observables={mass: {bins: {bins: 120}}}"
    root = "results/zmumu_demo"
    wanted = (f"{root}/summary.txt", f"{root}/templates.root")
    checkout.run("--configfile", "config/zmumu_demo.yaml", "--cores", "2", *wanted, "--config", fine)
    return checkout.folder / root


@pytest.fixture(scope="module")
def peaks(demo: Path) -> Callable[[str, str], Peak]:
    """The Z peak of a process in a variation."""
    table = pd.read_parquet(demo / "templates.parquet")
    table = table[(table["observable"] == "mass") & np.isfinite(table["low"]) & np.isfinite(table["high"])]

    def fitted(process: str, variation: str) -> Peak:
        rows = table[(table["process"] == process) & (table["variation"] == variation)]
        edges = np.append(rows["low"], rows["high"].iloc[-1])
        return fit_peak(edges, rows["value"].to_numpy(), rows["variance"].to_numpy())

    return fitted


@pytest.mark.xdist_group("zmumu")
def test_the_peak_of_data_is_brought_back(peaks: Callable[[str, str], Peak]) -> None:
    """Measured 0.5 % too low, 0.46 GeV, and wider by 1.2 % of each pT, as against 1.5 % in simulation."""
    raw, data, uncorrected, z = (
        peaks(*which) for which in (("data", "raw"), ("data", "nominal"), ("Z", "raw"), ("Z", "nominal"))
    )
    shift = z.mean - raw.mean
    assert shift == pytest.approx(0.005 * 91.2, abs=4 * np.hypot(raw.mean_error, z.mean_error))
    assert shift > 4 * np.hypot(raw.mean_error, z.mean_error)
    assert data.mean == pytest.approx(z.mean, abs=3 * np.hypot(data.mean_error, z.mean_error))
    assert data.sigma == pytest.approx(z.sigma, abs=3 * np.hypot(data.sigma_error, z.sigma_error))
    # Simulation has got the width that it lacked; momenta of both muons add up.
    wider = np.sqrt(z.sigma**2 - uncorrected.sigma**2)
    assert wider == pytest.approx(0.012 * 91.2 / np.sqrt(2), abs=0.2)
    assert data.sigma - uncorrected.sigma > 3 * data.sigma_error


@pytest.mark.xdist_group("zmumu")
def test_results(demo: Path) -> None:
    table = pd.read_csv(demo / "yields.csv")
    z = table[table["process"] == "Z"].set_index("step")["events"]
    nominal = z["nominal"]
    assert list(z.index[:4]) == ["objects uncorrected", "generator weight", "+ pileup", "nominal"]
    for step in z.index[4:]:
        assert 0.95 < z[step] / nominal < 1.05
    flow = pd.read_csv(demo / "selection.csv").set_index(["dataset", "cut"])
    simulated = flow.loc[("toy_Z", "mass"), "expected"]
    assert simulated == pytest.approx(z["generator weight"], rel=1e-5)
    data = table[(table["process"] == "data") & (table["step"] == "nominal")]["events"].item()
    assert flow.loc[("toy_SingleMuon_raw", "mass"), "events"] == data
    text = (demo / "summary.txt").read_text()
    assert re.search(rf"^  data +{data:,.1f} ", text, flags=re.MULTILINE)
    ratio = float(text.split("data / simulation = ")[1].split()[0])
    assert abs(ratio - 1) < 0.05
    assert read_stamp(demo / "templates.parquet")["outside"] == {"muon_id": 0, "muon_scale": 0, "pileup": 0}
    assert json.loads((demo / "completeness.json").read_text())["statement"] == "7 of 7 files"


@pytest.mark.xdist_group("zmumu")
def test_files_of_templates(demo: Path) -> None:
    with uproot.open(demo / "templates.root") as file:
        names = {name.split(";")[0] for name in file}
        assert {"zmumu_mass_Z", "zmumu_mass_Z_muon_scale_up", "zmumu_mass_data", "provenance"} <= names
        values = file["zmumu_mass_Z"].values()
    assert read(demo / "templates.json")["zmumu_mass_Z"].inside.tolist() == values.tolist()
