"""What the classifier of `zprime` is learnt from."""

from typing import Any

from skimflow.config.zprime import ZprimeConfig
from skimflow.targets.templates import OBJECTS, TemplatesTargets, sample_of


class ZprimeTargets(TemplatesTargets):
    """Those of histograms, and of the classifier that their selection uses."""

    config: ZprimeConfig

    @property
    def rules(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*super().rules, *(["classifier"] if self.config.classifier else []))

    def models(self) -> list[str]:
        return [self.results.classifier] if self.config.classifier else []

    def figures(self) -> list[str]:
        scores = self.results.figure("overview", "classifier") if self.config.classifier else []
        return [*super().figures(), *scores]

    def training_skims(self) -> list[str]:
        """Events of the datasets that the classifier learns from, in the order of `training`."""
        return [path for files in self._learnt_from().values() for path in files]

    def training(self) -> dict[str, Any]:
        """Everything that the classifier depends on beside the skims: `files` is how many skims each dataset has."""
        own = self.config.classifier
        assert own is not None
        datasets = {}
        for name, files in self._learnt_from().items():
            signal = self._process(name) in own.signal
            corrections = [c for c in self.histograms(name)["settings"]["corrections"] if c["kind"] in OBJECTS]
            datasets[name] = {"signal": signal, "files": len(files), "corrections": corrections}
        return {
            "analysis": self.config.analysis,
            "selection": self.config.selection.model_dump(mode="json"),
            "classifier": own.model_dump(mode="json"),
            "datasets": datasets,
        }

    def _learnt_from(self) -> dict[str, list[str]]:
        own = self.config.classifier
        assert own is not None
        wanted = (*own.signal, *own.background)
        found: dict[str, list[str]] = {name: [] for name in self.datasets if self._process(name) in wanted}
        for dataset, job in self.jobs:
            if dataset in found:
                found[dataset].append(self.results.skim_events.format(dataset=dataset, file=job))
        return found

    def _process(self, dataset: str) -> str:
        """The process that a dataset is a nominal sample of; empty for one that stands for a variation."""
        sample = sample_of(self.config, self.datasets[dataset])
        return "" if sample["variation"] else sample["process"]
