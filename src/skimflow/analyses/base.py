"""What every analysis module offers, and what its selection returns."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

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
        )


class Analysis(Protocol):
    """The functions of an analysis module. `settings` is the `selection` block of the configuration."""

    def branches(self, settings: Mapping[str, Any]) -> list[str]:
        """Branches that `select` reads."""

    def select(self, columns: Columns, settings: Mapping[str, Any]) -> Selection:
        """Apply the selection to flat columns as `io.NanoAOD.chunks` yields them."""
