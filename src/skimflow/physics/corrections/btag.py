"""Weights for b tagging: with a working point, and for the shape of the discriminant."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skimflow.errors import InputError
from skimflow.physics.corrections.factors import product
from skimflow.physics.corrections.files import Correction, Evaluated
from skimflow.physics.corrections.weights import DIRECTIONS, Factor, Pair

Array = np.ndarray

LIGHT, CHARM, BOTTOM = 0, 4, 5
HEAVY_JETS, LIGHT_JETS = "heavy", "light"


class TaggableJets(NamedTuple):
    """Jets in the range of the tagger (|η| below 2.5 or 2.4, pT above 20 GeV) that were selected, shape (n,) each."""

    event: Array
    pt: Array
    eta: Array
    flavour: Array
    """Jet_hadronFlavour: 5, 4, or 0."""


class Source(NamedTuple):
    """A source of variations with a working point: the jets that it moves, and the names for up and down."""

    jets: str
    up: str = "up"
    down: str = "down"


SOURCES = {"btag_heavy": Source(HEAVY_JETS), "btag_light": Source(LIGHT_JETS)}
"""All together, b and c jets apart from light ones. For more years take `up_correlated` and `up_uncorrelated`."""


def working_point(
    heavy: Correction,
    light: Correction,
    point: str,
    jets: TaggableJets,
    tagged: Array,
    efficiency: Array,
    events: int,
    sources: Mapping[str, Source] = SOURCES,
) -> Factor:
    """Weight by P(data)/P(MC) (method 1a of the b-tagging group).

    With the tagging efficiency ε of simulation and the scale factor s of each jet it is
    Π_tagged s · Π_untagged (1 - s·ε)/(1 - ε). An efficiency in data, s·ε, is at most 1, for tagged jets too: else the
    probabilities in data would not add up to 1.

    Args:
        heavy: scale factors of b and c jets, such as `deepJet_comb`.
        light: those of light jets, such as `deepJet_incl`.
        point: `L`, `M` or `T`.
        tagged: jets above the working point, shape (n,), bool.
        efficiency: their efficiency in this simulation by flavour, pT and η, measured before any cut on tags; (n,).
        events: number of events.

    Raises:
        InputError: an efficiency is not in [0, 1], or is 1 for a jet that is not tagged; or a flavour is unknown.
    """
    _check(jets, tagged, efficiency)
    is_heavy = jets.flavour != LIGHT

    @functools.cache
    def evaluated(which: str, key: str) -> Evaluated:
        correction, mask = (heavy, is_heavy) if which == HEAVY_JETS else (light, ~is_heavy)
        return correction.evaluate({"systematic": key, "working_point": point, **_inputs(jets, mask)})

    def ratio(heavy_key: str, light_key: str) -> Array:
        factor = _joined(is_heavy, evaluated(HEAVY_JETS, heavy_key).values, evaluated(LIGHT_JETS, light_key).values)
        in_data = np.minimum(factor * efficiency, 1)
        passed = np.divide(in_data, efficiency, out=factor.copy(), where=efficiency > 0)
        return np.where(tagged, passed, (1 - in_data) / np.where(tagged, 1, 1 - efficiency))

    pairs = {
        name: Pair(*(ratio(*_keys(source, key)) for key in (source.up, source.down)))
        for name, source in sources.items()
    }
    outside = _joined(is_heavy, *(evaluated(which, "central").outside for which in (HEAVY_JETS, LIGHT_JETS)))
    return product(Factor(ratio("central", "central"), pairs, outside), jets.event, events)


def shape(
    correction: Correction, jets: TaggableJets, discriminant: Array, events: int, sources: Mapping[str, str]
) -> Factor:
    """Weight that gives the discriminant of simulated jets the shape of data: the product over all jets.

    The sum of weights before any cut on tags is then to be restored in bins of the number of jets, since the weights
    are not made to conserve it.

    Args:
        correction: such as `deepJet_shape`.
        discriminant: shape (n,).
        events: number of events.
        sources: the file's names (`hf`, `lfstats1`, `jes`, …) by the name that the source has in the weight. A scale
            source of the jets should have the same name there, since both change together. `cferr1` and `cferr2` move
            c jets, all others b and light jets.
    """
    _check_flavour(jets)

    def evaluated(key: str, mask: Array) -> Evaluated:
        return correction.evaluate(
            {"systematic": key, "discriminant": np.asarray(discriminant)[mask], **_inputs(jets, mask)}
        )

    nominal = evaluated("central", np.ones(len(jets.pt), bool))
    charm = jets.flavour == CHARM

    def varied(key: str, name: str) -> Array:
        moved = charm if name.startswith("cferr") else ~charm
        return _joined(moved, evaluated(key, moved).values, nominal.values[~moved])

    pairs = {
        source: Pair(*(varied(f"{direction}_{name}", name) for direction in DIRECTIONS))
        for source, name in sources.items()
    }
    return product(Factor(nominal.values, pairs, nominal.outside), jets.event, events)


def _joined(mask: Array, one: Array, other: Array) -> Array:
    """Values of those that the mask marks, and of the others, in the order of all."""
    result = np.empty(len(mask), one.dtype)
    result[mask], result[~mask] = one, other
    return result


def _keys(source: Source, key: str) -> tuple[str, str]:
    return (key, "central") if source.jets == HEAVY_JETS else ("central", key)


def _inputs(jets: TaggableJets, mask: Array) -> dict[str, Array]:
    return {"flavor": jets.flavour[mask].astype(np.int64), "abseta": jets.eta[mask], "pt": jets.pt[mask]}


def _check(jets: TaggableJets, tagged: Array, efficiency: Array) -> None:
    _check_flavour(jets)
    if not ((efficiency >= 0) & (efficiency <= 1)).all():
        raise InputError("corrections", "b-tagging efficiencies must be in [0, 1]")
    if (efficiency[~tagged] == 1).any():
        raise InputError("corrections", "a jet without a tag has a tagging efficiency of 1: measure it in wider bins")


def _check_flavour(jets: TaggableJets) -> None:
    unknown = np.setdiff1d(jets.flavour, (LIGHT, CHARM, BOTTOM))
    if len(unknown):
        raise InputError("corrections", f"hadron flavour of jets: {unknown.tolist()}; it is 0, 4 or 5")
