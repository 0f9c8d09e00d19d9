"""What every analysis module offers, and what its selection returns."""

from collections.abc import Mapping
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


class Analysis(Protocol):
    """The functions of an analysis module. `settings` is the `selection` block of the configuration."""

    def branches(self, settings: Mapping[str, Any]) -> list[str]:
        """Branches that `select` reads."""

    def select(self, columns: Columns, settings: Mapping[str, Any]) -> Selection:
        """Apply the selection to flat columns as `io.NanoAOD.chunks` yields them."""
