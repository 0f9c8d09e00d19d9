"""What scale factors depend on."""

from typing import Any

from skimflow import paths
from skimflow.config import EfficiencyConfig
from skimflow.config.scale_factors import Alternative, ScaleFactor


def scale_factor_settings(config: EfficiencyConfig) -> dict[str, Any]:
    """Everything that scale factors depend on beside the efficiencies, alternatives with nothing left out."""
    legs = [reference.variables for reference in config.tag_and_probe.values()]
    labelled = {name: v for variables in (*legs, config.variables) for name, v in variables.items()}
    return {
        "title": config.title,
        "energy": config.style.energy,
        "paths": list(config.probe.paths),
        "labels": {name: [v.label, v.unit] for name, v in labelled.items()},
        "entries": {name: _scale_factor(config, factor) for name, factor in config.scale_factors.items()},
    }


def other_tables(config: EfficiencyConfig) -> dict[str, str]:
    """Tables of efficiencies that scale factors use, and the measurement that each is of, `` for this one."""
    with_legs = any(factor.reference in config.tag_and_probe for factor in config.scale_factors.values())
    found = {}
    for name in ("", *other_measurements(config)):
        results = paths.Results(name or config.name)
        found |= dict.fromkeys((results.efficiency, *([results.tag_and_probe] if with_legs else [])), name)
    return found


def other_measurements(config: EfficiencyConfig) -> list[str]:
    """Names of the measurements whose efficiencies are alternatives for scale factors."""
    choices = [
        choice
        for factor in config.scale_factors.values()
        for source in factor.systematics.values()
        for choice in (source.up, source.down)
    ]
    return sorted({choice.measurement for choice in choices if choice and choice.measurement})


def _scale_factor(config: EfficiencyConfig, factor: ScaleFactor) -> dict[str, Any]:
    source = config.tag_and_probe.get(factor.reference, config)
    first = {name: (source.variables[name].report or (0.0,))[0] for name in factor.variables}
    nominal = {key: getattr(factor, key) for key in ("data", "simulation", "reference")}
    nominal |= {
        "trigger": factor.trigger or config.probe.combination,
        "simulation_reference": factor.simulation_reference or factor.reference,
        "measurement": "",
    }
    return {
        "variables": list(factor.variables),
        "clamp": [n for n in factor.variables if (first[n] >= 0 if factor.clamp is None else n in factor.clamp)],
        "version": factor.version,
        "level": config.interval.level,
        "nominal": nominal,
        "systematics": {
            name: {
                "up": _alternative(nominal, source.up),
                "down": _alternative(nominal, source.down) if source.down else None,
                "one_sided": source.one_sided,
            }
            for name, source in factor.systematics.items()
        },
    }


def _alternative(nominal: dict[str, str], choice: Alternative) -> dict[str, str]:
    said = {key: value for key, value in choice.model_dump().items() if value is not None}
    if choice.reference:
        said.setdefault("simulation_reference", choice.reference)
    return nominal | said
