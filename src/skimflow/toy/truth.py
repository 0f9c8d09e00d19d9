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


def leg_truth(
    blocks: int,
    select: Callable[[Columns, Mapping[str, Any]], Any],
    seed: int,
    selection: Mapping[str, Any],
    window: Sequence[float],
    legs: Mapping[str, Sequence[float]],
) -> dict[str, float | None]:
    """True efficiencies of legs for the probes of Z decays: their mean over selected pairs near the peak.

    Args:
        blocks: how many blocks of `collisions.BLOCK` collisions to look at.
        select: of the analysis `tag_and_probe`, from columns and `selection` to pairs.
        window: mass from and to, GeV.
        legs: value of the filter bit, and online threshold in GeV; the toy's leg of the same two is meant.

    Returns:
        By leg, and for the vertex-distance filter if the selection names one; None for a leg that the toy has not.
    """
    collection = selection["flavour"].capitalize()
    known = {(leg.collection, leg.bit, int(leg.threshold)): leg for leg in trigger.LEGS.values()}
    probes = []
    for columns in itertools.islice(collisions(Sample(seed, 0, process="DYJetsToLL")), blocks):
        q = select(columns, selection).columns
        near = (q["mass"] > window[0]) & (q["mass"] < window[1])
        probes.append((q["probe_pt"][near], q["probe_eta"][near]))
    pt, eta = (np.concatenate(values) for values in zip(*probes, strict=True))
    found: dict[str, float | None] = {}
    for name, (bit, threshold) in legs.items():
        leg = known.get((collection, int(bit), int(threshold)))
        # A selected probe is isolated.
        found[name] = float(leg.efficiency(pt, eta, np.ones(len(pt), bool)).mean()) if leg and len(pt) else None
    return found | ({"dz": trigger.DZ_EFFICIENCY} if selection["dz"] else {})


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
