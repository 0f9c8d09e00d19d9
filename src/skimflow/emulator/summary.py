"""What ends a run of the emulator, for a terminal: measures out of fold, and how they are to be read."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_WIDTH = 120
_SHOWN = {
    "lightgbm": "LightGBM",
    "logistic": "logistic regression",
    "turn_on": "turn-on in two pT",
    "prevalence": "prevalence",
}


def summary(
    metrics: pd.DataFrame,
    table: Mapping[str, Any],
    statements: Mapping[str, Sequence[str]],
    drifts: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Lines for a terminal.

    Args:
        metrics: event_metrics_oof.csv.
        table: facts of the step `table`.
        statements: what has to be said of each label and split, of the step `collect`.
        drifts: verdicts of the step `drift`.
    """
    lines = [f"{table['events']:,} events, {table['pairs']:,} pairs; {table['without_pair']:,} events have no pair"]
    lines += [
        f"note: {number:,} events are without the label {label}" for label, number in table["masked"].items() if number
    ]
    for (label, split), rows in metrics.groupby(["label", "split"], sort=False):
        first = rows.iloc[0]
        lines += ["", f"{label}, split {split}: {first['n_events']:,} events, {first['prevalence']:.2%} fired"]
        lines.append(f"  {'out of fold':20}  {'ROC-AUC':^24}  {'average precision':^24}  {'Brier':^8}")
        lines += [_line(row) for row in rows.to_dict("records")]
        for text in statements.get(f"{label}, {split}", ()):
            lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    for verdict in drifts:
        lines.append(f"drift, {verdict['label']}: {verdict['verdict']}")
    return lines


def _line(row: Mapping[str, Any]) -> str:
    name = _SHOWN.get(row["method"], row["method"])
    return f"  {name:20}  {_interval(row, 'roc_auc')}  {_interval(row, 'ap')}  {row['brier']:.4f}"


def _interval(row: Mapping[str, Any], name: str) -> str:
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.4f} [{low:.4f}, {high:.4f}]".ljust(24)
