"""Settings of the dimuon analysis for tests."""

from typing import Any

SELECTION: dict[str, Any] = {
    "muon": {
        **{"min_pt": 3, "max_eta": 2.4, "required_id": "looseId"},
        **{"id": "tightId", "isolation": "pfRelIso03_all", "max_isolation": None},
    },
    "min_muons": 2,
    "min_mass": 0,
    "context": ["PV_npvs", "MET_pt"],
    "absent": [],
}
LABELS = ("HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ", "HLT_Mu17_Mu8", "HLT_Mu17_Mu8_DZ")


def skim_settings(**changes: Any) -> dict[str, Any]:
    """Settings of a skim of collision data for the emulator; a change of `muon` is a change of some of its keys."""
    muon = {**SELECTION["muon"], **changes.pop("muon", {})}
    return {
        "analysis": "dimuon",
        "kind": "data",
        "run_window": None,
        "certified_sha256": None,
        "selection": {**SELECTION, "muon": muon, **{k: changes.pop(k) for k in list(changes) if k in SELECTION}},
        "probe": {"paths": list(LABELS), "prescales": {}, "combination": "any", "on_missing": "exclude"},
        "references": {"none": []},
        "axes": {"n_pairs": "integer", "mu1_pt": [10, 0, 100]},
        "maps": [],
        **changes,
    }
