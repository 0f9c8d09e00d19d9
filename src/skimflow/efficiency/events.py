"""The table of a cross trigger's efficiency from its legs: for the selected events of each sample, in all and in bins.

An efficiency from legs depends on the bins of the two leptons alone. So the events are counted in these first, file by
file, and the efficiency of a sample is that of its counts.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.efficiency.crosstrigger import Legs, bin_of, cross_trigger
from skimflow.efficiency.intervals import Estimate
from skimflow.efficiency.legs import DZ
from skimflow.efficiency.table import ALL

Array = np.ndarray
FLAVOURS = ("muon", "electron")
_PIECE = 1 << 18
_KNOWN = 0.5
"""An accepted event counts 1/ε if the interval of ε begins above this fraction of it."""
_WHERE = ["reference", "sample", "dataset", "variable", "x_low", "x_high"]
_LEGS = {"data": "data", "mc": "simulation"}


class _Cells(NamedTuple):
    """Events by bin of a variable, of the muon, and of the electron, the last of which is for leptons without a bin;
    shapes (bins, muon bins + 1, electron bins + 1). `absent`: those without decision of the trigger, shape (bins,)."""

    n: Array
    sumw: Array
    sumw2: Array
    absent: Array

    def plus(self, other: "_Cells") -> "_Cells":
        return _Cells(*(one + more for one, more in zip(self, other, strict=True)))


class _Group(NamedTuple):
    """Datasets of a sample, under a reference; `accepted`: the trigger itself selected the events."""

    reference: str
    sample: str
    kind: str
    members: list[str]
    accepted: bool


def event_efficiencies(
    files: Mapping[str, Sequence[Any]], legs: pd.DataFrame, measured: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Mean efficiency of selected events from the legs of their leptons.

    Args:
        files: paths of selected events by dataset.
        legs: of `efficiency.legs.leg_efficiencies`.
        measured: of `efficiency.efficiencies`, to stand beside.
        settings: those of `targets.cross_trigger_settings`.

    Returns:
        One row for each reference, sample, choice of legs (`legs`: those of data, and for simulation those of
        simulation too, if both leptons have them) and bin: `efficiency`, `low` and `high` (uncertainty of legs and DZ
        filter only); `sample_error`, how much the mean varies from one sample of so many events to another; how many
        events it is the mean of (`total_n`, `total_sumw`); how many have no efficiency and are left out (`unknown_n`,
        `unknown_sumw`: a lepton outside the map, or in a bin where a leg has no efficiency; and where each event stands
        for 1/ε, an ε that is not known within a factor of 2); how many had no decision
        of the trigger (`absent_n`); and `measured`, `measured_low` and `measured_high`, the ratio of counts of the same
        events.

        In collision data without reference the events are there because of the trigger. There, those that the trigger
        accepted are taken, and each stands for 1/ε: the number is that of all events that pass the selection.

    Raises:
        ValueError: the table of legs does not have the legs in the bins of the settings.
    """
    bins = {ALL: [-np.inf, np.inf], **{name: [-np.inf, *e, np.inf] for name, e in settings["report"].items()}}
    maps = {kind: _maps(legs, settings, kind) for kind in _kinds(settings)}
    counted = _counted(files, bins, settings)
    rows = [
        _row(cells, group, kind, variable, place, maps[kind])
        for group in _groups(settings)
        for kind in (maps if group.kind == "mc" else ["data"])
        for variable, edges in bins.items()
        for cells, place in _places(counted, group, variable, edges)
    ]
    table = pd.DataFrame(rows).assign(trigger=settings["trigger"], level=settings["level"])
    own = measured[(measured["trigger"] == settings["trigger"]) & (measured["dataset"] == ALL)]
    names = {"efficiency": "measured", "low": "measured_low", "high": "measured_high"}
    table = table.merge(own[[*_WHERE, *names]].rename(columns=names), how="left", on=_WHERE)
    table["meaning"] = [_meaning(row, settings) for row in table.to_dict("records")]
    return table


def _kinds(settings: Mapping[str, Any]) -> list[str]:
    """Whose legs are used: those of data, and those of simulation if all are measured there."""
    parts = [*settings["legs"].values(), *([settings["dz"]] if settings["dz"] else [])]
    return [kind for kind in _LEGS if all(part[kind] for part in parts)]


def _groups(settings: Mapping[str, Any]) -> Iterator[_Group]:
    """Collision data first, as in the table of efficiencies."""
    for reference, how in settings["references"].items():
        samples: dict[tuple[str, str], list[str]] = {}
        for name, dataset in settings["datasets"].items():
            if reference in dataset["references"]:
                samples.setdefault((dataset["sample"], dataset["kind"]), []).append(name)
        for (sample, kind), members in sorted(samples.items(), key=lambda item: item[0][1] == "mc"):
            yield _Group(reference, sample, kind, members, how["method"] == "none" and kind == "data")


def _maps(legs: pd.DataFrame, settings: Mapping[str, Any], kind: str) -> tuple[Legs, Legs, Estimate]:
    """The legs of muon and electron in their bins, flattened, and the DZ filter; those of a kind of sample."""
    pairs = [
        Legs(*(_of(legs, part[kind], part, part[name], _shape(part)) for name in ("loose", "tight")))
        for part in (settings["legs"][flavour] for flavour in FLAVOURS)
    ]
    if not settings["dz"]:
        return *pairs, Estimate(*[np.array(1.0)] * 3)
    dz = _of(legs, settings["dz"][kind], settings["dz"] | {"axes": {}}, DZ, ())
    return *pairs, dz


def _shape(part: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(len(axis["edges"]) - 1 for axis in part["axes"].values())


def _of(legs: pd.DataFrame, sample: str, part: Mapping[str, Any], leg: str, shape: tuple[int, ...]) -> Estimate:
    """A leg in its bins, shape (bins,), or the DZ filter, shape ()."""
    wanted = {"reference": part["reference"], "sample": sample, "trigger": leg}
    wanted["variable"] = ":".join(part["axes"]) or ALL
    rows = legs[np.logical_and.reduce([legs[name] == value for name, value in wanted.items()])]
    edges = [np.array(axis["edges"]) for axis in part["axes"].values()]
    low = np.array(list(itertools.product(*(e[:-1] for e in edges)))).reshape(int(np.prod(shape)), -1 if edges else 0)
    if len(rows) != len(low) or not np.allclose(rows[["x_low", "y_low"]].to_numpy()[:, : len(edges)], low):
        raise ValueError(f"the table of legs has not {wanted} in the bins of the configuration")
    value, low, high, mean = (rows[name].to_numpy(float) for name in ("efficiency", "low", "high", "unbounded"))
    # The mean over events is linear in each leg: a leg cut at 1 would make it too low, so it is not cut here.
    columns = (mean, low + (mean - value), high + (mean - value))
    return Estimate(*(values if shape else values[0] for values in columns))


def _counted(
    files: Mapping[str, Sequence[Any]], bins: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[tuple[str, str, str], _Cells]:
    """Cells by dataset, reference and variable."""
    shape = tuple(int(np.prod(_shape(settings["legs"][flavour]))) + 1 for flavour in FLAVOURS)
    found: dict[tuple[str, str, str], _Cells] = {}
    for dataset, how in settings["datasets"].items():
        for reference, variable in itertools.product(how["references"], bins):
            size = len(bins[variable]) - 1
            found[dataset, reference, variable] = _Cells(*np.zeros((3, size, *shape)), np.zeros(size, np.int64))
        for piece in _pieces(files[dataset], settings):
            place = [_bins_of(piece, settings["legs"][flavour]) for flavour in FLAVOURS]
            for reference, variable in itertools.product(how["references"], bins):
                masks = _masks(piece, settings["references"][reference], how["kind"], settings["trigger"])
                cells = _fill(piece, variable, np.array(bins[variable]), place, masks, shape)
                found[dataset, reference, variable] = found[dataset, reference, variable].plus(cells)
    return found


def _masks(piece: Mapping[str, Array], reference: Mapping[str, Any], kind: str, trigger: str) -> tuple[Array, Array]:
    """Events that are taken, and those of them without a decision of the trigger.

    Without reference, collision data is there because of what is measured: what the trigger itself accepted is taken.
    """
    fired, paths = _bits(piece, f"HLT_{trigger}"), reference["paths"]
    keep = np.ones(len(fired), bool)
    if paths:
        keep = np.logical_or.reduce([_bits(piece, path) == 1 for path in paths])
    elif kind == "data":
        keep = fired != 0
    return keep & (fired >= 0), keep & (fired < 0)


def _pieces(files: Sequence[Any], settings: Mapping[str, Any]) -> Iterator[dict[str, Array]]:
    """Columns of selected events, some at a time; bits as 1, 0, and -1 where a path is not in the menu."""
    columns = {axis["column"] for flavour in FLAVOURS for axis in settings["legs"][flavour]["axes"].values()}
    columns |= {*settings["report"], "weight"}
    bits = {f"HLT_{settings['trigger']}", *(p for r in settings["references"].values() for p in r["paths"])}
    for path in files:
        with pq.ParquetFile(path) as file:
            present = set(file.schema_arrow.names)
            if "weight" not in present:  # a file that could not be read, and was recorded so
                continue
            wanted = [*sorted(columns), *sorted(bits & present)]
            for batch in file.iter_batches(_PIECE, columns=wanted, use_threads=False):
                yield {name: _values(batch.column(name)) for name in wanted}


def _values(column: pa.Array) -> Array:
    if not pa.types.is_boolean(column.type):
        return column.to_numpy(zero_copy_only=False)
    return column.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False)


def _bits(piece: Mapping[str, Array], path: str) -> Array:
    return piece[path] if path in piece else np.full(len(piece["weight"]), -1, np.int8)


def _bins_of(piece: Mapping[str, Array], part: Mapping[str, Any]) -> Array:
    axes = part["axes"].values()
    values = [np.abs(piece[a["column"]]) if a["absolute"] else piece[a["column"]] for a in axes]
    return bin_of([np.array(a["edges"]) for a in axes], values, [a["open"] for a in axes])


def _fill(
    piece: Mapping[str, Array],
    variable: str,
    edges: Array,
    place: Sequence[Array],
    masks: tuple[Array, Array],
    shape: tuple[int, ...],
) -> _Cells:
    """Cells of a piece; `masks`: of `_masks`."""
    keep, absent = masks
    size = len(edges) - 1
    x = np.zeros(len(keep), int) if variable == ALL else np.searchsorted(edges[1:-1], piece[variable], side="right")
    muon, electron = (np.where(p < 0, n - 1, p) for p, n in zip(place, shape, strict=True))
    index = np.ravel_multi_index((x[keep], muon[keep], electron[keep]), (size, *shape))
    weight = piece["weight"][keep]
    sums = (np.bincount(index, w, size * np.prod(shape)).reshape(size, *shape) for w in (None, weight, weight**2))
    return _Cells(*sums, np.bincount(x[absent], minlength=size))


def _places(
    counted: Mapping[tuple[str, str, str], _Cells], group: _Group, variable: str, edges: Sequence[float]
) -> Iterator[tuple[_Cells, tuple[float, float]]]:
    """The cells of each bin of a variable, of all datasets of a group together."""
    parts = [counted[name, group.reference, variable] for name in group.members]
    for place, ends in enumerate(itertools.pairwise(edges)):
        yield _Cells(*(np.sum([one[place] for one in of_all], axis=0) for of_all in zip(*parts, strict=True))), ends


def _row(
    cells: _Cells,
    group: _Group,
    kind: str,
    variable: str,
    place: tuple[float, float],
    maps: tuple[Legs, Legs, Estimate],
) -> dict[str, Any]:
    muon, electron, dz = maps
    grid = np.indices(cells.n[:-1, :-1].shape).reshape(2, -1)
    n, sumw, sumw2 = (values[:-1, :-1].reshape(-1) for values in cells[:3])
    every = cross_trigger(muon, electron, *grid, dz).events
    each = every.value
    known = (n > 0) & np.isfinite(each)
    if group.accepted:
        # 1/ε is of no use where the legs hardly know ε: one such event would stand for any number of them.
        known &= every.low > _KNOWN * each
    found, error = Estimate(np.nan, 0.0, 1.0), np.nan
    if sumw[known].sum() > 0:
        part = tuple(index[known] for index in grid)
        found = cross_trigger(muon, electron, *part, dz, sumw[known], group.accepted).sample
        error = _sample_error(found.value, each[known], sumw[known], sumw2[known], group.accepted)
    total_n, total_sumw = n[known].sum(), sumw[known].sum()
    return {
        "sample": group.sample,
        "kind": group.kind,
        "dataset": ALL,
        "reference": group.reference,
        "legs": kind,
        "variable": variable,
        "x_low": place[0],
        "x_high": place[1],
        "total_n": int(total_n),
        "total_sumw": float(total_sumw),
        "unknown_n": int(cells.n.sum() - total_n),
        "unknown_sumw": float(cells.sumw.sum() - total_sumw),
        "absent_n": int(cells.absent),
        "efficiency": float(found.value),
        "low": float(found.low),
        "high": float(found.high),
        "sample_error": float(error),
        "accepted": group.accepted,
    }


def _sample_error(mean: Array, each: Array, sumw: Array, sumw2: Array, accepted: bool) -> Array:
    """Standard deviation of a weighted mean, or of a ratio of sums where each event stands for 1/ε."""
    distance = 1 - mean / each if accepted else each - mean
    size = np.sum(sumw / each) if accepted else np.sum(sumw)
    return np.sqrt(np.sum(sumw2 * distance**2)) / np.abs(size)


def _meaning(row: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    where, of = settings["selection"], f"from legs in {_LEGS[row['legs']]}"
    if row["accepted"]:
        return f"P(trigger | {where}), {of}, for {row['sample']} events that it accepted, each weighted by 1/ε"
    condition = where
    if settings["references"][row["reference"]]["method"] != "none":
        condition += f" AND reference {row['reference']} fired"
    what = f"simulated {row['sample']}" if row["kind"] == "mc" else f"{row['sample']} events"
    return f"P(trigger | {condition}), {of}, mean of {what}"
