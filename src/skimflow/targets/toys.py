"""What toy files and their truth are made of."""

from typing import Any

from skimflow.config import Dataset, EfficiencyConfig
from skimflow.filter_bits import bit_of
from skimflow.targets.common import selections
from skimflow.targets.efficiency import main_datasets, main_references, probe_settings


def toy_settings(dataset: Dataset, file: str) -> dict[str, Any]:
    """Arguments of `toy.write_file` for a file of a toy dataset."""
    toy = dataset.toy
    assert toy is not None
    sample = _sample(dataset, int(file.rsplit("_", 1)[1]))
    return {"sample": sample, "events": toy.events, "codec": toy.codec, "filler": toy.filler}


def truth_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """What the true efficiencies depend on; `samples`: arguments of `toy.Sample` for each toy file, by sample."""
    samples: dict[str, list[dict[str, Any]]] = {}
    for dataset in main_datasets(config, datasets).values():
        files = dataset.toy.files if dataset.toy else 0
        samples.setdefault(dataset.sample, []).extend(_sample(dataset, index) for index in range(files))
    probe = probe_settings(config, "data")
    del probe["on_missing"]  # the toy has every path
    return {
        "samples": {name: files for name, files in samples.items() if files},
        "analysis": config.analysis,
        "selection": config.selection.model_dump(mode="json"),
        "probe": probe,
        "references": {name: list(reference.paths) for name, reference in main_references(config).items()},
        "legs": {name: _leg_truth(config, name, datasets) for name in config.tag_and_probe},
    }


def _leg_truth(config: EfficiencyConfig, name: str, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """What the true efficiencies of legs depend on: those of Z decays with the seed of the reference's first toy."""
    reference = config.tag_and_probe[name]
    chosen = reference.selection
    selected = selections(config, datasets)
    toys = [dataset.toy for n, dataset in datasets.items() if selected[n] == name and dataset.toy]
    bits = {leg: bit_of(wanted.bit, chosen.flavour, chosen.nanoaod, chosen.year) for leg, wanted in chosen.legs.items()}
    return {
        "seed": toys[0].seed if toys else None,
        "selection": chosen.model_dump(mode="json"),
        "window": list(reference.fit.windows.signal),
        "legs": {leg: [bits[leg], wanted.min_pt] for leg, wanted in chosen.legs.items()},
    }


def _sample(dataset: Dataset, index: int) -> dict[str, Any]:
    assert dataset.toy is not None
    what = {"primary_dataset": dataset.primary_dataset, "process": dataset.process, "era": dataset.era}
    what["physics"] = dataset.toy.physics
    muons = {"muon_scale": dataset.toy.muon_scale, "muon_smear": dataset.toy.muon_smear}
    physics = {"physics": dataset.toy.physics, "mixture": list(dataset.toy.mixture.items())}
    return {"seed": dataset.toy.seed, "index": index, **what, **physics, **muons}
