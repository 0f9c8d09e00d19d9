"""Templates as rows of the counts table: additive, exact, and without any normalisation.

| kind | name | reference | variable, x | total | passed |
|---|---|---|---|---|---|
| template | region | variation, or `nominal` | observable, bin | in the region | with the weights of the variation |
| generated | file id | | | generated events, with their genWeight | 1 for each time that the file was counted |

A template is filled with the weight of each event alone (genWeight and corrections). What turns it into a yield,
cross-section · luminosity / Σ genWeight, is known only when all files are merged, and must not hold a file that failed:
so the sum stands in the same table, one row a file, and `collecting.collect` divides by it.
"""

from collections.abc import Mapping

import numpy as np

from skimflow.counts import Axis
from skimflow.counts.table import Bins, Rows
from skimflow.errors import InputError

TEMPLATE, GENERATED, NOMINAL = "template", "generated", "nominal"

Array = np.ndarray


def fill(
    dataset: str,
    region: str,
    observable: str,
    axis: Axis,
    values: Array,
    *,
    weight: Array | None = None,
    selected: Array | None = None,
    variation: str = NOMINAL,
    factors: Mapping[str, Array] | None = None,
) -> list[Rows]:
    """Fill one observable of one region, for one variation of the objects and any number of the weights.

    Call it once for the nominal objects, with all variations of weights, and once for each variation of objects, with
    the values, the selection and the weights that these have; a source that changes objects and weights at once is one
    such call. What is selected is filled, under- and overflow included; a template that stays empty is there, too.

    Args:
        values: the observable, shape (n,); NaN of a selected event goes to the overflow.
        weight: shape (n,); 1 by default.
        selected: which events are in the region, shape (n,), bool; all by default.
        variation: that of the objects.
        factors: for each variation of the weights the ratio of its weight to the nominal one, shape (n,).

    Returns:
        Rows for `counts.assemble`.

    Raises:
        InputError: the arrays differ in length, or a weight of a selected event is not a finite number.
    """
    where = f"{dataset}: {observable} in region {region}"
    if axis.integer:
        raise ValueError(f"{where}: a template needs bins with edges")
    factors = dict(factors or {})
    if variation in factors:
        raise ValueError(f"{where}: {variation} cannot be the name of a variation of weights here")
    parts = {"weight": weight, **{f"weight of {name}": factor for name, factor in factors.items()}}
    kept = _kept(where, np.asarray(values, float), selected, parts)
    bins = Bins(axis.index(kept.pop("values")), weight=kept.pop("weight", None), always=0)
    keys = {name: (dataset, TEMPLATE, region, name, observable) for name in (variation, *factors)}
    everyone = slice(None)
    return [
        bins.rows(keys[variation], everyone),
        *(bins.rows(keys[name], everyone, factor=kept[f"weight of {name}"]) for name in factors),
    ]


def generated(dataset: str, file_id: str, weights: Array | None = None, *, sums: tuple[int, float, float] = ()) -> Rows:
    """What was generated for a file that was counted whole; normalisation divides by the sum over files.

    Args:
        weights: genWeight of all its events, before any selection, shape (n,).
        sums: instead, number of events, Σ genWeight and Σ genWeight² (the `Runs` tree of a NanoAOD file has them).

    Raises:
        InputError: a weight is not a finite number.
    """
    if weights is not None:
        weights = np.asarray(weights, float)
        sums = len(weights), float(weights.sum()), float((weights**2).sum())
    number, sumw, sumw2 = sums
    if not np.isfinite([sumw, sumw2]).all():
        raise InputError("not_finite", f"{dataset}, file {file_id}: Σ genWeight is not a finite number")
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    columns = {"x": zero, "y": zero, "z": zero, "absent_n": zero, "passed_n": one}
    columns |= {"total_n": np.array([number], np.int64), "passed_sumw": one * 1.0, "passed_sumw2": one * 1.0}
    columns |= {"total_sumw": np.array([sumw]), "total_sumw2": np.array([sumw2])}
    return Rows((dataset, GENERATED, file_id, "", ""), columns)


def _kept(where: str, values: Array, selected: Array | None, parts: Mapping[str, Array | None]) -> dict[str, Array]:
    """Values and weights of the selected events; weights that are absent stay so."""
    kept = {}
    for name, part in {"values": values, "selection": selected, **parts}.items():
        if part is None:
            continue
        if np.shape(part) != values.shape:
            raise InputError("shape", f"{where}: {name} has shape {np.shape(part)}, values have {values.shape}")
        kept[name] = np.asarray(part)
    mask = kept.pop("selection", None)
    if mask is not None:
        if mask.dtype != bool:
            raise InputError("shape", f"{where}: the selection must be true or false for each event, not {mask.dtype}")
        kept = {name: part[mask] for name, part in kept.items()}
    for name in kept.keys() - {"values"}:
        if not np.isfinite(kept[name]).all():
            raise InputError("not_finite", f"{where}: {name} is not a finite number for some selected event")
    return kept
