"""The pages of the report, and what they depend on."""

from typing import Any

from skimflow import paths
from skimflow.config import Dataset, EfficiencyConfig
from skimflow.targets.common import interval, selections


def pages(config: EfficiencyConfig) -> list[str]:
    """Names of the report's pages, in its order; those of tables exist where the tables do."""
    asked = {
        "intervals": config.interval.compared,
        "turn_ons": config.turn_ons,
        "stability": config.stability,
        "tag_and_probe": config.tag_and_probe,
        "scale_factors": config.scale_factors,
    }
    return ["result", "measurement", "cutflow", "efficiencies", *(p for p, some in asked.items() if some), "provenance"]


def page_tables(config: EfficiencyConfig) -> dict[str, str]:
    """Tables behind the pages that not every measurement has."""
    results = paths.Results(config.name)
    tables = {
        "intervals": results.intervals,
        "turn_ons": results.turn_ons,
        "stability": results.stability_csv,
        "tag_and_probe": results.tag_and_probe,
        "scale_factors": results.scale_factors_csv,
    }
    return {name: table for name, table in tables.items() if name in pages(config)}


def page_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that the report's pages depend on beside the tables they show."""
    names = selections(config, datasets)
    legs = [reference.variables for reference in config.tag_and_probe.values()]
    labelled = {name: v for variables in (*legs, config.variables) for name, v in variables.items()}
    return {
        "title": config.title,
        "analysis": config.analysis,
        "selection": config.selection.model_dump(mode="json"),
        "probe": config.probe.model_dump(mode="json"),
        "references": {name: r.model_dump(mode="json") for name, r in config.references.items()},
        "interval": interval(config),
        "methods": list(config.interval.compared),
        "labels": {name: [v.label, v.unit] for name, v in labelled.items()},
        "datasets": {
            name: {
                "kind": d.kind,
                "sample": d.sample,
                "era": d.era or "",
                "reference": names[name],
                "source": _origin(d),
            }
            for name, d in datasets.items()
        },
    }


def _origin(dataset: Dataset) -> str:
    """Where the files of a dataset come from, in words, without the servers that they are reached by."""
    if dataset.toy:
        return f"toy: {dataset.toy.files} files of {dataset.toy.events:,} events, seed {dataset.toy.seed}"
    if dataset.recid:
        return f"CERN Open Data, record {', '.join(map(str, dataset.recid))}"
    if dataset.rucio or dataset.das:
        return dataset.rucio or dataset.das or ""
    first, *others = [*map(paths.lfn, dataset.files), *dataset.lists]
    return f"{first} and {len(others)} more" if others else first
