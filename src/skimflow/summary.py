"""The table that ends a run: what was measured, and the truth beside it where there is one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

_ALL = "all"
_COMBINED = {"any": "OR of all", "every": "AND of all"}
_SHOWN = 5


def summary(
    table: pd.DataFrame,
    completeness: Mapping[str, Any],
    duplicates: Mapping[str, Any],
    truth: Mapping[str, Any] | None,
    title: str,
    legs: pd.DataFrame | None = None,
    cross: pd.DataFrame | None = None,
) -> str:
    """Text for a terminal.

    Args:
        table: of `efficiency.efficiencies`.
        completeness: of `aggregate.aggregate`.
        duplicates: of `duplicates.find_duplicates`, and `inputs` of `duplicates.duplicate_inputs`.
        truth: by sample, sums of `toy.truth`, and as `tag_and_probe` those of `toy.leg_truth` by reference; None for
            real data.
        legs: of `efficiency.legs.leg_efficiencies`, where there is tag and probe.
        cross: of `efficiency.events.event_efficiencies`, where the legs are those of a cross trigger.
    """
    totals = table[(table["variable"] == _ALL) & (table["dataset"] == _ALL)]
    lines = heading(title, completeness, duplicates)
    for (reference, sample), rows in totals.groupby(["reference", "sample"], sort=False):
        lines += ["", f"{sample}: {rows['meaning'].iloc[0]}"]
        lines += _sample(rows, str(reference), (truth or {}).get(str(sample)))
    if legs is not None:
        lines += _legs(legs[legs["variable"] == _ALL], (truth or {}).get("tag_and_probe", {}))
    if cross is not None:
        lines += _cross(cross[cross["variable"] == _ALL], truth or {})
    if truth and (totals["kind"] == "data").any():
        lines += ["", _BIAS]
    return "\n".join(lines) + "\n"


def heading(title: str, completeness: Mapping[str, Any], duplicates: Mapping[str, Any]) -> list[str]:
    """What every summary begins with: the title, what was processed, and what is wrong with it."""
    return [
        title,
        "=" * len(title),
        f"{completeness['statement']} processed",
        *_luminosity(completeness["luminosity"]),
        *_warnings(completeness, duplicates),
    ]


def _warnings(completeness: Mapping[str, Any], duplicates: Mapping[str, Any]) -> list[str]:
    failed = [f"not processed: {failure['message']}" for failure in completeness["files"]["failed"]]
    twice = [f"counted twice: {line}" for line in duplicates["inputs"]]
    for name, account in completeness["datasets"].items():
        events = account["events"]
        if events["read"] and not events["certified"]:
            failed.append(f"dataset {name}: none of its {events['read']} events is in certified luminosity")
        failed += _missing(name, account.get("luminosity_sections"))
    events = [f"counted twice: {duplicates['duplicates']} events (see duplicates.json)"] * bool(
        duplicates["duplicates"]
    )
    return [f"warning: {line}" for line in (*failed, *twice, *events)]


def _luminosity(account: Mapping[str, Any]) -> list[str]:
    """Sections and recorded luminosity of each sample of data."""
    lines = []
    for row in account["rows"]:
        if row["dataset"] != _ALL:
            continue
        recorded = f"{row['recorded_pb']:,.6g} pb⁻¹ recorded, " if row["recorded_pb"] is not None else ""
        runs, unknown = row["scaled_runs"], row["sections_not_in_table"]
        scaled = f"; runs in part, scaled by their sections: {runs}" if runs else ""
        lost = f"; sections that are not in the table, and count as 0: {unknown}" if unknown else ""
        sections = f"{row['processed']:,} of {row['certified']:,} certified luminosity sections"
        lines.append(f"{row['sample']}: {recorded}{sections}{scaled}{lost}")
    return lines


def _missing(dataset: str, sections: Mapping[str, Any] | None) -> list[str]:
    """Certified sections of a dataset that were not processed, if there are any."""
    if not sections or not sections["missing"]:
        return []
    runs = list(sections["missing"])
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    number = sections["certified"] - sections["processed"]
    return [
        f"dataset {dataset}: {number:,} of {sections['certified']:,} certified luminosity sections were not processed "
        f"(run {', '.join(runs[:_SHOWN])}{more}; completeness.json names them)"
    ]


_BIAS = (
    "`truth` is the true value of the ratio itself; `unbiased` that of the efficiency, for all collisions that pass\n"
    "the offline selection. In collision data they differ: a primary dataset holds only triggered events. They differ\n"
    "little where these were triggered by something independent of the trigger that is measured."
)


_ALPHA = "alpha: the efficiency without reference over this one"


def _sample(rows: pd.DataFrame, reference: str, truth: Mapping[str, Any] | None) -> list[str]:
    width = max(map(len, rows["trigger"])) if len(rows) else 0
    method, level = rows["method"].iloc[0].replace("_", "-"), rows["level"].iloc[0]
    head = f"  {'trigger path':{width}}  {'passed':>8} {'total':>8}  {'efficiency':>10}  {'interval':^18}"
    weighted = ", weighted by genWeight" if rows["kind"].iloc[0] == "mc" else ""
    lines = [f"  ({method}, {100 * level:.4g} %{weighted})", head + ("   truth  unbiased" if truth else "")]
    for row in rows.itertuples():
        name = _COMBINED.get(str(row.trigger), row.trigger)
        value = "no data" if pd.isna(row.efficiency) else f"{row.efficiency:.4f}"
        text = f"  {name:{width}}  {row.passed_n:8d} {row.total_n:8d}  {value:>10}  [{row.low:.4f}, {row.high:.4f}]"
        lines.append(text + (_truth(truth, reference, str(row.trigger)) if truth else ""))
        if row.absent_n:
            lines.append(f"  {'':{width}}  {row.absent_n} events without this path in the menu are left out")
    compared = rows[np.isfinite(rows["alpha"])]
    if len(compared):
        lines.append(f"  {_ALPHA}")
    for row in compared.itertuples():
        name = _COMBINED.get(str(row.trigger), row.trigger)
        lines.append(f"  {name:{width}}  {'':17}  {row.alpha:10.4f}  [{row.alpha_low:.4f}, {row.alpha_high:.4f}]")
    return lines


def _legs(totals: pd.DataFrame, truth: Mapping[str, Any]) -> list[str]:
    """Legs by both ways: probes before the background is taken away, and efficiencies after."""
    lines = []
    for (reference, sample), rows in totals.groupby(["reference", "sample"], sort=False):
        width, known = max(max(map(len, rows["trigger"])), 12), truth.get(reference)
        kind = "simulation" if rows["kind"].iloc[0] == "mc" else "data"
        lines += ["", f"{sample} {kind}, tag and probe ({reference}): P(probe fires the leg)"]
        head = f"  {'leg':{width}}  {'passed':>8} {'probes':>8}  {'mass fit':^26}  {'sidebands':^26}"
        lines.append(head + ("    truth" if known else ""))
        for row in rows.to_dict("records"):
            ways = "  ".join(_way(row, way) for way in (("fit", "counting") if row["estimator"] != "ratio" else ("",)))
            true = (known or {}).get(row["trigger"])
            text = f"  {row['trigger']:{width}}  {row['passed_n']:8d} {row['total_n']:8d}  {ways:54}"
            lines.append((text + (f"  {true:7.4f}" if true is not None else "")).rstrip())
            if row["reason"] and row["estimator"] == "fit":
                lines.append(f"  {'':{width}}  no fit: {row['reason']}")
    return lines


def _cross(totals: pd.DataFrame, truth: Mapping[str, Any]) -> list[str]:
    """Efficiency of events from legs, and the ratio of counts of the same events."""
    lines = ["", "OR of all from its legs, for the selected events of each sample"]
    names = [_named(row) for row in totals.to_dict("records")]
    width = max(map(len, names))
    head = f"  {'events, legs':{width}}  {'events':>8}  {'from legs':>9}  {'interval':^18}  ± sample    counted"
    lines.append(head + ("    truth" if truth else ""))
    for name, row in zip(names, totals.to_dict("records"), strict=True):
        values = f"{_number(row['efficiency']):>9}  [{row['low']:.4f}, {row['high']:.4f}]"
        text = f"  {name:{width}}  {row['total_n']:8d}  {values}  {_number(row['sample_error']):>8}"
        known = truth.get(row["sample"])
        true = f"  {_meant(known, row):>7}" if known else ""
        lines.append(f"{text}  {_number(row['measured']):>9}{true}".rstrip())
        for what, why in (
            ("unknown_n", "have no efficiency of a leg"),
            ("absent_n", "have not both paths in the menu"),
        ):
            if row[what]:
                lines.append(f"  {'':{width}}  {row[what]} events {why} and are left out")
    return [*lines, *([_ACCEPTED] if totals["accepted"].any() else [])]


_ACCEPTED = "  *: for all events that pass the selection, from accepted ones that count 1/ε each; `counted` is not"


def _named(row: Mapping[str, Any]) -> str:
    kind, star = "simulation" if row["kind"] == "mc" else "data", "*" if row["accepted"] else ""
    return f"{row['sample']} {kind}{star} ({row['reference']}), {'data' if row['legs'] == 'data' else 'simulation'}"


def _number(value: float) -> str:
    return "no data" if pd.isna(value) else f"{value:.4f}"


def _meant(truth: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Without reference, the number from legs is the efficiency for all events that pass the selection."""
    sums = truth["unbiased"] if row["accepted"] else truth["references"][row["reference"]]
    return f"{sums['fired'][row['trigger']] / sums['selected']:.4f}" if sums["selected"] else "no data"


def _way(row: Mapping[str, Any], way: str) -> str:
    names = (way, f"{way}_low", f"{way}_high") if way else ("efficiency", "low", "high")
    value, low, high = (row[name] for name in names)
    return f"{'no data' if pd.isna(value) else f'{value:.4f}':>8} [{low:.4f}, {high:.4f}]"


def _truth(truth: Mapping[str, Any], reference: str, trigger: str) -> str:
    texts = [
        f"{sums['fired'][trigger] / sums['selected']:.4f}" if sums["selected"] else "no data"
        for sums in (truth["references"][reference], truth["unbiased"])
    ]
    return f"  {texts[0]:>7}  {texts[1]:>7}"
