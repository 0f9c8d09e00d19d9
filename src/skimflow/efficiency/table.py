"""The table of efficiencies: every path, in all and against each variable, for each sample."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from skimflow.counts import Axis, Binned, binned
from skimflow.counts.views import by_value, select, summed
from skimflow.efficiency.intervals import Estimate, interval, weighted_interval

ALL = "all"
ANY = "any"


def efficiencies(counts: pa.Table, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Efficiencies of every trigger path and of their OR (`any`).

    Args:
        counts: aggregated counts.
        settings: those of `targets.efficiency_settings`.

    Returns:
        One row for each sample, dataset (`all`: its datasets together), trigger and bin. `variable` is `all` for the
        total, `x:y` for a map; bin edges `x_low` to `y_high` are infinite for under- and overflow, and equal for
        integer variables. `absent_n` events had no such path in the menu of their file and are in no other count.
        `meaning` says which conditional probability the number is.
    """
    frames = []
    for sample, members in _samples(settings["datasets"]).items():
        groups = {ALL: members} | ({name: [name] for name in members} if len(members) > 1 else {})
        for dataset, names in groups.items():
            kind = settings["datasets"][members[0]]["kind"]
            rows = select(counts, "trigger", names)
            for trigger in dict.fromkeys([*settings["paths"], ANY]):
                for frame in _trigger(rows, trigger, kind, settings):
                    frame.insert(0, "trigger", trigger)
                    frame.insert(0, "dataset", dataset)
                    frame.insert(0, "kind", kind)
                    frame.insert(0, "sample", sample)
                    frame["meaning"] = meaning(sample, kind, settings["selection"])
                    frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def meaning(sample: str, kind: str, selection: str) -> str:
    """Which conditional probability a ratio is.

    Events of a primary dataset are there because some path of that dataset fired, possibly the measured one: the ratio
    is biased upwards as an efficiency (SYSTEMS 1e.1).
    """
    if kind == "mc":
        return f"P(trigger | {selection}), simulated {sample}"
    return f"P(trigger | {selection} AND some {sample} path fired): biased upwards as an efficiency"


def _samples(datasets: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    samples: dict[str, list[str]] = {}
    for name, dataset in datasets.items():
        samples.setdefault(dataset["sample"], []).append(name)
    return samples


def _trigger(rows: pa.Table, trigger: str, kind: str, settings: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    rows = select(rows, "trigger", name=trigger)
    yield _frame(ALL, [(-np.inf, np.inf)], None, summed(select(rows, "trigger", variable=ALL)), kind, settings)
    for name, spec in settings["axes"].items():
        mine = select(rows, "trigger", variable=name)
        if spec == "integer":
            values, content = by_value(mine)
            yield _frame(name, [(value, value) for value in values], None, content, kind, settings)
        elif name in settings["report"]:
            report = np.array(settings["report"][name])
            content = binned(mine, [Axis(spec).edges], [report])
            yield _frame(name, _bins(report), None, content, kind, settings)
    for x, y in settings["maps"]:
        report = [np.array(settings["report"][name]) for name in (x, y)]
        fine = [Axis(settings["axes"][name]).edges for name in (x, y)]
        content = binned(select(rows, "trigger", variable=f"{x}:{y}"), fine, report)
        yield _frame(f"{x}:{y}", _bins(report[0]), _bins(report[1]), content, kind, settings)


def _bins(edges: np.ndarray) -> list[tuple[float, float]]:
    ends = [-np.inf, *edges, np.inf]
    return list(itertools.pairwise(ends))


def _frame(
    variable: str,
    x: list[tuple[float, float]],
    y: list[tuple[float, float]] | None,
    content: Binned,
    kind: str,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    estimate = _estimate(content, kind, **settings["interval"])
    places = [(*a, *b) for a in x for b in (y or [(np.nan, np.nan)])]
    edges = np.array(places, float).reshape(-1, 4)
    columns = {"variable": [variable] * len(edges)}
    columns |= dict(zip(("x_low", "x_high", "y_low", "y_high"), edges.T, strict=True))
    columns |= {name: getattr(content, name).reshape(-1) for name in Binned._fields}
    columns |= {"efficiency": estimate.value, "low": estimate.low, "high": estimate.high}
    columns = {name: np.asarray(values).reshape(-1) for name, values in columns.items()}
    return pd.DataFrame(columns).assign(method=settings["interval"]["method"], level=settings["interval"]["level"])


def _estimate(content: Binned, kind: str, method: str, level: float) -> Estimate:
    if kind == "data":
        return interval(content.passed_n, content.total_n, method, level)
    sums = content.passed_sumw, content.passed_sumw2, content.total_sumw, content.total_sumw2
    return weighted_interval(*sums, method, level)
