"""Fit a model to templates in a file: `python -m skimflow.stats HISTOGRAMS MODEL.yaml`"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from skimflow.errors import ConfigError, SkimflowError
from skimflow.histograms.files import read
from skimflow.io.outputs import write_json
from skimflow.stats.fitting import Fit, fit, ranking
from skimflow.stats.hypotests import Limit, limit, significance
from skimflow.stats.likelihood import Likelihood
from skimflow.stats.model import from_settings
from skimflow.stats.workspace import build
from skimflow.stats.yields import totals


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m skimflow.stats", description=__doc__.split(":")[0])
    parser.add_argument("histograms", help="ROOT, UHI JSON or reference JSON")
    parser.add_argument("model", help="YAML; skimflow.stats.model says what it holds")
    parser.add_argument("--asimov", action="store_true", help="fit the expectation, not the data")
    parser.add_argument("--ranking", action="store_true", help="and say what each parameter does (some seconds)")
    parser.add_argument("--limit", action="store_true", help="and an upper limit on the parameter of interest")
    parser.add_argument("--significance", action="store_true", help="and the significance of its being above zero")
    parser.add_argument("--output", metavar="FOLDER", help="write workspace.json and fit.json")
    chosen = parser.parse_args(arguments)
    likelihood = _likelihood(chosen)
    found = fit(likelihood)
    show(likelihood, found)
    if chosen.ranking:
        _table("impact on the parameter of interest", ranking(likelihood, found).drop(columns=["nominal", "width"]))
    if chosen.limit:
        _limit(limit(likelihood))
    if chosen.significance:
        seen = significance(likelihood)
        print(f"\nsignificance: observed {seen.observed:.3f}, expected {seen.expected:.3f} standard deviations")
    if chosen.output:
        folder = Path(chosen.output)
        write_json(likelihood.workspace.document, folder / "workspace.json")
        write_json(found.document(), folder / "fit.json")
    if not found.valid:
        raise SkimflowError(f"the fit must not be used: {found.reason}")


def show(likelihood: Likelihood, found: Fit) -> None:
    """Print a fit: parameters, goodness of fit, yields before and after."""
    for note in (*likelihood.workspace.notes, *found.notes):
        print(f"note: {note}")
    _table("parameters", found.table().drop(columns=["nominal", "width"]))
    if found.poi:
        value, error = found.of(found.poi)
        low, high = found.interval
        print(f"\n{found.poi} = {value:.4f} ± {error:.4f}, MINOS interval [{low:.4f}, {high:.4f}]")
    print(f"goodness of fit: p-value {found.p_value:.4g}, {found.freedom} degrees of freedom")
    before, after = totals(likelihood), totals(likelihood, found)
    names = {"yield": "before", "error": "± before"}
    both = before.rename(columns=names).assign(**{"after": after["yield"], "± after": after["error"]})
    _table("yields", both, 1)


def _limit(found: Limit) -> None:
    low, below, median, above, high = found.expected
    print(f"\n{found.poi} < {found.observed:.4g} at {found.level:.0%} CL (CLs)")
    print(f"expected {median:.4g}, 68 % in [{below:.4g}, {above:.4g}], 95 % in [{low:.4g}, {high:.4g}]")


def _likelihood(chosen: argparse.Namespace) -> Likelihood:
    settings = _settings(Path(chosen.model))
    if chosen.asimov:
        settings = {**settings, "data": None}
    return Likelihood(build(from_settings(settings), read(chosen.histograms)))


def _settings(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a model is a mapping of keys and values")
    return content


def _table(title: str, table: pd.DataFrame, digits: int = 4) -> None:
    print(f"\n{title}\n{table.to_string(index=False, float_format=lambda value: f'{value:.{digits}f}', na_rep='')}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SkimflowError as problem:
        sys.exit(f"error: {problem}")
