"""What the trigger emulator depends on: its jobs, and their files."""

from typing import Any, NamedTuple

from skimflow import paths
from skimflow.config import Dataset
from skimflow.config.emulation import EmulationConfig
from skimflow.targets.common import NO_PROBE, skim_without_axes
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
        labels = {**NO_PROBE, "paths": list(self.config.labels)}
        return {**skim_without_axes(self.config, dataset), "probe": labels, "references": {"none": []}}

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

    def fold_settings(self, split: str) -> dict[str, Any]:
        """What the folds of a split depend on."""
        return {"splits": {split: self.config.splits[split]}, "seed": self.config.seed}

    def train_settings(self, label: str) -> dict[str, Any]:
        """What a model of a label depends on: nothing of the evaluation, and nothing of other labels."""
        said = self.emulator()
        found = {key: said[key] for key in ("level", "features", "lightgbm", "seed", "threads")}
        thresholds = {path: pt for path, pt in said["turn_on"]["thresholds"].items() if path == label}
        return {**found, "turn_on": {**said["turn_on"], "thresholds": thresholds}}

    def final_settings(self, label: str) -> dict[str, Any]:
        """What the model to be used depends on: also how it is calibrated."""
        return {
            **self.train_settings(label),
            "calibration": self.config.calibration,
            "splits": {self.first_split: self.config.splits[self.first_split]},
        }

    def shown_settings(self, step: str) -> dict[str, Any]:
        """What the steps `explain` and `drift` depend on."""
        return {key: self.emulator()[key] for key in ("level", "features", "turn_on", "seed", step)}

    def applied(self, label: str) -> str:
        """The model of a label that scores the skims: the own one, or one that was trained elsewhere."""
        folder = self.config.models
        return f"{folder.rstrip('/')}/{label}.joblib" if folder else self.results.emulator(f"models/{label}.joblib")

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

    def oof(self) -> list[str]:
        """Scores out of fold with their probabilities, in the order of the labels in each split."""
        return [path.replace(".json", ".parquet") for path in self.evaluations()]

    def known(self) -> list[str]:
        """Files of true probabilities; none unless all data are toys that have them."""
        data = [dataset for dataset in self.datasets.values() if dataset.kind == "data"]
        if any(dataset.toy is None or dataset.toy.physics != "dimuon" for dataset in data):
            return []
        return [file.location.replace(".root", ".probabilities.parquet") for file in self.toy_files("data")]

    def truth(self) -> list[str]:
        """What the true probability would reach, where it is known."""
        return [self.results.emulator("truth.json")] if self.known() else []

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
