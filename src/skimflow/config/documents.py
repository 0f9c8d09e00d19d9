"""The JSON schemas and config/README.md, generated from the models so that they cannot drift."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from skimflow.config.datasets import Dataset, Site
from skimflow.config.efficiency import EfficiencyConfig, HwwEmu
from skimflow.config.emulation import Dimuon, EmulationConfig
from skimflow.config.templates import AgcTtbar, AgcTtbarConfig, Zmumu, ZmumuConfig
from skimflow.config.zprime import Zprime, ZprimeConfig

_INTRODUCTION = """# Configuration

Generated from the models in `src/skimflow/config/` by `make schema`; a test keeps it true.

A measurement is one YAML file: `snakemake --configfile config/hww_emu.yaml`. Without `--configfile` it is
`config.yaml`, the embedded demo. Single values can be given on the command line:
`snakemake --config 'selection={lead_pt: 30}' name=pt30`. A file may begin with `extends: other.yaml`
(a path beside it) and then says only what differs: mappings are merged, everything else is replaced.

An unknown key is an error. The first line of each file, `# yaml-language-server: $schema=schema.json`, makes an
editor complete and check keys while you type.

`params` of the rules carry what a result depends on, so a change reruns what it must and no more:
cuts, `fine` bins, `probe`, `references` and eras skim again (cuts that no skim depends on, as said below, fill
histograms again); `report` bins, `interval` and the `fit` of tag and probe redo efficiencies and plots; `style` redraws
plots.
"""

_CHAPTERS = (
    ("Efficiency: `config/<name>.yaml`", EfficiencyConfig),
    ("Histograms of Z→μμ: `config/<name>.yaml`", ZmumuConfig),
    ("Histograms of tt̄: `config/<name>.yaml`", AgcTtbarConfig),
    ("Histograms of Z′ → tt̄: `config/<name>.yaml`", ZprimeConfig),
    ("Trigger emulator: `config/<name>.yaml`", EmulationConfig),
    ("Dataset: `config/datasets/<name>.yaml`", Dataset),
    ("Site: `config/sites/<name>.yaml`", Site),
)


def documents() -> dict[str, str]:
    """Path (from the top of the repository) and text of each generated file."""
    return {
        "config/schema.json": _schema(EfficiencyConfig, HwwEmu),
        "config/schema_dimuon.json": _schema(EmulationConfig, Dimuon),
        "config/schema_zmumu.json": _schema(ZmumuConfig, Zmumu),
        "config/schema_agc_ttbar.json": _schema(AgcTtbarConfig, AgcTtbar),
        "config/schema_zprime.json": _schema(ZprimeConfig, Zprime),
        "config/datasets/schema.json": _schema(Dataset),
        "config/sites/schema.json": _schema(Site),
        "config/README.md": "\n".join([_INTRODUCTION, *(line for model in _CHAPTERS for line in _chapter(*model))]),
    }


def _schema(model: type[BaseModel], selection: type[BaseModel] | None = None) -> str:
    """JSON schema of a model; of a measurement, with the model of its selection, also for files that extend another."""
    schema = model.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if selection:
        # A file that extends another need not repeat its keys; the loader checks the merged whole.
        schema["properties"]["extends"] = {"type": "string", "description": "Start from this file, named beside it."}
        schema["then"], schema["if"] = {}, {"required": ["extends"]}
        schema["else"] = {"required": schema.pop("required")}
        schema["properties"]["selection"] = {"$ref": f"#/$defs/{selection.__name__}"}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _chapter(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"\n## {title}\n\n{model.__doc__}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    yield from _rows(model.model_json_schema(), "")


def _rows(schema: dict[str, Any], prefix: str, root: dict[str, Any] | None = None) -> Iterator[str]:
    root = root or schema
    for name, field in schema["properties"].items():
        required = name in schema.get("required", ())
        default = "required" if required else _default(field)
        yield f"| `{prefix}{name}` | {_type(field, root)} | {default} | {_cell(_meaning(field))} |"
        for nested, suffix in _nested(field, root):
            yield from _rows(nested, f"{prefix}{name}{suffix}.", root)


def _meaning(field: dict[str, Any]) -> str:
    text = field.get("description", "")
    return f"{text} No skim depends on it." if "x-after-skim" in field else text


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, [], "") or isinstance(default, dict) else f"`{json.dumps(default)}`"


def _type(field: dict[str, Any], root: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(part, root) for part in field["anyOf"] if part.get("type") != "null"))
    if "$ref" in field or "oneOf" in field:
        return "keys below"
    if field["type"] == "array" and "items" in field:
        return f"list of {_type(field['items'], root)}"
    if field["type"] == "object":
        return f"name: {_type(_values(field), root)}"
    if field["type"] == "array":
        return f"pair of {_type(field['prefixItems'][0], root)}s"
    return field["type"]


def _nested(field: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    if "$ref" in field:
        yield root["$defs"][field["$ref"].rsplit("/", 1)[1]], ""
    for part in (*field.get("anyOf", []), *field.get("oneOf", [])):
        yield from _nested(part, root)
    if field.get("type") == "object":
        yield from ((nested, ".<name>") for nested, _ in _nested(_values(field), root))
    if isinstance(field.get("items"), dict):
        yield from ((nested, "[]") for nested, _ in _nested(field["items"], root))


def _values(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of the values of a mapping, whose keys may follow a pattern."""
    return (
        field["additionalProperties"]
        if field.get("additionalProperties")
        else next(iter(field["patternProperties"].values()))
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
