"""A histogram in one variable, with its flow bins and the uncertainty that the number of simulated events leaves."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skimflow.counts.axes import coarse
from skimflow.extras import extra

Array = np.ndarray


class Template(NamedTuple):
    """Contents of b bins, underflow before and overflow after them.

    Args:
        edges: shape (b + 1,).
        values: Σw, shape (b + 2,).
        variances: Σw², shape (b + 2,); None where a file does not say it.
        entries: number of events, unweighted; 0 where it is not known.
    """

    edges: Array
    values: Array
    variances: Array | None
    entries: int = 0

    def scaled(self, factor: float) -> "Template":
        variances = None if self.variances is None else self.variances * factor**2
        return self._replace(values=self.values * factor, variances=variances)

    def plus(self, other: "Template") -> "Template":
        """The sum; both must have the same edges."""
        if not np.array_equal(self.edges, other.edges):
            raise ValueError(f"templates with different edges cannot be added: {self.edges} and {other.edges}")
        known = self.variances is not None and other.variances is not None
        variances = self.variances + other.variances if known else None
        return Template(self.edges, self.values + other.values, variances, self.entries + other.entries)

    def rebinned(self, edges: Sequence[float]) -> "Template":
        """The same events in wider bins; what is below the first or above the last edge is under- and overflow.

        Raises:
            ValueError: an edge is not among those of the template, or they do not rise.
        """
        wanted = np.asarray(edges, float)
        if len(wanted) < 2 or not (np.diff(wanted) > 0).all():
            raise ValueError(f"edges must rise: {list(wanted)}")
        place = coarse(self.edges, wanted)
        values = np.bincount(place, self.values, len(wanted) + 1)
        variances = None if self.variances is None else np.bincount(place, self.variances, len(wanted) + 1)
        return Template(wanted, values, variances, self.entries)

    @property
    def inside(self) -> Array:
        """Contents without under- and overflow, shape (b,)."""
        return self.values[1:-1]


def to_hist(template: Template, name: str = "x", label: str = "") -> Any:
    """The template as `hist.Hist` (a `boost_histogram.Histogram`) with weighted storage.

    Raises:
        ConfigError: hist is not installed.
    """
    hist = extra("hist", "fit")
    axis = hist.axis.Variable(template.edges, name=name, label=label or name)
    filled = hist.Hist(axis, storage=hist.storage.Weight())
    view = filled.view(flow=True)
    view["value"] = template.values
    view["variance"] = template.values if template.variances is None else template.variances
    return filled
