"""Trigger decisions."""

from collections.abc import Collection, Sequence

import numpy as np

ANY = "any"
Decision = np.ndarray | None


def decisions(
    columns: dict[str, np.ndarray], paths: Sequence[str], menu: Collection[str], on_missing: str
) -> dict[str, Decision]:
    """Decision of each path, and of the OR of all as `any`.

    Args:
        columns: the branches of the paths in the menu, shape (n,), and `run`.
        paths: the paths asked for.
        menu: those of them that the file has.
        on_missing: what a path outside the menu means; `false` says that it did not fire.

    Returns:
        Masks of shape (n,), or None where the decision is unknown. The OR is unknown as soon as one path is: counting
        only the events where the others fired would bias it upwards.
    """
    fired: dict[str, Decision] = {}
    for path in paths:
        if path in menu:
            fired[path] = columns[path].astype(bool)
        else:
            fired[path] = np.zeros(len(columns["run"]), bool) if on_missing == "false" else None
    known = [decision for decision in fired.values() if decision is not None]
    fired[ANY] = np.logical_or.reduce(known) if len(known) == len(paths) else None
    return fired
