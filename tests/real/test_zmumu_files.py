"""Z→μμ on the public files, with the corrections of 2016, against plain Python."""

from pathlib import Path

import pytest
import uproot

from skimflow.counts.views import select
from tests.compare_templates import CUTS, assert_agrees
from tests.reference import zmumu as plain
from tests.reference.corrections import content
from tests.templates import MC, declared, fill, measurement

pytestmark = pytest.mark.real

LOOSE = {"lead_pt": 15, "min_pt": 15, "max_isolation": 10, "max_dxy": 10, "max_dz": 20, "mass": (12, 300)}
TRIGGER = "NUM_IsoMu24_or_IsoTkMu24_DEN_CutBasedIdTight_and_PFIsoTight"


def corrections(folder: Path) -> list[dict]:
    muon = {"file": declared(folder / "muon_Z.json.gz"), "eta": "absolute"}
    pileup = {"file": declared(folder / "puWeights.json.gz"), "key": "Collisions16_UltraLegacy_goldenJSON"}
    return [
        {
            "name": "muon_scale",
            "kind": "rochester",
            "file": declared(folder.parents[1] / "rochester/RoccoR2016bUL.txt"),
        },
        {"name": "pileup", "kind": "pileup", **pileup},
        {"name": "muon_id", "kind": "lepton", **muon, "key": "NUM_TightID_DEN_TrackerMuons"},
        {"name": "trigger", "kind": "trigger", **muon, "key": TRIGGER, "min_pt": 26, "efficiency": 0.9},
    ]


@pytest.mark.parametrize(("name", "pairs"), [("HiggsDNA_DYJetsToLL_UL2017v9_100ev", 8), ("coffea_nano_dy_40ev", 4)])
def test_simulation_agrees_with_plain_python(name: str, pairs: int, data: Path, tmp_path: Path) -> None:
    """Muons with a generated one are in these files, the toy has none."""
    path, folder = data / f"nano/{name}.root", data / "correctionlib/2016postVFP_UL"
    paths = ["HLT_IsoMu24", "HLT_IsoMu27", "HLT_Mu50"]
    of = measurement(
        {"mc": {**MC, "files": [str(path)]}}, corrections=corrections(folder), selection={"paths": paths, **LOOSE}
    )
    found = fill(of, "mc", tmp_path)
    muon = content(folder / "muon_Z.json.gz")
    pileup = content(folder / "puWeights.json.gz")["Collisions16_UltraLegacy_goldenJSON"]
    files = plain.Files(
        data / "rochester/RoccoR2016bUL.txt", pileup, muon["NUM_TightID_DEN_TrackerMuons"], muon[TRIGGER]
    )
    cuts = {**CUTS, **LOOSE, "paths": paths}
    outcomes = assert_agrees(found, plain.events(path, tuple(paths)), files, cuts, "muon_scale")
    assert sum(outcome.cuts == 5 for outcome in outcomes) == pairs

    runs = uproot.open(path)["Runs"]
    end = "_" if "genEventSumw_" in runs else ""
    expected = [runs[f"{what}{end}"].array(library="np").sum() for what in ("genEventCount", "genEventSumw")]
    rows = select(found.skim, "generated", reference="runs")
    assert [rows["total_n"].to_pylist(), rows["total_sumw"].to_pylist()] == [
        [expected[0]],
        [pytest.approx(expected[1])],
    ]
