"""Tag and probe on public files: pair by pair as plain Python counts, and bits as the files describe them."""

import re
from pathlib import Path
from typing import Any

import pytest
import uproot

from skimflow.filter_bits import filter_bits
from tests.tag_and_probe import ELECTRON, MUON, agrees, settings

pytestmark = pytest.mark.real

V5, DY_2017 = "UnROOT_NanoAODv5_ttbar2018_1000ev", "HiggsDNA_DYJetsToLL_UL2017v9_100ev"
DIMUON, DATA_2022 = "coffea_nano_dimuon_2018A_40ev", "HiggsDNA_EGamma2022F_100ev"
LOOSE = {"mass": (20, 400), "opposite_charge": False}
RUN3 = {"nanoaod": "v12", "year": 2022}
# In the menus of 2017 and 2018 the filter of the two-muon path sets this bit, and not TrkIsoVVL as in 2016.
LEGS = {"Mu12": {"bit": "2mu", "min_pt": 12}, "Mu23": {"bit": "2mu", "min_pt": 23}}


@pytest.mark.parametrize(
    ("name", "base", "changes", "expected"),
    [
        (DY_2017, MUON, {"nanoaod": "v9", "year": 2017, "legs": LEGS}, (10, {"Mu12": 10, "Mu23": 10})),
        (DY_2017, ELECTRON, {"nanoaod": "v9", "year": 2017}, (13, {"Ele12": 12, "Ele23": 12})),
        (DIMUON, MUON, {"nanoaod": "v5", "year": 2018, "legs": LEGS}, (5, {"Mu12": 4, "Mu23": 4})),
        ("coffea_nano_dy_40ev", ELECTRON, {"nanoaod": "v5", "year": 2018}, (3, {"Ele12": 3, "Ele23": 3})),
        (V5, MUON, {"nanoaod": "v5", "year": 2018, "legs": LEGS, **LOOSE}, (14, {"Mu12": 14, "Mu23": 14})),
        (V5, ELECTRON, {"nanoaod": "v5", "year": 2018, **LOOSE}, (9, {"Ele12": 6, "Ele23": 5})),
        (
            DATA_2022,
            ELECTRON,
            {
                **RUN3,
                "tag": {"id": "cutBased", "min_id": 4, "paths": ["HLT_Ele32_WPTight_Gsf"]},
                "probe": {"id": "cutBased", "min_id": 1},
            },
            (4, {"Ele12": 3, "Ele23": 3}),
        ),
    ],
)
def test_pairs_agree_with_plain_python(
    name: str, base: dict[str, Any], changes: dict[str, Any], expected: tuple[int, dict[str, int]], data: Path
) -> None:
    assert agrees(data / f"nano/{name}.root", settings(base, **changes)) == expected


@pytest.mark.parametrize(
    ("name", "nanoaod", "year", "numbered_from"),
    [(V5, "v5", 2018, 1), (DY_2017, "v9", 2017, 1), (DATA_2022, "v12", 2022, 0)],
)
def test_bits_are_those_that_the_file_describes(
    name: str, nanoaod: str, year: int, numbered_from: int, data: Path
) -> None:
    with uproot.open(data / f"nano/{name}.root") as file:
        text = file["Events"]["TrigObj_filterBits"].title
    electrons, _, rest = text.partition(" for Electron")
    muons = rest.partition(" for Muon")[0]
    muons = muons[muons.rindex("; ") :]
    for flavour, part in (("electron", electrons), ("muon", muons)):
        described = re.findall(r"(\d+) =>? ?(.+?)(?:, (?=\d)|$)", part)
        values = {_plain(doc): int(n) if numbered_from else 1 << int(n) for n, doc in described}
        known = filter_bits(flavour, nanoaod, year)
        assert len(known) >= 10
        assert known.items() <= values.items()


def _plain(description: str) -> str:
    """`1e (WPTight)` is WPTight here, `OverlapFilter PFTau` has an underscore."""
    inner = re.fullmatch(r"1(?:e|mu) \((.+)\)", description.strip())
    return (inner[1] if inner else description.strip()).replace(" ", "_")
