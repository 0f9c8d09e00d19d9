"""Weights of events: factors with a name, each with its variations.

A selection does not depend on them. The nominal weight is the product of all factors. A variation replaces the factors
that have it and leaves the others, so a varied template differs from the nominal one by that source only; it is not the
bare varied factor (SYSTEMS 4e.1).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections.domain import did_you_mean

Array = np.ndarray
UP, DOWN = DIRECTIONS = ("up", "down")


class Pair(NamedTuple):
    """Up and down variation of a factor, shape (n,) each."""

    up: Array
    down: Array


class Factor(NamedTuple):
    """A factor for n objects, or for n events."""

    nominal: Array
    """Shape (n,)."""
    variations: Mapping[str, Pair]
    """By name of the source."""
    outside: Array
    """Those for which the policy outside the bins decided (events: with such an object), shape (n,), bool."""

    def variation(self, source: str, direction: str) -> Array:
        """The factor varied by a source, `up` or `down`; nominal if it has no such source. Shape (n,)."""
        return getattr(self.variations[source], direction) if source in self.variations else self.nominal


class Weights:
    """Named factors of n events.

    Args:
        events: how many.
    """

    def __init__(self, events: int):
        self.events = events
        self._factors: dict[str, Factor] = {}

    def add(
        self,
        name: str,
        nominal: Array | float,
        variations: Mapping[str, tuple[Array, Array]] | None = None,
        outside: Array | bool = False,
    ) -> None:
        """Add a factor.

        Args:
            name: of the factor.
            nominal: shape (events,), or one number for all.
            variations: (up, down) by source. Factors that have the same source change together: give it the same name
                in each.
            outside: see `Factor`; shape (events,).

        Raises:
            ConfigError: the name is taken.
            InputError: another number of events, or a value that is not a finite number.
        """
        if name in self._factors:
            raise ConfigError(f"the weight has a factor {name} already")
        pairs = {
            source: Pair(*(self._checked(f"{name}: {source} {d}", v) for d, v in zip(DIRECTIONS, pair, strict=True)))
            for source, pair in (variations or {}).items()
        }
        mask = np.broadcast_to(np.asarray(outside, bool), self.events)
        self._factors[name] = Factor(self._checked(name, nominal), pairs, mask)

    def add_factor(self, name: str, factor: Factor) -> None:
        """Add what a function of `factors` or `btag` made of the events."""
        self.add(name, factor.nominal, factor.variations, factor.outside)

    @property
    def names(self) -> list[str]:
        """The factors, in the order of adding."""
        return list(self._factors)

    @property
    def sources(self) -> list[str]:
        """The sources of variations, in the order of adding."""
        return list(dict.fromkeys(source for factor in self._factors.values() for source in factor.variations))

    def nominal(self, only: Iterable[str] | None = None) -> Array:
        """Product of all factors, or of some; shape (events,).

        With the first one, the first two, … these are the yields with each weight switched on in turn.
        """
        return self._product([self._factor(name).nominal for name in (self.names if only is None else only)])

    def without(self, name: str) -> Array:
        """Product of all factors but one, shape (events,)."""
        self._factor(name)
        return self.nominal([other for other in self.names if other != name])

    def varied(self, source: str, direction: str) -> Array:
        """Product with the factors that have this source replaced by their variation, `up` or `down`; shape (events,).

        Raises:
            ConfigError: no factor has this source, or there is no such direction.
        """
        if source not in self.sources:
            raise ConfigError(f"no factor of the weight varies with {source!r}; {did_you_mean(source, self.sources)}")
        if direction not in DIRECTIONS:
            raise ConfigError(f"a weight is varied `up` or `down`, not {direction!r}")
        return self._product([factor.variation(source, direction) for factor in self._factors.values()])

    def outside(self) -> dict[str, Array]:
        """By factor, the events with a value outside the bins of its file, shape (events,), bool."""
        return {name: factor.outside for name, factor in self._factors.items()}

    def _factor(self, name: str) -> Factor:
        if name not in self._factors:
            raise ConfigError(f"the weight has no factor {name!r}; {did_you_mean(name, self.names)}")
        return self._factors[name]

    def _product(self, factors: Sequence[Array]) -> Array:
        result = np.ones(self.events)
        for factor in factors:
            result = result * factor
        return result

    def _checked(self, what: str, values: Array) -> Array:
        array = np.asarray(values, float)
        if array.ndim and array.shape != (self.events,):
            raise InputError("corrections", f"{what}: {array.shape} weights for {self.events} events")
        if not np.isfinite(array).all():
            raise InputError("corrections", f"{what}: {int((~np.isfinite(array)).sum())} weights are NaN or infinite")
        return np.broadcast_to(array, self.events)
