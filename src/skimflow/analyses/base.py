"""What every analysis module offers, and what its selection returns."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

from skimflow.physics.cuts import Cuts

Columns = dict[str, np.ndarray]


class Cut(NamedTuple):
    """A cut on candidate events: its name, the variable it cuts on, and who passes, shape (candidates,)."""

    name: str
    variable: str
    passed: np.ndarray


class Selection(NamedTuple):
    """What a selection makes of n events."""

    steps: list[tuple[str, np.ndarray]]
    """Ordered requirements on all events: name and mask, shape (n,). Their AND makes the candidates."""
    columns: Columns
    """Quantities of the candidates, shape (candidates,)."""
    cuts: list[Cut]
    """Ordered cuts on the candidates."""
    event: np.ndarray | None = None
    """Which event each candidate is in, ascending, shape (candidates,); an event of the steps may have none or several.
    Without it there is one candidate in each event that passes the steps. All candidates are kept; trigger paths, which
    decide about events, are counted with the first of each event."""
    decisions: Mapping[str, np.ndarray] = MappingProxyType({})
    """Probes that are no trigger paths, such as matched objects: name and who passes, shape (candidates,), bool. They
    are counted in place of the paths of the configuration, in bins of the quantity `mass` too."""
    asked: Mapping[str, np.ndarray] = MappingProxyType({})
    """For decisions that only some candidates are asked for: name and which, shape (candidates,), bool."""

    derived: Columns = MappingProxyType({})
    """Branches worked out from others, for all events, in the form of those of the file; `keep` may name them."""

    @property
    def events(self) -> np.ndarray:
        """Which event each candidate is in, shape (candidates,)."""
        passed = np.logical_and.reduce([mask for _, mask in self.steps])
        return np.flatnonzero(passed) if self.event is None else self.event

    def at(self, keep: np.ndarray) -> "Selection":
        """The same with the candidates of a mask, shape (candidates,)."""
        return Selection(
            self.steps,
            {name: values[keep] for name, values in self.columns.items()},
            [cut._replace(passed=cut.passed[keep]) for cut in self.cuts],
            self.events[keep],
            {name: mask[keep] for name, mask in self.decisions.items()},
            {name: mask[keep] for name, mask in self.asked.items()},
            self.derived,
        )


class Kept(NamedTuple):
    """Branches that a skim writes for each selected event, as they are in the file, those of a collection as lists."""

    required: Sequence[str]
    optional: Sequence[str] = ()
    """Those that only some files have, such as prefiring weights; without them there is no such column."""
    sources: Sequence[str] = ()
    """Those that are read to work out others, where a file has them all, and are not written."""
    derived: Sequence[str] = ()
    """What is worked out from the sources (`Selection.derived`)."""


class Objects(NamedTuple):
    """Selected objects of a collection, which event weights look at."""

    event: np.ndarray
    """Which event each is in, shape (objects,)."""
    columns: Columns
    """Their quantities, such as `pt` and `eta`, shape (objects,)."""


class Flow(NamedTuple):
    """The named cuts that make a region."""

    cuts: Cuts
    """Regions of one analysis may share them."""
    variables: Mapping[str, str]
    """The cuts of this region, in order, each with the observable that it cuts on (empty for none). An event that
    passes all others has a value of it."""


class Observed(NamedTuple):
    """What histograms are filled with, for n events of a skim."""

    regions: Mapping[str, np.ndarray]
    """Which events are in each region, shape (n,), bool."""
    observables: Columns
    """Shape (n,); NaN where an event has none, which no event of a region that shows it is."""
    objects: Mapping[str, Objects] = MappingProxyType({})
    """By collection."""
    shown: Mapping[str, Sequence[str]] = MappingProxyType({})
    """By region, the observables that it has; all of them where it is not named."""
    flows: Mapping[str, Flow] = MappingProxyType({})
    """By region, its cuts, for cutflow and N-1."""


class Analysis(Protocol):
    """The functions of an analysis module. `settings` is the `selection` block of the configuration."""

    def branches(self, settings: Mapping[str, Any]) -> list[str]:
        """Branches that `select` reads."""

    def select(self, columns: Columns, settings: Mapping[str, Any]) -> Selection:
        """Apply the selection to flat columns as `io.NanoAOD.chunks` yields them."""

    # An analysis whose histograms are filled from its skims also has
    # `keep(settings, kind) -> Kept`, with one candidate an event; `kind` is `data` or `mc`; and
    # `observe(columns, settings) -> Observed`, with columns of a skim in the form that `select` gets them.
