"""Pages of the report that are read and not downloaded: what was measured, and its tables.

Everything here is a text of HTML that stands by itself, without scripts and without the time of day.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from skimflow import wording

_ALL = "all"
_COMBINED = {"any": "OR of all", "every": "AND of all"}
_TITLES = {"clopper_pearson": "Clopper-Pearson", "bayes_uniform": "flat prior"}
_STYLE = """
body {font: 15px/1.45 system-ui, sans-serif; color: #1e293b; margin: 1.2em; max-width: 75em}
h1 {font-size: 1.5em} h2 {font-size: 1.2em; margin-top: 1.6em} h3 {font-size: 1em; margin: 1.4em 0 .3em}
.wide {overflow-x: auto} table {border-collapse: collapse; font-variant-numeric: tabular-nums}
th, td {padding: .15em .7em .15em 0; text-align: right; white-space: nowrap; border-bottom: 1px solid #e2e8f0}
th {vertical-align: bottom; font-weight: 600} th.l, td.l {text-align: left} td.t {white-space: normal; min-width: 11em}
small {color: #64748b} code, pre {font-size: .86em} pre {overflow-x: auto} code {overflow-wrap: anywhere}
span.e {display: inline-block; vertical-align: middle; font-size: .72em; line-height: 1.1; padding-left: .15em}
"""


def page(title: str, *parts: str) -> str:
    """A whole document of `parts`, which are HTML."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    body = "\n".join([f"<h1>{escape(title)}</h1>", *parts])
    head += f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def result(summary: str) -> str:
    """The text that ends a run."""
    return page("Result", f"<pre>{escape(summary)}</pre>")


def measurement(table: pd.DataFrame, completeness: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What was measured and on what, the selection in words, and how each number is to be read.

    Args:
        table: of `efficiency.efficiencies`.
        completeness: of `aggregate.aggregate`.
        settings: those of `targets.page_settings`.
    """
    return page(
        settings["title"],
        "<h2>The trigger</h2>",
        _probe(settings["probe"]),
        "<h2>The data</h2>",
        _data(completeness, settings),
        "<h2>The selection</h2>",
        _selection(settings["analysis"], settings["selection"]),
        *_legs(settings["references"]),
        "<h2>How the numbers are to be read</h2>",
        _meanings(table),
    )


def _probe(probe: Mapping[str, Any]) -> str:
    paths = probe["any_of"] or probe["all_of"]
    together = "OR" if probe["any_of"] else "AND"
    missing = {
        "exclude": "Events whose menu has not got a path are in no count of it.",
        "error": "Every menu had these paths.",
        "false": "A path that a menu has not got counts as not fired.",
    }[probe["on_missing"]]
    prescales = {path: number for path, number in probe["prescales"].items() if number > 1}
    said = f" Prescaled in collision data, and counted so many times: {_codes(prescales)}." if prescales else ""
    each = f"Each path, and the {together} of all:" if len(paths) > 1 else "The path"
    return f"<p>{each}</p>{_list(f'<code>{escape(path)}</code>' for path in paths)}<p>{missing}{escape(said)}</p>"


def _codes(prescales: Mapping[str, int]) -> str:
    return ", ".join(f"{path} {number}" for path, number in prescales.items())


def _data(completeness: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    statement = f"{completeness['statement']} processed"
    luminosity = completeness["luminosity"]
    recorded = {row["dataset"]: row for row in luminosity["rows"] if row["dataset"] != _ALL}
    with_table = any(row["recorded_pb"] is not None for row in recorded.values())
    head = ["dataset|", "what|", "files", "events read", "certified", "selected", "lumi sections"]
    rows = []
    for name, about in settings["datasets"].items():
        account = completeness["datasets"][name]
        events, sections = account["events"], account.get("luminosity_sections")
        what = f"{about['sample']} {'data' if about['kind'] == 'data' else 'simulation'}"
        files = f"{account['files']['processed']} of {account['files']['expected']}"
        done = f"{sections['processed']:,} of {sections['certified']:,}" if sections else ""
        numbers = [f"{events[key]:,}" for key in ("read", "certified", "selected")]
        cells = [escape(name), escape(f"{what}, {about['era']}" if about["era"] else what), files, *numbers, done]
        if with_table:
            value = recorded.get(name, {}).get("recorded_pb")
            cells.append(f"{value:,.6g}" if value is not None else "")
        rows.append(cells)
    read = "Luminosity sections are those processed, of the certified ones in the era's run window."
    parts = [f"<p>{escape(statement)}.{_recorded(luminosity)} {read}</p>"]
    parts.append(_table([*head, *(["recorded [pb⁻¹]"] if with_table else [])], rows))
    failed = completeness["files"]["failed"]
    parts += ["<p>Not processed:</p>", _list(escape(one["message"]) for one in failed)] if failed else []
    return "\n".join(parts)


def _recorded(luminosity: Mapping[str, Any]) -> str:
    said = []
    for row in luminosity["rows"]:
        if row["dataset"] == _ALL and row["recorded_pb"] is not None:
            said.append(f"{escape(row['sample'])}: {row['recorded_pb']:,.6g} pb⁻¹")
    return f" Recorded luminosity of the processed sections: {'; '.join(said)}." if said else ""


def _selection(analysis: str, selection: Mapping[str, Any]) -> str:
    words = wording.cuts(analysis, selection)
    return f"<p>Events (<code>{escape(analysis)}</code>) with, in this order,</p>" + _list(
        escape(text) for name, text in words.items() if name != "read"
    )


def _legs(references: Mapping[str, Any]) -> list[str]:
    parts = []
    for name, reference in references.items():
        if reference["method"] == "tag_and_probe":
            parts += [f"<h3>Tag and probe: {escape(name)}</h3>", _selection("tag_and_probe", reference["selection"])]
            legs = wording.legs(reference["selection"])
            parts += [
                "<p>A probe passes</p>",
                _list(f"<b>{escape(leg)}</b>: {escape(is_)}" for leg, is_ in legs.items()),
            ]
    return parts


def _meanings(table: pd.DataFrame) -> str:
    totals = _whole(table)
    rows = [
        [*_named(row), _value(row["efficiency"], row["low"], row["high"]), escape(row["meaning"])]
        for row in totals[totals["trigger"].isin(_COMBINED)].to_dict("records")
    ]
    return "<p>Each number is a conditional probability. That of all paths together:</p>" + _table(
        ["measured on|", "reference|", "efficiency", "is|t"], rows
    )


def _named(row: Mapping[str, Any]) -> list[str]:
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
        parts.append(_table(["step|t", *map(escape, names)], lines))
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
    rows = table[(table["dataset"] == _ALL) & ~table["variable"].str.contains(":")]
    for _, mine in rows.groupby(["reference", "sample"], sort=False):
        parts += [*_heading(mine), _totals(mine[mine["variable"] == _ALL])]
        for variable, bins in mine[mine["variable"] != _ALL].groupby("variable", sort=False):
            parts += [f"<h3>{_label(str(variable), settings)}</h3>", _bins(bins)]
    return page("Efficiencies", *parts)


def _interval(settings: Mapping[str, Any]) -> str:
    method, level = settings["interval"]["method"], settings["interval"]["level"]
    return f"Intervals are {escape(_method(method))} at {100 * level:.4g} %."


def _method(name: str) -> str:
    return _TITLES.get(name, name.capitalize())


def _heading(rows: pd.DataFrame) -> list[str]:
    first = rows.iloc[0]
    sample, reference = _named(first)
    return [f"<h2>{sample}, reference {reference}</h2>", f"<p>{escape(first['meaning'])}</p>"]


def _totals(rows: pd.DataFrame) -> str:
    compared = np.isfinite(rows["alpha"]).any()
    head = ["trigger path|", "passed", "total", "efficiency", *(["α"] if compared else [])]
    lines = []
    for row in rows.to_dict("records"):
        absent = f" <small>{row['absent_n']:,} events without it in the menu</small>" if row["absent_n"] else ""
        cells = [_trigger(row["trigger"]) + absent, f"{row['passed_n']:,}", f"{row['total_n']:,}", _estimate(row)]
        lines.append([*cells, *([_value(row["alpha"], row["alpha_low"], row["alpha_high"])] if compared else [])])
    return _table(head, lines)


def _trigger(name: str) -> str:
    """A trigger path that may be broken at its underscores."""
    return _COMBINED.get(name, f"<code>{escape(name).replace('_', '_<wbr>')}</code>")


def _bins(rows: pd.DataFrame) -> str:
    """Bins below each other, the triggers side by side; bins without events at the ends are left out."""
    triggers = list(rows["trigger"].unique())
    lines = []
    for place, mine in rows.groupby(["x_low", "x_high"], sort=True):
        if mine["total_n"].any() or np.isfinite(place).all():
            found = {row["trigger"]: row for row in mine.to_dict("records")}
            lines.append([_range(*place), *(_counted(found[name]) if name in found else "" for name in triggers)])
    return _table(["bin|", *(_trigger(name) for name in triggers)], lines)


def _counted(row: Mapping[str, Any]) -> str:
    return f"{_estimate(row)} <small>{row['passed_n']:,} of {row['total_n']:,}</small>"


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
        totals = mine[mine["variable"] == _ALL].to_dict("records")
        lines = [[_trigger(row["trigger"]), *_side_by_side(row, methods)] for row in totals]
        parts += [*_heading(mine), _table(["trigger path|", *head], lines)]
        for variable, bins in mine[mine["variable"] != _ALL].groupby("variable", sort=False):
            together = bins[bins["trigger"].isin(_COMBINED) & (bins["total_n"] > 0)].to_dict("records")
            lines = [[_range(row["x_low"], row["x_high"]), *_side_by_side(row, methods)] for row in together]
            parts += [f"<h3>{_label(str(variable), settings)}, all paths together</h3>", _table(["bin|", *head], lines)]
    return page("Interval methods side by side", *parts)


def _side_by_side(row: Mapping[str, Any], methods: Sequence[str]) -> list[str]:
    value = f"{_number(row['efficiency'], 5)} <small>{row['passed_n']:,} of {row['total_n']:,}</small>"
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
            values = [_measured(row, name) if row["valid"] else "" for name in names]
            fit = (
                [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}"] if np.isfinite(row["chi2"]) else ["", ""]
            )
            about = [_trigger(row["trigger"]), _label(row["variable"], settings), escape(row["model"])]
            lines.append([*about, *values, *fit, _text(row["reason"])])
        parts += [*_heading(mine), _table(head, lines)]
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
                change = f"{_number(row['change'])} ± {_number(row['change_error'])}"
                cells = [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}{star}", change]
                cells.append(f"{row['trend_p_value']:.2g}{star}")
            by = _label(row["by"], settings)
            lines.append([_trigger(row["trigger"]), by, str(row["bins"]), *cells, _text(row["reason"])])
        parts += [*_heading(mine), _table(head, lines)]
    return page("Stability", *parts)


def tag_and_probe(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Efficiencies of legs by fit and by counting; table of `efficiency.legs.leg_efficiencies`."""
    parts = [
        "<p>Probes are counted before background is taken away. "
        "Which of mass fit and sidebands is the efficiency is in bold.</p>"
    ]
    head = ["bin|", "passed", "probes", "mass fit", "sidebands", "χ²/ndf", "p-value", "|t"]
    rows = table[(table["dataset"] == _ALL) & ~table["variable"].str.contains(":")]
    for _, mine in rows.groupby(["reference", "sample", "trigger"], sort=False):
        first, lines = mine.iloc[0], []
        for row in mine[(mine["total_n"] > 0) | (mine["variable"] == _ALL)].to_dict("records"):
            place = "all probes"
            if row["variable"] != _ALL:
                place = f"{_label(row['variable'], settings)}: {_range(row['x_low'], row['x_high'])}"
            ways = (
                ["", _estimate(row)] if row["estimator"] == "ratio" else [_way(row, way) for way in ("fit", "counting")]
            )
            fit = (
                [f"{row['chi2']:.1f} / {row['ndf']}", f"{row['p_value']:.2g}"] if np.isfinite(row["chi2"]) else ["", ""]
            )
            lines.append([place, f"{row['passed_n']:,}", f"{row['total_n']:,}", *ways, *fit, _text(row["reason"])])
        sample, reference = _named(first)
        parts += [f"<h2>{escape(first['trigger'])}: {sample}, {reference}</h2>", f"<p>{escape(first['meaning'])}</p>"]
        parts.append(_table(head, lines))
    return page("Tag and probe", *parts)


def _way(row: Mapping[str, Any], way: str) -> str:
    text = _value(row[way], row[f"{way}_low"], row[f"{way}_high"])
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
            places = [_range(row[f"{axis}_low"], row[f"{axis}_high"]) for axis, _ in zip("xy", axes, strict=False)]
            pair = [_value(row[side], row[f"{side}_low"], row[f"{side}_high"]) for side in ("data", "simulation")]
            changes = [_change(row, f"{one}_down", f"{one}_up") for one in ("stat", *sources)]
            total = f"<b>{_change(row, 'down', 'up')}</b>"
            lines.append([*places, *pair, f"<b>{_number(row['nominal'])}</b>", *changes, total])
        read = _list(f"{side}: {escape(str(first[f'{side}_meaning']))}" for side in ("data", "simulation"))
        parts += [f"<h2>{escape(str(name))}: {_trigger(first['trigger'])}</h2>", read]
        head = [*(f"{axis}|" for axis in axes), "data", "simulation", "scale factor", "stat.", *sources, "total"]
        parts.append(_table(head, lines))
    return page("Scale factors", *parts)


def _change(row: Mapping[str, Any], down: str, up: str) -> str:
    if not np.isfinite([row[down], row[up], row["nominal"]]).all():
        return ""
    return _errors(row[up] - row["nominal"], row[down] - row["nominal"])


def provenance(stamps: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """Versions, fingerprints, and where the files come from.

    Args:
        stamps: provenance by name of output.
        settings: those of `targets.page_settings`.
    """
    versions = next(iter(stamps.values()))["versions"]
    return page(
        "Provenance",
        "<p>Every Parquet file and figure carries this in its metadata. The configuration is among the files.</p>",
        "<h2>Versions</h2>",
        _table(["package|", "version|"], [[escape(name), escape(number)] for name, number in versions.items()]),
        "<h2>Steps</h2>",
        "<p>Hash of the settings that a step depends on, and fingerprint of the code that it ran.</p>",
        _table(
            ["output|", "settings|", "code|"],
            [
                [escape(name), f"<code>{s['settings']}</code>", f"<code>{s['code']}</code>"]
                for name, s in stamps.items()
            ],
        ),
        "<h2>Files</h2>",
        "<p>Names, UUIDs and numbers of events of locked files are in config/locks/.</p>",
        _table(
            ["dataset|", "from|t"],
            [[escape(name), escape(about["source"])] for name, about in settings["datasets"].items()],
        ),
    )


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["variable"] == _ALL) & (table["dataset"] == _ALL)]


def _label(variable: str, settings: Mapping[str, Any]) -> str:
    label, unit = settings["labels"].get(variable, (variable, ""))
    return wording.html_title(label, unit)


def _range(low: float, high: float) -> str:
    if low == high:
        return f"{low:.0f}"
    if np.isinf(low) or np.isinf(high):
        return f"&lt; {high:g}" if np.isinf(low) else f"≥ {low:g}"
    return f"{low:g} to {high:g}"


def _estimate(row: Mapping[str, Any]) -> str:
    return _value(row["efficiency"], row["low"], row["high"])


def _measured(row: Mapping[str, Any], name: str) -> str:
    return _value(row[name], row[f"{name}_low"], row[f"{name}_high"]) if np.isfinite(row[name]) else ""


def _value(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "<small>no data</small>"
    up, down = high - value, low - value
    digits = _digits(up, down)
    return f"{_number(value, digits)}{_errors(up, down, digits)}"


def _digits(*errors: float) -> int:
    """Decimals that show two digits of the smallest error."""
    some = [abs(error) for error in errors if error]
    return int(np.clip(1 - np.floor(np.log10(min(some))), 2, 6)) if some else 4


def _errors(up: float, down: float, digits: int = 4) -> str:
    return f'<span class="e">{_signed(up, digits)}<br>{_signed(down, digits)}</span>'


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else "no data"


def _text(value: Any) -> str:
    return escape(value) if isinstance(value, str) else ""


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells; `|` at the end of a column's head: words to the left, `|t`: a text that may have lines."""
    kinds = [title.rpartition("|")[2] if "|" in title else None for title in head]
    marks = ["" if kind is None else f' class="l {kind}"'.replace(' "', '"') for kind in kinds]
    titles = [title.rpartition("|")[0] if "|" in title else title for title in head]
    above = "".join(f"<th{mark}>{title}</th>" for mark, title in zip(marks, titles, strict=True))
    lines = "\n".join(
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{above}</tr></thead>\n<tbody>{lines}</tbody></table></div>'
