"""Every interval method side by side: does a result depend on which one is chosen?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skimflow.counts import Binned
from skimflow.efficiency.table import ALL, estimate

_KEYS = ["sample", "kind", "reference", "trigger", "variable", "x_low", "x_high", "y_low", "y_high"]
_COUNTS = ["total_n", "passed_n", "total_sumw", "total_sumw2", "passed_sumw", "passed_sumw2"]


def compare(table: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """The intervals of several methods for each efficiency, those of weighted and prescaled events too.

    Args:
        table: of `efficiency.efficiencies`.
        settings: those of `targets.comparison_settings`.

    Returns:
        The rows for the datasets of a sample together: counts, `efficiency`, `<method>_low` and `<method>_high` of each
        method, `level`, and `meaning`.
    """
    rows = table[table["dataset"] == ALL].reset_index(drop=True)
    found = rows[[*_KEYS, *_COUNTS, "efficiency"]].copy()
    for method in settings["methods"]:
        how = {"probe": settings["probe"], "interval": {"method": method, "level": settings["level"]}}
        ends = np.full((2, len(rows)), np.nan)
        for (trigger, kind), mine in rows.groupby(["trigger", "kind"]):
            content = Binned(*(mine[name].to_numpy() for name in Binned._fields))
            interval = estimate(content, trigger, kind, how)
            ends[:, mine.index] = interval.low, interval.high
        found[f"{method}_low"], found[f"{method}_high"] = ends
    return found.assign(level=settings["level"], meaning=rows["meaning"])
