"""The table of efficiencies: every path, in all and against each variable, for each reference and sample."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from skimflow.counts import Axis, Binned, binned
from skimflow.counts.views import by_value, select, summed
from skimflow.efficiency.correlation import alpha
from skimflow.efficiency.intervals import Estimate, interval, prescaled_interval, weighted_interval

ALL = "all"


class _Group(NamedTuple):
    """Datasets of a sample that are shown together, under a reference."""

    sample: str
    kind: str
    dataset: str
    members: list[str]
    reference: str


def efficiencies(counts: pa.Table, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Efficiencies of every trigger path and of their combination (`any` is their OR, `every` their AND).

    Args:
        counts: aggregated counts.
        settings: those of `targets.efficiency_settings`.

    Returns:
        One row for each reference, sample, dataset (`all`: its datasets together), trigger and bin. `variable` is `all`
        for the total, `x:y` for a map; bin edges `x_low` to `y_high` are infinite for under- and overflow, and equal
        for integer variables. `absent_n` events had no such path in the menu of their file and are in no other count.
        `meaning` says which conditional probability the number is. `alpha`, in simulation with an orthogonal reference,
        is the efficiency without reference over this one, with its interval.
    """
    probe, frames = settings["probe"], []
    for group in _groups(settings):
        rows = select(counts, "trigger", group.members)
        for trigger in [*probe["paths"], probe["combination"]]:
            found = pd.concat(_trigger(select(rows, "trigger", name=trigger), trigger, group, settings))
            named = {"sample": group.sample, "kind": group.kind, "dataset": group.dataset}
            named |= {"reference": group.reference, "trigger": trigger}
            for place, (name, value) in enumerate(named.items()):
                found.insert(place, name, value)
            frames.append(found.assign(meaning=_meaning(group, settings)))
    return pd.concat(frames, ignore_index=True)


def meaning(sample: str, kind: str, selection: str, reference: str, method: str) -> str:
    """Which conditional probability a ratio is.

    Events of a primary dataset are there because some path of that dataset fired, possibly the measured one: the ratio
    is biased upwards as an efficiency (SYSTEMS 1e.1). Events that an independent trigger selected have no such bias.
    """
    if method == "none" and kind == "mc":
        return f"P(trigger | {selection}), simulated {sample}"
    if method == "none":
        return f"P(trigger | {selection} AND some {sample} path fired): biased upwards as an efficiency"
    condition = f"P(trigger | {selection} AND reference {reference} fired)"
    if kind == "mc":
        return f"{condition}, simulated {sample}"
    return f"{condition}: the efficiency, as far as trigger and reference are independent"


def _meaning(group: _Group, settings: Mapping[str, Any]) -> str:
    method, prescales = settings["references"][group.reference], settings["probe"]["prescales"]
    text = meaning(group.sample, group.kind, settings["selection"], group.reference, method)
    if prescales and group.kind == "data":
        each = ", ".join(f"{path} {prescale}" for path, prescale in prescales.items())
        text += f"; what a prescaled path accepted counts prescale times ({each})"
    return text


def _groups(settings: Mapping[str, Any]) -> Iterator[_Group]:
    """Of each reference, collision data first."""
    for reference in settings["references"]:
        samples: dict[tuple[str, str], list[str]] = {}
        for name, dataset in settings["datasets"].items():
            if reference in dataset["references"]:
                samples.setdefault((dataset["sample"], dataset["kind"]), []).append(name)
        for (sample, kind), members in sorted(samples.items(), key=lambda item: item[0][1] == "mc"):
            groups = {ALL: members} | ({name: [name] for name in members} if len(members) > 1 else {})
            for dataset, names in groups.items():
                yield _Group(sample, kind, dataset, names, reference)


def _trigger(rows: pa.Table, trigger: str, group: _Group, settings: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """A frame for each variable, each map, and the total."""
    plain = next((name for name, method in settings["references"].items() if method == "none"), None)
    compare = group.kind == "mc" and settings["references"][group.reference] == "orthogonal" and plain is not None
    mine = _contents(select(rows, "trigger", reference=group.reference), settings)
    others = _contents(select(rows, "trigger", reference=plain), settings) if compare else itertools.repeat(None)
    for place, other in zip(mine, others, strict=False):
        rows = frame(place, estimate(place.content, trigger, group.kind, settings), settings)
        found = Estimate(*[np.nan] * 3)
        # A value of an integer variable, such as a run, may have events only without the reference.
        if other is not None and other.x == place.x:
            found = Estimate(*map(np.ravel, alpha(other.content, place.content, **settings["interval"])))
        yield rows.assign(alpha=found.value, alpha_low=found.low, alpha_high=found.high)


class Place(NamedTuple):
    """A variable or map, the edges of its bins, and what is in them."""

    variable: str
    x: list[tuple[float, float]]
    y: list[tuple[float, float]]
    content: Binned


def _contents(rows: pa.Table, settings: Mapping[str, Any]) -> Iterator[Place]:
    nowhere = [(np.nan, np.nan)]
    yield Place(ALL, [(-np.inf, np.inf)], nowhere, summed(select(rows, "trigger", variable=ALL)))
    for name, spec in settings["axes"].items():
        mine = select(rows, "trigger", variable=name)
        if spec == "integer":
            values, content = by_value(mine)
            yield Place(name, [(value, value) for value in values], nowhere, content)
        elif name in settings["report"]:
            report = np.array(settings["report"][name])
            yield Place(name, _bins(report), nowhere, binned(mine, [Axis(spec).edges], [report]))
    for x, y in settings["maps"]:
        report = [np.array(settings["report"][name]) for name in (x, y)]
        fine = [Axis(settings["axes"][name]).edges for name in (x, y)]
        content = binned(select(rows, "trigger", variable=f"{x}:{y}"), fine, report)
        yield Place(f"{x}:{y}", _bins(report[0]), _bins(report[1]), content)


def _bins(edges: np.ndarray) -> list[tuple[float, float]]:
    ends = [-np.inf, *edges, np.inf]
    return list(itertools.pairwise(ends))


def frame(place: Place, found: Estimate, settings: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each bin of a place: its edges, what is in it, and the estimate."""
    edges = np.array([(*a, *b) for a in place.x for b in place.y], float).reshape(-1, 4)
    columns: dict[str, Any] = {"variable": [place.variable] * len(edges)}
    columns |= dict(zip(("x_low", "x_high", "y_low", "y_high"), edges.T, strict=True))
    columns |= place.content._asdict()
    columns |= {"efficiency": found.value, "low": found.low, "high": found.high}
    columns = {name: np.asarray(values).reshape(-1) for name, values in columns.items()}
    return pd.DataFrame(columns).assign(method=settings["interval"]["method"], level=settings["interval"]["level"])


def estimate(content: Binned, trigger: str, kind: str, settings: Mapping[str, Any]) -> Estimate:
    """Efficiency and interval of what is counted, shapes as the counts: simulation is weighted, and a prescaled path
    counts prescale times. `settings` holds `probe` and `interval` (`method`, `level`)."""
    prescales, how = settings["probe"]["prescales"], settings["interval"]
    if kind == "mc":
        sums = content.passed_sumw, content.passed_sumw2, content.total_sumw, content.total_sumw2
        return weighted_interval(*sums, **how)
    combined = max(prescales.values(), default=1) if trigger == settings["probe"]["combination"] else 1
    prescale = prescales.get(trigger, combined)
    if prescale == 1:
        return interval(content.passed_n, content.total_n, **how)
    return prescaled_interval(content.passed_sumw, content.passed_sumw2, content.total_n, prescale, **how)
