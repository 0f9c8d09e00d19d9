"""Corrections as coffea evaluates them, to compare with: `python -m tests.reference.coffea_corrections DATA`.

Writes `tests/reference/coffea_corrections.json` (inputs and results) from the public files in the folder DATA. It
needs coffea (made with 2026.9.0), which skimflow does not: use an environment of its own. A test runs it again where it
can be imported.

coffea reads the jet corrections from text files only. They are written here from the JSON, so its own parsing, binning
and evaluation are compared; its parameters are of single precision.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.reference.corrections import content

JETS = "AK4PFchs"
MC, DATA, RESOLUTION = "Summer19UL16_V7_MC", "Summer19UL16_RunFGH_V7_DATA", "Summer20UL16_JRV3_MC"
LEVELS = ("L1FastJet", "L2Relative", "L3Absolute", "L2L3Residual")
FIXTURE = Path(__file__).with_name("coffea_corrections.json")


def values(data: Path) -> dict[str, Any]:
    """Inputs and results by correction."""
    return {
        "rochester": rochester(data / "rochester/RoccoR2016bUL.txt"),
        "jets": jets(content(data / "correctionlib/2016postVFP_UL/jet_jerc.json.gz")),
    }


def rochester(path: Path) -> dict[str, list[float]]:
    import awkward as ak
    from coffea.lookup_tools.rochester_lookup import rochester_lookup
    from coffea.lookup_tools.txt_converters import convert_rochester_file

    lookup = rochester_lookup(convert_rochester_file(str(path)))
    rng, n = np.random.default_rng(2016), 60
    inputs = {
        "charge": rng.choice([-1, 1], n),
        "pt": rng.uniform(10, 200, n).round(3),
        "eta": rng.uniform(-2.4, 2.4, n).round(4),
        "phi": rng.uniform(-3.14, 3.14, n).round(4),
        "layers": rng.integers(3, 21, n),
        "uniform": rng.uniform(1e-4, 1 - 1e-4, n).round(6),
    }
    inputs["gen_pt"] = (inputs["pt"] * rng.normal(1, 0.02, n)).round(3)
    jagged = {name: ak.unflatten(array, np.full(n // 2, 2)) for name, array in inputs.items()}
    muon = [jagged[name] for name in ("charge", "pt", "eta", "phi")]
    arguments = {
        "kScaleDT": muon,
        "kSpreadMC": [*muon, jagged["gen_pt"]],
        "kSmearMC": [*muon, jagged["layers"], jagged["uniform"]],
    }
    results = {}
    for name, given in arguments.items():
        results[name] = ak.flatten(getattr(lookup, name)(*given)).to_list()
        results[f"{name}error"] = ak.flatten(getattr(lookup, f"{name}error")(*given)).to_list()
    return {**{name: array.tolist() for name, array in inputs.items()}, **results}


def jets(corrections: dict[str, Any]) -> dict[str, list[float]]:
    from coffea.jetmet_tools import FactorizedJetCorrector, JetCorrectionUncertainty, JetResolution
    from coffea.jetmet_tools import JetResolutionScaleFactor as ScaleFactor

    rng, n = np.random.default_rng(2017), 60
    inputs = {
        "JetPt": rng.uniform(15, 500, n).round(2),
        "JetEta": rng.uniform(-4.6, 4.6, n).round(4),
        "JetA": rng.uniform(0.4, 0.6, n).round(4),
        "Rho": rng.uniform(5, 45, n).round(3),
    }
    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for tag, key in ((MC, "scale_mc"), (DATA, "scale_data")):
            stack = [_text(Path(folder), corrections[f"{tag}_{level}_{JETS}"]) for level in LEVELS]
            results[key] = FactorizedJetCorrector(**_loaded(stack)).getCorrection(**inputs)
        for source in ("Total", "AbsoluteStat", "FlavorQCD"):
            files = _loaded([_uncertainty(Path(folder), corrections[f"{MC}_{source}_{JETS}"], source)])
            ((_, both),) = JetCorrectionUncertainty(**files).getUncertainty(
                JetEta=inputs["JetEta"], JetPt=inputs["JetPt"]
            )
            results[source] = both[:, 0] - 1
        resolution = JetResolution(**_loaded([_text(Path(folder), corrections[f"{RESOLUTION}_PtResolution_{JETS}"])]))
        results["resolution"] = resolution.getResolution(
            JetEta=inputs["JetEta"], Rho=inputs["Rho"], JetPt=inputs["JetPt"]
        )
        ratio = ScaleFactor(**_loaded([_ratio(Path(folder), corrections[f"{RESOLUTION}_ScaleFactor_{JETS}"])]))
        factors = np.asarray(ratio.getScaleFactor(JetEta=inputs["JetEta"]))
        results |= {name: factors[:, i] for i, name in enumerate(("nom", "up", "down"))}
    return {name: np.asarray(array, float).tolist() for name, array in {**inputs, **results}.items()}


def _loaded(files: list[Path]) -> dict[str, Any]:
    from coffea.lookup_tools import extractor

    tables = extractor()
    tables.add_weight_sets([f"* * {path}" for path in files])
    tables.finalize()
    evaluator = tables.make_evaluator()
    return {path.name.split(".")[0]: evaluator[path.name.split(".")[0]] for path in files}


def _text(folder: Path, correction: dict[str, Any]) -> Path:
    """Binned in one or two inputs, a formula in each bin."""
    path = folder / f"{correction['name']}.{'jr' if 'Resolution' in correction['name'] else 'jec'}.txt"
    rows, head = [], None
    for binned, node in _bins(correction["data"]):
        head = head or f"{{{len(binned)} {' '.join(n for n, *_ in binned)} {len(node['variables'])} "
        formula, variables = node["expression"], node["variables"]
        ranges = " ".join("-1e9 1e9" for _ in variables)
        parameters = "" if formula == "1" else " ".join(repr(float(p)) for p in node["parameters"])
        number = 2 * len(variables) + len(parameters.split())
        edges = " ".join(f"{low!r} {high!r}" for _, low, high in binned)
        rows.append(f"{edges} {number} {ranges} {parameters}")
    kind = "Resolution" if "Resolution" in correction["name"] else "Correction X"
    path.write_text(f"{head}{' '.join(variables)} {formula} {kind}}}\n" + "\n".join(rows) + "\n")
    return path


def _uncertainty(folder: Path, correction: dict[str, Any], source: str) -> Path:
    """For each η bin: pT, up, down at the edges of the pT bins, between which the JSON is linear."""
    path, rows = folder / f"{correction['name']}.junc.txt", []
    data = correction["data"]
    for low, high, node in zip(data["edges"], data["edges"][1:], data["content"], strict=False):
        points = []
        for place, pt in enumerate(node["edges"]):
            line = node["content"][min(place, len(node["content"]) - 1)]
            value = line if isinstance(line, float) else line["parameters"][0] * pt + line["parameters"][1]
            points.append(f"{pt!r} {value!r} {value!r}")
        rows.append(f"{low!r} {high!r} {3 * len(points)} {' '.join(points)}")
    path.write_text(f'{{1 JetEta 1 JetPt "" Correction {source}}}\n' + "\n".join(rows) + "\n")
    return path


def _ratio(folder: Path, correction: dict[str, Any]) -> Path:
    path, rows = folder / f"{correction['name'].replace('ScaleFactor', 'SF')}.jersf.txt", []
    data = correction["data"]
    for low, high, node in zip(data["edges"], data["edges"][1:], data["content"], strict=False):
        of = {item["key"]: item["value"] for item in node["content"]}
        rows.append(f"{low!r} {high!r} 3 {of['nom']!r} {of['down']!r} {of['up']!r}")
    path.write_text("{1 JetEta 0 None ScaleFactor}\n" + "\n".join(rows) + "\n")
    return path


def _bins(node: dict[str, Any], outer: tuple = ()):
    if node["nodetype"] != "binning":
        yield outer, node
        return
    for low, high, inner in zip(node["edges"], node["edges"][1:], node["content"], strict=False):
        yield from _bins(inner, (*outer, (node["input"], low, high)))


if __name__ == "__main__":
    FIXTURE.write_text(json.dumps(values(Path(sys.argv[1]))) + "\n", encoding="utf-8")
