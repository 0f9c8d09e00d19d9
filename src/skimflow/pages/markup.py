"""HTML of a page: its frame, lists, tables, and numbers with their errors."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

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


def listing(items: Iterable[str]) -> str:
    """A list of HTML items."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
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


def escaped(value: Any) -> str:
    """A text as HTML; nothing for what is no text, such as NaN."""
    return escape(value) if isinstance(value, str) else ""


def bounds(low: float, high: float) -> str:
    """A bin in words: its value, its range, or that it is open."""
    if low == high:
        return f"{low:.0f}"
    if np.isinf(low) or np.isinf(high):
        return f"&lt; {high:g}" if np.isinf(low) else f"≥ {low:g}"
    return f"{low:g} to {high:g}"


def estimate(row: Mapping[str, Any]) -> str:
    """The efficiency of a row with its interval."""
    return with_errors(row["efficiency"], row["low"], row["high"])


def measured(row: Mapping[str, Any], name: str) -> str:
    """A column of a row with its interval; empty where there is none."""
    return with_errors(row[name], row[f"{name}_low"], row[f"{name}_high"]) if np.isfinite(row[name]) else ""


def with_errors(value: float, low: float, high: float) -> str:
    """A value with the errors that an interval means, to two digits of the smaller one."""
    if not np.isfinite(value):
        return "<small>no data</small>"
    up, down = high - value, low - value
    digits = _digits(up, down)
    return f"{number(value, digits)}{errors(up, down, digits)}"


def _digits(*errors: float) -> int:
    """Decimals that show two digits of the smallest error."""
    some = [abs(error) for error in errors if error]
    return int(np.clip(1 - np.floor(np.log10(min(some))), 2, 6)) if some else 4


def errors(up: float, down: float, digits: int = 4) -> str:
    """Both errors, one above the other."""
    return f'<span class="e">{_signed(up, digits)}<br>{_signed(down, digits)}</span>'


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def number(value: float, digits: int = 4) -> str:
    """A number with a minus sign that is one."""
    return f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else "no data"
