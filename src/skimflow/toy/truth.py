"""The true value of a trigger efficiency in the toy."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skimflow.errors import InputError
from skimflow.physics.triggers import accepted, decisions, prescale_factors
from skimflow.toy import trigger
from skimflow.toy.collisions import Columns, Sample, collisions

UNBIASED = ""


def truth(
    samples: Sequence[Sample],
    blocks: int,
    select: Callable[[Columns], np.ndarray],
    probe: Mapping[str, Any],
    references: Mapping[str, Sequence[str]],
    throws: int = 20,
) -> dict:
    """How often the probe fires for selected collisions: for all of them, and for those of each reference.

    The collisions are those that the files of `samples` are made of, before any trigger selected them. For each, the
    trigger is thrown `throws` times more, so what is left of statistical error is mostly that of the event mixture.

    Args:
        blocks: how many blocks of `collisions.BLOCK` collisions of each file to look at.
        select: from columns to a mask of shape (n,).
        probe: that of `targets.probe_settings`; what prescaled paths accept counts prescale times in collision data.
        references: the paths of each; none for the primary dataset as it is.

    Returns:
        Sums over throws, for `unbiased` (all selected collisions) and by name in `references` (those that are in the
        primary dataset, and that a path of the reference accepted): `selected`, and `fired` by path and combination.
    """
    paths = list(dict.fromkeys(itertools.chain(probe["paths"], *references.values())))
    unknown = [path for path in paths if path not in trigger.PATHS]
    if unknown:
        raise InputError("toy", f"the toy has no path {', '.join(unknown)} (it has {', '.join(trigger.PATHS)})")
    total: Counter = Counter()
    for sample in samples:
        for block, columns in enumerate(itertools.islice(collisions(sample), blocks)):
            rng = np.random.default_rng([sample.seed, sample.index, block, throws])
            chosen = pick(columns, select(columns))
            for _ in range(throws):
                total.update(_throw(chosen, sample, probe, references, rng))
    names = [*probe["paths"], probe["combination"]]
    sums = {
        key: {"selected": total[key, "selected"], "fired": {name: total[key, name] for name in names}}
        for key in (UNBIASED, *references)
    }
    return {"unbiased": sums.pop(UNBIASED), "references": sums}


def _throw(
    chosen: Columns,
    sample: Sample,
    probe: Mapping[str, Any],
    references: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
) -> Counter:
    """Sums of one throw, by reference (`UNBIASED` for all collisions) and what was counted."""
    bits = trigger.decide(chosen, trigger.draw(chosen, rng), prescaled=sample.process is None)
    fired = decisions({**bits, "run": chosen["run"]}, probe["paths"], bits, combination=probe["combination"])
    counted = fired | prescale_factors(fired, probe["prescales"] if sample.process is None else {})
    kept = trigger.in_primary_dataset(bits, sample.primary_dataset)
    within = {name: kept & accepted(bits, paths, bits) if paths else kept for name, paths in references.items()}
    sums: Counter = Counter()
    for key, mask in {UNBIASED: np.ones(len(kept), bool), **within}.items():
        sums[key, "selected"] += int(mask.sum())
        for name, values in counted.items():
            sums[key, name] += float(values[mask].sum())
    return sums


def pick(columns: Columns, mask: np.ndarray) -> Columns:
    """The columns of selected events only."""
    result = {}
    for name, values in columns.items():
        counter = f"n{name.split('_')[0]}"
        jagged = "_" in name and counter in columns
        result[name] = values[np.repeat(mask, columns[counter])] if jagged else values[mask]
    return result
