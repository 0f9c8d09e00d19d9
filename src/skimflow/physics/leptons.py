"""Leptons of several flavours in one list, as flat arrays with the event each belongs to."""

from typing import Any, NamedTuple

import numpy as np

from skimflow.physics.kinematics import PtEtaPhiM

Array = np.ndarray
ELECTRON, MUON = 11, 13


class Leptons(NamedTuple):
    """Leptons of many events, shape (n,), or of selected events with k leptons each, shape (events, k)."""

    event: Array
    pt: Array
    eta: Array
    phi: Array
    mass: Array
    charge: Array
    flavour: Array

    def at(self, index: Any) -> "Leptons":
        """The leptons at these places: one numpy index for all arrays."""
        return Leptons(*(values[index] for values in self))

    @property
    def p4(self) -> PtEtaPhiM:
        return PtEtaPhiM(self.pt, self.eta, self.phi, self.mass)


def collect(flavour: int, columns: dict[str, Array], collection: str, keep: Array) -> Leptons:
    """The leptons of a collection (`Electron`, `Muon`) that `keep` marks, with the index of their event."""
    counts = columns[f"n{collection}"]
    event = np.repeat(np.arange(len(counts)), counts)[keep]
    pt, eta, phi, mass, charge = (
        columns[f"{collection}_{name}"][keep] for name in ("pt", "eta", "phi", "mass", "charge")
    )
    return Leptons(event, pt, eta, phi, mass, charge, np.full(len(pt), flavour))


def exactly(number: int, *flavours: Leptons, events: int) -> tuple[Array, Leptons]:
    """Events with exactly so many leptons in all, ordered by falling pT.

    At equal pT the order of `flavours` decides, then the order in the file.

    Returns:
        Mask of shape (events,), and the leptons of the events it keeps, shape (kept, number).
    """
    leptons = Leptons(*(np.concatenate(arrays) for arrays in zip(*flavours, strict=True)))
    mask = np.bincount(leptons.event, minlength=events) == number
    chosen = leptons.at(mask[leptons.event])
    order = np.lexsort((-chosen.pt, chosen.event))
    return mask, Leptons(*(values[order].reshape(-1, number) for values in chosen))


def combinations(one: Array, other: Array, events: int) -> tuple[Array, Array]:
    """Every combination of a particle of one list with one of another list in the same event.

    Args:
        one, other: event of each particle, ascending, shapes (n,) and (m,).
        events: number of events.

    Returns:
        Places in the first and in the second list, both of shape (combinations,).
    """
    counts = np.bincount(other, minlength=events)
    number = counts[one]
    start = (np.cumsum(counts) - counts)[one]
    within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    return np.repeat(np.arange(len(one)), number), np.repeat(start, number) + within
