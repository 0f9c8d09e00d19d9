"""Trigger decisions."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

ANY, EVERY = "any", "every"
Decision = np.ndarray | None


def decisions(
    columns: dict[str, np.ndarray],
    paths: Sequence[str],
    menu: Collection[str],
    on_missing: str = "exclude",
    combination: str = ANY,
) -> dict[str, Decision]:
    """Decision of each path, and of all together: their OR as `any`, or their AND as `every`.

    Args:
        columns: the branches of the paths in the menu, shape (n,), and `run`.
        paths: the paths asked for.
        menu: those of them that the file has.
        on_missing: what a path outside the menu means; `false` says that it did not fire.
        combination: `any` or `every`.

    Returns:
        Masks of shape (n,), or None where the decision is unknown. A combination is unknown as soon as one path is:
        counting only the events where the others decide would bias it.
    """
    fired: dict[str, Decision] = {}
    for path in paths:
        if path in menu:
            fired[path] = columns[path].astype(bool)
        else:
            fired[path] = np.zeros(len(columns["run"]), bool) if on_missing == "false" else None
    known = [decision for decision in fired.values() if decision is not None]
    combine = np.logical_and if combination == EVERY else np.logical_or
    fired[combination] = combine.reduce(known) if len(known) == len(paths) else None
    return fired


def accepted(columns: Mapping[str, np.ndarray], paths: Sequence[str], menu: Collection[str]) -> Decision:
    """Whether some path of a reference fired, shape (n,); unknown when the menu has none of them.

    Which of them the menu has is no matter of the probe, so events of a smaller menu bias nothing.
    """
    fired = [columns[path].astype(bool) for path in paths if path in menu]
    return np.logical_or.reduce(fired) if fired else None


def prescale_factors(fired: Mapping[str, Decision], prescales: Mapping[str, int]) -> dict[str, np.ndarray]:
    """How many events a fired one stands for, by path and combination, shape (n,); those without prescale are left out.

    A path of prescale P that fired counts P times, so that the mean is the decision before the prescale. With counters
    that are independent of each other, the mean of 1 - Π(1 - P·fired) is the OR of these decisions, and that of
    Π(P·fired) their AND (Horvitz and Thompson, J. Am. Stat. Assoc. 47 (1952) 663).
    """
    paths = [path for path in fired if path not in (ANY, EVERY)]
    if all(prescales.get(path, 1) == 1 for path in paths):
        return {}
    counted = {p: prescales.get(p, 1) * decision.astype(float) for p in paths if (decision := fired[p]) is not None}
    factors = {path: values for path, values in counted.items() if prescales.get(path, 1) > 1}
    each = list(counted.values())
    if fired.get(ANY) is not None:
        factors[ANY] = 1 - np.prod([1 - values for values in each], axis=0)
    if fired.get(EVERY) is not None:
        factors[EVERY] = np.prod(each, axis=0)
    return factors
