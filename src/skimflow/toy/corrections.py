"""Files of corrections for the toy, in the formats of the real ones: they undo how its muons were measured wrong."""

import json
from typing import Any

import numpy as np

MUON_SCALE, MUON_SMEAR = 0.995, 0.012
"""How muons are measured in toy data that these corrections are for: relative scale and additional width."""
_WIDTH = 0.01
_SCALE_ERROR, _SMEAR_ERROR = 0.0005, 0.1
_ETA, _ABSETA = (-2.4, -1.2, 0.0, 1.2, 2.4), (0.0, 1.2, 2.4)
_PHI_BINS, _LAYERS, _FIRST_LAYERS = 4, 13, 6


def corrections() -> dict[str, str]:
    """Contents by file name: Rochester tables `muons.txt`, and for correctionlib `pileup.json`, `muon_id.json` and
    `event_systematics.json`."""
    return {
        "muons.txt": _rochester(),
        "pileup.json": _pileup(),
        "muon_id.json": _muon_id(),
        "event_systematics.json": _event_systematics(),
    }


def _rochester() -> str:
    """Tables of two sets: the nominal one, and one with the scale and the width moved."""
    lines = ["NSET 2", "NMEM 1 1", "TVAR 0 1", f"CPHI {_PHI_BINS}", _edges("CETA", _ETA)]
    lines += [f"RMIN {_FIRST_LAYERS}", f"RTRK {_LAYERS}", _edges("RETA", _ABSETA)]
    for number, moved in enumerate((0.0, 1.0)):
        lines += _set(number, MUON_SCALE * (1 + moved * _SCALE_ERROR), MUON_SMEAR * (1 + moved * _SMEAR_ERROR))
    return "\n".join(lines) + "\n"


def _set(number: int, scale: float, smear: float) -> list[str]:
    # Width of data over that of simulation, of which the square root of the squares' difference is what is added.
    measured = np.hypot(1, smear / _WIDTH)
    shape = (_WIDTH, 0.0, 0.0, 1.0, 5.0, 20.0)  # σ of the pT, and a Crystal Ball that is nearly a Gaussian
    lines = [
        f"{number} 0 R {variable} {place} " + " ".join([f"{value:.7f}"] * _LAYERS)
        for variable, value in enumerate(shape)
        for place in range(len(_ABSETA) - 1)
    ]
    lines += [
        f"{number} 0 F {kind} " + " ".join([f"{k:.7f}"] * (len(_ABSETA) - 1)) for kind, k in enumerate((1.0, measured))
    ]
    for kind, factor in enumerate((1.0, scale)):
        for variable, value in enumerate((100 * (factor - 1), 0.0)):
            for place in range(len(_ETA) - 1):
                lines.append(f"{number} 0 C {kind} {variable} {place} " + " ".join([f"{value:.7f}"] * _PHI_BINS))
    return lines


def _edges(name: str, edges: tuple[float, ...]) -> str:
    return " ".join([name, str(len(edges) - 1), *(f"{edge:.2f}" for edge in edges)])


def _pileup() -> str:
    """1, up and down by what falls with the interactions."""
    edges = [0.0, 15.0, 20.0, 25.0, 30.0, 100.0]
    slope = np.array([0.10, 0.05, 0.0, -0.05, -0.10])
    ways = {"nominal": np.ones(5), "up": 1 - slope, "down": 1 + slope}
    content = {way: _binning("NumTrueInteractions", edges, values.tolist()) for way, values in ways.items()}
    inputs = [_input("NumTrueInteractions", "real"), _input("weights", "string")]
    return _file("toy_pileup", inputs, _category("weights", content))


def _muon_id() -> str:
    """1 ± 0.5 % in the barrel, 1 ± 1 % in the endcaps, in |η| from 15 GeV on."""
    error = np.array([0.005, 0.01])
    ways = {"nominal": np.ones(2), "systup": 1 + error, "systdown": 1 - error}
    content = {
        way: _binning("eta", [0.0, 1.2, 2.4], [_binning("pt", [15.0, "inf"], [value]) for value in values.tolist()])
        for way, values in ways.items()
    }
    inputs = [_input("eta", "real"), _input("pt", "real"), _input("scale_factors", "string")]
    return _file("toy_muon_id", inputs, _category("scale_factors", content))


def _event_systematics() -> str:
    """1 ± 0.075·pT/50 for a jet (`btag_var`), 1 ± 2.5 % (`scale_var`): those of the Analysis Grand Challenge."""
    signs = {"up": "+", "down": "-"}
    jet = {way: _formula(f"1.0{sign}0.075*x/50.0", "pt") for way, sign in signs.items()}
    content = {"btag_var": _category("direction", jet)}
    content["scale_var"] = _category("direction", {way: float(f"{sign}0.025") + 1 for way, sign in signs.items()})
    inputs = [_input("syst_name", "string"), _input("direction", "string"), _input("pt", "real")]
    return _file("event_systematics", inputs, _category("syst_name", content))


def _formula(expression: str, variable: str) -> dict[str, Any]:
    return {"nodetype": "formula", "parser": "TFormula", "expression": expression, "variables": [variable]}


def _input(name: str, kind: str) -> dict[str, str]:
    return {"name": name, "type": kind}


def _binning(name: str, edges: list[Any], content: list[Any]) -> dict[str, Any]:
    return {"nodetype": "binning", "input": name, "edges": edges, "content": content, "flow": "error"}


def _category(name: str, content: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"key": key, "value": value} for key, value in content.items()]
    return {"nodetype": "category", "input": name, "content": pairs}


def _file(name: str, inputs: list[dict[str, str]], data: dict[str, Any]) -> str:
    output = {"name": "weight", "type": "real"}
    correction = {"name": name, "version": 1, "inputs": inputs, "output": output, "data": data}
    return json.dumps({"schema_version": 2, "corrections": [correction]}, indent=1) + "\n"
