"""Settings of tag and probe for tests, and the comparison with plain Python."""

from pathlib import Path
from typing import Any

import numpy as np

from skimflow.analyses import get
from skimflow.config.tag_and_probe import TagAndProbe
from skimflow.io.nanoaod import NanoAOD
from tests.reference import tag_and_probe as reference

MUON: dict[str, Any] = {
    "flavour": "muon",
    "nanoaod": "v9",
    "year": 2016,
    "tag": {
        **{"id": "tightId", "isolation": "pfRelIso04_all", "min_pt": 26, "max_eta": 2.4, "paths": ["HLT_IsoMu24"]},
        "object": {"bit": "Iso", "min_pt": 24},
    },
    "probe": {"id": "tightId", "isolation": "pfRelIso04_all", "min_pt": 10, "max_eta": 2.4},
    "legs": {"Mu12": {"bit": "TrkIsoVVL", "min_pt": 12}, "Mu23": {"bit": "TrkIsoVVL", "min_pt": 23}},
}
ELECTRON: dict[str, Any] = {
    "flavour": "electron",
    "nanoaod": "v9",
    "year": 2016,
    "tag": {
        **{"id": "mvaFall17V2Iso_WP90", "min_pt": 30, "max_eta": 2.5, "gap": [1.4442, 1.566]},
        **{"paths": ["HLT_Ele27_WPTight_Gsf"], "object": {"bit": "WPTight", "min_pt": 27}},
    },
    "probe": {"id": "mvaFall17V2Iso_WP90", "min_pt": 10, "max_eta": 2.5},
    "legs": {
        "Ele12": {"bit": "CaloIdL_TrackIdL_IsoVL", "min_pt": 12},
        "Ele23": {"bit": "CaloIdL_TrackIdL_IsoVL", "min_pt": 23},
    },
}


def settings(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As `select` gets them; a change of `tag` or `probe` is a change of some of its keys."""
    changes = {k: {**base[k], **v} if k in ("tag", "probe") else v for k, v in changes.items()}
    return TagAndProbe(**{**base, **changes}).model_dump()


def agrees(path: Path, chosen: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """Compare pair by pair with plain Python; the number of pairs, and how many fire each leg."""
    module, found = get("tag_and_probe"), []
    wanted = module.branches(chosen)
    with NanoAOD(str(path), wanted=wanted) as file:
        start = 0
        for columns in file.chunks(wanted):
            selection = module.select(columns, chosen)
            steps = np.logical_and.reduce([mask for _, mask in selection.steps])
            assert set(selection.event.tolist()) == set(np.flatnonzero(steps).tolist())
            q = selection.columns
            rows = zip(selection.event + start, q["tag_pt"], q["probe_pt"], q["mass"], strict=True)
            legs = [{n: bool(m[i]) for n, m in selection.decisions.items()} for i in range(len(selection.event))]
            found += [(*map(float, row), fired) for row, fired in zip(rows, legs, strict=True)]
            start += len(columns["PV_npvs"])
    expected = reference.pairs(str(path), chosen)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine[:3] == theirs[:3]
        assert abs(mine[3] - theirs[3]) < 1e-6 * theirs[3]
        assert mine[4] == theirs[4]
    return len(found), {name: sum(pair.legs[name] for pair in expected) for name in chosen["legs"]}
