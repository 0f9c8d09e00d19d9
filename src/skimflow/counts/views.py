"""Looking at counts: histograms in report bins, cutflows, luminosity sections."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from skimflow.counts.axes import coarse


class Binned(NamedTuple):
    """Counts in bins, each of shape (bins,) or (x bins, y bins) with underflow and overflow at the ends."""

    total_n: np.ndarray
    passed_n: np.ndarray
    absent_n: np.ndarray
    total_sumw: np.ndarray
    total_sumw2: np.ndarray
    passed_sumw: np.ndarray
    passed_sumw2: np.ndarray


def select(counts: pa.Table, kind: str, datasets: Collection[str] | None = None, **keys: str) -> pa.Table:
    """The rows of a kind, and of given `name`, `reference`, `variable`."""
    import pyarrow.compute as pc  # a skim imports this module and never selects; compute takes as long as the rest

    keep = pc.equal(counts["kind"], kind)
    for key, value in keys.items():
        keep = pc.and_(keep, pc.equal(counts[key], value))
    if datasets is not None:
        keep = pc.and_(keep, pc.is_in(counts["dataset"], pa.array(list(datasets), pa.string())))
    return counts.filter(keep)


def binned(rows: pa.Table, fine: list[np.ndarray], report: list[np.ndarray], axes: str = "xy") -> Binned:
    """Rows of one or two variables, added up in report bins.

    Args:
        rows: rows of one `kind`, `name` and `variable`.
        fine, report: edges of x, and of y for maps, or of other `axes`.
    """
    bins = [coarse(f, r) for f, r in zip(fine, report, strict=True)]
    shape = tuple(len(edges) + 1 for edges in report)
    place = tuple(b[rows[axis].to_numpy()] for b, axis in zip(bins, axes, strict=False))
    index = np.ravel_multi_index(place, shape)
    return Binned(*(_filled(rows[name].to_numpy(), index, shape) for name in Binned._fields))


def summed(rows: pa.Table) -> Binned:
    """All rows in one bin, shape (1,)."""
    index = np.zeros(rows.num_rows, np.int64)
    return Binned(*(_filled(rows[name].to_numpy(), index, (1,)) for name in Binned._fields))


def by_value(rows: pa.Table) -> tuple[np.ndarray, Binned]:
    """Rows of an integer variable: its values, shape (n,), and the counts of each."""
    values, index = np.unique(rows["x"].to_numpy(), return_inverse=True)
    return values, Binned(*(_filled(rows[name].to_numpy(), index, (len(values),)) for name in Binned._fields))


def cutflow(counts: pa.Table, datasets: Collection[str] | None = None) -> list[tuple[str, int, float]]:
    """Name, number and sum of weights after each cut, in order; the first entry is what was read."""
    rows = select(counts, "cutflow", datasets)
    order = sorted(set(zip(rows["x"].to_pylist(), rows["name"].to_pylist(), strict=True)))
    sums = [(name, summed(select(rows, "cutflow", name=name))) for _, name in order]
    return [(name, int(s.passed_n[0]), float(s.passed_sumw[0])) for name, s in sums]


def lumi_sections(counts: pa.Table, dataset: str) -> np.ndarray:
    """Certified luminosity sections of a dataset that were processed, shape (n, 2): run, section."""
    rows = select(counts, "lumi", [dataset], name="certified")
    return np.stack([rows["x"].to_numpy(), rows["y"].to_numpy()], axis=1)


def _filled(values: np.ndarray, index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    result = np.bincount(index, values, int(np.prod(shape))).reshape(shape)
    return result.astype(np.int64) if values.dtype.kind == "i" else result
