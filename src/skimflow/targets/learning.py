"""What learning from simulated events depends on."""

from typing import Any

from skimflow.config.templates import AgcTtbarConfig
from skimflow.provenance import fingerprint
from skimflow.targets.templates import TemplatesTargets, sample_of


def nominal(targets: TemplatesTargets, process: str | None = None) -> dict[str, bool]:
    """Datasets of nominal simulation and whether they are of a process; without one, all are."""
    found = {}
    for name, dataset in targets.datasets.items():
        place = sample_of(targets.config, dataset)
        if dataset.kind == "mc" and not place["variation"]:
            found[name] = process in (None, place["process"])
    return found


def learned_events(targets: TemplatesTargets, datasets: list[str]) -> list[str]:
    """Events of the skims of these datasets."""
    every = [(dataset, job) for dataset, job in targets.jobs if dataset in datasets]
    return [targets.results.skim_events.format(dataset=dataset, file=job) for dataset, job in every]


def assignment_settings(targets: TemplatesTargets) -> dict[str, Any]:
    """Everything that learning the assignment of jets depends on; `datasets` are learned from."""
    config = targets.config
    assert isinstance(config, AgcTtbarConfig)
    assert config.assignment
    chosen = nominal(targets, config.assignment.process)
    return {
        "training": config.assignment.model_dump(mode="json"),
        "selection": config.selection.model_dump(mode="json"),
        "datasets": [name for name, mine in chosen.items() if mine],
        "style": config.style.model_dump(mode="json"),
        "code": fingerprint("skimflow.learning.jet_assignment", "skimflow.plots.learning"),
    }


def separation_settings(targets: TemplatesTargets) -> dict[str, Any]:
    """Everything that telling a process from the others depends on; `datasets` says which are signal."""
    config = targets.config
    assert isinstance(config, AgcTtbarConfig)
    assert config.separation
    return {
        "training": config.separation.model_dump(mode="json"),
        "selection": config.selection.model_dump(mode="json"),
        "datasets": nominal(targets, config.separation.signal),
        "style": config.style.model_dump(mode="json"),
        "code": fingerprint("skimflow.learning.events", "skimflow.learning.separation", "skimflow.plots.learning"),
    }
