"""Templates as tables, and what people read of them: yields, each weight switched on in turn, and the summary."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from skimflow.counts.table import merge
from skimflow.counts.views import select
from skimflow.errors import ConfigError, InputError
from skimflow.histograms.checks import refuse_wrong, suspects
from skimflow.histograms.collecting import Key, Sample, collect, factor, mixture
from skimflow.histograms.filling import NOMINAL
from skimflow.histograms.job import CUTFLOW, N_MINUS_ONE, RAW, STAGE
from skimflow.histograms.template import Template
from skimflow.io.outputs import read_stamp

Templates = Mapping[Key, Template]
_UNWEIGHTED = "generator weight"
_DATA, _PSEUDODATA = "data", "pseudodata"


def templates_of(counts: pa.Table, settings: Mapping[str, Any], completeness: Mapping[str, Any]) -> Templates:
    """Templates of all processes and variations, simulation scaled to the luminosity.

    Args:
        counts: those of all skims and of all histograms, merged.
        settings: those of `targets.template_settings`.
        completeness: of `aggregate`, whose account of luminosity counts where the configuration says none.

    Raises:
        ConfigError: the luminosity is not known, or a template cannot be a variation.
        IncompleteError: a dataset was not processed.
    """
    luminosity = _luminosity(settings, completeness)
    templates = collect(counts, settings["axes"], _samples(settings), luminosity, settings["normalisation"])
    refuse_wrong(suspects(without_stages(templates)))
    if settings["pseudodata"]:
        return templates | mixture(templates, _PSEUDODATA, settings["pseudodata"])
    return templates


def _samples(settings: Mapping[str, Any]) -> dict[str, Sample]:
    return {
        name: Sample(s["process"], s["cross_section"], s["variation"] or NOMINAL)
        for name, s in settings["samples"].items()
    }


def _luminosity(settings: Mapping[str, Any], completeness: Mapping[str, Any]) -> float:
    """What simulation is scaled to, pb⁻¹."""
    if settings["luminosity"] is not None:
        return settings["luminosity"]
    rows = [row for row in completeness["luminosity"]["rows"] if row["dataset"] == "all"]
    known = [row["recorded_pb"] for row in rows if row["recorded_pb"] is not None]
    if all(sample["kind"] == "data" for sample in settings["samples"].values()):
        return 1.0  # nothing is scaled
    if len(known) != 1 or not known[0] > 0:
        found = f"has {len(known)} samples of data" if len(known) > 1 else "has none" if not known else "is 0"
        raise ConfigError(
            f"integrated_luminosity: missing, and the account of luminosity {found}: give the luminosity in pb⁻¹, "
            "or `luminosity: {table: …}`"
        )
    return known[0]


def without_stages(templates: Templates) -> dict[Key, Template]:
    """Those that are variations, without the ones that show what corrections and weights do."""
    return {k: t for k, t in templates.items() if k.variation != RAW and not k.variation.startswith(STAGE)}


def to_table(templates: Templates) -> pa.Table:
    """A row for each bin, flow included: region, observable, process, variation, low, high, value, variance, entries of
    the whole template."""
    parts = [
        pd.DataFrame(
            {
                **dict(zip(Key._fields, key, strict=True)),
                "low": np.concatenate([[-np.inf], template.edges]),
                "high": np.concatenate([template.edges, [np.inf]]),
                "value": template.values,
                "variance": template.variances,
                "entries": template.entries,
            }
        )
        for key, template in templates.items()
    ]
    return pa.Table.from_pandas(pd.concat(parts, ignore_index=True), preserve_index=False)


def yields(templates: Templates, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Events of each region and process, all bins and flow: `raw` without corrections of objects, then with each weight
    switched on in turn, then for each variation.

    Returns:
        Columns region, process, step, entries, events, error (statistical).
    """
    rows = []
    for (region, process), group in _groups(templates):
        for name, variation in _steps(settings["weights"], group):
            template = group[variation]
            error = float(np.sqrt(np.sum(template.variances))) if template.variances is not None else float("nan")
            rows.append((region, process, name, template.entries, float(template.values.sum()), error))
    return pd.DataFrame(rows, columns=["region", "process", "step", "entries", "events", "error"])


def _groups(templates: Templates) -> Iterator[tuple[tuple[str, str], dict[str, Template]]]:
    """Templates of the first observable of each region, by process, then by variation."""
    first: dict[str, str] = {}
    for key in templates:
        first.setdefault(key.region, key.observable)
    chosen = sorted(key for key in templates if key.observable == first[key.region])
    for place, keys in itertools.groupby(chosen, key=lambda key: (key.region, key.process)):
        yield place, {key.variation: templates[key] for key in keys}


def _steps(weights: Sequence[str], group: Mapping[str, Template]) -> Iterator[tuple[str, str]]:
    """Names of what is shown of a process, and the variations that hold it, in order."""
    if RAW in group:
        yield "objects uncorrected", RAW
    if f"{STAGE}0" in group:
        yield _UNWEIGHTED, f"{STAGE}0"
    for number, name in enumerate(weights, 1):
        if f"{STAGE}{number}" in group:
            yield f"+ {name}", f"{STAGE}{number}"
    yield NOMINAL, NOMINAL
    shown = [v for v in group if v not in (NOMINAL, RAW) and not v.startswith(STAGE)]
    yield from ((name, name) for name in shown)


def selected(counts: pa.Table) -> pa.Table:
    """The rows of merged histograms that say what each cut does: cutflow and N-1."""
    return merge([select(counts, kind) for kind in (CUTFLOW, N_MINUS_ONE)])


def cutflow(counts: pa.Table, settings: Mapping[str, Any], completeness: Mapping[str, Any]) -> pd.DataFrame:
    """Events of each region and dataset left after each cut of the selection, objects corrected; `skim` is before any.

    Args:
        counts, settings, completeness: as those of `templates_of`.

    Returns:
        Columns region, dataset, cut, events (unweighted) and expected: with generator weights, scaled to the
        luminosity; no other weights.
    """
    luminosity, samples = _luminosity(settings, completeness), _samples(settings)
    rows: list[tuple[str, str, str, int, float]] = []
    table = select(counts, CUTFLOW).to_pandas()
    table = table[table["reference"] != ""]  # those of the skims have no region
    for (region, dataset), steps in table.groupby(["reference", "dataset"], sort=False):
        steps = steps.sort_values("x")
        scale = factor(counts, dataset, samples[dataset], luminosity)
        first = steps.iloc[0]
        rows.append((region, dataset, "skim", int(first["total_n"]), first["total_sumw"] * scale))
        for step in steps.itertuples():
            rows.append((region, dataset, step.name, int(step.passed_n), step.passed_sumw * scale))
    return pd.DataFrame(rows, columns=["region", "dataset", "cut", "events", "expected"])


def summary(
    table: pd.DataFrame, processes: Sequence[str], outside: Mapping[str, int], lines_only: Sequence[str] = ()
) -> list[str]:
    """Lines for a terminal: yields of each region by process, and what was outside the bins of a correction.

    Args:
        table: of `to_table`.
        processes: in the order to show them.
        outside: by correction, in how many selected events an object was outside its bins.
        lines_only: processes that are not part of what is expected.
    """
    lines = []
    nominal = table[table["variation"] == NOMINAL]
    for region, rows in nominal.groupby("region", sort=False):
        rows = rows[rows["observable"] == rows["observable"].iloc[0]]
        sums = rows.groupby("process", sort=False)[["value", "variance"]].sum()
        entries = rows.groupby("process", sort=False)["entries"].first()
        width = max(map(len, [*sums.index, "simulation"]))
        lines += ["", f"region {region}", f"  {'process':{width}}  {'events':>14}  {'error':>10}  {'entries':>10}"]
        for name in [name for name in (*processes, _PSEUDODATA) if name in sums.index]:
            value, variance = sums.loc[name]
            lines.append(f"  {name:{width}}  {value:14,.1f}  {np.sqrt(variance):10,.1f}  {entries[name]:10,d}")
        lines += _ratio(sums.drop(index=[name for name in lines_only if name in sums.index]), width)
    for name, number in outside.items():
        if number:
            lines.append(f"note: correction {name}: in {number:,} selected events an object was outside its bins")
    return lines


def part_of_luminosity(luminosity: float | None, completeness: Mapping[str, Any]) -> list[str]:
    """A warning where simulation is scaled to a declared luminosity (pb⁻¹), but data are only a part of it."""
    rows = [row for row in completeness["luminosity"]["rows"] if row["dataset"] == "all"]
    certified, processed = (sum(row[what] for row in rows) for what in ("certified", "processed"))
    if luminosity is None or processed == certified:
        return []
    return [
        f"warning: simulation is scaled to integrated_luminosity, {luminosity:,g} pb⁻¹, but only {processed:,} of "
        f"{certified:,} certified sections were processed"
    ]


def _ratio(sums: pd.DataFrame, width: int) -> list[str]:
    simulated = sums.drop(index=[_DATA, _PSEUDODATA], errors="ignore").sum()
    if _DATA not in sums.index or not simulated["value"] > 0:
        return []
    ratio = sums.loc[_DATA, "value"] / simulated["value"]
    parts = sums.loc[_DATA, "variance"] / max(sums.loc[_DATA, "value"], 1) ** 2
    error = ratio * np.sqrt(parts + simulated["variance"] / simulated["value"] ** 2)
    total = f"  {'simulation':{width}}  {simulated['value']:14,.1f}  {np.sqrt(simulated['variance']):10,.1f}"
    return [total, f"  data / simulation = {ratio:.4f} ± {error:.4f} (statistical)"]


def outside(paths: Iterable[str | Path]) -> dict[str, int]:
    """By correction, in how many events an object was outside its bins, from the stamps of histograms."""
    found: dict[str, int] = {}
    for path in paths:
        stamp = read_stamp(path)
        if "outside" not in stamp:
            raise InputError("corrupt", f"{path}: does not say what was outside the bins: not made by this version")
        for name, number in stamp["outside"].items():
            found[name] = found.get(name, 0) + number
    return found
