"""The table of trigger legs, measured by tag and probe: counting and mass fit side by side, in all and in bins."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from skimflow.counts import Axis, Binned, binned
from skimflow.counts.table import TWINS
from skimflow.counts.views import select
from skimflow.efficiency.intervals import Estimate, interval, weighted_interval
from skimflow.efficiency.table import ALL, Place, frame
from skimflow.efficiency.tagandprobe import Fits, Spectra, Windows, counting, dispersion, fit, unbounded

Array = np.ndarray
DZ = "dz"
WAYS = ("fit", "counting")
_INTERVALS = {"fit": "minos", "counting": "profile_likelihood"}
_NOWHERE = [(np.nan, np.nan)]
_Z = {"electron": "Z→ee", "muon": "Z→μμ"}


def leg_efficiencies(
    counts: pa.Table, settings: Mapping[str, Any], fits: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Efficiencies of trigger legs, and the mass spectra that they come from.

    Args:
        counts: aggregated counts.
        settings: those of `targets.tag_and_probe_settings`.
        fits: whether to fit at all; without, everything is counted, and there are no spectra.

    Returns:
        Efficiencies: the columns of `efficiency.efficiencies`, with the leg as `trigger` and numbers of probes as
        counts; `efficiency` is that of `estimator`: `fit` or `counting`, as configured, `counting` for each value of an
        integer variable, or `ratio` for the vertex-distance filter `dz`; `unbounded` is the same, but for counting
        without the bounds of 0 and 1. Beside it `fit` and `counting` with their
        intervals, χ², degrees of freedom and p-value of the fit, and in `reason` why there is none. Under- and overflow
        have no rows.
        Spectra: one row for each mass bin of each of these bins, integer variables and `dz` left out: contents and
        uncertainties of passing and failing probes, and what the fit expects, all and background.
    """
    frames, spectra = [], [pd.DataFrame()]
    for reference, how in settings["references"].items():
        for (sample, kind), members in _samples(how["datasets"]).items():
            rows = select(counts, "pair", members, reference=reference)
            twins = select(rows, "pair", name=TWINS)
            named = {"sample": sample, "kind": kind, "dataset": ALL, "reference": reference}
            for leg in how["legs"]:
                mine = select(rows, "pair", name=leg)
                for place in _places(mine, how):
                    twice = _twins(_of(twins, place.variable), place, how)
                    found, drawn = _measured(
                        place, leg, kind, twice, {**how, "interval": settings["interval"], "fits": fits}
                    )
                    frames.append(_named(found, {**named, "trigger": leg}).assign(meaning=_meaning(leg, named, how)))
                    spectra.append(_named(drawn, {**named, "trigger": leg}))
    # Concatenation of frames without rows would take their columns for those of another kind.
    return pd.concat(frames, ignore_index=True), pd.concat(
        [s for s in spectra if len(s)] or spectra[:1], ignore_index=True
    )


def both_ways(table: pd.DataFrame) -> pd.DataFrame:
    """The table of legs, and its rows once more for each way: with reference `<name>.fit` and `<name>.counting`."""
    parts = [table]
    for way in WAYS:
        ends = {"efficiency": table[way], "low": table[f"{way}_low"], "high": table[f"{way}_high"]}
        parts.append(table.assign(reference=table["reference"] + f".{way}", **ends)[table["estimator"] != "ratio"])
    return pd.concat(parts, ignore_index=True)


def _samples(datasets: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Datasets of each sample and kind."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, dataset in datasets.items():
        found.setdefault((dataset["sample"], dataset["kind"]), []).append(name)
    return found


def _named(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    for place, (name, value) in enumerate(names.items()):
        rows.insert(place, name, value)
    return rows


def _meaning(leg: str, named: Mapping[str, str], how: Mapping[str, Any]) -> str:
    decay = _Z[how["flavour"]]
    if leg == DZ:
        text = f"P({how['dz']['path']} | {how['dz']['reference']} fired, event with a pair of {decay})"
    else:
        way = "fitted" if how["fit"]["method"] == "fit" else "subtracted"
        text = f"P(probe fires leg {leg} | {decay}, tag and probe selected), background {way}"
    return f"{text}, simulated {named['sample']}" if named["kind"] == "mc" else text


def _places(rows: pa.Table, how: Mapping[str, Any]) -> Iterator[Place]:
    """All probes, each variable and each map; contents have shape (bins, mass bins + 2)."""
    mass = Axis(how["mass"]).edges
    yield Place(ALL, [(-np.inf, np.inf)], _NOWHERE, _flat(binned(_of(rows, ALL), [mass], [mass], "z")))
    for name, spec in how["axes"].items():
        mine = _of(rows, name)
        if spec == "integer":
            yield _by_value(mine, name, mass)
        elif name in how["report"]:
            report = np.array(how["report"][name])
            content = _flat(binned(mine, [Axis(spec).edges, mass], [report, mass], "xz"), 1)
            yield Place(name, list(itertools.pairwise(report)), _NOWHERE, content)
    for x, y in how["maps"]:
        report = [np.array(how["report"][name]) for name in (x, y)]
        fine = [Axis(how["axes"][name]).edges for name in (x, y)]
        content = _flat(binned(_of(rows, f"{x}:{y}"), [*fine, mass], [*report, mass], "xyz"), 2)
        yield Place(f"{x}:{y}", *(list(itertools.pairwise(edges)) for edges in report), content)


def _of(rows: pa.Table, variable: str) -> pa.Table:
    return select(rows, "pair", variable=variable)


def _flat(content: Binned, variables: int = 0) -> Binned:
    """Without under- and overflow of the variables before the mass; shape (bins, mass bins + 2)."""
    inside = (slice(1, -1),) * variables
    return Binned(*(values[inside].reshape(-1, values.shape[-1]) for values in content))


def _by_value(rows: pa.Table, name: str, mass: Array) -> Place:
    values, place = np.unique(rows["x"].to_numpy(), return_inverse=True)
    numbered = rows.set_column(rows.schema.get_field_index("x"), "x", pa.array(place + 1, pa.int64()))
    edges = np.arange(len(values) + 1.0)
    content = _flat(binned(numbered, [edges, mass], [edges, mass], "xz"), 1)
    return Place(name, [(value, value) for value in values], _NOWHERE, content)


def _twins(rows: pa.Table, place: Place, how: Mapping[str, Any]) -> Array:
    """Events that have two pairs in a bin, shape (bins,). In maps, where that is rare, they are taken as none."""
    if place.variable == ALL:
        return np.array([rows["total_n"].to_numpy().sum()])
    if place.variable not in how["report"]:
        return np.zeros(len(place.content.total_n), np.int64)
    fine, report = Axis(how["axes"][place.variable]).edges, np.array(how["report"][place.variable])
    return np.diagonal(binned(rows, [fine, fine], [report, report]).total_n)[1:-1]


def _measured(
    place: Place, leg: str, kind: str, twins: Array, how: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Efficiencies of a leg in the bins of a place, and the spectra; `how` has `interval` and `fits` too."""
    if leg == DZ:
        return _ratio(place, kind, how["interval"]), pd.DataFrame()
    edges, level = Axis(how["mass"]).edges, how["interval"]["level"]
    spectra, ways = _spectra(place.content, edges), {}
    windows = Windows(**{k: tuple(v) for k, v in how["fit"]["windows"].items()})
    ways["counting"] = counting(spectra, level, windows)
    fits = None
    if how["fits"] and how["axes"].get(place.variable) != "integer":
        spread = dispersion(place.content.total_n[:, 1:-1].sum(axis=1), twins)
        fits = fit(spectra, level, how["fit"]["signal"], how["fit"]["background"], spread)
        ways["fit"] = fits.estimate
    estimator = how["fit"]["method"] if fits else "counting"
    inside = Binned(*(values[:, 1:-1].sum(axis=1) for values in place.content))
    rows = frame(place._replace(content=inside), ways[estimator], how)
    rows = rows.assign(method=_INTERVALS[estimator])
    rows = _beside(rows, ways, fits, estimator)
    if estimator == "counting":
        free = unbounded(spectra, windows)
        rows["unbounded"] = np.where(rows["efficiency"].notna() & np.isfinite(free), free, rows["efficiency"])
    return rows, (_drawn(rows, spectra, fits) if fits else pd.DataFrame())


def _spectra(content: Binned, edges: Array) -> Spectra:
    sums = {name: getattr(content, name)[:, 1:-1] for name in Binned._fields}
    failed = sums["total_sumw"] - sums["passed_sumw"]
    failed_sumw2 = sums["total_sumw2"] - sums["passed_sumw2"]
    return Spectra(edges, sums["passed_sumw"], failed, sums["passed_sumw2"], failed_sumw2)


def _ratio(place: Place, kind: str, how: Mapping[str, Any]) -> pd.DataFrame:
    """The vertex-distance filter, in all pairs that were asked."""
    content = Binned(*(values.sum(axis=1) for values in place.content))
    if kind == "mc":
        sums = content.passed_sumw, content.passed_sumw2, content.total_sumw, content.total_sumw2
        estimate = weighted_interval(*sums, **how)
    else:
        estimate = interval(content.passed_n, content.total_n, **how)
    return _beside(frame(place._replace(content=content), estimate, {"interval": how}), {}, None, "ratio")


def _beside(rows: pd.DataFrame, ways: Mapping[str, Estimate], fits: Fits | None, estimator: str) -> pd.DataFrame:
    """Both ways and the goodness of fit as columns; alpha is of other references."""
    rows = rows.assign(alpha=np.nan, alpha_low=np.nan, alpha_high=np.nan, estimator=estimator)
    rows = rows.assign(unbounded=rows["efficiency"])
    for way in WAYS:
        value, low, high = ways.get(way, Estimate(np.nan, np.nan, np.nan))
        rows = rows.assign(**{way: value, f"{way}_low": low, f"{way}_high": high})
    if fits is None:
        return rows.assign(fit_valid=False, chi2=np.nan, ndf=0, p_value=np.nan, reason="not fitted")
    found = {"fit_valid": fits.valid, "chi2": fits.chi2, "ndf": fits.ndf.astype(int), "p_value": fits.probability}
    return rows.assign(**found, reason=fits.reason)


def _drawn(rows: pd.DataFrame, spectra: Spectra, fits: Fits) -> pd.DataFrame:
    size = len(spectra.edges) - 1
    place = rows[["variable", "x_low", "x_high", "y_low", "y_high"]].iloc[np.repeat(np.arange(len(rows)), size)]
    content = {
        "mass_low": np.tile(spectra.edges[:-1], len(rows)),
        "mass_high": np.tile(spectra.edges[1:], len(rows)),
        "passed": spectra.passed.reshape(-1),
        "passed_error": np.sqrt(spectra.passed_sumw2.clip(0)).reshape(-1),
        "failed": spectra.failed.reshape(-1),
        "failed_error": np.sqrt(spectra.failed_sumw2.clip(0)).reshape(-1),
    }
    names = ("passed_fit", "passed_background", "failed_fit", "failed_background")
    content |= {name: fits.curves[:, i].reshape(-1) for i, name in enumerate(names)}
    return place.reset_index(drop=True).assign(**content)
