"""Time and memory of a dry run against the number of files in one dataset.

Beside it stands a bare Snakemake DAG of the same size (as many one-file shell jobs, and one job that takes them all):
what is above it is the workflow's own. Each measurement is a whole process; the two are interleaved, the median of the
rounds is printed. Memory is the process' peak (resident).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from skimflow import lock, paths

ROOT = Path(__file__).resolve().parents[1]
FOUND = Path("results/benchmarks/dry_run.json")
SIZES = (48, 1_000, 5_000, 22_635)
PARTS = ("Snakefile", "config", "workflow", "scripts", "profiles", "src")

MEASUREMENT = """\
extends: hww_emu.yaml
name: dry
title: Dry run
datasets: [dry]
certified_luminosity: null
"""
BARE = """\
FILES = [f"file_{{i:06d}}" for i in range({size})]

rule all:
    input: "results/all.txt"

rule one:
    output: "results/one/{{file}}.txt"
    shell: "touch {{output}}"

rule aggregate:
    input: expand("results/one/{{file}}.txt", file=FILES)
    output: "results/all.txt"
    shell: "touch {{output}}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of the two smaller sizes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sizes, rounds = (SIZES[:2], 1) if options.quick else (SIZES, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for size in sizes for case in (workflow(Path(folder), size), bare(Path(folder), size))]
        results = [[measure(*case) for case in cases] for _ in range(rounds)]
    medians = [
        {key: statistics.median(r[key] for r in column) for key in column[0]} for column in zip(*results, strict=True)
    ]
    found = {size: {"workflow": medians[2 * i], "bare": medians[2 * i + 1]} for i, size in enumerate(sizes)}
    print(f"dry run of one dataset, median of {rounds}")
    show(found)
    FOUND.parent.mkdir(parents=True, exist_ok=True)
    FOUND.write_text(json.dumps({"rounds": rounds, "files": found}, indent=1), encoding="utf-8")


def workflow(folder: Path, size: int) -> tuple[Path, list[str]]:
    """A copy of the workflow with a locked dataset of so many remote files; its folder, and Snakemake's arguments."""
    copy = checkout(folder / f"workflow_{size}")
    (copy / "config/datasets/dry.yaml").write_text("kind: mc\nprocess: x\nrecid: [1]\n", encoding="utf-8")
    (copy / "config/locks").mkdir(exist_ok=True)
    (copy / "config/locks/dry.tsv").write_text(
        lock.text(map(locked, range(size)), {"files": size}, "recid:1", 1), encoding="utf-8"
    )
    (copy / "config/dry.yaml").write_text(MEASUREMENT, encoding="utf-8")
    return copy, ["--configfile", "config/dry.yaml"]


def checkout(folder: Path) -> Path:
    """A copy of the workflow."""
    folder.mkdir()
    for part in PARTS:
        take = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        take(ROOT / part, folder / part)
    return folder


def locked(index: int) -> lock.Row:
    """A line of the lock."""
    name = f"/store/mc/x/NANOAODSIM/{index // 1000:02d}/{index:06d}.root"
    key, url = paths.file_id(name), f"root://example.org/{name}"
    return lock.Row(key, key, name, url, 40_000, 10**9, f"{index:08x}", str(uuid.UUID(int=index)), 1, 1)


def bare(folder: Path, size: int) -> tuple[Path, list[str]]:
    """A Snakefile with so many jobs and nothing else; its folder, and Snakemake's arguments."""
    plain = folder / f"bare_{size}"
    plain.mkdir()
    (plain / "Snakefile").write_text(BARE.format(size=size), encoding="utf-8")
    return plain, []


def measure(folder: Path, arguments: list[str], how: Sequence[str] = ("-n",)) -> dict[str, float]:
    """Seconds and peak MB of one run of Snakemake, by default a dry one.

    Raises:
        SystemExit: Snakemake failed; the message is its own.
    """
    told = folder / "dry_run.log"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with told.open("w") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *how, *arguments],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        # wait4 tells of this one process; RUSAGE_CHILDREN would keep the largest of all.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: Snakemake failed in {folder.name}:\n{told.read_text(encoding='utf-8')[-3000:]}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024}


def show(found: dict[int, dict[str, dict[str, float]]]) -> None:
    """A line for each size; the cost of a file is what it adds to the smallest size."""
    print(f"{'files':>7} {'seconds':>8} {'bare':>8} {'ratio':>6} {'ms/file':>8} {'bare':>6} {'peak MB':>8} {'bare':>6}")
    least = min(found)
    for size, result in found.items():
        ours, plain = result["workflow"], result["bare"]
        each = [
            "" if size == least else f"{1e3 * slope(found, what, least, size):.2f}" for what in ("workflow", "bare")
        ]
        print(
            f"{size:7d} {ours['seconds']:8.2f} {plain['seconds']:8.2f} {ours['seconds'] / plain['seconds']:6.2f} "
            f"{each[0]:>8} {each[1]:>6} {ours['peak']:8.0f} {plain['peak']:6.0f}"
        )


def slope(found: dict[int, dict[str, dict[str, float]]], what: str, least: int, size: int) -> float:
    """Seconds that each file adds."""
    return (found[size][what]["seconds"] - found[least][what]["seconds"]) / (size - least)


if __name__ == "__main__":
    main()
