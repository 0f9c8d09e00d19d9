"""What a skim counts: cutflow, N-1, triggers, pairs of tag and probe, luminosity sections, the file itself."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from skimflow.analyses.base import Cut
from skimflow.counts.axes import Axis
from skimflow.counts.table import TWINS, Bins, Rows, assemble, counted, merge, tally
from skimflow.physics.triggers import Decision

Array = np.ndarray
ALL = "all"
_PENDING = 300


class Generated(NamedTuple):
    """Generated events: their number, Σ of generator weights, Σ of their squares."""

    number: int
    sumw: float
    sumw2: float

    def plus(self, weight: Array) -> "Generated":
        """With more events, of these weights."""
        return Generated(
            self.number + len(weight), self.sumw + float(weight.sum()), self.sumw2 + float((weight**2).sum())
        )


class Tallies:
    """Collects the counts of one file.

    Args:
        dataset: name of the dataset.
        axes: for `counts.Axis`, by variable.
        maps: pairs of variables.
    """

    def __init__(self, dataset: str, axes: Mapping[str, Any], maps: Sequence[Sequence[str]]):
        self._dataset = dataset
        self._axes = {name: Axis(spec) for name, spec in axes.items()}
        self._maps = maps
        self._rows: list[Rows] = []
        self._merged: list[pa.Table] = []

    def cutflow(self, steps: Sequence[tuple[str, Array]], weight: Array, first: int = 0) -> None:
        """Count events before and after each step; masks and weights of shape (n,), each mask on its own.

        `first` is the place of the first step: events that have passed others are counted on.
        """
        left = np.ones(len(weight), bool)
        for place, (name, mask) in enumerate(steps, first):
            self._add(
                "cutflow", name, "", np.full(np.count_nonzero(left), place), mask[left], weight[left], always=place
            )
            left = left & mask

    def n_minus_one(self, cuts: Sequence[Cut], quantities: Mapping[str, Array], weight: Array) -> None:
        """For each cut, the distribution of its variable over the candidates that pass all others."""
        failed = np.sum([~cut.passed for cut in cuts], axis=0)
        for cut in cuts:
            others = failed == ~cut.passed
            if cut.variable in self._axes and not self._axes[cut.variable].integer:
                x = self._axes[cut.variable].index(quantities[cut.variable][others])
                self._add("n_minus_one", cut.name, cut.variable, x, cut.passed[others], weight[others])

    def triggers(
        self,
        reference: str,
        fired: Mapping[str, Decision],
        factors: Mapping[str, Array],
        quantities: Mapping[str, Array],
        weight: Array,
        accepts: Decision,
    ) -> None:
        """For each path, how many selected events fired it, in bins of each variable, each map, and in all.

        Args:
            reference: its name.
            fired, factors: of `physics.triggers`.
            accepts: which events the reference keeps; they are counted as absent where it is unknown.
        """
        keep = slice(None) if accepts is None or accepts.all() else accepts
        weight = weight[keep]
        index = {name: axis.index(quantities[name][keep]) for name, axis in self._axes.items()}
        bins = {ALL: Bins(np.zeros(len(weight), np.int64), weight=weight, always=0)}
        bins |= {name: Bins(x, weight=weight) for name, x in index.items()}
        bins |= {f"{one}:{other}": Bins(index[one], index[other], weight=weight) for one, other in self._maps}
        for path, decision in fired.items():
            absent = decision is None or accepts is None
            passed = np.zeros(len(weight), bool) if absent else decision[keep]
            factor = factors[path][keep] if path in factors else None
            for variable, content in bins.items():
                self._keep(content.rows((self._dataset, "trigger", path, reference, variable), passed, absent, factor))

    def pairs(
        self,
        reference: str,
        legs: Mapping[str, Array],
        asked: Mapping[str, Array],
        quantities: Mapping[str, Array],
        mass: Array,
        twin: Array,
        weight: Array,
    ) -> None:
        """For each leg, how many probes fired it, in bins of the mass, and of each variable, each map, and in all.

        Both leptons of an event may be probes, in two pairs of one mass. How many such twins there are is counted as
        TWINS, in bins of each variable of one probe and the other.

        Args:
            reference: its name.
            twin: which pairs have the leptons of the pair before, shape (n,), bool.
            legs, asked: `decisions` and `asked` of a `Selection`.
            mass: bin of each pair, shape (n,).
        """
        everyone = np.ones(len(weight), bool)
        index = {name: axis.index(quantities[name]) for name, axis in self._axes.items()}
        places = {ALL: (np.zeros(len(weight), np.int64), None), **{name: (x, None) for name, x in index.items()}}
        places |= {f"{one}:{other}": (index[one], index[other]) for one, other in self._maps}
        for variable, (x, y) in places.items():
            common = Bins(x, y, mass, weight)
            for leg, fired in legs.items():
                some = asked.get(leg, everyone)
                bins = (
                    common if leg not in asked else Bins(x[some], y if y is None else y[some], mass[some], weight[some])
                )
                self._keep(bins.rows((self._dataset, "pair", leg, reference, variable), fired[some]))

        second = np.flatnonzero(twin)
        for variable, x in {ALL: np.zeros(len(weight), np.int64), **index}.items():
            if variable == ALL or not self._axes[variable].integer:
                both = {"reference": reference, "y": x[second]}
                self._add("pair", TWINS, variable, x[second - 1], twin[second], weight[second], **both)

    def sections(self, name: str, run: Array, section: Array, entries: Array) -> None:
        """Entries read of each luminosity section; `name` is `certified` or `rejected`."""
        self._rows.append(counted(self._dataset, "lumi", name, run, section, entries))

    def file(self, name: str, entries: int, read: int) -> None:
        """That this file was counted, and whether to its end."""
        place = np.zeros(1, np.int64)
        self._rows.append(counted(self._dataset, "file", name, place, place, np.array([entries]), np.array([read])))

    def generated(self, name: str, source: str, found: Generated) -> None:
        """What was generated for this file, told by its `runs`, or summed over its `events`."""
        zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
        sums = {"total_n": found.number, "total_sumw": found.sumw, "total_sumw2": found.sumw2}
        columns = {"x": zero, "y": zero, "z": zero, **{name: np.array([value]) for name, value in sums.items()}}
        columns |= {"absent_n": zero, "passed_n": one, "passed_sumw": one * 1.0, "passed_sumw2": one * 1.0}
        self._rows.append(Rows((self._dataset, "generated", name, source, ""), columns))

    def table(self) -> pa.Table:
        """All counts so far, merged."""
        self._merged, self._rows = [merge([*self._merged, assemble(self._rows)])], []
        return self._merged[0]

    def _add(self, kind: str, name: str, variable: str, x: Array, passed: Array, weight: Array, **rest: Any) -> None:
        self._keep(tally(self._dataset, kind, name, variable, x, passed, weight=weight, **rest))

    def _keep(self, rows: Rows) -> None:
        self._rows.append(rows)
        if len(self._rows) > _PENDING:
            self.table()
