"""What the workflow adds to its skims: its wall time beside the sum of the skims divided by the cores.

Toy files, and their truth, are made first, as real files have none. Then everything else is run and timed, from the
golden JSON to the report, and run again with nothing left to do. The time of a skim is the one that Snakemake wrote for
its job, start of the interpreter included.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path

from dry_run import checkout, measure

from skimflow import paths

FOUND = Path("results/benchmarks/workflow.json")
SIZES = (48, 400_000)

MEASUREMENT = """\
extends: hww_emu.yaml
name: bench
title: Benchmark
datasets: [bench]
certified_luminosity: {toy: true, url: null, sha256: null}
"""
DATASET = """\
kind: data
primary_dataset: MuonEG
era: Run2016G
toy: {{files: {files}, events: {events}, seed: 1, codec: LZMA, filler: {filler}}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 files of 2,000 events")
    parser.add_argument("--files", type=int, default=SIZES[0])
    parser.add_argument("--events", type=int, default=SIZES[1], help="in each file")
    parser.add_argument("--filler", type=int, default=0, help="branches of each file (1380 in real ones)")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--toys", type=Path, help="a folder to keep the toy files in: making them takes long")
    options = parser.parse_args()
    files, events = (4, 2_000) if options.quick else (options.files, options.events)
    with tempfile.TemporaryDirectory() as folder:
        place = checkout(Path(folder) / "workflow")
        if options.toys:
            options.toys.mkdir(parents=True, exist_ok=True)
            (place / paths.TOY).parent.mkdir(parents=True, exist_ok=True)
            (place / paths.TOY).symlink_to(options.toys.resolve())
        found = run(place, files, events, options.filler, options.cores)
    print(
        f"{files} files of {events} events on {options.cores} cores: {found['wall']:.1f} s, "
        f"skims / cores {found['skims']:.1f} s, ratio {found['wall'] / found['skims']:.2f}; "
        f"{found['cpu']:.1f} s of CPU; again with nothing to do: {found['again']:.2f} s"
    )
    FOUND.parent.mkdir(parents=True, exist_ok=True)
    FOUND.write_text(json.dumps({"files": files, "events": events, **found}, indent=1), encoding="utf-8")


def run(folder: Path, files: int, events: int, filler: int, cores: int) -> dict[str, float]:
    """Seconds of the whole run, of its skims divided by the cores, and of a run with nothing to do."""
    (folder / "config/datasets/bench.yaml").write_text(DATASET.format(files=files, events=events, filler=filler))
    (folder / "config/bench.yaml").write_text(MEASUREMENT)
    arguments, how = ["--configfile", "config/bench.yaml"], ("--cores", str(cores))
    measure(folder, ["results/bench/toy_certified.json", "results/bench/truth.json", *arguments], how)
    whole = measure(folder, arguments, how)
    again = measure(folder, arguments, how)
    skims = [seconds(path) for path in (folder / "logs/bench/skim").rglob("*.benchmark.tsv")]
    assert len(skims) == files
    return {
        "wall": whole["seconds"],
        "cpu": whole["cpu"],
        "skims": sum(skims) / cores,
        "again": again["seconds"],
        "again_cpu": again["cpu"],
    }


def seconds(path: Path) -> float:
    """Wall time of a job."""
    with path.open(encoding="utf-8") as table:
        return float(next(csv.DictReader(table, delimiter="\t"))["s"])


if __name__ == "__main__":
    main()
