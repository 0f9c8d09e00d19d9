"""A small DoubleMuon toy for the tests of the emulator: settings, tables, truth."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.skim import Task, skim_file
from skimflow.toy import Sample, certified_sections, write_file
from skimflow.toy.dimuon import ISOLATED_DZ
from tests.dimuon import LABELS, skim_settings

PRESCALED = "HLT_Mu17_Mu8"
EVENT_FEATURES = [f"{mu}_{name}" for mu in ("mu1", "mu2") for name in ("pt", "eta", "iso", "id", "dxy", "dz")]
EVENT_FEATURES += ["m_12", "dr_12", "charge_product", "n_muons", "PV_npvs", "MET_pt"]
PAIR_FEATURES = ["m_mumu", "pt_mumu", "eta_mumu", "dr_mumu", "lead_pt", "lead_eta", "lead_iso"]
PAIR_FEATURES += ["sublead_pt", "sublead_eta", "sublead_iso", "PV_npvs", "MET_pt"]
STAMP = {"code": "test"}


def settings(**changes: Any) -> dict[str, Any]:
    level = changes.get("level", "event")
    pt = ["mu1_pt", "mu2_pt"] if level == "event" else ["lead_pt", "sublead_pt"]
    return {
        "labels": {LABELS[0]: {"prescale": 1}, PRESCALED: {"prescale": 25}},
        "dataset": {"primary": "DoubleMuon", "chosen_by_labels": True},
        "level": level,
        "features": EVENT_FEATURES if level == "event" else PAIR_FEATURES,
        "turn_on": {"columns": pt, "thresholds": {LABELS[0]: [17, 8], PRESCALED: [17, 8]}},
        "lightgbm": {"rounds": 50, "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 100},
        "seed": 7,
        "threads": 1,
        "splits": {"event": 3, "lumi": 2, "time": 2},
        "calibration": "isotonic",
        "bootstrap": {"replicas": 12, "level": 0.6827},
        "thresholds": {"rate": [1, 10], "acceptance": [0.1], "precision": [0.9], "recall": [0.95]},
        "sections": None,
        "explain": {"events": 2000, "repeats": 2, "shap": 500},
        "drift": {"block_events": 5000, "psi": [0.1, 0.25], "significance": 0.01},
        **changes,
    }


class Toy(NamedTuple):
    """Tables, the skims they are made of, the true probabilities of the events in the table, and the summary."""

    tables: Tables
    skims: list[Path]
    truth: dict[str, np.ndarray]
    summary: dict[str, Any]


def make(folder: Path, events: int, files: int = 2) -> Toy:
    """Files of different runs, `events` in all."""
    skims, truths, known, roots = [], [], [], []
    for index in range(files):
        root, probabilities = folder / f"toy_{index}.root", folder / f"toy_{index}.probabilities.parquet"
        sample = Sample(3, index, primary_dataset="DoubleMuon", era="Run2016G", physics="dimuon")
        write_file(root, sample, events // files, codec="none", probabilities=probabilities)
        truths.append(json.loads(root.with_suffix(".truth.json").read_text()))
        known.append(pq.read_table(probabilities))
        roots.append(root)
    golden = folder / "golden.json"
    golden.write_text(json.dumps(certified_sections(truths)))
    for root in roots:
        skims.append(root.with_suffix(".events.parquet"))
        task = Task("DoubleMuon", root.stem, f"/{root.name}", str(root), str(golden), skim_settings(), {})
        skim_file(task, root.with_suffix(".counts.parquet"), skims[-1])
    found, summary = Tables(folder / "pairs.parquet", folder / "events.parquet"), folder / "table.json"
    steps.table(skims, settings(), found, summary, STAMP)
    return Toy(found, skims, _truth(found, known), json.loads(summary.read_text()))


def _truth(found: Tables, known: list) -> dict[str, np.ndarray]:
    """True probabilities in the order of the table of events; an event's number is its own in the toy."""
    table = pq.read_table(found.events, columns=["event"])
    number = np.concatenate([part["event"].to_numpy() for part in known])
    place = np.searchsorted(number, table["event"].to_numpy())
    paths = (ISOLATED_DZ, PRESCALED)
    return {path: np.concatenate([part[path].to_numpy() for part in known])[place] for path in paths}


class Fitted(NamedTuple):
    """Files of a label and split."""

    folds: Path
    models: list[Path]
    scores: list[Path]
    evaluation: Path
    oof: Path


def run(folder: Path, toy: Toy, chosen: dict[str, Any], label: str, split: str) -> Fitted:
    """All steps of a label and split up to the evaluation."""
    from skimflow.emulator.splits import tested

    folds = folder / "folds.parquet"
    steps.folds(toy.tables, chosen, folds, STAMP)
    models, scores = [], []
    for fold in tested(split, chosen["splits"][split]):
        stem = folder / f"{label}.{split}.{fold}"
        models.append(Path(f"{stem}.joblib"))
        scores.append(Path(f"{stem}.scores.parquet"))
        place = steps.Place(label, split, fold)
        steps.train(toy.tables, folds, chosen, place, models[-1], Path(f"{stem}.txt"), STAMP)
        steps.predict(toy.tables, folds, chosen, models[-1], scores[-1], STAMP)
    evaluation, oof = folder / f"{label}.{split}.json", folder / f"{label}.{split}.oof.parquet"
    steps.evaluate(toy.tables, scores, chosen, label, split, evaluation, oof, STAMP)
    return Fitted(folds, models, scores, evaluation, oof)
