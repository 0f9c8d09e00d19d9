"""The true probability of each event to fire each path, worked out from the toy's legs.

A muon fires the legs whose efficiency is above its number u, so it is in one of (legs + 1) states, and the states of an
event's muons decide everything but the DZ filter and the prescales. All of them are summed: nothing is thrown.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from skimflow.errors import InputError
from skimflow.toy import trigger
from skimflow.toy.trigger import Menu

Columns = dict[str, np.ndarray]


def path_probabilities(columns: Columns, menu: Menu, primary_dataset: str | None) -> Columns:
    """How probable it is that an event of the primary dataset fired each of its paths, given all that is in the event.

    Args:
        columns: flat NanoAOD columns; reads pT, η and isolation of muons.
        primary_dataset: of the menu; None for all collisions and all paths.

    Returns:
        By path P(path fires | event is in the dataset), and as `in_dataset` P(event is in the dataset); shape
        (events,).

    Raises:
        InputError: the dataset has paths that look at anything but muons.
    """
    names = menu.primary_datasets[primary_dataset] if primary_dataset else list(menu.paths)
    legs = list(dict.fromkeys(leg for name in names for leg in menu.paths[name].legs))
    if any(not menu.paths[n].legs for n in names) or any(menu.legs[leg].collection != "Muon" for leg in legs):
        raise InputError("toy", f"only the probabilities of muon paths are known, not all of {', '.join(names)} are")
    counts = columns["nMuon"]
    found = {name: np.zeros(len(counts)) for name in [*names, "in_dataset"]}
    efficiencies = _efficiencies(columns, legs, menu)
    for number in np.unique(counts):
        here = np.flatnonzero(counts == number)
        mine = efficiencies[:, np.repeat(counts == number, counts)].reshape(len(legs), len(here), number)
        for name, values in _summed(mine, legs, names, menu).items():
            found[name][here] = values
    if not primary_dataset:
        found["in_dataset"] = np.ones(len(counts))
    inside = found["in_dataset"]
    for name in names:
        found[name] = np.divide(found[name], inside, out=np.zeros(len(counts)), where=inside > 0)
    return found


def _efficiencies(columns: Columns, legs: list[str], menu: Menu) -> np.ndarray:
    """Of each leg and muon, shape (legs, muons)."""
    isolated = columns["Muon_pfRelIso03_all"] < trigger.ISOLATED
    each = [menu.legs[leg].efficiency(columns["Muon_pt"], columns["Muon_eta"], isolated) for leg in legs]
    return np.array(each, float).reshape(len(legs), len(isolated))


def _summed(efficiencies: np.ndarray, legs: list[str], names: list[str], menu: Menu) -> Columns:
    """P(path fires), and P(some path fires), for events with equally many muons: efficiencies (legs, events, muons)."""
    events = efficiencies.shape[1]
    found = {name: np.zeros(events) for name in [*names, "in_dataset"]}
    for probability, fired in _states(efficiencies):
        numbers = dict(zip(legs, fired, strict=True))
        for dz, share in ((True, trigger.DZ_EFFICIENCY), (False, 1 - trigger.DZ_EFFICIENCY)):
            quiet = np.ones(events)
            for name in names:
                path = menu.paths[name]
                accepts = trigger.legs_fire(numbers, path, menu) & (dz or not path.dz)
                found[name] += probability * share * accepts / path.prescale
                quiet *= 1 - accepts / path.prescale
            found["in_dataset"] += probability * share * (1 - quiet)
    return found


def _states(efficiencies: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every combination of the muons' states: its probability, shape (events,), and how many muons fire each leg, shape
    (legs, events)."""
    legs, events, muons = efficiencies.shape
    falling = -np.sort(-efficiencies, axis=0)
    # In state s the s legs of the highest efficiency fire: u is between those of leg s and leg s + 1.
    edges = np.concatenate([np.ones((1, events, muons)), falling, np.zeros((1, events, muons))])
    place = np.argsort(np.argsort(-efficiencies, axis=0, kind="stable"), axis=0)
    for states in itertools.product(range(legs + 1), repeat=muons):
        probability, fired = np.ones(events), np.zeros((legs, events), int)
        for muon, state in enumerate(states):
            probability = probability * (edges[state, :, muon] - edges[state + 1, :, muon])
            fired += place[:, :, muon] < state
        yield probability, fired
