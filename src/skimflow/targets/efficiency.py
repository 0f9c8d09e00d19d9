"""What the steps of an efficiency depend on, and the figures and tables that it has."""

from typing import Any

from skimflow import paths
from skimflow.config import Dataset, EfficiencyConfig, dataset_name
from skimflow.targets.common import NO_PROBE, axes, axis, certified_sha256, interval, window
from skimflow.targets.cross_trigger import cross_trigger_figures
from skimflow.targets.jobs import Targets
from skimflow.targets.legs import leg_figures
from skimflow.targets.pages import pages


class EfficiencyTargets(Targets):
    """Those of an efficiency."""

    config: EfficiencyConfig
    rules = ("efficiency", "efficiency_figures")
    front = "workflow"

    def tables(self) -> list[str]:
        return [self.results.efficiency, *tables(self.config)]

    def pages(self) -> list[str]:
        return pages(self.config)

    def settings(self, name: str, dataset: Dataset) -> dict[str, Any]:
        return skim_settings(self.config, name, dataset)

    def main_skims(self, pattern: str) -> list[str]:
        """Skims of the measurement's own selection."""
        main = main_datasets(self.config, self.datasets)
        return [pattern.format(dataset=dataset, file=job) for dataset, job in self.jobs if dataset in main]

    def figures(self) -> list[str]:
        """Every figure of the measurement."""
        wanted = [("efficiency", name) for name in reported(self.config)]
        wanted += [("maps", name) for name in maps(self.config)]
        wanted += [("overview", figure) for figure in overview(self.config)]
        wanted += [("scale_factors", name) for name in self.config.scale_factors]
        wanted += [("tag_and_probe", name) for name in leg_figures(self.config, self.datasets)]
        wanted += [("cross_trigger", name) for name in cross_trigger_figures(self.config)]
        return [path for folder, figure in wanted for path in self.results.figure(folder, figure)]


def tables(config: EfficiencyConfig) -> list[str]:
    """Tables that exist only where the configuration asks for them."""
    results = paths.Results(config.name)
    wanted = {
        results.intervals: config.interval.compared,
        results.turn_ons_csv: config.turn_ons,
        results.tag_and_probe_csv: config.tag_and_probe,
        results.cross_trigger_csv: config.cross_trigger,
        results.stability_csv: config.stability,
        results.scale_factors_csv: config.scale_factors,
        results.scale_factors: config.scale_factors,
    }
    return [table for table, asked in wanted.items() if asked]


def reported(config: EfficiencyConfig) -> list[str]:
    """Variables that efficiencies are shown against."""
    return [name for name, variable in config.variables.items() if variable.report]


def maps(config: EfficiencyConfig) -> list[str]:
    """Names of the maps: their two variables."""
    return [f"{map_.x}-{map_.y}" for map_ in config.maps]


def overview(config: EfficiencyConfig) -> list[str]:
    """Figures that exist once."""
    wanted = {paths.STABILITY: config.stability, paths.INTERVALS: config.interval.compared}
    return [paths.CUTFLOW, paths.N_MINUS_ONE, *(figure for figure, asked in wanted.items() if asked)]


def skim_settings(config: EfficiencyConfig, name: str, dataset: Dataset) -> dict[str, Any]:
    """Everything that the counts and events of a file depend on, as plain values for `params`.

    `references` holds the paths of each reference that the dataset `name` is counted with, none for the ratio without
    and for tag and probe, which adds the bins of the `mass`.
    """
    references = config.references_of(name, dataset.kind)
    legs = next((r for r in references.values() if r.method == "tag_and_probe"), None)
    source = legs or config
    own = {"mass": axis(legs.mass)} if legs else {}
    return {
        "analysis": config.analysis_of(name, dataset.kind),
        "kind": dataset.kind,
        "run_window": window(config, dataset),
        "certified_sha256": certified_sha256(config, dataset),
        "selection": source.selection.model_dump(mode="json"),
        "probe": NO_PROBE if legs else probe_settings(config, dataset.kind),
        "references": {name: list(reference.paths) for name, reference in references.items()},
        "axes": axes(source.variables),
        "maps": [[map_.x, map_.y] for map_ in source.maps],
        **own,
    }


def main_datasets(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Dataset]:
    """Those of the measurement's own selection, without those of tag and probe."""
    return {name: d for name, d in datasets.items() if not config.selection_of(name, d.kind)}


def main_references(config: EfficiencyConfig) -> dict[str, Any]:
    """The references of the measurement's own selection."""
    return {name: reference for name, reference in config.references.items() if not reference.analysis}


def probe_settings(config: EfficiencyConfig, kind: str) -> dict[str, Any]:
    """What is measured: `paths`, and their `combination`; simulation has no prescales."""
    probe = config.probe
    prescales = {path: p for path, p in probe.prescales.items() if p > 1 and kind == "data"}
    combined = {"combination": probe.combination, "on_missing": probe.on_missing}
    return {"paths": list(probe.paths), "prescales": prescales, **combined}


def comparison_settings(config: EfficiencyConfig) -> dict[str, Any]:
    """Everything that intervals side by side depend on beside the efficiencies."""
    methods = list(config.interval.compared)
    return {"methods": methods, "level": config.interval.level, "probe": probe_settings(config, "data")}


def efficiency_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that efficiencies depend on beside the counts."""
    return {
        "interval": interval(config),
        "report": {name: list(v.report) for name, v in config.variables.items() if v.report},
        "axes": axes(config.variables),
        "maps": [[map_.x, map_.y] for map_ in config.maps],
        "probe": probe_settings(config, "data"),
        "references": {name: reference.method for name, reference in main_references(config).items()},
        "datasets": {
            name: {"kind": d.kind, "sample": d.sample, "references": list(config.references_of(name, d.kind))}
            for name, d in main_datasets(config, datasets).items()
        },
        "selection": f"offline selection {config.analysis}",
    }


def turn_on_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that turn-ons depend on beside counts and efficiencies."""
    return {
        "turn_ons": [wanted.model_dump(mode="json") for wanted in config.turn_ons],
        "axes": axes(config.variables),
        "level": config.interval.level,
        "datasets": {name: {"sample": d.sample} for name, d in main_datasets(config, datasets).items()},
        "prescaled": prescaled(config),
    }


def prescaled(config: EfficiencyConfig) -> list[str]:
    """Paths, and perhaps their combination, that count with a prescale in collision data."""
    paths_ = list(probe_settings(config, "data")["prescales"])
    return [*paths_, config.probe.combination] if paths_ else []


def stability_settings(config: EfficiencyConfig) -> dict[str, Any]:
    """Everything that tests of stability depend on beside the efficiencies."""
    stability = config.stability.model_dump(mode="json") if config.stability else {}
    eras = {name: list(window) for name, window in config.eras.items()}
    return {**stability, "eras": eras, "interval": interval(config), "prescaled": prescaled(config)}


def one_kind(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> list[str]:
    """Collision data where the measurement's `datasets` have any, simulation otherwise: what may be shown in one
    unweighted histogram."""
    main = [dataset_name(entry) for entry in config.datasets]
    return [name for name in main if datasets[name].kind == "data"] or main
