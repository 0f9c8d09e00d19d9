"""What histograms of skims depend on, and the figures and tables that they have."""

from typing import Any

from skimflow import paths
from skimflow.config import Dataset
from skimflow.config.base import RegularBins
from skimflow.config.corrections import OBJECTS, WeightVariation
from skimflow.config.templates import TemplatesConfig
from skimflow.errors import ConfigError
from skimflow.provenance import fingerprint
from skimflow.targets.common import skim_without_axes
from skimflow.targets.fits import fit_figures
from skimflow.targets.jobs import Targets

SELECTION = (paths.CUTFLOW, paths.N_MINUS_ONE)


class TemplatesTargets(Targets):
    """Those of histograms."""

    config: TemplatesConfig
    front = "templates"

    @property
    def rules(self) -> tuple[str, ...]:  # type: ignore[override]
        return (
            "result_page",
            "templates",
            *(["fits"] if self.config.fits else []),
            *(["agc_training"] if self.config.learns else []),
        )

    def settings(self, name: str, dataset: Dataset) -> dict[str, Any]:
        return skim_without_axes(self.config, dataset)

    def histograms(self, dataset: str) -> dict[str, Any]:
        """Everything that the histograms of a file depend on beside its skim and the files of corrections."""
        settings, code = self._histograms[dataset]
        return {"settings": settings, "code": code}

    @property
    def _histograms(self) -> dict[str, tuple[dict[str, Any], str]]:
        if not hasattr(self, "_known"):
            code = fingerprint("skimflow.histograms.job", f"skimflow.analyses.{self.config.analysis}")
            self._known = {name: (self._of(name, dataset), code) for name, dataset in self.datasets.items()}
        return self._known

    def _of(self, name: str, dataset: Dataset) -> dict[str, Any]:
        place = sample_of(self.config, dataset)
        corrections = [c for c in self.config.corrections if _concerns(c, dataset.kind, place["process"])]
        return {
            "dataset": name,
            "analysis": self.config.analysis,
            "kind": dataset.kind,
            "selection": self.config.selection.model_dump(mode="json"),
            "axes": axes(self.config),
            "n_minus_one": n_minus_one_axes(self.config),
            # A sample that stands for a variation of another is not varied itself.
            "varied": dataset.kind == "mc" and not place["variation"],
            "unweighted": self.config.normalisation == "events",
            "corrections": [_correction(correction) for correction in corrections],
        }

    def correction_files(self) -> list[str]:
        """Files that corrections are read from."""
        return list(dict.fromkeys(_place(file) for c in self.config.corrections for file in c.files.values()))

    def sources(self) -> list[Any]:
        return [*super().sources(), *(file for c in self.config.corrections for file in c.files.values())]

    def models(self) -> list[str]:
        """Files of what was learnt from the skims, for the histograms."""
        return []

    def shown(self) -> list[str]:
        """Regions and observables that have a figure, joined by `-`."""
        return [
            f"{region}-{name}"
            for region, own in self.config.regions.items()
            for name in self.config.observables
            if name in own
        ]

    def selection_figures(self) -> list[str]:
        """What is shown of the cuts of each region, joined to its name by `-`."""
        return [f"{what}-{region}" for region in getattr(self.config.selection, "FLOWS", ()) for what in SELECTION]

    def figures(self) -> list[str]:
        wanted = [("templates", name) for name in self.shown()] + [("overview", paths.CUTFLOW)]
        wanted += [("selection", name) for name in self.selection_figures()]
        wanted += [("fits", name) for name in fit_figures(self.config)]
        return [path for folder, figure in wanted for path in self.results.figure(folder, figure)]

    def tables(self) -> list[str]:
        fitted = [self.results.fit_parameters, self.results.fit_yields] if self.config.fits else []
        cuts = [self.results.selection_csv] if self.selection_figures() else []
        return [self.results.yields, *cuts, *fitted]

    def fits(self) -> list[str]:
        """Results of all fits."""
        return [self.results.fit.format(fit=name, file="fit.json") for name in self.config.fits]


def _concerns(correction: Any, kind: str, process: str) -> bool:
    """Whether a correction is for datasets of this kind and process."""
    return correction.only in (None, kind) and process in (getattr(correction, "processes", ()) or (process,))


def _place(file: Any) -> str:
    if file.toy:
        return paths.TOY_CORRECTIONS[file.toy]
    return file.path or paths.fetched(str(file.url), str(file.sha256))


def _correction(correction: Any) -> dict[str, Any]:
    said = correction.model_dump(mode="json")
    return said | {key: {"path": _place(file), "sha256": file.sha256} for key, file in correction.files.items()}


def axes(config: TemplatesConfig) -> dict[str, Any]:
    """For `counts.Axis`, by observable."""
    found = {}
    for name, observable in config.observables.items():
        bins = observable.bins
        found[name] = [bins.bins, bins.low, bins.high] if isinstance(bins, RegularBins) else {"edges": list(bins)}
    return found


def n_minus_one_axes(config: TemplatesConfig) -> dict[str, Any]:
    """Those that show what cuts remove."""
    own = {name: [bins.bins, bins.low, bins.high] for name, bins in config.n_minus_one.items()}
    return axes(config) | own


def sample_of(config: TemplatesConfig, dataset: Dataset) -> dict[str, Any]:
    """`process` of a dataset, and the `variation` of it that it stands for (empty for none).

    Raises:
        ConfigError: no process has its sample.
    """
    for name, process in config.processes.items():
        if dataset.sample in process.samples:
            return {"process": name, "variation": ""}
        for variation, samples in process.variations.items():
            if dataset.sample in samples:
                return {"process": name, "variation": variation}
    raise ConfigError(f"processes: no process has the sample {dataset.sample}")


def template_settings(config: TemplatesConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that templates depend on beside the histograms of the files."""
    samples = {}
    for name, dataset in datasets.items():
        samples[name] = {**sample_of(config, dataset), "cross_section": dataset.cross_section, "kind": dataset.kind}
    return {
        "axes": axes(config),
        "samples": samples,
        "luminosity": config.integrated_luminosity,
        "normalisation": config.normalisation,
        "pseudodata": [[p.process, p.variation, p.factor] for p in config.pseudodata.parts]
        if config.pseudodata
        else [],
        "weights": [c.name for c in config.corrections if not isinstance(c, (*OBJECTS, WeightVariation))],
    }


def selection_plot_settings(config: TemplatesConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that figures of cuts depend on beside their counts; `datasets` are those of N-1: data, if there are
    any, else all."""
    data = [name for name, dataset in datasets.items() if dataset.kind == "data"]
    return {**template_plot_settings(config), "axes": n_minus_one_axes(config), "datasets": data or list(datasets)}


def template_plot_settings(config: TemplatesConfig) -> dict[str, Any]:
    """Everything that figures of templates depend on beside the templates."""
    return {
        "style": config.style.model_dump(mode="json"),
        "labels": {name: [o.label, o.unit] for name, o in config.observables.items()},
        "processes": {name: p.label or name for name, p in config.processes.items()},
        "pseudodata": config.pseudodata.label if config.pseudodata else None,
        "lines": [name for name, p in config.processes.items() if not p.stacked],
    }
