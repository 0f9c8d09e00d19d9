"""The trigger emulator on 1.2 million toy events, with two processes of one thread: time and memory of each step.

    python benchmarks/emulator.py            about 1.2 million events in the table, three labels, five folds
    python benchmarks/emulator.py --quick    60,000 events, one label, three folds

Each job is a process of its own, as it is in the workflow, two at a time. Files are toy DoubleMuon data, seeded, whose
true probabilities are known: what the models lack to them is printed too. Toy files and skims are made first and are
there again the next time; they are not part of the time.

Read ratios: seconds depend on the machine, and on what else it does.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path("results/benchmarks/emulator")
EVENTS, FILES = 1_390_000, 10
"""In the toy files; what is not certified or has one muon only is not in the table."""
LABELS = ("HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ", "HLT_Mu17_Mu8", "HLT_Mu17_Mu8_DZ")
FEATURES = [f"{mu}_{name}" for mu in ("mu1", "mu2") for name in ("pt", "eta", "iso", "id", "dxy", "dz")]
FEATURES += ["m_12", "dr_12", "charge_product", "n_muons", "PV_npvs", "MET_pt"]
SELECTION = {
    "muon": {
        **{"min_pt": 3, "max_eta": 2.4, "required_id": "looseId", "max_isolation": None},
        **{"id": "tightId", "isolation": "pfRelIso03_all"},
    },
    **{"min_muons": 2, "min_mass": 0, "context": ["PV_npvs", "MET_pt"], "absent": []},
}
STAMP = {"code": "benchmark"}
_BAD_RUN = 3  # of six runs, the one that is certified nowhere


class Job(NamedTuple):
    """What a process did: wall and CPU seconds, and the most memory it held, MB."""

    wall: float
    cpu: float
    memory: float


class Step(NamedTuple):
    """Jobs of one kind, two at a time."""

    step: str
    jobs: int
    wall: float
    cpu: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60,000 events, one label, three folds")
    parser.add_argument("--events", type=int, help="events in the toy files")
    options = parser.parse_args()
    events = options.events or (EVENTS // 20 if options.quick else EVENTS)
    labels = LABELS[:1] if options.quick else LABELS
    folds = {"event": 3} if options.quick else {"event": 5}
    folder = FOLDER / f"{events}"
    skims = prepare(folder, events)
    found = run(folder, skims, settings(labels, folds))
    found["gap"] = {label: gap(folder, label) for label in labels}
    report(found)
    (FOLDER.parent / "emulator.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def settings(labels: Sequence[str], folds: dict[str, int]) -> dict[str, Any]:
    return {
        "labels": {label: {"prescale": 1 if "TrkIso" in label else 25} for label in labels},
        "dataset": {"primary": "DoubleMuon", "chosen_by_labels": True},
        "level": "event",
        "features": FEATURES,
        "turn_on": {"columns": ["mu1_pt", "mu2_pt"], "thresholds": {label: [17, 8] for label in labels}},
        "lightgbm": {"rounds": 100, "learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 200},
        **{"seed": 7, "threads": 1, "splits": folds, "calibration": "isotonic"},
        "bootstrap": {"replicas": 50, "level": 0.6827},
        "thresholds": {"rate": [1, 10], "acceptance": [0.1], "precision": [0.9], "recall": [0.95]},
        "sections": None,
        "explain": {"events": 20_000, "repeats": 2, "shap": 2_000},
        "drift": {"block_events": 50_000, "psi": [0.1, 0.25], "significance": 0.01},
    }


def prepare(folder: Path, events: int) -> list[Path]:
    """Toy files, of the runs that are certified, and their skims."""
    indices = [index for index in range(2 * FILES) if index % 6 != _BAD_RUN][:FILES]
    folder.mkdir(parents=True, exist_ok=True)
    with _processes() as pool:
        roots = list(pool.map(_toy, [folder] * FILES, indices, [events // FILES] * FILES))
        golden = folder / "golden.json"
        truths = [json.loads(root.with_suffix(".truth.json").read_text()) for root in roots]
        from skimflow.toy import certified_sections

        golden.write_text(json.dumps(certified_sections(truths)))
        return list(pool.map(_skim, roots, [golden] * FILES))


def _toy(folder: Path, index: int, events: int) -> Path:
    from skimflow.toy import Sample, write_file

    path, probabilities = folder / f"toy_{index:02d}.root", folder / f"toy_{index:02d}.probabilities.parquet"
    if not probabilities.exists():
        sample = Sample(11, index, primary_dataset="DoubleMuon", era="Run2016G", physics="dimuon")
        write_file(path, sample, events, codec="LZ4", probabilities=probabilities)
    return path


def _skim(root: Path, golden: Path) -> Path:
    from skimflow.skim import Task, skim_file

    events = root.with_suffix(".events.parquet")
    probe = {"paths": list(LABELS), "prescales": {}, "combination": "any", "on_missing": "exclude"}
    chosen = {
        **{"analysis": "dimuon", "kind": "data", "run_window": None, "certified_sha256": None},
        **{"selection": SELECTION, "probe": probe, "references": {"none": []}, "axes": {}, "maps": []},
    }
    if not events.exists():
        task = Task("DoubleMuon", root.stem, f"/{root.name}", str(root), str(golden), chosen, STAMP)
        skim_file(task, root.with_suffix(".counts.parquet"), events)
    return events


def run(folder: Path, skims: list[Path], chosen: dict[str, Any]) -> dict[str, Any]:
    """All steps, each after the one before."""
    from skimflow.emulator.splits import tested
    from skimflow.emulator.tables import Tables

    tables, folds = Tables(folder / "pairs.parquet", folder / "events.parquet"), folder / "folds.parquet"
    places = [(lab, s, k) for lab in chosen["labels"] for s, n in chosen["splits"].items() for k in tested(s, n)]
    each = [(label, split) for label in chosen["labels"] for split in chosen["splits"]]
    first = next(iter(chosen["splits"]))
    by = {place: folder / "{}.{}.{}".format(*place) for place in places}
    model, scores = ({place: Path(f"{stem}{end}") for place, stem in by.items()} for end in (".joblib", ".parquet"))
    of = {pair: [scores[place] for place in places if place[:2] == pair] for pair in each}
    out = {pair: folder / "{}.{}".format(*pair) for pair in each}
    oof = {pair: Path(f"{stem}.oof.parquet") for pair, stem in out.items()}
    models = {label: folder / f"{label}.joblib" for label in chosen["labels"]}
    with _processes() as pool:
        done = [
            _step(pool, "table", [(skims, chosen, tables, folder / "table.json", STAMP)]),
            _step(pool, "folds", [(tables, chosen, folds, STAMP)]),
            _step(pool, "train", [(tables, folds, chosen, place, model[place], None, STAMP) for place in places]),
            _step(pool, "predict", [(tables, folds, chosen, model[place], scores[place], STAMP) for place in places]),
            _step(
                pool,
                "evaluate",
                [(tables, of[pair], chosen, *pair, Path(f"{out[pair]}.json"), oof[pair], STAMP) for pair in each],
            ),
            _step(
                pool,
                "explanation",
                [
                    (
                        tables,
                        folds,
                        chosen,
                        model[place],
                        folder / f"{place[0]}.csv",
                        folder / f"{place[0]}.shap",
                        STAMP,
                    )
                    for place in places
                    if place[1:] == (first, 0)
                ],
            ),
            _step(
                pool,
                "drift",
                [
                    (
                        tables,
                        oof[pair],
                        chosen,
                        pair[0],
                        folder / f"{pair[0]}.drift.csv",
                        folder / f"{pair[0]}.v",
                        STAMP,
                    )
                    for pair in each
                    if pair[1] == first
                ],
            ),
            _step(
                pool,
                "final",
                [
                    (tables, of[label, first], chosen, label, first, path, path.with_suffix(".txt"), STAMP)
                    for label, path in models.items()
                ],
            ),
            _step(
                pool,
                "apply",
                [(path, tables.events, path.with_suffix(".scored.parquet"), STAMP) for path in models.values()],
            ),
        ]
    facts = json.loads((folder / "table.json").read_text())
    about = {name: facts[name] for name in ("events", "pairs", "without_pair")}
    return {**about, "steps": [step._asdict() for step in done]}


def _step(pool: ProcessPoolExecutor, name: str, jobs: list[tuple]) -> Step:
    start = time.perf_counter()
    done = list(pool.map(_measured, [name] * len(jobs), jobs))
    wall = time.perf_counter() - start
    print(f"{name}: {wall:.1f} s", flush=True)
    return Step(name, len(jobs), wall, sum(job.cpu for job in done), max(job.memory for job in done))


def _measured(name: str, arguments: tuple) -> Job:
    from skimflow.emulator import steps

    start, function = time.perf_counter(), getattr(steps, name)
    if name == "train":
        arguments = (*arguments[:3], steps.Place(*arguments[3]), *arguments[4:])
    function(*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Job(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), max_tasks_per_child=1)


def gap(folder: Path, label: str) -> dict[str, float]:
    """ROC-AUC by event, out of fold, and that of the true probability for the same events."""
    import pyarrow.parquet as pq

    from skimflow.emulator.metrics import Ranking

    known = [pq.read_table(path) for path in sorted(folder.glob("*.probabilities.parquet"))]
    number = np.concatenate([part["event"].to_numpy() for part in known])
    true = np.concatenate([part[label].to_numpy() for part in known])
    order = np.argsort(number)
    event = pq.read_table(folder / "events.parquet", columns=["event"])["event"].to_numpy()
    scored = pq.read_table(folder / f"{label}.event.oof.parquet").to_pandas()
    mine = true[order[np.searchsorted(number[order], event[scored["event_row"]])]]
    fired = scored["label"].to_numpy().astype(float)
    model, truth = (Ranking(score).roc_auc(fired, 1 - fired) for score in (scored["score"].to_numpy(), mine))
    return {"model": model, "truth": truth, "gap": truth - model}


def report(found: dict[str, Any]) -> None:
    print(f"\n{found['events']:,} events, {found['pairs']:,} pairs, {found['without_pair']:,} events without a pair\n")
    print("| step | jobs | wall [s] | CPU [s] | memory of a job [MB] |\n|---|---|---|---|---|")
    for step in found["steps"]:
        print(f"| {step['step']} | {step['jobs']} | {step['wall']:.0f} | {step['cpu']:.0f} | {step['memory']:.0f} |")
    wall, cpu = (sum(step[name] for step in found["steps"]) for name in ("wall", "cpu"))
    print(f"| all | | {wall:.0f} | {cpu:.0f} | |")
    for label, values in found["gap"].items():
        print(f"{label}: ROC-AUC {values['model']:.4f}, of the true probability {values['truth']:.4f}")


if __name__ == "__main__":
    main()
