"""Efficiency of a cross trigger from its legs, beside the ratio of counts of the same events."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from skimflow.plots.efficiency import turn_on

_FROM = {"data": "from legs in data", "mc": "from legs in simulation"}
_COUNTED = "ratio of counts"


def from_legs(figure: Figure, table: pd.DataFrame, variable: str, settings: Mapping[str, Any]) -> None:
    """Efficiency against a variable over the shape of the sample: a panel for each sample, side by side for the
    references.

    Args:
        table: of `efficiency.events.event_efficiencies`. Under- and overflow are in the table and not in the figure.
    """
    turn_on(figure, curves(table), variable, settings)


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """The same with a row for each curve, named as `trigger`: one for each choice of legs, and the ratio of counts."""
    legs = [rows.assign(trigger=_FROM[str(kind)]) for kind, rows in table.groupby("legs", sort=False)]
    names = {"measured": "efficiency", "measured_low": "low", "measured_high": "high"}
    counted = table[table["legs"] == "data"].drop(columns=list(names.values())).rename(columns=names)
    return pd.concat([*legs, counted.assign(trigger=_COUNTED)], ignore_index=True)
