"""Factors of the weight of events, made of correction files and of branches."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from skimflow.errors import InputError
from skimflow.physics.corrections.files import Correction, Values
from skimflow.physics.corrections.weights import DIRECTIONS, Factor, Pair

Array = np.ndarray

PREFIRING = tuple(f"L1PreFiringWeight_{name}" for name in ("Nom", "Up", "Dn"))


class Keys(NamedTuple):
    """How a file names the nominal value and the variations."""

    input: str
    """The input that takes the name."""
    nominal: str
    variations: Mapping[str, tuple[str, str] | str] = MappingProxyType({})
    """By source: the names of the values moved up and down, or the one name of an uncertainty to add and subtract."""


PILEUP = Keys("weights", "nominal", {"pileup": ("up", "down")})


def muon_keys(source: str) -> Keys:
    """Keys of the muon group's files, `systup` and `systdown` as the variations (statistical and systematic)."""
    return Keys("scale_factors", "nominal", {source: ("systup", "systdown")})


def electron_keys(source: str) -> Keys:
    """Keys of the electron group's files."""
    return Keys("ValType", "sf", {source: ("sfup", "sfdown")})


def from_file(correction: Correction, values: Values, keys: Keys) -> Factor:
    """The factor of each object, or of each event, with its variations; shape (n,).

    Electrons: the η of their scale factors is that of the supercluster, Electron_eta + Electron_deltaEtaSC.

    Args:
        values: inputs without the one that names the variation, shape (n,).
    """

    def at(key: str) -> Array:
        return correction.evaluate({**values, keys.input: key}, neutral=1.0).values

    nominal = correction.evaluate({**values, keys.input: keys.nominal})
    pairs = {}
    for source, names in keys.variations.items():
        if isinstance(names, str):
            error = correction.evaluate({**values, keys.input: names}, neutral=0.0).values
            pairs[source] = Pair(nominal.values + error, nominal.values - error)
        else:
            pairs[source] = Pair(*(at(name) for name in names))
    return Factor(nominal.values, pairs, nominal.outside)


def pileup(correction: Correction, true_interactions: Array) -> Factor:
    """Pileup weight of events with the source `pileup`, from Pileup_nTrueInt, shape (events,)."""
    return from_file(correction, {"NumTrueInteractions": true_interactions}, PILEUP)


def product(objects: Factor, event: Array, events: int) -> Factor:
    """Weight of each event: the product over its objects, 1 without any. All of them vary together.

    Only for objects that the selection asked something of, such as the two muons of the pair: the product over all
    muons of an event, also those that failed, is wrong (SYSTEMS 2e.5).

    Args:
        objects: shape (n,).
        event: event of each object, shape (n,).
        events: number of events.
    """

    def multiplied(values: Array) -> Array:
        result = np.ones(events)
        np.multiply.at(result, event, values)
        return result

    pairs = {source: Pair(*(multiplied(values) for values in pair)) for source, pair in objects.variations.items()}
    return Factor(multiplied(objects.nominal), pairs, _any(objects.outside, event, events))


def single_lepton_trigger(data: Factor, simulation: Factor, event: Array, events: int) -> Factor:
    """Weight for a trigger that any one of the leptons may have fired: 1 - Π(1 - ε_data) over 1 - Π(1 - ε_MC).

    With one lepton it is ε_data/ε_MC, the scale factor; with more it is nearer to 1 than their product. Efficiencies
    that no file gives: ε_data is the scale factor times ε_MC, see `efficiencies`.

    Args:
        data, simulation: efficiency of each lepton that the selection lets fire the trigger, shape (n,).
        event: event of each lepton, shape (n,).
        events: number of events.

    Returns:
        The weights; 1 for events without a lepton that could have fired it in simulation, which are marked as outside.

    Raises:
        InputError: an efficiency is not in [0, 1].
    """
    sources = list(dict.fromkeys([*data.variations, *simulation.variations]))

    def ratio(above: Array, below: Array) -> Array:
        numerator, denominator = _fires(above, event, events), _fires(below, event, events)
        return np.divide(numerator, denominator, out=np.ones(events), where=denominator > 0)

    pairs = {
        source: Pair(*(ratio(data.variation(source, d), simulation.variation(source, d)) for d in DIRECTIONS))
        for source in sources
    }
    impossible = _fires(simulation.nominal, event, events) == 0
    outside = _any(data.outside | simulation.outside, event, events) | impossible
    return Factor(ratio(data.nominal, simulation.nominal), pairs, outside)


def efficiencies(scale_factor: Factor, simulation: Array) -> tuple[Factor, Factor]:
    """Efficiency of each lepton in data and in simulation, from the scale factor and the efficiency in simulation.

    Args:
        scale_factor: of each lepton, shape (n,).
        simulation: its efficiency in simulation, such as one measured there in the same bins, shape (n,).

    Returns:
        In data, the product but at most 1, and in simulation.
    """

    def measured(factor: Array) -> Array:
        return np.minimum(factor * simulation, 1)

    pairs = {s: Pair(*(measured(values) for values in pair)) for s, pair in scale_factor.variations.items()}
    nothing = np.zeros(len(simulation), bool)
    return Factor(measured(scale_factor.nominal), pairs, scale_factor.outside), Factor(simulation, {}, nothing)


def prefiring(columns: Mapping[str, Array]) -> Factor | None:
    """Weight for events that would have been lost to a trigger firing a crossing too early (2016 and 2017, L1).

    Returns:
        With the source `prefiring`; None where the file has none of the branches `PREFIRING` (2018, Run 3, data).

    Raises:
        InputError: it has some of them only.
    """
    there = [name for name in PREFIRING if name in columns]
    if not there:
        return None
    if len(there) < len(PREFIRING):
        raise InputError("missing_branch", f"prefiring: of {', '.join(PREFIRING)} there is only {', '.join(there)}")
    nominal, up, down = (np.asarray(columns[name], float) for name in PREFIRING)
    return Factor(nominal, {"prefiring": Pair(up, down)}, np.zeros(len(nominal), bool))


def normalisation(gen_weight: Array, cross_section: float, luminosity: float, sum_gen_weights: float) -> Factor:
    """Generator weight times cross-section times luminosity over the sum of generator weights.

    Args:
        gen_weight: branch genWeight, shape (events,), with its sign.
        cross_section: pb.
        luminosity: 1/pb.
        sum_gen_weights: Σ genEventSumw of the Runs trees of the whole sample, of the files that were completed and of
            no others; not that of a chunk (SYSTEMS 2e.2), nor a number of events.

    Raises:
        InputError: the sum is not above 0.
    """
    if not sum_gen_weights > 0:
        raise InputError("corrections", f"the sum of generator weights is {sum_gen_weights}: it must be above 0")
    values = np.asarray(gen_weight, float) * (cross_section * luminosity / sum_gen_weights)
    return Factor(values, {}, np.zeros(len(values), bool))


def _fires(efficiency: Array, event: Array, events: int) -> Array:
    """Probability that at least one object of the event fires, shape (events,)."""
    if not ((efficiency >= 0) & (efficiency <= 1)).all():
        raise InputError("corrections", "trigger efficiencies must be in [0, 1]; these may be scale factors")
    fails = np.ones(events)
    np.multiply.at(fails, event, 1 - np.asarray(efficiency, float))
    return 1 - fails


def _any(mask: Array, event: Array, events: int) -> Array:
    return np.bincount(event[mask], minlength=events) > 0
