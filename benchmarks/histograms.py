"""Histograms with all variations: a skim, then its histograms, beside coffea doing both at once.

    python benchmarks/histograms.py [--analysis zprime] [--quick] [--python INTERPRETER]

One toy file of tt̄. Of `zprime` it is the region CMS_WORKSHOP and its mass; skimflow works out the other regions and
the shapes of events too, of which coffea is asked nothing. Each tool is a process of its own, and they take turns;
the median of the rounds counts. `work` is without the start of Python and its imports; CPU seconds are those of the
whole process. Coffea is looked for in the environment that `--python` names, and left out where it is not installed.
Entries of the regions must be the same, but for those of the random smearing.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path("results/benchmarks")
ROOT = Path(__file__).resolve().parents[1]
EVENTS = 200_000
CHUNK = 100_000
SKIM, HISTOGRAMS = "skim", "histograms"


class Case(NamedTuple):
    """What is measured of an analysis: its real configuration with the corrections of its demo."""

    config: str
    demo: str
    process: str
    physics: str
    baseline: str
    observables: tuple[str, ...]
    random: str
    """The variation whose entries are those of other random numbers."""
    left_out: tuple[str, ...] = ()
    """Corrections that the baseline does not make."""


CASES = {
    "agc_ttbar": Case(
        config="config/agc_ttbar.yaml",
        demo="config/agc_demo.yaml",
        process="ttbar",
        physics="lepton_jets",
        baseline="coffea_agc.py",
        observables=("HT", "m_bjj"),
        random="pt_res_up",
        left_out=("scale_var",),
    ),
    "zprime": Case(
        config="config/zprime.yaml",
        demo="config/zprime_demo.yaml",
        process="TTToSemiLeptonic",
        physics="boosted",
        baseline="coffea_zprime.py",
        observables=("workshop_mtt",),
        random="jet_pt_resolution_up",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--analysis", choices=CASES, default="agc_ttbar")
    parser.add_argument("--quick", action="store_true", help="one round, a tenth of the events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has coffea")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    case = CASES[options.analysis]
    if options.worker:
        print(json.dumps({**work(options.analysis, *options.worker), "cpu": time.process_time()}))
        return
    events, rounds = (EVENTS // 10, 1) if options.quick else (EVENTS, options.rounds)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = prepare(case, events)
    mine = [sys.executable, __file__, "--analysis", options.analysis, "--worker"]
    tools = {step: [*mine, step, str(file)] for step in (SKIM, HISTOGRAMS)}
    if has_coffea(options.python):
        baseline = ROOT / "benchmarks/baselines" / case.baseline
        tools["coffea"] = [options.python, str(baseline), str(file), str(FOLDER), str(CHUNK)]
    else:
        print("coffea is left out: it is not installed (say where with --python)")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in tools}
    for _ in range(rounds):
        for name, command in tools.items():
            found[name].append(measure(command))
    agree(found, case.random)
    show(found, f"toy {case.process}", events)
    (FOLDER / "histograms.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def prepare(case: Case, events: int) -> Path:
    """The toy file, made once, and the files of corrections."""
    from skimflow.toy import Sample, write_file
    from skimflow.toy.corrections import corrections

    path = FOLDER / f"{case.process}_{events}.root"
    if not path.exists():
        partial = path.with_suffix(".partial.root")
        write_file(partial, Sample(1, 0, process=case.process, physics=case.physics), events)
        partial.rename(path)
    for name, text in corrections().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return path


def work(analysis: str, step: str, file: str) -> dict[str, Any]:
    """One of the two jobs; seconds without imports, and what it found."""
    import pyarrow.parquet as pq

    from skimflow.config.base import settings_of_skim
    from skimflow.config.loading import MODELS, read_yaml
    from skimflow.histograms.job import histograms
    from skimflow.skim import Task, skim_file
    from skimflow.targets.templates import axes

    case = CASES[analysis]
    content = read_yaml(ROOT / case.config)
    content["corrections"] = read_yaml(ROOT / case.demo)["corrections"]
    config: Any = MODELS[analysis].model_validate(content)
    corrections = [c.model_dump(mode="json") for c in config.corrections if c.name not in case.left_out]
    for correction in corrections:
        if "file" in correction:
            correction["file"] = {"path": str(FOLDER / correction["file"]["toy"]), "sha256": None}
    common = {"analysis": analysis, "kind": "mc"}
    nothing = {"paths": [], "combination": "any", "on_missing": "error", "prescales": {}}
    skim = {**common, "run_window": None, "certified_sha256": None, "probe": nothing, "references": {}, "axes": {}}
    skim |= {"selection": settings_of_skim(config.selection), "maps": []}
    asked = {name: axis for name, axis in axes(config).items() if name in case.observables}
    filled = {**common, "dataset": "tt", "axes": asked, "n_minus_one": {}, "varied": True, "unweighted": False}
    filled |= {"selection": config.selection.model_dump(mode="json"), "corrections": corrections}
    events, output = (FOLDER / f"{analysis}.{name}.parquet" for name in ("events", "histograms"))
    start = time.perf_counter()
    if step == SKIM:
        skim_file(Task("tt", "f", file, file, None, skim, {}), FOLDER / f"{analysis}.counts.parquet", events)
        return {"work": time.perf_counter() - start, "events": pq.read_metadata(events).num_rows}
    histograms(events, filled, output, {})
    seconds = time.perf_counter() - start
    entries: dict[str, int] = {}
    for row in pq.read_table(output).to_pylist():
        if row["kind"] == "template":
            key = f"{row['name']} {row['reference']}"
            entries[key] = entries.get(key, 0) + row["passed_n"]
    return {"work": seconds, "entries": entries}


def has_coffea(python: str) -> bool:
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('coffea') is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def measure(command: list[str]) -> dict[str, Any]:
    """What a process prints, and the seconds that it takes as a whole."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return {"seconds": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}


def agree(found: dict[str, list[dict[str, Any]]], random: str) -> None:
    """Raises SystemExit unless both tools have the same entries; one in a million on the edge of a cut is told."""
    if "coffea" not in found:
        return
    mine, other = found[HISTOGRAMS][0]["entries"], found["coffea"][0]["entries"]
    for key, number in other.items():
        if key.endswith(random):
            continue
        if abs(mine[key] - number) > 1 + number // 1_000_000:
            sys.exit(f"error: {key}: {mine[key]} entries, with coffea {number}")
        if mine[key] != number:
            print(f"{key}: {mine[key]} entries, with coffea {number}: on the edge of a cut")


def show(found: dict[str, list[dict[str, Any]]], what: str, events: int) -> None:
    kept = found[SKIM][0]["events"]
    templates = len(found[HISTOGRAMS][0]["entries"])
    print(f"{what}, {events:,} events, of which the skim keeps {kept:,}; {templates} templates")
    print(f"{'tool':12} {'process s':>10} {'CPU s':>8} {'work s':>8} {'events/s':>12}")
    for name, rounds in found.items():
        whole, cpu, alone = (statistics.median(one[what] for one in rounds) for what in ("seconds", "cpu", "work"))
        print(f"{name:12} {whole:10.2f} {cpu:8.2f} {alone:8.2f} {events / alone:12,.0f}")
    alone = statistics.median(one["work"] for one in found[HISTOGRAMS])
    print(f"histograms alone: {kept / alone:,.0f} events of the skim a second")


if __name__ == "__main__":
    main()
