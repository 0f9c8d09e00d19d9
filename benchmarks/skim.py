"""Time and memory of one skim process against the size of its file: `make bench`.

Files are toy MuonEG data. Each measurement is a whole process, from start to closed Parquet files; sizes are
interleaved, the median of the rounds is printed. Memory is the process' peak (resident).
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path("results/benchmarks")
SIZES = (100_000, 400_000, 1_600_000)
GOLDEN = FOLDER / "certified.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of the two smaller sizes")
    parser.add_argument("--codec", default="ZSTD", choices=["ZSTD", "LZMA", "ZLIB", "LZ4"])
    parser.add_argument("--filler", type=int, default=0, help="branches to fill up to (1380 in real files)")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return one(options.one)
    sizes, rounds = (SIZES[:2], 1) if options.quick else (SIZES, 5)
    files = {size: toy(size, options.codec, options.filler) for size in sizes}
    found: dict[int, list[dict]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, path in files.items():
            found[size].append(measure(path))
    print(f"skim of toy MuonEG files, {options.codec}, median of {rounds}")
    print(f"{'events':>9} {'seconds':>8} {'events/s':>10} {'peak MB':>8}")
    for size, results in found.items():
        seconds, peak = (statistics.median(r[key] for r in results) for key in ("seconds", "peak"))
        print(f"{size:9d} {seconds:8.2f} {size / seconds:10.0f} {peak:8.0f}")
    (FOLDER / "skim.json").write_text(json.dumps(found, indent=1))


def toy(events: int, codec: str, filler: int) -> Path:
    """A toy file of this size, made once."""
    from skimflow.toy import Sample, write_file

    path = FOLDER / f"{codec}_{filler}_{events}.root"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.root")
        write_file(partial, Sample(1, 0, primary_dataset="MuonEG", era="Run2016G"), events, codec, filler)
        partial.rename(path)
    return path


def measure(path: Path) -> dict[str, float]:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--one", path], capture_output=True, text=True, check=True)
    return {"seconds": time.perf_counter() - start, "peak": float(done.stdout)}


def one(path: Path) -> None:
    """Skim one file in this process; print the peak memory in MB."""
    from skimflow.config import load
    from skimflow.config.loading import read_yaml
    from skimflow.skim import Task, skim_file
    from skimflow.targets import skim_settings

    FOLDER.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text('{"278820": [[1, 1000000]]}')
    measurement = load(read_yaml("config/hww_emu.yaml"), ["config/hww_emu.yaml"])
    dataset = measurement.datasets["MuonEG_Run2016G"]
    settings = {**skim_settings(measurement.config, dataset), "certified_sha256": None}
    task = Task("bench", "x", str(path), str(path), str(GOLDEN), settings, {})
    skim_file(task, FOLDER / "x.counts.parquet", FOLDER / "x.events.parquet")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
