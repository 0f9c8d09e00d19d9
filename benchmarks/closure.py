"""Closure: what each way of measuring a trigger says of toy data, whose true efficiencies are known.

    python -m benchmarks.closure             2 million MuonEG and 1 million MET events, and 100 seeds of a smaller size
    python -m benchmarks.closure --quick     a short look, for the test
    python -m benchmarks.closure --redraw    the figure and the tables once more, from the JSON

The toy's files go through the package's own steps: skims, and the tables that the rules of the workflow make. Files and
the numbers of each seed are made once, in results/benchmarks/closure. Results: results/benchmarks/closure.json, and
the figure beside it (docs/figures/closure.png is a copy).
"""

import argparse
import contextlib
import itertools
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import kstest, norm

from skimflow import analyses, counts
from skimflow.config import EfficiencyConfig, Measurement, load
from skimflow.config.loading import merge, read_yaml
from skimflow.efficiency import efficiencies
from skimflow.efficiency.events import event_efficiencies
from skimflow.efficiency.legs import leg_efficiencies
from skimflow.io.outputs import write_json
from skimflow.skim import Task, skim_file
from skimflow.targets import cross_trigger_settings, efficiency_settings, skim_settings, tag_and_probe_settings
from skimflow.toy import Sample, collisions, trigger, truth, write_file

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("results/benchmarks")
SEED = 61
PT = [15, 20, 22.5, 25, 27.5, 30, 40, 60]
ETA = [0, 0.8, 1.6, 2.5]
NAMES = {"MuonEG": "toy_MuonEG_G", "MET": "toy_MET_G"} | {f"Single{x}": f"toy_Single{x}" for x in ("Muon", "Electron")}
SHORT = {trigger.MU12_ELE23: "Mu12_Ele23", trigger.MU23_ELE12: "Mu23_Ele12", "any": "OR"}
LEGS = {"Mu12": "muon", "Mu23": "muon", "Ele12": "electron", "Ele23": "electron"}
RUNS = {str(run): [[1, 10**7]] for run in range(278820, 280386)}
COLOURS = {"naive": "#bd1f01", "orthogonal": "#3f90da", "tag and probe": "#ffa90e"}


class Size(NamedTuple):
    """Number of files, and events in each, by primary dataset; `maps`: legs in bins of pT and η, not of pT alone."""

    files: Mapping[str, int]
    events: Mapping[str, int]
    maps: bool = True


BIG = Size({"MuonEG": 20, "MET": 10, "SingleMuon": 4, "SingleElectron": 4}, dict.fromkeys(NAMES, 100_000))
ONE = dict.fromkeys(NAMES, 1)
SMALL = Size(ONE, {"MuonEG": 10_000, "MET": 6_000, "SingleMuon": 160_000, "SingleElectron": 160_000})
TINY = Size(ONE, {"MuonEG": 2_000, "MET": 1_500, "SingleMuon": 2_500, "SingleElectron": 3_000}, maps=False)


def measurement(maps: bool) -> Measurement:
    """The demo's, with finer bins of the legs: in pT, or in pT and η. Legs by counting."""
    with contextlib.chdir(ROOT):
        base, demo = read_yaml("config/hww_emu.yaml"), read_yaml("config/config.yaml")
        del demo["extends"]
        content = merge(base, demo)
        variables = {
            "probe_pt": {"label": "pT", "fine": {"bins": 40, "low": 0, "high": 100}, "report": PT},
            "probe_abs_eta": {"label": "|η|", "fine": {"bins": 25, "low": 0, "high": 2.5}, "report": ETA},
        }
        chosen = list(variables) if maps else ["probe_pt"]
        for flavour in ("muon", "electron"):
            content["cross_trigger"][flavour]["variables"] = chosen
            reference = content["references"][flavour]
            reference |= {"variables": {name: variables[name] for name in chosen}, "fit": {"method": "counting"}}
            reference |= {"simulation": [], "maps": [{"x": chosen[0], "y": chosen[1]}] if maps else []}
        content["references"]["met"]["datasets"] = [NAMES["MET"]]
        content["cross_trigger"]["against"] = []
        content["variables"] = {"muon_pt": content["variables"]["muon_pt"]}
        content |= {"datasets": [NAMES["MuonEG"]], "maps": [], "turn_ons": [], "stability": None, "scale_factors": None}
        return load(content)


class Tables(NamedTuple):
    """The tables of a measurement: of paths, of legs, and of the OR from its legs."""

    efficiency: pd.DataFrame
    legs: pd.DataFrame
    cross: pd.DataFrame


def make(job: tuple[Path, str, Sample, int, dict[str, Any]]) -> tuple[str, Path, Path]:
    """A toy file and its skim, unless they are there; dataset, counts and selected events."""
    folder, primary, sample, events, settings = job
    stem = folder / f"{primary}_{sample.seed}_{sample.index}_{events}"
    found = stem.with_suffix(".counts.parquet"), stem.with_suffix(".events.parquet")
    source = stem.with_suffix(".root")
    if not source.exists():
        write_file(source, sample, events, codec="LZ4")
    golden = folder / "golden.json"
    name = NAMES[primary]
    skim_file(Task(name, stem.name, source.name, str(source), str(golden), settings, {}), *found)
    return name, *found


def tables(chosen: Measurement, folder: Path, seed: int, size: Size, run: Callable) -> Tables:
    """Make the files of a seed, skim them, and make the tables as the rules do; `run`: map."""
    config, datasets = chosen.config, chosen.datasets
    assert isinstance(config, EfficiencyConfig)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(RUNS, folder / "golden.json")
    jobs = []
    for primary, files in size.files.items():
        settings = skim_settings(config, NAMES[primary], datasets[NAMES[primary]])
        for index in range(files):
            sample = Sample(seed, index, primary_dataset=primary, era="Run2016G")
            jobs.append((folder, primary, sample, size.events[primary], settings))
    made = list(run(make, jobs))
    merged = counts.merge(counts.read([counted for _, counted, _ in made]))
    efficiency = efficiencies(merged, efficiency_settings(config, datasets))
    legs, _ = leg_efficiencies(merged, tag_and_probe_settings(config, datasets), fits=False)
    events = {name: [path for other, _, path in made if other == name] for name in NAMES.values()}
    cross = event_efficiencies(events, legs, efficiency, cross_trigger_settings(config, datasets))
    return Tables(efficiency, legs, cross)


# The truth.


def true_paths(job: tuple[str, int, int]) -> dict[str, Any]:
    """Sums of `toy.truth` for the collisions of a file, some blocks of them."""
    primary, index, blocks = job
    config = measurement(maps=False).config
    analysis, selection = analyses.get("hww_emu"), config.selection.model_dump(mode="json")

    products: list[np.ndarray] = []

    def select(columns: dict[str, np.ndarray]) -> np.ndarray:
        found = analysis.select(columns, selection)
        passed = np.logical_and.reduce([cut.passed for cut in found.cuts])
        products.append(_product(found.at(passed).columns))
        mask = np.zeros(len(columns["run"]), bool)
        mask[found.events[passed]] = True
        return mask

    met = config.references["met"].paths
    probe = {"paths": list(config.probe.paths), "prescales": {}, "combination": "any"}
    sample = Sample(SEED, index, primary_dataset=primary, era="Run2016G")
    found = truth([sample], blocks, select, probe, {"none": []} if primary == "MuonEG" else {"met": met})
    return found | {"product": float(np.concatenate(products).sum()), "events": sum(map(len, products))}


def _product(q: Mapping[str, np.ndarray]) -> np.ndarray:
    """True efficiency of the OR if only the selected leptons could fire it, shape (events,)."""
    legs = {}
    for name, flavour in LEGS.items():
        pt, eta = q[f"{flavour}_pt"], q[f"{flavour}_eta"]
        legs[name] = trigger.LEGS[name].efficiency(pt, eta, np.ones(len(pt), bool))
    both = legs["Mu12"] * legs["Ele23"] + legs["Mu23"] * legs["Ele12"] - legs["Mu23"] * legs["Ele23"]
    return both * trigger.DZ_EFFICIENCY


def true_legs(job: tuple[str, int]) -> dict[str, list[float]]:
    """True efficiency of both legs of a lepton for the probes of Z decays near the peak: all, and in bins of pT."""
    flavour, blocks = job
    chosen = measurement(maps=False).config.tag_and_probe[flavour]
    selection, (low, high) = chosen.selection.model_dump(mode="json"), chosen.fit.windows.signal
    probes: list[np.ndarray] = []
    for columns in itertools.islice(collisions(Sample(SEED, 0, process="DYJetsToLL")), blocks):
        q = analyses.get("tag_and_probe").select(columns, selection).columns
        near = (q["mass"] > low) & (q["mass"] < high)
        probes.append(np.stack([q["probe_pt"][near], q["probe_eta"][near]]))
    pt, eta = np.concatenate(probes, axis=1)
    isolated = np.ones(len(pt), bool)
    found = {}
    for name in (leg for leg, own in LEGS.items() if own == flavour):
        each = trigger.LEGS[name].efficiency(pt, eta, isolated)
        parts = [each] + [each[(pt >= a) & (pt < b)] for a, b in itertools.pairwise(PT)]
        found[name] = [float(part.mean()) if len(part) else math.nan for part in parts]
    return found


def true_values(run: Callable, files: Mapping[str, int], blocks: int) -> dict[str, Any]:
    """`unbiased`, and the true values of the ratios `naive` and `orthogonal`, by path; `legs`: all and in bins of pT;
    `product`: the OR from the true legs of the selected leptons.

    The collisions are those of the big files, so most of the fluctuation of which events there are is in both.
    """
    jobs = [(primary, i, blocks) for primary in ("MuonEG", "MET") for i in range(files[primary])]
    sums: dict[str, dict[str, float]] = {}
    product = events = 0.0
    for (primary, *_), found in zip(jobs, run(true_paths, jobs), strict=True):
        product, events = product + found["product"], events + found["events"]
        parts = {"unbiased": found["unbiased"], {"MuonEG": "naive", "MET": "orthogonal"}[primary]: None}
        for key, value in parts.items():
            value = value or next(iter(found["references"].values()))
            total = sums.setdefault(key, dict.fromkeys(("selected", *SHORT), 0.0))
            for name in total:
                total[name] += value["selected"] if name == "selected" else value["fired"][name]
    known: dict[str, Any] = {k: {p: v[p] / v["selected"] for p in SHORT} for k, v in sums.items()}
    legs = run(true_legs, [(flavour, 8 * blocks) for flavour in ("muon", "electron")])
    known["product"] = product / events
    return known | {"legs": {name: values for part in legs for name, values in part.items()} | {"dz": [0.96]}}


# Comparison.


class Result(NamedTuple):
    """A measured number beside its true value; `pull` is its distance in units of the error on that side."""

    what: str
    method: str
    value: float
    low: float
    high: float
    truth: float
    pull: float


def result(what: str, method: str, row: Mapping[str, Any], true: float, more: float = 0.0) -> Result:
    """`more`: an error to be added in quadrature to both sides of the interval."""
    value, low, high = row["efficiency"], row["low"], row["high"]
    below, above = math.hypot(value - low, more), math.hypot(high - value, more)
    error = above if value < true else below
    return Result(what, method, value, value - below, value + above, true, (value - true) / error if error else 0.0)


def compare(found: Tables, known: Mapping[str, Any]) -> Iterator[Result]:
    """Every number of the study: paths against the efficiency, and ratios against their own true value too; legs."""
    rows = found.efficiency
    rows = rows[(rows["variable"] == "all") & (rows["dataset"] == "all")].set_index(["reference", "trigger"])
    for path, name in SHORT.items():
        for reference, method in (("none", "naive"), ("met", "orthogonal")):
            row = rows.loc[(reference, path)]
            yield result(name, method, row, known["unbiased"][path])
            yield result(name, f"{method}, own truth", row, known[method][path])
    cross = found.cross.set_index("reference")
    for reference, method, true in (
        ("none", "tag and probe", known["unbiased"]["any"]),
        ("none", "tag and probe, own truth", known["product"]),
        ("met", "tag and probe, MET events", known["orthogonal"]["any"]),
    ):
        yield result("OR", method, cross.loc[reference], true, cross.loc[reference, "sample_error"])
    for leg, values in known["legs"].items():
        mine = found.legs[found.legs["trigger"] == leg]
        total = mine[mine["variable"] == "all"].iloc[0]
        yield result(leg, "all probes", total, values[0])
        bins = mine[mine["variable"] == "probe_pt"].to_dict("records") if leg != "dz" else []
        for row, value in zip(bins, values[1:], strict=False):
            if row["total_n"] and math.isfinite(row["efficiency"]) and 0.02 < value < 0.98:
                yield result(leg, f"{row['x_low']:g}-{row['x_high']:g} GeV", row, value)


def one_seed(job: tuple[Path, int, Size, Mapping[str, Any]]) -> list[Result]:
    """All numbers of a seed; kept, as a seed takes some seconds."""
    folder, seed, size, known = job
    kept = folder / f"seed_{seed}_{size.events['MET']}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            found = tables(measurement(size.maps), Path(scratch), seed, size, map)
        write_json([list(r) for r in compare(found, known)], kept)
    return [Result(*row) for row in json.loads(kept.read_text(encoding="utf-8"))]


def big_one(run: Callable, known: Mapping[str, Any], size: Size, folder: Path) -> list[Result]:
    """All numbers of the big files."""
    return list(compare(tables(measurement(size.maps), folder, SEED, size, run), known))


def pulls(found: Iterable[list[Result]]) -> dict[tuple[str, str], np.ndarray]:
    """Pulls of all seeds, by what was measured and how."""
    together: dict[tuple[str, str], list[float]] = {}
    for row in itertools.chain(*found):
        together.setdefault((row.what, row.method), []).append(row.pull)
    return {key: np.array(values) for key, values in together.items()}


def moments(values: np.ndarray) -> dict[str, float]:
    """Mean and width with their errors (that of the width from the fourth moment), and the p-value of a
    Kolmogorov-Smirnov test against the unit Gaussian."""
    n, width = len(values), float(values.std(ddof=1))
    fourth = float(((values - values.mean()) ** 4).mean())
    error = math.sqrt(max(fourth / width**4 - (n - 3) / (n - 1), 0) / n) * width / 2 if width else 0.0
    p_value = float(kstest(values, norm.cdf).pvalue)
    mean = {"mean": float(values.mean()), "mean_error": width / math.sqrt(n)}
    return {"n": n, **mean, "width": width, "width_error": error, "p_value": p_value}


def in_bins(gathered: Mapping[tuple[str, str], np.ndarray]) -> dict[str, np.ndarray]:
    """Pulls of each leg in all bins of pT together."""
    return {
        leg: np.concatenate([v for (what, method), v in gathered.items() if what == leg and "GeV" in method])
        for leg in LEGS
    }


# What is shown.


def text(report: Mapping[str, Any]) -> str:
    """Both tables, as Markdown."""
    lines = ["| | truth | naive | orthogonal | tag and probe |", "|---|---|---|---|---|"]
    big = {(row["what"], row["method"]): row for row in report["big"]}
    for name in SHORT.values():
        cells = [_cell(big[name, method]) if (name, method) in big else "" for method in COLOURS]
        lines.append(f"| {name} | {big[name, 'naive']['truth']:.4f} | {' | '.join(cells)} |")
    for leg in (*LEGS, "dz"):
        row = big[leg, "all probes"]
        lines.append(f"| leg {leg} | {row['truth']:.4f} | | | {_cell(row)} |")
    lines += ["", "| pulls | seeds | mean | width | p-value |", "|---|---|---|---|---|"]
    for row in report["pulls"]:
        mean, width = (f"{row[k]:.2f} ± {row[f'{k}_error']:.2f}" for k in ("mean", "width"))
        lines.append(f"| {row['what']}, {row['method']} | {row['n']} | {mean} | {width} | {row['p_value']:.2g} |")
    return "\n".join(lines)


def _cell(row: Mapping[str, Any]) -> str:
    up, down = row["high"] - row["value"], row["value"] - row["low"]
    return f"{row['value']:.4f} +{up:.4f} −{down:.4f} ({row['pull']:+.1f} σ)"


def figure(report: Mapping[str, Any], path: Path) -> None:
    """Efficiencies beside their truth, legs in bins of pT, and the pulls of all seeds."""
    from matplotlib.figure import Figure

    from skimflow.plots.canvas import write_png

    page = Figure(figsize=(13, 8.5), dpi=100, layout="constrained")
    grid = page.add_gridspec(2, 6)
    big = [Result(**row) for row in report["big"]]
    _paths_panel(page.add_subplot(grid[0, :2]), big)
    _legs_panel(page.add_subplot(grid[0, 2:]), big)
    shown = {("orthogonal", "OR"): "orthogonal", ("tag and probe", "OR"): "tag and probe"}
    for place, ((method, what), colour) in enumerate(shown.items()):
        values = report["values"][f"{what}, {method}"]
        _pull_panel(page.add_subplot(grid[1, 2 * place : 2 * place + 2]), values, f"{what}, {method}", COLOURS[colour])
    legs = list(itertools.chain(*(report["values"][f"{leg}, bins"] for leg in LEGS)))
    _pull_panel(page.add_subplot(grid[1, 4:]), legs, "legs in bins of $p_T$", COLOURS["tag and probe"])
    page.draw_without_rendering()
    page.set_layout_engine("none")
    write_png(page, path, {"versions": {}, "settings": report["settings"]})


def _paths_panel(axes: Any, big: list[Result]) -> None:
    for place, name in enumerate(SHORT.values()):
        true = next(row.truth for row in big if row.what == name and row.method == "naive")
        axes.hlines(true, place - 0.4, place + 0.4, color="0.3", lw=1.2, label="truth" if not place else None)
        for shift, (method, colour) in zip((-0.2, 0, 0.2), COLOURS.items(), strict=True):
            for row in (row for row in big if row.what == name and row.method == method):
                error = [[row.value - row.low], [row.high - row.value]]
                label = method if name == "OR" else None
                axes.errorbar(place + shift, row.value, error, color=colour, marker="o", ms=5, ls="none", label=label)
    axes.set_xticks(range(len(SHORT)), SHORT.values(), fontsize="small")
    axes.set_ylabel("efficiency")
    axes.set_title("eμ events", fontsize="medium")
    axes.legend(fontsize="small", loc="upper left")


def _legs_panel(axes: Any, big: list[Result]) -> None:
    colours = ("#3f90da", "#bd1f01", "#ffa90e", "#832db6")
    for shift, (leg, colour) in enumerate(zip(LEGS, colours, strict=True)):
        for place, (low, high) in enumerate(itertools.pairwise(PT)):
            for row in big:
                if row.what == leg and row.method == f"{low:g}-{high:g} GeV":
                    distance = 1000 * (row.value - row.truth)
                    error = [[1000 * (row.value - row.low)], [1000 * (row.high - row.value)]]
                    at = place + 0.16 * (shift - 1.5)
                    axes.errorbar(at, distance, error, color=colour, marker="os^D"[shift], ms=5, ls="none")
        axes.plot([], [], color=colour, marker="os^D"[shift], ls="none", label=leg)
    axes.axhline(0, color="0.3", lw=1)
    axes.set_xticks(range(len(PT) - 1), [f"{a:g}-{b:g}" for a, b in itertools.pairwise(PT)], fontsize="small")
    axes.set_xlabel("probe $p_T$ [GeV]")
    axes.set_ylabel("measured − true, 10$^{-3}$")
    axes.set_title("legs by tag and probe", fontsize="medium")
    axes.legend(fontsize="small", ncols=4, loc="upper right")


def _pull_panel(axes: Any, values: list[float], title: str, colour: str) -> None:
    edges = np.linspace(-4, 4, 17 if len(values) < 500 else 33)
    axes.hist(np.clip(values, -4, 4), edges, color=colour, alpha=0.6)
    x = np.linspace(-4, 4, 200)
    axes.plot(x, len(values) * (edges[1] - edges[0]) * norm.pdf(x), color="0.2", lw=1.2)
    found = moments(np.array(values))
    words = (
        f"mean {found['mean']:.2f} ± {found['mean_error']:.2f}\nwidth {found['width']:.2f} ± {found['width_error']:.2f}"
    )
    axes.text(
        0.03, 0.97, f"{words}\nKS $p$ = {found['p_value']:.2g}", transform=axes.transAxes, va="top", fontsize="small"
    )
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel("pull")
    axes.set_ylabel("entries")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)


def study(big: Size, small: Size, seeds: int, blocks: int, cores: int, folder: Path) -> dict[str, Any]:
    """Both parts of the study, as plain values."""
    with ProcessPoolExecutor(cores) if cores > 1 else contextlib.nullcontext() as pool:
        run = pool.map if pool else map
        known = true_values(run, big.files, blocks)
        found = big_one(run, known, big, folder)
        each = list(run(one_seed, [(folder, 1000 + seed, small, known) for seed in range(seeds)]))
    gathered = pulls(each)
    values = {f"{what}, {method}": list(v) for (what, method), v in gathered.items() if "GeV" not in method}
    values |= {f"{leg}, bins": list(v) for leg, v in in_bins(gathered).items()}
    summed = [
        {"what": k.split(", ", 1)[0], "method": k.split(", ", 1)[1], **moments(np.array(v))} for k, v in values.items()
    ]
    sizes = {
        name: {"files": dict(size.files), "events": dict(size.events)} for name, size in (("big", big), ("seed", small))
    }
    return {
        "settings": {"sizes": sizes, "seeds": seeds, "blocks": blocks},
        "truth": known,
        "big": [row._asdict() for row in found],
        "pulls": summed,
        "values": values,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few events, two seeds")
    parser.add_argument("--redraw", action="store_true", help="figure and tables from the JSON that is there")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args(arguments)
    file = FOLDER / "closure.json"
    if not given.redraw:
        sizes = (TINY, TINY, 2, 1, 1) if given.quick else (BIG, SMALL, given.seeds, 20, given.cores)
        FOLDER.mkdir(parents=True, exist_ok=True)
        write_json(study(*sizes, FOLDER / "closure"), file)
    report = json.loads(file.read_text(encoding="utf-8"))
    print(text(report))
    figure(report, file.with_suffix(".png"))


if __name__ == "__main__":
    main()
