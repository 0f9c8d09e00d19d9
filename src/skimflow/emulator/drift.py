"""Do inputs and score stay what they were? Blocks of runs against all other blocks.

The population stability index says how large a change is: Σ (a - b) ln(a / b) over bins that hold a tenth each. The
Kolmogorov–Smirnov test says whether it is more than chance; with many events it always is, so a verdict needs both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import kolmogorov

from skimflow.efficiency.stability import blocks
from skimflow.emulator.metrics import Ranking

Array = np.ndarray
_PARTS = 10
STABLE, WATCH, DRIFT = "stable", "watch", "drift"
SCORE = "score"


def psi(one: Array, other: Array) -> tuple[float, float]:
    """Population stability index of two samples, and what chance alone gives on average.

    Bins are tenths of the `other`, which is the reference; missing values are a bin of their own. Half an event is
    added to each bin, so that an empty one is no infinity. Without a change the index is on average
    (bins - 1) (1/n + 1/m), as it is χ² of two histograms to leading order.

    Args:
        one, other: shapes (n,) and (m,).
    """
    known = other[np.isfinite(other)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1)[1:-1])) if len(known) else np.empty(0)
    a, b = (_contents(values, edges) for values in (one, other))
    used = (a + b) > 0
    a, b = ((part[used] + 0.5) / (part[used] + 0.5).sum() for part in (a, b))
    return float(((a - b) * np.log(a / b)).sum()), (int(used.sum()) - 1) * (1 / len(one) + 1 / len(other))


def kolmogorov_smirnov(values: Array, groups: Array) -> dict[int, tuple[float, float]]:
    """Each group against all others: the largest distance of the two distribution functions, and how probable so large
    a one is by chance.

    The probability is that of Kolmogorov's distribution with the correction of Stephens (J. R. Stat. Soc. B 32 (1970)
    115) for finite samples; ties make it too large. All groups share one sort.

    Args:
        values: shape (n,), of which those that are not finite are left out.
        groups: number of the group of each, shape (n,).
    """
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    ascending, group = values[known][order], groups[known][order]
    last = np.flatnonzero(np.append(np.diff(ascending) > 0, True)) if len(order) else order
    found = {}
    for number in np.unique(groups).tolist():
        inside = np.cumsum(group == number)
        one = int(inside[-1]) if len(inside) else 0
        other = len(group) - one
        if not one or not other:
            found[number] = (0.0, 1.0)
            continue
        distance = float(np.abs(inside[last] / one - (last + 1 - inside[last]) / other).max())
        root = np.sqrt(one * other / (one + other))
        found[number] = (distance, float(kolmogorov((root + 0.12 + 0.11 / root) * distance)))
    return found


def drift(run: Array, quantities: Mapping[str, Array], label: Array, settings: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each block of runs and quantity.

    Args:
        run, label: of events, shape (n,).
        quantities: inputs, and the event's score as `score`, shape (n,) each.
        settings: `block_events` (least number in a block), `psi` (from where to watch, from where it is drift),
            `significance` (of all tests together).

    Returns:
        `run_first`, `run_last`, `events`, `prevalence` and `roc_auc` of the block, `quantity`, `psi`, `psi_chance`,
        `ks`, `p_value` (times the number of tests) and `verdict`. No rows if there is one block only.
    """
    _, place, size = np.unique(run, return_inverse=True, return_counts=True)
    number = blocks(size, settings["block_events"])[place]
    found = []
    several = number.max(initial=0) > 0
    tests = {name: kolmogorov_smirnov(values, number) for name, values in quantities.items()} if several else {}
    for block in np.unique(number).tolist() if several else []:
        mine = number == block
        about = {"run_first": int(run[mine].min()), "run_last": int(run[mine].max()), "events": int(mine.sum())}
        about["prevalence"] = float(label[mine].mean())
        about["roc_auc"] = Ranking(quantities[SCORE][mine]).roc_auc(label[mine], 1 - label[mine])
        for name, values in quantities.items():
            index, chance = psi(values[mine], values[~mine])
            distance, p_value = tests[name][block]
            compared = {"psi": index, "psi_chance": chance, "ks": distance, "p_value": p_value}
            found.append({**about, "quantity": name, **compared})
    columns = ["run_first", "run_last", "events", "prevalence", "roc_auc", "quantity", "psi", "psi_chance", "ks"]
    table = pd.DataFrame(found, columns=[*columns, "p_value"])
    # Bonferroni: how often anything at all would look changed without a change.
    table["p_value"] = np.minimum(table["p_value"].astype(float) * len(table), 1)
    table["verdict"] = [_verdict(row, settings) for row in table.to_dict("records")]
    return table


def overall(table: pd.DataFrame) -> dict[str, Any]:
    """The worst verdict, and which quantities it is about."""
    for verdict in (DRIFT, WATCH):
        rows = table[table["verdict"] == verdict]
        if len(rows):
            return {"verdict": verdict, "quantities": sorted(rows["quantity"].unique())}
    return {"verdict": STABLE if len(table) else "one block of runs: nothing to compare", "quantities": []}


def _contents(values: Array, edges: Array) -> Array:
    missing = ~np.isfinite(values)
    bins = np.searchsorted(edges, values[~missing], side="right")
    return np.append(np.bincount(bins, minlength=len(edges) + 1), missing.sum()).astype(float)


def _verdict(row: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    watch, change = settings["psi"]
    size = row["psi"] - row["psi_chance"]
    if row["p_value"] >= settings["significance"] or size < watch:
        return STABLE
    return DRIFT if size >= change else WATCH
