"""The histograms of one skim: every region and observable, for all variations of objects and weights.

The skim holds the events that may pass under any variation, so nothing is read again from NanoAOD. Everything is filled
with generator weights and corrections only; what turns sums into yields is known when all files are there
(`collecting`).
"""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow import analyses
from skimflow.analyses.base import Columns, Observed
from skimflow.counts import Axis
from skimflow.counts.table import Rows, assemble, merge, tally
from skimflow.errors import InputError
from skimflow.histograms.chain import Chain, Varied
from skimflow.histograms.filling import NOMINAL, fill
from skimflow.io.outputs import read_stamp, write_table
from skimflow.physics.corrections.weights import DIRECTIONS, Weights

RAW, STAGE, REGION = "raw", "stage_", "region"
"""Variation without corrections of objects; variations with the first 0, 1, … weights only; kind of the rows that count
the events of each region."""
CUTFLOW, N_MINUS_ONE = "cutflow", "n_minus_one"


def histograms(
    events: str | Path,
    settings: Mapping[str, Any],
    output: str | Path,
    stamp: Mapping[str, Any],
    models: Sequence[str | Path] = (),
) -> None:
    """Fill the histograms of a skim.

    Args:
        events: a skim's selected events.
        settings: those of `targets.TemplatesTargets.histograms`.
        output: counts to write. A file that could not be read has none.
        models: JSON files of what was learnt before, for analyses whose `observe` takes `models`.

    Raises:
        InputError: a column or a file of corrections is missing, or corrections give no finite numbers.
    """
    source = read_stamp(events)
    filling = _Filling(settings, [json.loads(Path(path).read_text(encoding="utf-8")) for path in models])
    good = any(facts["status"] == "ok" for facts in source["inputs"])
    rows = [filling.rows(columns) for columns in pieces(events)] if good else []
    table = merge(assemble(part) for part in rows)
    write_table(table, output, {**stamp, "inputs": source["inputs"], "outside": filling.outside})


class _Filling:
    """Fills pieces of events of one dataset."""

    def __init__(self, settings: Mapping[str, Any], models: Sequence[Any]):
        self._settings = settings
        self._chain = Chain(settings["corrections"], settings["kind"])
        self._axes = {name: Axis(spec) for name, spec in settings["axes"].items()}
        self._cut_axes = {name: Axis(spec) for name, spec in settings["n_minus_one"].items()}
        self._observe = functools.partial(
            analyses.get(settings["analysis"]).observe,
            settings=settings["selection"],  # type: ignore[attr-defined]
            **({"models": models} if models else {}),
        )
        self.outside: dict[str, int] = {}

    def rows(self, columns: Columns) -> list[Rows]:
        """Those of a piece of events."""
        base = np.ones(len(columns["weight"])) if self._settings["unweighted"] else columns["weight"]
        corrected, outside = self._chain.applied(columns)
        observed = self._observe(corrected)
        weights = self._chain.weights(corrected, observed.objects)
        self._note(observed, {**outside, **weights.outside()})
        rows = self._regions(observed, base) + self._cuts(observed, base)
        objects = self._chain.variations() if self._settings["varied"] else []
        factors = {NOMINAL: weights.nominal(), **self._weighted(weights, {v.source for v in objects})}
        rows += self._filled(f"{STAGE}0", observed, base, factors)
        if self._chain.changes_objects:
            raw = self._observe(columns)
            rows += self._filled(RAW, raw, base * self._chain.weights(columns, raw.objects).nominal())
        for varied in objects:
            rows += self._varied(varied, columns, base)
        return rows

    def _varied(self, varied: Varied, columns: Columns, base: np.ndarray) -> list[Rows]:
        """With one source of objects moved, and the weights that belong to it."""
        moved = self._chain.corrected(columns, varied)
        observed = self._observe(moved)
        weights = self._chain.weights(moved, observed.objects)
        linked = varied.source in weights.sources
        weight = weights.varied(*varied) if linked else weights.nominal()
        return self._filled(varied.name, observed, base * weight)

    def _weighted(self, weights: Weights, linked: set[str]) -> Mapping[str, np.ndarray]:
        """Factors of the variations of weights, and of the first 1, 2, … weights."""
        steps = [name for name in weights.names if name in self._chain.steps]
        found = {f"{STAGE}{n}": weights.nominal(steps[:n]) for n in range(1, len(steps))}
        if self._settings["varied"]:
            for source in weights.sources:
                if source not in linked:
                    found |= {Varied(source, way).name: weights.varied(source, way) for way in DIRECTIONS}
        return found

    def _filled(
        self,
        variation: str,
        observed: Observed,
        weight: np.ndarray,
        factors: Mapping[str, np.ndarray] | None = None,
    ) -> list[Rows]:
        rows = []
        for region, selected in observed.regions.items():
            for name in self._shown(observed, region):
                rows += fill(
                    self._settings["dataset"],
                    region,
                    name,
                    self._axes[name],
                    observed.observables[name],
                    weight=weight,
                    selected=selected,
                    variation=variation,
                    factors=factors,
                )
        return rows

    def _shown(self, observed: Observed, region: str) -> list[str]:
        """Observables that are shown in a region: all, or those that the analysis names."""
        own = observed.shown.get(region)
        return [name for name in self._axes if own is None or name in own]

    def _regions(self, observed: Observed, weight: np.ndarray) -> list[Rows]:
        """How many of the skim's events are in each region, before event weights."""
        place = np.zeros(len(weight), np.int64)
        return [
            tally(self._settings["dataset"], REGION, name, "", place, selected, weight=weight, always=0)
            for name, selected in observed.regions.items()
        ]

    def _cuts(self, observed: Observed, weight: np.ndarray) -> list[Rows]:
        """Cutflow and N-1 of each region, of events of the skim with their generator weight."""
        rows = []
        for region, flow in observed.flows.items():
            left = np.ones(len(weight), bool)
            for place, (name, variable) in enumerate(flow.variables.items()):
                passed = flow.cuts.passed([name])
                here = np.full(np.count_nonzero(left), place)
                rows.append(self._tally(CUTFLOW, name, "", here, passed[left], region, weight[left], place))
                left &= passed
                if variable in self._cut_axes:
                    others = flow.cuts.n_minus_one(name, flow.variables)
                    x = self._cut_axes[variable].index(observed.observables[variable][others])
                    rows.append(self._tally(N_MINUS_ONE, name, variable, x, passed[others], region, weight[others]))
        return rows

    def _tally(
        self,
        kind: str,
        name: str,
        variable: str,
        x: np.ndarray,
        passed: np.ndarray,
        region: str,
        weight: np.ndarray,
        always: int = 0,
    ) -> Rows:
        dataset = self._settings["dataset"]
        return tally(dataset, kind, name, variable, x, passed, reference=region, weight=weight, always=always)

    def _note(self, observed: Observed, outside: Mapping[str, np.ndarray]) -> None:
        """In how many events of any region an object was outside the bins of a correction."""
        chosen = np.logical_or.reduce(list(observed.regions.values()))
        for name, events in outside.items():
            self.outside[name] = self.outside.get(name, 0) + int(np.count_nonzero(events & chosen))


def pieces(path: str | Path) -> Iterator[Columns]:
    """Events of a skim as flat columns, piece by piece; at least one piece, which may be empty."""
    file = pq.ParquetFile(path)
    if not file.num_row_groups:
        yield _columns(file.schema_arrow.empty_table())
    for group in range(file.num_row_groups):
        yield _columns(file.read_row_group(group))


def _columns(table: pa.Table) -> Columns:
    """Flat columns; lists of a collection share their counter, as in NanoAOD."""
    columns: Columns = {}
    for name in table.column_names:
        whole = table[name].combine_chunks()
        if whole.null_count:
            raise InputError("missing_branch", f"column {name} is empty for {whole.null_count} events of a skim")
        if pa.types.is_list(whole.type):
            columns[f"n{name.split('_')[0]}"] = whole.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
            columns[name] = whole.flatten().to_numpy(zero_copy_only=False)
        else:
            columns[name] = whole.to_numpy(zero_copy_only=False)
    return columns
