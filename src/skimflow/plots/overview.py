"""Cutflow and N-1 distributions."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skimflow.counts import Axis
from skimflow.counts.views import select
from skimflow.plots.canvas import WIDTH, axis_title, colour, no_data


def cutflow(figure: Figure, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Events left after each cut, one line a dataset, logarithmic; a panel for the datasets of each selection.

    Args:
        table: cutflow.csv.
    """
    cuts = table.groupby("dataset", sort=False)["cut"].agg(tuple)
    if cuts.empty:
        no_data(figure.subplots())
        return
    panels = figure.subplots(cuts.nunique(), 1, squeeze=False)[:, 0]
    figure.set_size_inches(WIDTH, 6.5 * len(panels))
    for axes, flow in zip(panels, cuts.unique(), strict=True):
        _flow(axes, table[table["dataset"].isin(cuts.index[cuts == flow])], settings)


def _flow(axes: Axes, table: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    for place, (dataset, rows) in enumerate(table.groupby("dataset", sort=False)):
        events = rows["events"].to_numpy(float)
        edges = np.arange(len(events) + 1) - 0.5
        left = np.where(events > 0, events, np.nan)
        axes.stairs(left, edges, baseline=None, color=colour(settings, place), lw=2, label=dataset)
    cuts = list(dict.fromkeys(table["cut"]))
    axes.set_xticks(range(len(cuts)), [cut.replace("_", " ") for cut in cuts], rotation=45, ha="right")
    axes.minorticks_off()
    axes.set_yscale("log")
    positive = table["events"][table["events"] > 0]
    axes.set_ylim(bottom=positive.min() / 5 if len(positive) else 0.5, top=3 * max(table["events"].max(), 1))
    axes.set_ylabel("events")
    axes.legend(fontsize="small")


def n_minus_one(
    figure: Figure,
    counts: pa.Table,
    axes: Mapping[str, Any],
    datasets: Collection[str],
    settings: Mapping[str, Any],
) -> None:
    """For each cut, the distribution of its variable over events that pass all other cuts; those cut away are grey.

    Args:
        counts: aggregated counts.
        axes: for `counts.Axis`, by variable.
        datasets: those to show, together and unweighted.
    """
    rows = select(counts, "n_minus_one", datasets)
    cuts = list(dict.fromkeys(name for _, name, _ in _order(counts) if name in set(rows["name"].to_pylist())))
    columns = 2
    figure.set_size_inches(WIDTH, 3.4 * max(1, -(-len(cuts) // columns)))
    panels = figure.subplots(max(1, -(-len(cuts) // columns)), columns, squeeze=False).reshape(-1)
    for panel in panels[len(cuts) :]:
        panel.set_axis_off()
    if not cuts:
        no_data(panels[0])
    for panel, cut in zip(panels, cuts, strict=False):
        _distribution(panel, select(rows, "n_minus_one", name=cut), axes, settings)


def _order(counts: pa.Table) -> list[tuple[int, str, int]]:
    rows = select(counts, "cutflow")
    return sorted({(x, name, 0) for x, name in zip(rows["x"].to_pylist(), rows["name"].to_pylist(), strict=True)})


def _distribution(panel: Axes, rows: pa.Table, axes: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    variable = rows["variable"][0].as_py()
    edges = Axis(axes[variable]).edges
    size = len(edges) + 1
    x = rows["x"].to_numpy()
    total, passed = (np.bincount(x, rows[name].to_numpy(), size)[1:-1] for name in ("total_n", "passed_n"))
    panel.stairs(total, edges, fill=True, color="0.8", label="removed by this cut")
    panel.stairs(passed, edges, fill=True, color=colour(settings, 0), label="kept")
    panel.set_xlabel(axis_title(settings, variable), fontsize="small")
    panel.set_ylabel("events", fontsize="small")
    panel.minorticks_off()
    panel.tick_params(labelsize="x-small")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, 1.4 * max(total.max(), 1))
    panel.legend(fontsize="x-small", loc="upper right", borderaxespad=0.8, handlelength=1)
