"""Settings that steps of every measurement have."""

from collections.abc import Mapping
from typing import Any, Literal

from skimflow.config import Config, Dataset, EfficiencyConfig, Variable
from skimflow.config.base import RegularBins, settings_of_skim

NO_PROBE = {"paths": [], "prescales": {}, "combination": "any", "on_missing": "exclude"}
"""Settings of the probe where no paths are measured."""


def selections(config: Config, datasets: dict[str, Dataset]) -> dict[str, str]:
    """What selects the events of each dataset: the reference of tag and probe, or `` for the measurement itself."""
    return {name: config.selection_of(name, d.kind) for name, d in datasets.items()}


def distinct_samples(config: Config, datasets: dict[str, Dataset]) -> dict[str, str]:
    """Samples within which no event may be twice; each reference of tag and probe has samples of its own."""
    return {
        name: f"{datasets[name].sample} ({reference})" if reference else datasets[name].sample
        for name, reference in selections(config, datasets).items()
    }


def windows(config: Config, datasets: dict[str, Dataset]) -> dict[str, list[int] | None]:
    """Run window of each data dataset."""
    return {name: window(config, dataset) for name, dataset in datasets.items() if dataset.kind == "data"}


def data_samples(datasets: dict[str, Dataset]) -> dict[str, str]:
    """Sample of each data dataset."""
    return {name: dataset.sample for name, dataset in datasets.items() if dataset.kind == "data"}


def certified_sha256(config: Config, dataset: Dataset) -> str | None:
    """Checksum of the golden JSON, where it is known; None for simulation."""
    source = config.certified_luminosity
    return source.sha256 if source and dataset.kind == "data" else None


def window(config: Config, dataset: Dataset) -> list[int] | None:
    """First and last run of a dataset, where its era has a window."""
    window = config.eras.get(dataset.era) if dataset.era and dataset.kind == "data" else None
    return list(window) if window else None


def skim_without_axes(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What a skim depends on whose events are wanted: it counts nothing against a variable, nor by a trigger path."""
    return {
        "analysis": config.analysis,
        "kind": dataset.kind,
        "run_window": window(config, dataset),
        "certified_sha256": certified_sha256(config, dataset),
        "selection": settings_of_skim(config.selection),
        "probe": NO_PROBE,
        "references": {},
        "axes": {},
        "maps": [],
    }


def axes(variables: Mapping[str, Variable]) -> dict[str, Any]:
    """For `counts.Axis`, by variable."""
    return {name: axis(variable.fine) for name, variable in variables.items()}


def axis(fine: RegularBins | Literal["integer"]) -> Any:
    """For `counts.Axis`: `integer`, or number of bins, lower and upper end."""
    return fine if isinstance(fine, str) else [fine.bins, fine.low, fine.high]


def interval(config: EfficiencyConfig) -> dict[str, Any]:
    """Method and level; what it is compared with changes no efficiency."""
    return {"method": config.interval.method, "level": config.interval.level}
