"""What the trigger emulator depends on: its jobs, and their files."""

from typing import Any, NamedTuple

from skimflow import paths
from skimflow.config import Dataset
from skimflow.config.emulation import EmulationConfig
from skimflow.targets.common import certified_sha256, window
from skimflow.targets.jobs import Targets

TIME = "time"
FIGURES = ("roc", "precision_recall", "calibration", "rate")
"""Figures of a label and a split."""


class Place(NamedTuple):
    """Which of the models: that of a label, tested in a fold of a split."""

    label: str
    split: str
    fold: int


class EmulationTargets(Targets):
    """Those of a trigger emulator."""

    config: EmulationConfig
    rules = ("result_page", "emulator")
    front = "emulator"

    def settings(self, name: str, dataset: Dataset) -> dict[str, Any]:
        probe = {"paths": list(self.config.labels), "prescales": {}, "combination": "any", "on_missing": "exclude"}
        return {
            "analysis": self.config.analysis,
            "kind": dataset.kind,
            "run_window": window(self.config, dataset),
            "certified_sha256": certified_sha256(self.config, dataset),
            "selection": self.config.selection.model_dump(mode="json"),
            "probe": probe,
            "references": {"none": []},
            "axes": {},
            "maps": [],
        }

    def emulator(self) -> dict[str, Any]:
        """Settings of the emulator's steps, as `emulator.steps` reads them."""
        said = self.config.model_dump(mode="json")
        same = (
            "labels",
            "level",
            "features",
            "turn_on",
            "splits",
            "calibration",
            "bootstrap",
            "explain",
            "drift",
            "seed",
        )
        boosting = said["lightgbm"]
        primary = sorted({d.sample for d in self.datasets.values() if d.kind == "data"})
        return {
            **{key: said[key] for key in same},
            "lightgbm": {**{k: v for k, v in boosting.items() if k != "more"}, **boosting["more"]},
            "thresholds": {rule: targets for rule, targets in said["thresholds"].items() if targets},
            # Paths of two muons fill DoubleMuon: its events are there because of them.
            "dataset": {"primary": ", ".join(primary) or None, "chosen_by_labels": primary == ["DoubleMuon"]},
            "threads": 1,
        }

    def emulator_settings(self, step: str) -> dict[str, Any]:
        """Those that a step depends on: `train` needs nothing of the evaluation."""
        same = ("labels", "level", "features", "turn_on", "lightgbm", "splits", "calibration", "seed", "threads")
        return {key: value for key, value in self.emulator().items() if step != "train" or key in same}

    def places(self, label: str | None = None, split: str | None = None) -> list[Place]:
        """All models that are tested, or those of a label and a split."""
        return [
            Place(own, name, fold)
            for own in ([label] if label else self.config.labels)
            for name, number in self.config.splits.items()
            if split in (None, name)
            for fold in (range(1, number + 1) if name == TIME else range(number))
        ]

    @property
    def first_split(self) -> str:
        """The split whose scores calibrate."""
        return next(iter(self.config.splits))

    def scores(self, label: str, split: str) -> list[str]:
        """Scores out of fold of a label and a split."""
        return [
            self.results.emulator(f"scores/{p.split}/{p.label}/{p.fold}.parquet") for p in self.places(label, split)
        ]

    def evaluations(self) -> list[str]:
        return [
            self.results.emulator(f"evaluation/{split}/{label}.json")
            for split in self.config.splits
            for label in self.config.labels
        ]

    def emulator_figures(self) -> dict[str, dict[str, str]]:
        """Figures by name, and what each shows."""
        found = {
            f"{label}-{split}-{figure}": {"figure": figure, "label": label, "split": split}
            for label in self.config.labels
            for split in self.config.splits
            for figure in FIGURES
        }
        found |= {f"{label}-shap": {"figure": "shap", "label": label} for label in self.config.labels}
        return found | {f"{label}-drift": {"figure": "drift", "label": label} for label in self.config.labels}

    def figures(self) -> list[str]:
        wanted = [("emulator", name) for name in self.emulator_figures()] + [("overview", paths.CUTFLOW)]
        return [path for folder, figure in wanted for path in self.results.figure(folder, figure)]

    def tables(self) -> list[str]:
        names = ("event_metrics_oof.csv", "metrics_per_label.csv", "thresholds.csv")
        return [self.results.emulator(name) for name in names]

    def artifacts(self) -> list[str]:
        """What the emulator is made for: models, tables, settings."""
        ends = ("joblib", "txt")
        models = [self.results.emulator(f"models/{label}.{end}") for label in self.config.labels for end in ends]
        return [*models, *self.tables(), self.results.emulator("config.json")]
