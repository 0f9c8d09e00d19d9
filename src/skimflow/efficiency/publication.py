"""Scale factors as files for others: correctionlib JSON for analyses, YAML for HEPData."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import correctionlib.schemav2 as schema
import numpy as np
import pandas as pd
import yaml

from skimflow.efficiency.scalefactors import systematics

_DIGITS = 6
_COMBINED = {"any": " OR ", "every": " AND "}
_EDGES = {"x": ("x_low", "x_high"), "y": ("y_low", "y_high")}


def correction_set(table: pd.DataFrame, settings: Mapping[str, Any], provenance: Mapping[str, Any]) -> bytes:
    """The scale factors as a gzipped correctionlib file (schema 2), one correction for each; the same table gives the
    same bytes.

    Inputs are `systematic` and the variables. Below the first edge the file raises an error; from the last edge on, the
    last bin of a clamped variable holds, and others raise an error too. (correctionlib has one rule for both sides of a
    binning: the last bin of a clamped variable reaches to infinity here.) A bin without scale factor raises an error:
    its list of variations is empty.

    Args:
        table: of `scale_factors`.
        settings: those of `targets.scale_factor_settings`.
        provenance: written into the description.
    """
    corrections = [
        _correction(name, table[table["name"] == name], entry, settings) for name, entry in settings["entries"].items()
    ]
    description = f"{settings['title']}. Made by skimflow: {json.dumps(provenance, sort_keys=True)}"
    whole = schema.CorrectionSet(schema_version=2, description=description, corrections=corrections)
    return gzip.compress(whole.model_dump_json(exclude_unset=True, indent=1).encode(), mtime=0)


def _correction(
    name: str, rows: pd.DataFrame, entry: Mapping[str, Any], settings: Mapping[str, Any]
) -> schema.Correction:
    variables, keys = entry["variables"], systematics(entry)
    edges = [_edges(rows, axis) for axis in "xy"[: len(variables)]]
    inputs = [schema.Variable(name="systematic", type="string", description=", ".join(keys))]
    for variable, (*_, last) in zip(variables, edges, strict=True):
        label, unit = settings["labels"][variable]
        above = "the last bin holds" if variable in entry["clamp"] else "an error"
        text = f"{label}{f' in {unit}' if unit else ''}; below the first edge an error, from {last:g} on {above}"
        inputs.append(schema.Variable(name=variable, type="real", description=text))
    reach = [
        [*axis[:-1], "inf"] if variable in entry["clamp"] else axis
        for variable, axis in zip(variables, edges, strict=True)
    ]
    cells = [_cell(row, keys) for row in rows[keys].to_dict("records")]
    if len(variables) == 1:
        data: Any = schema.Binning(nodetype="binning", input=variables[0], edges=reach[0], content=cells, flow="error")
    else:
        data = schema.MultiBinning(
            nodetype="multibinning", inputs=list(variables), edges=reach, content=cells, flow="error"
        )
    return schema.Correction(
        name=name,
        version=entry["version"],
        description=_description(rows, entry, settings["paths"]),
        inputs=inputs,
        output=schema.Variable(name="weight", type="real", description="Scale factor for simulated events"),
        data=data,
    )


def _cell(values: Mapping[str, float], keys: Sequence[str]) -> schema.Category:
    """The variations that a bin has; asking for another one is an error."""
    items = [schema.CategoryItem(key=key, value=_rounded(values[key])) for key in keys if np.isfinite(values[key])]
    return schema.Category(nodetype="category", input="systematic", content=items)


def _edges(rows: pd.DataFrame, axis: str) -> list[float]:
    return np.unique(rows[list(_EDGES[axis])]).tolist()


def _description(rows: pd.DataFrame, entry: Mapping[str, Any], paths: Sequence[str]) -> str:
    first, sources = rows.iloc[0], ", ".join(entry["systematics"]) or "none"
    trigger = _COMBINED[first["trigger"]].join(paths) if first["trigger"] in _COMBINED else first["trigger"]
    return (
        f"Trigger: {trigger}, data over simulation. Data: {first['data_meaning']}. Simulation: "
        f"{first['simulation_meaning']}. stat: score interval of the ratio at {100 * entry['level']:.4g} %. Systematic "
        f"sources: {sources}; up and down: all in quadrature. Bins without events have no scale factor."
    )


def hepdata(table: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, str]:
    """The scale factors as a HEPData submission: name and text of `submission.yaml` and of each table's file.

    The format is that of https://hepdata-submission.readthedocs.io; a bin without number has the value `-`.
    """
    files: dict[str, str] = {}
    documents: list[dict[str, Any]] = [{"comment": f"{settings['title']}: trigger efficiencies and scale factors."}]
    keywords = [{"name": "phrases", "values": ["Trigger efficiency", "Scale factor"]}]
    if settings["energy"]:
        keywords.insert(0, {"name": "cmenergies", "values": [1000 * settings["energy"]]})
    for name, entry in settings["entries"].items():
        rows = table[table["name"] == name]
        content = {
            "independent_variables": list(_independent(rows, entry["variables"], settings["labels"])),
            "dependent_variables": list(_dependent(rows, list(entry["systematics"]))),
        }
        files[f"{name}.yaml"] = _yaml(content)
        description = _description(rows, entry, settings["paths"])
        documents.append({"name": name, "description": description, "keywords": keywords, "data_file": f"{name}.yaml"})
    return {"submission.yaml": "---\n".join(map(_yaml, documents)), **files}


def _independent(
    rows: pd.DataFrame, variables: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    for variable, axis in zip(variables, "xy", strict=False):
        label, unit = labels[variable]
        bins = rows[list(_EDGES[axis])].to_numpy().tolist()
        header = {"name": label} | ({"units": unit} if unit else {})
        yield {"header": header, "values": [{"low": low, "high": high} for low, high in bins]}


def _dependent(rows: pd.DataFrame, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    trigger, errors = rows["trigger"].iloc[0], {"stat": ("stat_up", "stat_down")}
    errors |= {f"sys,{source}": (f"{source}_up", f"{source}_down") for source in sources}
    yield _column("Scale factor", {"Trigger": trigger}, rows, "nominal", errors)
    for what in ("data", "simulation"):
        qualifiers = {"Trigger": trigger, "Sample": rows[f"{what}_sample"].iloc[0]}
        yield _column(f"Efficiency in {what}", qualifiers, rows, what, {"stat": (f"{what}_high", f"{what}_low")})


def _column(
    name: str, qualifiers: Mapping[str, str], rows: pd.DataFrame, column: str, sources: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    values = []
    for row in rows.to_dict("records"):
        if not np.isfinite(row[column]):
            values.append({"value": "-"})
            continue
        shifts = {label: [_rounded(row[end] - row[column]) for end in ends] for label, ends in sources.items()}
        errors = [
            {"asymerror": {"plus": plus, "minus": minus}, "label": label}
            for label, (plus, minus) in shifts.items()
            if np.isfinite([plus, minus]).all()
        ]
        values.append({"value": _rounded(row[column]), "errors": errors})
    return {
        "header": {"name": name},
        "qualifiers": [{"name": key, "value": value} for key, value in qualifiers.items()],
        "values": values,
    }


def _yaml(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _rounded(value: float) -> float:
    """To so many digits that rounding is far below any uncertainty, and files do not differ by the last bit."""
    return float(f"{value:.{_DIGITS}g}")
