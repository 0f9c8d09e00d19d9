"""The true value of a trigger efficiency in the toy."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from skimflow.errors import InputError
from skimflow.toy import trigger
from skimflow.toy.collisions import Columns, Sample, collisions

ANY = "any"


def truth(
    samples: Sequence[Sample],
    blocks: int,
    select: Callable[[Columns], np.ndarray],
    paths: Sequence[str],
    throws: int = 20,
) -> dict:
    """How often each path and their OR fire for selected collisions: of all, and of those in the primary dataset.

    The collisions are those that the files of `samples` are made of, before any trigger selected them. For each, the
    trigger is thrown `throws` times more, so what is left of statistical error is mostly that of the event mixture.

    Args:
        blocks: how many blocks of `collisions.BLOCK` collisions of each file to look at.
        select: from columns to a mask of shape (n,).

    Returns:
        Sums over throws: `selected`, `in_dataset`, and by path `fired` and `fired_in_dataset`.
    """
    unknown = [path for path in paths if path not in trigger.PATHS]
    if unknown:
        raise InputError("toy", f"the toy has no path {', '.join(unknown)} (it has {', '.join(trigger.PATHS)})")
    total: Counter = Counter()
    names = [*paths, ANY]
    for sample in samples:
        for block, columns in enumerate(itertools.islice(collisions(sample), blocks)):
            rng = np.random.default_rng([sample.seed, sample.index, block, throws])
            total += _throw(pick(columns, select(columns)), sample.primary_dataset, paths, throws, rng)
    by_path = {key: {name: total[key, name] for name in names} for key in ("fired", "fired_in_dataset")}
    return {"selected": total["selected"], "in_dataset": total["in_dataset"], **by_path}


def _throw(
    chosen: Columns, primary_dataset: str | None, paths: Sequence[str], throws: int, rng: np.random.Generator
) -> Counter:
    sums: Counter = Counter()
    for _ in range(throws):
        decisions = trigger.decide(chosen, trigger.draw(chosen, rng))
        kept = trigger.in_primary_dataset(decisions, primary_dataset)
        decisions[ANY] = np.logical_or.reduce([decisions[path] for path in paths])
        sums["selected"] += len(kept)
        sums["in_dataset"] += int(kept.sum())
        for name in (*paths, ANY):
            sums["fired", name] += int(decisions[name].sum())
            sums["fired_in_dataset", name] += int((decisions[name] & kept).sum())
    return sums


def pick(columns: Columns, mask: np.ndarray) -> Columns:
    """The columns of selected events only."""
    result = {}
    for name, values in columns.items():
        counter = f"n{name.split('_')[0]}"
        jagged = "_" in name and counter in columns
        result[name] = values[np.repeat(mask, columns[counter])] if jagged else values[mask]
    return result
