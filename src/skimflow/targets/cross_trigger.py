"""What the efficiency of a cross trigger from its legs depends on, and its figures."""

from typing import Any

from skimflow.config import Dataset, EfficiencyConfig
from skimflow.config.cross_trigger import CrossLegs


def cross_trigger_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that it depends on beside selected events, and efficiencies of legs; nothing without the block.

    `references` has method and paths of those that the events are counted with, `datasets` the events by dataset.
    """
    wanted = config.cross_trigger
    if wanted is None:
        return {}
    main = {name: d for name, d in datasets.items() if not config.selection_of(name, d.kind)}
    own = {name: r for name, r in config.references.items() if not r.analysis}
    return {
        "legs": {flavour: _legs(config, flavour, datasets) for flavour in ("muon", "electron")},
        "dz": _dz(config, datasets),
        "trigger": config.probe.combination,
        "references": {name: {"method": r.method, "paths": list(r.paths)} for name, r in own.items()},
        "datasets": {
            name: {"kind": d.kind, "sample": d.sample, "references": list(config.references_of(name, d.kind))}
            for name, d in main.items()
        },
        "report": {name: list(config.variables[name].report or ()) for name in wanted.against},
        "selection": f"offline selection {config.analysis}",
        "level": config.interval.level,
    }


def cross_trigger_figures(config: EfficiencyConfig) -> list[str]:
    """Variables that it is shown against."""
    return list(config.cross_trigger.against) if config.cross_trigger else []


def _legs(config: EfficiencyConfig, flavour: str, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Names in the table of legs, and for each variable the column of selected events and its edges.

    A lepton beyond the last edge of a momentum or a number of vertices is taken at the last bin (`open`), one beyond
    that of η has no efficiency.
    """
    legs: CrossLegs = getattr(config.cross_trigger, flavour)
    variables = config.tag_and_probe[legs.reference].variables
    columns = {"probe_pt": f"{flavour}_pt", "probe_eta": f"{flavour}_eta", "probe_abs_eta": f"{flavour}_eta"}
    return {
        **legs.model_dump(include={"reference", "loose", "tight"}),
        **_samples(config, legs.reference, legs.sample, legs.simulation, datasets),
        "axes": {
            name: {
                "column": columns.get(name, name),
                "absolute": name == "probe_abs_eta",
                "open": name in ("probe_pt", "npv"),
                "edges": list(variables[name].report or ()),
            }
            for name in legs.variables
        },
    }


def _dz(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any] | None:
    """Of the same samples as the legs of that reference."""
    wanted = config.cross_trigger
    if wanted is None or wanted.dz is None:
        return None
    same = [legs for legs in (wanted.muon, wanted.electron) if legs.reference == wanted.dz]
    chosen = (same[0].sample, same[0].simulation) if same else (None, None)
    return {"reference": wanted.dz, **_samples(config, wanted.dz, *chosen, datasets)}


def _samples(
    config: EfficiencyConfig, reference: str, data: str | None, mc: str | None, datasets: dict[str, Dataset]
) -> dict[str, str | None]:
    """Samples that legs are measured on: those chosen, or the first one of a kind."""
    found = {"data": data, "mc": mc}
    for name, dataset in datasets.items():
        if config.selection_of(name, dataset.kind) == reference:
            found[dataset.kind] = found[dataset.kind] or dataset.sample
    return found
