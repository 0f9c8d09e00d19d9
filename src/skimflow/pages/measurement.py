"""What was measured and on what, and how its numbers are to be read."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from skimflow import wording
from skimflow.pages.markup import html_table, listing, page, with_errors
from skimflow.pages.tables import ALL, COMBINED, named, whole


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
    return f"<p>{each}</p>{listing(f'<code>{escape(path)}</code>' for path in paths)}<p>{missing}{escape(said)}</p>"


def _codes(prescales: Mapping[str, int]) -> str:
    return ", ".join(f"{path} {number}" for path, number in prescales.items())


def _data(completeness: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    statement = f"{completeness['statement']} processed"
    luminosity = completeness["luminosity"]
    recorded = {row["dataset"]: row for row in luminosity["rows"] if row["dataset"] != ALL}
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
    parts.append(html_table([*head, *(["recorded [pb⁻¹]"] if with_table else [])], rows))
    failed = completeness["files"]["failed"]
    parts += ["<p>Not processed:</p>", listing(escape(one["message"]) for one in failed)] if failed else []
    return "\n".join(parts)


def _recorded(luminosity: Mapping[str, Any]) -> str:
    said = []
    for row in luminosity["rows"]:
        if row["dataset"] == ALL and row["recorded_pb"] is not None:
            said.append(f"{escape(row['sample'])}: {row['recorded_pb']:,.6g} pb⁻¹")
    return f" Recorded luminosity of the processed sections: {'; '.join(said)}." if said else ""


def _selection(analysis: str, selection: Mapping[str, Any]) -> str:
    words = wording.cuts(analysis, selection)
    return f"<p>Events (<code>{escape(analysis)}</code>) with, in this order,</p>" + listing(
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
                listing(f"<b>{escape(leg)}</b>: {escape(is_)}" for leg, is_ in legs.items()),
            ]
    return parts


def _meanings(table: pd.DataFrame) -> str:
    totals = whole(table)
    rows = [
        [*named(row), with_errors(row["efficiency"], row["low"], row["high"]), escape(row["meaning"])]
        for row in totals[totals["trigger"].isin(COMBINED)].to_dict("records")
    ]
    return "<p>Each number is a conditional probability. That of all paths together:</p>" + html_table(
        ["measured on|", "reference|", "efficiency", "is|t"], rows
    )
