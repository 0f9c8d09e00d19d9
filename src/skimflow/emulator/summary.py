"""What ends a run of the emulator, for a terminal: measures out of fold, and how they are to be read."""

import math
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
    truth: Mapping[str, Mapping[str, float]],
) -> list[str]:
    """Lines for a terminal.

    Args:
        metrics: event_metrics_oof.csv.
        table: facts of the step `table`.
        statements: what has to be said of each label and split, of the step `collect`.
        drifts: verdicts of the step `drift`.
        truth: of toys, what the true probability reaches for each label and split.
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
        if reached := truth.get(f"{label}, {split}"):
            lines.append(_line({"method": "true probability", **reached}))
        for text in statements.get(f"{label}, {split}", ()):
            lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    for verdict in drifts:
        lines.append(f"drift, {verdict['label']}: {verdict['verdict']}")
    return lines


def _line(row: Mapping[str, Any]) -> str:
    name = _SHOWN.get(row["method"], row["method"])
    # A split of one fold has no other folds to calibrate it by.
    brier = "–" if math.isnan(row["brier"]) else f"{row['brier']:.4f}"
    return f"  {name:20}  {_interval(row, 'roc_auc')}  {_interval(row, 'ap')}  {brier}"


def _interval(row: Mapping[str, Any], name: str) -> str:
    shown = f"{row[name]:.4f}"
    if f"{name}_low" in row:
        shown += f" [{row[f'{name}_low']:.4f}, {row[f'{name}_high']:.4f}]"
    return shown.ljust(24)
