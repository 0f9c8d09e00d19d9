"""Tables of efficiencies, their turn-ons, stability and scale factors, and the cutflow."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from skimflow import wording
from skimflow.pages.markup import (
    bounds,
    errors,
    escaped,
    estimate,
    html_table,
    listing,
    measured,
    number,
    page,
    with_errors,
)

ALL = "all"
COMBINED = {"any": "OR of all", "every": "AND of all"}
_TITLES = {"clopper_pearson": "Clopper-Pearson", "bayes_uniform": "flat prior"}


def named(row: Mapping[str, Any]) -> list[str]:
    """Cells that say whose efficiency a row has: sample and kind, and the reference."""
    kind = "data" if row["kind"] == "data" else "simulation"
    return [escape(f"{row['sample']} {kind}"), escape(row["reference"])]


def cutflow(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Events left after each cut, in words, a table for the datasets of each selection.

    Args:
        table: cutflow.csv.
        settings: those of `targets.page_settings`.
    """
    flows: dict[tuple[str, ...], list[str]] = {}
    for name, rows in table.groupby("dataset", sort=False):
        reference = settings["datasets"][name]["reference"]
        flows.setdefault((reference, *rows["cut"]), []).append(str(name))
    parts = ["<p>Events, and the percentage that each step keeps (of the sum of weights in simulation).</p>"]
    for (reference, *steps), names in flows.items():
        analysis, selection = settings["analysis"], settings["selection"]
        if reference:
            analysis, selection = "tag_and_probe", settings["references"][reference]["selection"]
            parts.append(f"<h2>Tag and probe: {escape(reference)}</h2>")
        words = wording.cuts(analysis, selection)
        columns = [_flow(table[table["dataset"] == name]) for name in names]
        lines = [[escape(words.get(cut, cut)), *left] for cut, *left in zip(steps, *columns, strict=True)]
        parts.append(html_table(["step|t", *map(escape, names)], lines))
    return page("Cutflow", *parts)


def _flow(rows: pd.DataFrame) -> list[str]:
    """Events after each step, and what it keeps; the number of events that were read has no sum of weights."""
    before, cells = np.nan, []
    for row in rows.to_dict("records"):
        kept = row["sumw"] / before if np.isfinite(before) and before != 0 else row["of_previous"]
        cells.append(f"{row['events']:,}" + (f" <small>{100 * kept:.1f} %</small>" if np.isfinite(kept) else ""))
        before = row["sumw"]
    return cells


def efficiencies(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """All paths and all together, in all and in bins of each variable; maps are a figure.

    Args:
        table: of `efficiency.efficiencies`.
        settings: those of `targets.page_settings`.
    """
    parts = [f"<p>{_interval(settings)} Passed and all events are in grey.</p>"]
    rows = table[(table["dataset"] == ALL) & ~table["variable"].str.contains(":")]
    for _, mine in rows.groupby(["reference", "sample"], sort=False):
        parts += [*_heading(mine), _totals(mine[mine["variable"] == ALL])]
        for variable, bins in mine[mine["variable"] != ALL].groupby("variable", sort=False):
            parts += [f"<h3>{_label(str(variable), settings)}</h3>", _bins(bins)]
    return page("Efficiencies", *parts)


def _interval(settings: Mapping[str, Any]) -> str:
    method, level = settings["interval"]["method"], settings["interval"]["level"]
    return f"Intervals are {escape(_method(method))} at {100 * level:.4g} %."


def _method(name: str) -> str:
    return _TITLES.get(name, name.capitalize())


def _heading(rows: pd.DataFrame) -> list[str]:
    first = rows.iloc[0]
    sample, reference = named(first)
    return [f"<h2>{sample}, reference {reference}</h2>", f"<p>{escape(first['meaning'])}</p>"]


def _totals(rows: pd.DataFrame) -> str:
    compared = np.isfinite(rows["alpha"]).any()
    head = ["trigger path|", "passed", "total", "efficiency", *(["α"] if compared else [])]
    lines = []
    for row in rows.to_dict("records"):
        absent = f" <small>{row['absent_n']:,} events without it in the menu</small>" if row["absent_n"] else ""
        cells = [_trigger(row["trigger"]) + absent, f"{row['passed_n']:,}", f"{row['total_n']:,}", estimate(row)]
        lines.append([*cells, *([with_errors(row["alpha"], row["alpha_low"], row["alpha_high"])] if compared else [])])
    return html_table(head, lines)


def _trigger(name: str) -> str:
    """A trigger path that may be broken at its underscores."""
    return COMBINED.get(name, f"<code>{escape(name).replace('_', '_<wbr>')}</code>")


def _bins(rows: pd.DataFrame) -> str:
    """Bins below each other, the triggers side by side; bins without events at the ends are left out."""
    triggers = list(rows["trigger"].unique())
    lines = []
    for place, mine in rows.groupby(["x_low", "x_high"], sort=True):
        if mine["total_n"].any() or np.isfinite(place).all():
            found = {row["trigger"]: row for row in mine.to_dict("records")}
            lines.append([bounds(*place), *(_counted(found[name]) if name in found else "" for name in triggers)])
    return html_table(["bin|", *(_trigger(name) for name in triggers)], lines)


def _counted(row: Mapping[str, Any]) -> str:
    return f"{estimate(row)} <small>{row['passed_n']:,} of {row['total_n']:,}</small>"


def intervals(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Methods side by side: for every path in all, and for all paths together in bins.

    Args:
        table: of `efficiency.comparison.compare`.
        settings: those of `targets.page_settings`.
    """
    methods = settings["methods"]
    level = 100 * settings["interval"]["level"]
    parts = [f"<p>Intervals at {level:.4g} %; simulation has those of effective counts.</p>"]
    rows, head = table[~table["variable"].str.contains(":")], ["efficiency", *map(_method, methods)]
    for _, mine in rows.groupby(["reference", "sample"], sort=False):
        totals = mine[mine["variable"] == ALL].to_dict("records")
        lines = [[_trigger(row["trigger"]), *_side_by_side(row, methods)] for row in totals]
        parts += [*_heading(mine), html_table(["trigger path|", *head], lines)]
        for variable, bins in mine[mine["variable"] != ALL].groupby("variable", sort=False):
            together = bins[bins["trigger"].isin(COMBINED) & (bins["total_n"] > 0)].to_dict("records")
            lines = [[bounds(row["x_low"], row["x_high"]), *_side_by_side(row, methods)] for row in together]
            parts += [
                f"<h3>{_label(str(variable), settings)}, all paths together</h3>",
                html_table(["bin|", *head], lines),
            ]
    return page("Interval methods side by side", *parts)


def _side_by_side(row: Mapping[str, Any], methods: Sequence[str]) -> list[str]:
    value = f"{number(row['efficiency'], 5)} <small>{row['passed_n']:,} of {row['total_n']:,}</small>"
    return [value, *(f"[{row[f'{name}_low']:.5f}, {row[f'{name}_high']:.5f}]" for name in methods)]


def turn_ons(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Parameters of turn-ons; table of `efficiency.turnon.turn_ons`."""
    parts = [
        f"<p>Value and {100 * settings['interval']['level']:.4g} % MINOS interval. Widths are in units of the variable "
        "for the model erf, and fractions of it for step. A fit that must not be used says why in the last column.</p>"
    ]
    head = ["trigger path|t", "against|", "model|", "plateau", "threshold", "width", "floor", "χ²/ndf", "p-value", "|t"]
    for _, mine in table.groupby(["reference", "sample"], sort=False):
        lines = []
        for row in mine.to_dict("records"):
            names = ("plateau", "threshold", "width", "floor")
            values = [measured(row, name) if row["valid"] else "" for name in names]
            fit = (
                [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}"] if np.isfinite(row["chi2"]) else ["", ""]
            )
            about = [_trigger(row["trigger"]), _label(row["variable"], settings), escape(row["model"])]
            lines.append([*about, *values, *fit, escaped(row["reason"])])
        parts += [*_heading(mine), html_table(head, lines)]
    return page("Turn-ons", *parts)


def stability(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Tests of constancy; table of `efficiency.stability.stability`, the tests."""
    parts = [
        "<p>χ² is the likelihood ratio to one efficiency; Δε the change from the first to the last bin on a straight "
        "line, with the p-value of the Cochran-Armitage trend test. A star: p-values from toys.</p>"
    ]
    head = ["trigger path|t", "by|", "bins", "χ²/ndf", "p-value", "Δε", "p-value of the trend", "|t"]
    for _, mine in table.groupby(["reference", "sample"], sort=False):
        lines = []
        for row in mine.to_dict("records"):
            cells = [""] * 4
            if np.isfinite(row["p_value"]):
                star = " *" if row["toys"] else ""
                change = f"{number(row['change'])} ± {number(row['change_error'])}"
                cells = [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}{star}", change]
                cells.append(f"{row['trend_p_value']:.2g}{star}")
            by = _label(row["by"], settings)
            lines.append([_trigger(row["trigger"]), by, str(row["bins"]), *cells, escaped(row["reason"])])
        parts += [*_heading(mine), html_table(head, lines)]
    return page("Stability", *parts)


def tag_and_probe(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Efficiencies of legs by fit and by counting; table of `efficiency.legs.leg_efficiencies`."""
    parts = [
        "<p>Probes are counted before background is taken away. "
        "Which of mass fit and sidebands is the efficiency is in bold.</p>"
    ]
    head = ["bin|", "passed", "probes", "mass fit", "sidebands", "χ²/ndf", "p-value", "|t"]
    rows = table[(table["dataset"] == ALL) & ~table["variable"].str.contains(":")]
    for _, mine in rows.groupby(["reference", "sample", "trigger"], sort=False):
        first, lines = mine.iloc[0], []
        for row in mine[(mine["total_n"] > 0) | (mine["variable"] == ALL)].to_dict("records"):
            place = "all probes"
            if row["variable"] != ALL:
                place = f"{_label(row['variable'], settings)}: {bounds(row['x_low'], row['x_high'])}"
            ways = (
                ["", estimate(row)] if row["estimator"] == "ratio" else [_way(row, way) for way in ("fit", "counting")]
            )
            fit = (
                [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}"] if np.isfinite(row["chi2"]) else ["", ""]
            )
            lines.append([place, f"{row['passed_n']:,}", f"{row['total_n']:,}", *ways, *fit, escaped(row["reason"])])
        sample, reference = named(first)
        parts += [f"<h2>{escape(first['trigger'])}: {sample}, {reference}</h2>", f"<p>{escape(first['meaning'])}</p>"]
        parts.append(html_table(head, lines))
    return page("Tag and probe", *parts)


def _way(row: Mapping[str, Any], way: str) -> str:
    text = with_errors(row[way], row[f"{way}_low"], row[f"{way}_high"])
    return f"<b>{text}</b>" if row["estimator"] == way else text


def scale_factors(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Scale factors with their uncertainties; table of `efficiency.scalefactors.scale_factors`."""
    parts = [
        "<p>Data over simulation. Each source is given as the change of the scale factor, up and down; "
        "<b>total</b> is all in quadrature.</p>"
    ]
    known = [name.removesuffix("_up") for name in table.columns if name.endswith("_up") and name != "stat_up"]
    for name, mine in table.groupby("name", sort=False):
        first = mine.iloc[0]
        sources = [source for source in known if np.isfinite(mine[f"{source}_up"]).any()]
        axes = [_label(axis, settings) for axis in first["variable"].split(":")]
        lines = []
        for row in mine[np.isfinite(mine[["data", "simulation"]]).any(axis=1)].to_dict("records"):
            places = [bounds(row[f"{axis}_low"], row[f"{axis}_high"]) for axis, _ in zip("xy", axes, strict=False)]
            pair = [with_errors(row[side], row[f"{side}_low"], row[f"{side}_high"]) for side in ("data", "simulation")]
            changes = [_change(row, f"{one}_down", f"{one}_up") for one in ("stat", *sources)]
            total = f"<b>{_change(row, 'down', 'up')}</b>"
            lines.append([*places, *pair, f"<b>{number(row['nominal'])}</b>", *changes, total])
        read = listing(f"{side}: {escape(str(first[f'{side}_meaning']))}" for side in ("data", "simulation"))
        parts += [f"<h2>{escape(str(name))}: {_trigger(first['trigger'])}</h2>", read]
        head = [*(f"{axis}|" for axis in axes), "data", "simulation", "scale factor", "stat.", *sources, "total"]
        parts.append(html_table(head, lines))
    return page("Scale factors", *parts)


def _change(row: Mapping[str, Any], down: str, up: str) -> str:
    if not np.isfinite([row[down], row[up], row["nominal"]]).all():
        return ""
    return errors(row[up] - row["nominal"], row[down] - row["nominal"])


def whole(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of all datasets of a sample together, in no bins."""
    return table[(table["variable"] == ALL) & (table["dataset"] == ALL)]


def _label(variable: str, settings: Mapping[str, Any]) -> str:
    label, unit = settings["labels"].get(variable, (variable, ""))
    return wording.html_title(label, unit)
