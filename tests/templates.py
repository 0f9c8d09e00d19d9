"""Z→μμ measurements of files that tests make, from NanoAOD to templates, without Snakemake."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from skimflow import targets
from skimflow.config import Dataset, Measurement
from skimflow.config.datasets import Site
from skimflow.config.templates import ZmumuConfig
from skimflow.histograms.job import histograms
from skimflow.io.outputs import read_stamp
from skimflow.skim import Task, skim_file
from skimflow.toy.corrections import corrections

SELECTION = {"paths": ["HLT_IsoMu24"]}
OBSERVABLES = {
    "mass": {"label": "m", "bins": {"bins": 30, "low": 60, "high": 120}},
    "pt": {"label": "pt", "bins": {"bins": 20, "low": 0, "high": 100}},
    "lead_pt": {"label": "pt1", "bins": {"bins": 20, "low": 20, "high": 100}},
    "met": {"label": "met", "bins": [0, 10, 20, 40, 80]},
}
MC = {"kind": "mc", "process": "DYJetsToLL", "cross_section": 300.0}
DATA = {"kind": "data", "primary_dataset": "SingleMuon"}
PROCESSES = {"data": {"samples": ["SingleMuon"]}, "Z": {"samples": ["DYJetsToLL"]}}


def declared(path: Path) -> dict[str, str]:
    """A file of corrections as a configuration names it."""
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def toy_files(folder: Path) -> dict[str, dict[str, str]]:
    """The toy's files of corrections, written, by name."""
    for name, text in corrections().items():
        (folder / name).write_text(text)
    return {name: declared(folder / name) for name in corrections()}


def toy_corrections(folder: Path) -> list[dict[str, Any]]:
    """Those of the demo, and a trigger."""
    files = toy_files(folder)
    id_ = {"file": files["muon_id.json"], "key": "toy_muon_id", "eta": "absolute"}
    return [
        {"name": "muon_scale", "kind": "rochester", "file": files["muons.txt"]},
        {"name": "pileup", "kind": "pileup", "file": files["pileup.json"], "key": "toy_pileup"},
        {"name": "muon_id", "kind": "lepton", **id_},
        {"name": "trigger", "kind": "trigger", **id_, "min_pt": 26, "efficiency": 0.9},
    ]


def measurement(datasets: Mapping[str, Mapping[str, Any]], **changes: Any) -> targets.Targets:
    """A measurement of datasets of one file each."""
    made = {name: Dataset.model_validate(said) for name, said in datasets.items()}
    samples = {dataset.sample for dataset in made.values()}
    said = {
        "name": "test",
        "title": "Test",
        "analysis": "zmumu",
        "datasets": list(made),
        "selection": SELECTION,
        "observables": OBSERVABLES,
        "n_minus_one": {"mass": {"bins": 50, "low": 0, "high": 200}},
        "processes": {name: p for name, p in PROCESSES.items() if p["samples"][0] in samples},
        "certified_luminosity": {"toy": True},
        **changes,
    }
    return targets.of(Measurement(ZmumuConfig.model_validate(said), made, Site()))


class Filled(NamedTuple):
    """What was made of one file."""

    skim: pa.Table
    events: Path
    histograms: pa.Table
    stamp: dict[str, Any]
    path: Path


def fill(of: targets.Targets, dataset: str, folder: Path, certified: Path | None = None) -> Filled:
    """Skim the file of a dataset, and fill its histograms."""
    folder.mkdir(exist_ok=True, parents=True)
    settings = of.settings(dataset, of.datasets[dataset])
    counts, events = folder / f"{dataset}.counts.parquet", folder / f"{dataset}.events.parquet"
    task = Task(
        dataset, "x", "/x.root", of.datasets[dataset].files[0], str(certified) if certified else None, settings, {}
    )
    skim_file(task, counts, events)
    return refill(of, dataset, folder, events)._replace(skim=pq.read_table(counts))


def refill(of: targets.Targets, dataset: str, folder: Path, events: Path) -> Filled:
    """Fill the histograms of a skim that is there."""
    path = folder / f"{dataset}.parquet"
    histograms(events, of.histograms(dataset)["settings"], path, {})
    return Filled(pa.table({}), events, pq.read_table(path), read_stamp(path), path)


def everything_certified(folder: Path, runs: list[int]) -> Path:
    path = folder / "golden.json"
    path.write_text(json.dumps({str(run): [[1, 10**6]] for run in runs}))
    return path
