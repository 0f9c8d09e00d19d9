"""Bins of a variable, with underflow and overflow."""

from typing import Literal

import numpy as np


class Axis:
    """Bins 1 to n, underflow 0, overflow n + 1; or `integer`, where each value is its own bin.

    Args:
        spec: `integer`, or number of bins, lower and upper end, or `edges`.
    """

    def __init__(self, spec: Literal["integer"] | list[float] | dict[str, list[float]]):
        self.integer = spec == "integer"
        if isinstance(spec, dict):
            self.edges = np.array(spec["edges"], float)
        else:
            self.edges = np.empty(0) if self.integer else _edges(*spec)  # type: ignore[misc]

    def index(self, values: np.ndarray) -> np.ndarray:
        """Bin of each value, int64. Bins include their lower edge; NaN goes to the overflow, so nothing is lost."""
        if self.integer:
            return values.astype(np.int64)
        return np.searchsorted(self.edges, np.asarray(values, float), side="right").astype(np.int64)


def _edges(bins: float, low: float, high: float) -> np.ndarray:
    return np.round(np.linspace(low, high, int(bins) + 1), 10)


def coarse(fine: np.ndarray, report: np.ndarray) -> np.ndarray:
    """For each fine bin, flow included (shape len(fine) + 1), the report bin it belongs to, flow included.

    Raises:
        ValueError: a report edge is not a fine edge.
    """
    places = np.array([np.argmin(np.abs(fine - edge)) for edge in report])
    if not np.allclose(fine[places], report, rtol=1e-9, atol=1e-9):
        raise ValueError(f"report edges {list(report)} are not all among the fine edges")
    return np.searchsorted(places, np.arange(len(fine) + 1) - 1, side="right")
