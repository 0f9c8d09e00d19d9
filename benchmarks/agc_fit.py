"""The reference fit of the Analysis Grand Challenge, as docs/fits.md shows it.

`python -m benchmarks.agc_fit FOLDER` reads histos_1_file_per_process.json and histos_5_file_per_process.json there (the
reference histograms of the challenge), prints tables in Markdown, and draws the figures with --figures.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from skimflow.errors import SkimflowError
from skimflow.histograms.files import read
from skimflow.plots import fits
from skimflow.plots.canvas import draw
from skimflow.stats.fitting import Fit, fit, ranking
from skimflow.stats.likelihood import Likelihood
from skimflow.stats.model import from_settings
from skimflow.stats.workspace import build
from skimflow.stats.yields import totals, yields

MODEL = Path(__file__).resolve().parents[1] / "config/fits/agc_ttbar.yaml"
FILES = (1, 5)
STYLE = {
    "experiment": "",
    "status": "AGC reference histograms",
    "energy": 13,
    "colours": ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"],
}
LABELS = {"HT": ["$H_T$", "GeV"], "mass": ["$m_{bjj}$", "GeV"]}
SAMPLES = ["ttbar", "W+jets", "tW", "single top, t-channel", "single top, s-channel"]
SETTINGS = {"style": STYLE, "labels": LABELS, "samples": SAMPLES, "data": "pseudodata"}
SHOWN = {"4j1b CR": "HT", "4j2b SR": "mass"}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agc_fit", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the two files are")
    parser.add_argument("--figures", type=Path, help="folder to draw into")
    chosen = parser.parse_args(arguments)
    likelihoods = [_likelihood(chosen.folder / f"histos_{number}_file_per_process.json") for number in FILES]
    found = [fit(one) for one in likelihoods]
    _parameters(found)
    _yields(likelihoods[0], found[0])
    if chosen.figures:
        _draw(likelihoods[0], found[0], chosen.figures)


def _likelihood(path: Path) -> Likelihood:
    settings = yaml.safe_load(MODEL.read_text(encoding="utf-8"))
    return Likelihood(build(from_settings(settings), read(path)))


def _parameters(found: Sequence[Fit]) -> None:
    print("| | 1 file a process | 5 files |\n|---|---|---|")
    for name in found[0].names:
        results = [f"{value:.4f} ± {error:.4f}" for value, error in (one.of(name) for one in found)]
        print(f"| {name} | {' | '.join(results)} |")
    intervals = (f"{low:.4f} to {high:.4f}" for low, high in (one.interval for one in found))
    print(f"| MINOS interval of {found[0].poi} | {' | '.join(intervals)} |")
    print(f"| p-value, {found[0].freedom} degrees of freedom | {' | '.join(f'{one.p_value:.4f}' for one in found)} |")


def _yields(likelihood: Likelihood, found: Fit) -> None:
    before, after = totals(likelihood), totals(likelihood, found)
    print("\n| region | sample | before the fit | after |\n|---|---|---|---|")
    for first, second in zip(before.itertuples(), after.itertuples(), strict=True):
        numbers = [f"{row[3]:.0f}" + ("" if np.isnan(row.error) else f" ± {row.error:.0f}") for row in (first, second)]
        print(f"| {first.region} | {first.sample} | {' | '.join(numbers)} |")


def _draw(likelihood: Likelihood, found: Fit, folder: Path) -> None:
    def save(name: str, paint: partial, size: tuple[float, float] = (10, 8)) -> None:
        draw(paint, [folder / f"{name}.png"], SETTINGS, {}, size)

    save("agc_pulls", partial(fits.pulls, table=found.table(), settings=SETTINGS))
    save("agc_correlations", partial(fits.correlations, matrix=found.correlations(), settings=SETTINGS), (11, 9))
    ranked = ranking(likelihood, found)
    save("agc_ranking", partial(fits.ranking, table=ranked, poi=str(found.poi), settings=SETTINGS))
    for when, result in (("prefit", None), ("postfit", found)):
        table = yields(likelihood, result)
        for region, variable in SHOWN.items():
            text = f"{region}, {'before' if result is None else 'after'} the fit"
            rows = table[table["region"] == region]
            painted = partial(fits.data_and_prediction, rows=rows, variable=variable, text=text, settings=SETTINGS)
            save(f"agc_{region.split()[0]}_{when}", painted)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SkimflowError as problem:
        sys.exit(f"error: {problem}")
