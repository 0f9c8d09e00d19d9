"""One skim process against other ways to get the same counts, on files of several sizes: `make bench`.

Files are toy MuonEG data, seeded. Each measurement is a whole process, from its start to its end; skimflow also writes
its counts and all selected events. First all tools must find the same numbers; then they take turns, and the median of
the rounds is kept, with the fastest and slowest. Memory is the process' peak (resident). Tools that are not installed
are left out, with a word: coffea and ROOT are looked for in the environment that `--python` names. `codec` is the time
to decompress the needed baskets and nothing else.

Read ratios: seconds depend on the machine, and on what else it does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path("results/benchmarks")
ONE = Path(__file__).resolve().parent / "one_skim.py"
BASELINES = ONE.parent / "baselines"
SIZES = (100_000, 400_000, 1_600_000)
SETTINGS, GOLDEN = FOLDER / "settings.json", FOLDER / "certified.json"
RUN, FIRST, LAST = 278820, 1, 1_000_000
IDENTIFIED = 0.006
"""Of electrons, so that 0.2 % of the events are selected, as of the real MuonEG dataset."""
START = f"""
import json, sys, time
from pathlib import Path
from skimflow.skim import run
from skimflow.skim.job import NanoAOD, _branches
settings = json.loads(Path({str(SETTINGS)!r}).read_text())
start = time.perf_counter()
with NanoAOD(sys.argv[1], wanted=_branches(settings, settings["probe"]["paths"])):
    print(json.dumps(dict(opening=time.perf_counter() - start)))
"""
COUNTED = """
import json, sys
from skimflow.counts import read
from skimflow.counts.views import select, summed
(table,) = read(sys.argv[1:])
found = summed(select(table, "trigger", name="any", variable="all"))
print(json.dumps(dict(selected=int(found.total_n[0]), fired=int(found.passed_n[0]))))
"""
Results = dict[int, dict[str, list[dict]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of the two smaller sizes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--codec", default="LZMA", choices=["LZMA", "ZSTD", "ZLIB", "LZ4"])
    parser.add_argument("--filler", type=int, default=1380, help="branches to fill up to")
    parser.add_argument("--events", type=int, nargs="*", help="sizes of the files")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has coffea or ROOT")
    options = parser.parse_args()
    sizes, rounds = (SIZES[:2], 1) if options.quick else (options.events or SIZES, options.rounds)
    FOLDER.mkdir(parents=True, exist_ok=True)
    prepare()
    tools = available(options.python)
    files = {size: toy(size, options.codec, options.filler) for size in sizes}
    for size, path in files.items():
        agree(size, {name: measure(command, path) for name, command in tools.items()})
    found: Results = {size: {name: [] for name in tools} for size in sizes}
    starts: list[dict] = []
    gains: list[float] = []
    for _ in range(rounds):
        starts.append(measure([sys.executable, "-c", START, "{}"], files[max(sizes)]))
        for size, path in files.items():
            for name, command in tools.items():
                found[size][name].append(measure(command, path))
        alone = found[max(sizes)]["skimflow"][-1]["seconds"]
        gains.append(2 * alone / together(tools["skimflow"], files[max(sizes)]))
    print(f"toy MuonEG files, {options.codec}, {options.filler} branches, median of {rounds} (fastest to slowest)")
    show(found)
    whole, opening = (statistics.median(start[key] for start in starts) for key in ("seconds", "opening"))
    print(f"start of a skim, until the largest of these files is open: {whole:.2f} s, of which opening {opening:.3f} s")
    print(f"two skims at a time, of the largest: {statistics.median(gains):.2f} times as fast as one after the other")
    (FOLDER / "skim.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    draw(found, FOLDER / "skim.png")


def available(python: str) -> dict[str, list[str]]:
    """Command of each tool that can be run here."""
    certified = [str(RUN), str(FIRST), str(LAST)]
    tools = {
        "notebook": [sys.executable, str(BASELINES / "notebook.py"), "{}", *certified],
        "skimflow": [sys.executable, str(ONE), "{}", "1"],
        "skimflow, 2 threads": [sys.executable, str(ONE), "{}", "2"],
        "codec": [sys.executable, str(BASELINES / "codec.py"), "{}"],
    }
    if not has(sys.executable, "vector"):
        print("the notebook's code is left out: vector is not installed")
        del tools["notebook"]
    if has(python, "coffea"):
        tools["coffea"] = [python, str(BASELINES / "coffea_nanoevents.py"), "{}", *certified]
    else:
        print("coffea is left out: it is not installed (say where with --python)")
    if program := compiled(python):
        tools["RDataFrame"] = [program, "{}", *certified, "1"]
        tools["RDataFrame, 2 threads"] = [program, "{}", *certified, "2"]
    return tools


def has(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def compiled(python: str) -> str | None:
    """The RDataFrame program, made with the headers of the ROOT that this interpreter has."""
    code = "import importlib.util as u; print(u.find_spec('ROOT').submodule_search_locations[0])"
    where = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if where.returncode:
        print("RDataFrame is left out: ROOT is not installed (say where with --python)")
        return None
    root, program = where.stdout.strip(), str((FOLDER / "rdataframe").resolve())
    libraries = ["Core", "RIO", "Tree", "TreePlayer", "ROOTDataFrame", "ROOTVecOps", "MathCore", "Imt"]
    flags = ["-O2", "-std=c++17", f"-I{root}/include", f"-L{root}/lib", f"-Wl,-rpath,{root}/lib", "-pthread"]
    names = [*(f"-l{name}" for name in libraries), "-Wl,--allow-shlib-undefined"]
    source = BASELINES / "rdataframe.cxx"
    if Path(program).exists() and Path(program).stat().st_mtime > source.stat().st_mtime:
        return program
    command = ["g++", *flags, str(source), "-o", program, *names]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"RDataFrame is left out: it cannot be compiled ({getattr(error, 'stderr', error)})")
        return None
    return program


def toy(events: int, codec: str, filler: int) -> Path:
    """A toy file of this size, made once."""
    from skimflow.toy import Sample, write_file

    path = FOLDER / f"{codec}_{filler}_{events}.root"
    if not path.exists():
        partial = path.with_suffix(".partial.root")
        sample = Sample(1, 0, primary_dataset="MuonEG", era="Run2016G", identified=IDENTIFIED)
        write_file(partial, sample, events, codec, filler)
        partial.rename(path)
    return path


def measure(command: list[str], path: Path) -> dict[str, Any]:
    """Seconds and peak MB of a process, and what it printed (if it says `seconds`, those count instead).

    Raises:
        SystemExit: it failed; the message is its own.
    """
    told = FOLDER / "told.txt"
    with told.open("w") as out, (FOLDER / "errors.txt").open("w") as errors:
        start = time.perf_counter()
        process = subprocess.Popen([part.format(path) for part in command], stdout=out, stderr=errors)
        # wait4 tells of this one process; RUSAGE_CHILDREN would keep the largest of all.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: {' '.join(command)} failed:\n{(FOLDER / 'errors.txt').read_text()[-3000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    printed = json.loads(told.read_text().splitlines()[-1])
    numbers = counted(printed["counts"]) if "counts" in printed else printed
    return {"seconds": seconds, "cpu": cpu, "peak": usage.ru_maxrss / 1024, **numbers}


def together(command: list[str], path: Path) -> float:
    """Seconds until two processes are done that start at the same time."""
    start = time.perf_counter()
    words = [part.format(path) for part in command]
    both = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(2)]
    if any(process.wait() for process in both):
        sys.exit(f"error: {' '.join(words)} failed")
    return time.perf_counter() - start


def agree(size: int, results: dict[str, dict]) -> None:
    """Raises SystemExit unless all tools found the same.

    One event in a million may differ, and is told: awkward's records compute in single precision, where an event can
    fall on the other side of a cut.
    """
    numbers = {name: (r["selected"], r["fired"]) for name, r in results.items() if "selected" in r}
    ranges = [max(column) - min(column) for column in zip(*numbers.values(), strict=True)]
    if max(ranges) > size // 1_000_000:
        sys.exit(f"error: {size} events: the tools disagree on how many are selected and fired: {numbers}")
    if max(ranges):
        print(f"{size} events: one is on the edge of a cut: {numbers}")


def show(found: Results) -> None:
    """A line for each tool and size; a ratio is the median of those of the rounds."""
    print(f"{'events':>9} {'tool':22} {'seconds':>8} {'spread':>15} {'CPU s':>7}", end=" ")
    print(f"{'notebook/':>10} {'/codec':>8} {'peak MB':>8}")
    for size, results in found.items():
        for name, rounds in results.items():
            times = [r["seconds"] for r in rounds]
            cpu, peak = (statistics.median(r[key] for r in rounds) for key in ("cpu", "peak"))
            spread = f"{min(times):.2f} to {max(times):.2f}"
            gain = 1 / ratio(results, name, "notebook") if "notebook" in results else float("nan")
            line = f"{size:9d} {name:22} {statistics.median(times):8.2f} {spread:>15} {cpu:7.2f} {gain:10.2f}"
            print(line, f"{ratio(results, name, 'codec'):8.2f} {peak:8.0f}")


def ratio(results: dict[str, list[dict]], name: str, other: str) -> float:
    """Time of a tool over that of another one, median over the rounds."""
    pairs = zip(results[name], results[other], strict=True)
    return statistics.median(one["seconds"] / two["seconds"] for one, two in pairs)


def draw(found: Results, path: Path) -> None:
    """Seconds of each tool against the number of events."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for name in next(iter(found.values())):
        times = [[r["seconds"] for r in results[name]] for results in found.values()]
        middle = [statistics.median(t) for t in times]
        below = [m - min(t) for m, t in zip(middle, times, strict=True)]
        above = [max(t) - m for m, t in zip(middle, times, strict=True)]
        style = "k--" if name == "codec" else "o-"
        axes.errorbar(list(found), middle, [below, above], fmt=style, capsize=3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="events in the file", ylabel="seconds")
    axes.legend()
    figure.savefig(path)
    plt.close(figure)


def prepare() -> None:
    """Write what a job gets from Snakemake: settings, and certified luminosity."""
    from skimflow.config import load
    from skimflow.config.loading import read_yaml
    from skimflow.targets import skim_settings

    measurement = load(read_yaml("config/hww_emu.yaml"), ["config/hww_emu.yaml"])
    settings = skim_settings(measurement.config, "MuonEG_Run2016G", measurement.datasets["MuonEG_Run2016G"])
    SETTINGS.write_text(json.dumps({**settings, "certified_sha256": None}), encoding="utf-8")
    GOLDEN.write_text(json.dumps({RUN: [[FIRST, LAST]]}), encoding="utf-8")


def counted(counts: str) -> dict[str, int]:
    """How many events are selected, and fired, in a file of counts.

    Read by a process of its own: the memory of this one would be the least peak of what it starts.
    """
    done = subprocess.run([sys.executable, "-c", COUNTED, counts], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
