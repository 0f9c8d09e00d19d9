"""Rochester corrections of the muon momentum (Run 2): the text tables and the factors made of them.

Method: Bodek et al., Eur. Phys. J. C 72 (2012) 2194; tables and formulas as in the CMS release `RoccoR` of the Ultra
Legacy samples. The tables of a file are numbered by set and member: set 0 is the nominal one, a set of 100 members
replicas for the statistical uncertainty, each further set one systematic change.
"""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skimflow.errors import InputError
from skimflow.physics.corrections.normal import CrystalBall

Array = np.ndarray
MC, DATA = 0, 1
_REFERENCE_PT = 45.0


class Muons(NamedTuple):
    """Muons to be corrected, shape (n,) each; pt in GeV as in NanoAOD."""

    pt: Array
    eta: Array
    phi: Array
    charge: Array


class Corrected(NamedTuple):
    """Factors for the momentum of n muons: pt·k is corrected, pt·(k ± error) varied."""

    k: Array
    """Shape (n,)."""
    sources: Array | None
    """How far k moves, so no momenta, shape (sets, n): for the set of replicas their root mean square, for a set of one
    member its difference with its sign, 0 for the nominal set. None if it was not asked for."""
    outside: Array
    """Muons beyond the tables in |η|, for which those of the last bin are taken; shape (n,), bool."""

    @property
    def error(self) -> Array:
        """Combined error of k, so no momentum, shape (n,): all sets in quadrature.

        Raises:
            ValueError: errors were not asked for.
        """
        return np.sqrt((self._moves() ** 2).sum(axis=0))

    def pt(self, pt: Array, shift: float = 0.0, source: int | None = None) -> Array:
        """The corrected pT (GeV), shifted by so many standard deviations: pt·(k + shift·error).

        (The error belongs to the factor. Adding it to a pT in GeV, as system 001 did, makes it some fifty times too
        small: SYSTEMS 2e.7.)

        Args:
            source: shift by this set only; otherwise by the combined error.
        """
        if not shift:
            return pt * self.k
        return pt * (self.k + shift * (self.error if source is None else self._moves()[source]))

    def _moves(self) -> Array:
        if self.sources is None:
            raise ValueError("the errors of these factors were not worked out: ask for errors=True")
        return self.sources


class Tables(NamedTuple):
    """The content of a file. The first axis is the member, all sets one after the other; member 0 is nominal."""

    set_of: Array
    """Set of each member, shape (members,)."""
    eta: Array
    """Edges of the scale bins in η; those in φ are equal, from -π to π."""
    abseta: Array
    """Edges of the resolution bins in |η|."""
    min_layers: int
    """Tracker layers of the first resolution bin, which holds those with fewer too."""
    scale: Array
    """M and A, shape (members, simulation or data, M or A, η, φ)."""
    width: Array
    """Resolution relative to simulation's, k, shape (members, simulation or data, |η|)."""
    shape: Array
    """σ₀, σ₁, σ₂ of σ(pT) and the Crystal Ball's sigma, alpha, n; shape (members, 6, |η|, layers)."""


@functools.lru_cache(maxsize=8)
def read(path: str | Path, sha256: str | None = None) -> Tables:
    """Read the tables of a file `RoccoR*.txt`. Files are kept: they are read once in a process.

    Raises:
        InputError: absent, another file than `sha256` says, or not of this form, with the line that is wrong.
    """
    try:
        content = Path(path).read_bytes()
        lines = content.decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("missing", f"{path}: Rochester tables cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise InputError("checksum", f"{path}: refused, its sha256 is {found} where the configuration says {sha256}")
    reader = _Reader()
    try:
        for line in lines:
            reader.take(line.split())
        return reader.tables()
    except (ValueError, KeyError, IndexError) as error:
        raise InputError("corrupt", f"{path}: line {reader.line}: not a Rochester table: {error!r}") from error


class Rochester:
    """Factors for the momentum of muons.

    Args:
        tables: as `read` gives them.
    """

    def __init__(self, tables: Tables):
        self.tables = tables

    def data(self, muons: Muons, errors: bool = False) -> Corrected:
        """Scale of muons in data (kScaleDT): k = 1/(M + q·A·pT) with M, A of the muon's (η, φ)."""
        return self._corrected(muons, errors, lambda member: self._scale(member, DATA, muons))

    def matched(self, muons: Muons, gen_pt: Array, errors: bool = False) -> Corrected:
        """Simulated muons with a generated one (kSpreadMC): the distance to the generated pT is stretched.

        With s = 1/(M + q·A·pT) of simulation and x = gen_pt/(s·pT): k = s·x/(1 + (x - 1)·k_data/k_MC).

        Args:
            gen_pt: pT of the generated muon (GeV), shape (n,).
        """

        def factor(member: int) -> Array:
            scale = self._scale(member, MC, muons)
            simulated, measured = self.tables.width[member][:, self._abseta(muons)]
            x = gen_pt / (scale * muons.pt)
            return scale * x / (1 + (x - 1) * measured / simulated)

        return self._corrected(muons, errors, factor)

    def unmatched(self, muons: Muons, layers: Array, uniform: Array, errors: bool = False) -> Corrected:
        """Simulated muons without a generated one (kSmearMC): smeared at random by what data's resolution is worse.

        k = s/(1 + √(k_data² - k_MC²)·σ(s·pT)·r) with r of a double-sided Crystal Ball and
        σ(pT) = σ₀ + σ₁·(pT - 45) + σ₂·(pT - 45)²; without the second factor where k_data ≤ k_MC or it were no longer
        positive.

        Args:
            layers: tracker layers with a measurement (Muon_nTrackerLayers), shape (n,).
            uniform: random numbers in (0, 1), such as `seeds.uniform`, shape (n,).
        """
        bins = self._abseta(muons), self._layer(layers)

        def factor(member: int) -> Array:
            scale = self._scale(member, MC, muons)
            simulated, measured = self.tables.width[member][:, bins[0]]
            extra = np.sqrt(np.maximum(measured**2 - simulated**2, 0))
            base, slope, curve, sigma, alpha, n = self.tables.shape[member][:, *bins]
            above = scale * muons.pt - _REFERENCE_PT
            width = base + slope * above + curve * above**2
            x = extra * width * CrystalBall(0.0, sigma, alpha, n).quantile(uniform)
            return scale / np.where(x > -1, 1 + x, 1)

        return self._corrected(muons, errors, factor)

    def simulation(self, muons: Muons, gen_pt: Array, layers: Array, uniform: Array, errors: bool = False) -> Corrected:
        """Simulated muons: `matched` where `gen_pt` is above 0, else `unmatched` (NaN is no match)."""
        has = np.nan_to_num(np.asarray(gen_pt, float)) > 0
        one = self.matched(_at(muons, has), gen_pt[has], errors)
        other = self.unmatched(_at(muons, ~has), layers[~has], uniform[~has], errors)
        return Corrected(*(_merged(has, a, b) for a, b in zip(one, other, strict=True)))

    def _corrected(self, muons: Muons, errors: bool, factor: Callable[[int], Array]) -> Corrected:
        nominal = factor(0)
        ends = self.tables.eta
        outside = ~((muons.eta >= ends[0]) & (muons.eta < ends[-1]))
        return Corrected(nominal, self._sources(nominal, factor) if errors else None, outside)

    def _sources(self, nominal: Array, factor: Callable[[int], Array]) -> Array:
        """The combined error is that of the release: over all sets, the mean square difference of the members."""
        number = np.bincount(self.tables.set_of)
        moves = np.zeros((len(number), len(nominal)))
        for member, of in enumerate(self.tables.set_of.tolist()):
            if number[of] == 1 and member:
                moves[of] = factor(member) - nominal
            elif member:
                moves[of] += (factor(member) - nominal) ** 2 / number[of]
        several = number > 1
        moves[several] = np.sqrt(moves[several])
        return moves

    def _scale(self, member: int, kind: int, muons: Muons) -> Array:
        phi_bins = self.tables.scale.shape[-1]
        eta = _place(self.tables.eta, muons.eta)
        phi = np.floor((np.asarray(muons.phi, float) + np.pi) * phi_bins / (2 * np.pi)).astype(np.int64)
        scale, bend = self.tables.scale[member, kind][:, eta, np.clip(phi, 0, phi_bins - 1)]
        return 1 / (scale + muons.charge * bend * muons.pt)

    def _abseta(self, muons: Muons) -> Array:
        return _place(self.tables.abseta, np.abs(muons.eta))

    def _layer(self, layers: Array) -> Array:
        return np.clip(np.asarray(layers, np.int64) - self.tables.min_layers, 0, self.tables.shape.shape[-1] - 1)


class _Reader:
    """Takes the words of one line after the other."""

    def __init__(self) -> None:
        self.line = 0
        self.head: dict[str, list[str]] = {}
        self.first: list[int] = []
        self.filled: dict[str, Array] = {}

    def take(self, words: list[str]) -> None:
        self.line += 1
        if not words:
            return
        if words[0].isalpha():
            self.head[words[0]] = words[1:]
        elif words[2] in _TAGS:
            if not self.filled:
                self._begin()
            _TAGS[words[2]](self, self._member(int(words[0]), int(words[1])), words[3:])
        else:
            raise ValueError(f"unknown tag {words[2]!r}")

    def tables(self) -> Tables:
        for name, values in self.filled.items():
            if np.isnan(values).any():
                raise ValueError(f"the file ends before all tables ({name}) are there")
        if not self.filled:
            raise ValueError("no tables")
        members = [int(word) for word in self.head["NMEM"]]
        eta, abseta = (np.array(self.head[name][1:], float) for name in ("CETA", "RETA"))
        return Tables(
            np.repeat(np.arange(len(members)), members), eta, abseta, int(self.head["RMIN"][0]), **self.filled
        )

    def _member(self, of: int, number: int) -> int:
        if not (0 <= of < len(self.first) and 0 <= number < int(self.head["NMEM"][of])):
            raise ValueError(f"member {number} of set {of}: NMEM says {' '.join(self.head['NMEM'])}")
        return self.first[of] + number

    def _begin(self) -> None:
        members = [int(word) for word in self.head["NMEM"]]
        eta, phi, abseta, layers = (int(self.head[name][0]) for name in ("CETA", "CPHI", "RETA", "RTRK"))
        self.first = [sum(members[:i]) for i in range(len(members))]
        shapes = {"scale": (2, 2, eta, phi), "width": (2, abseta), "shape": (6, abseta, layers)}
        self.filled = {name: np.full((sum(members), *shape), np.nan) for name, shape in shapes.items()}

    def _scale(self, member: int, words: list[str]) -> None:
        """Type, variable, η bin, then for each φ bin M - 1 or A in percent."""
        kind, variable, place = (int(word) for word in words[:3])
        offset = 1.0 if variable == 0 else 0.0
        self.filled["scale"][member, kind, variable, place] = offset + _numbers(words[3:]) * 0.01

    def _width(self, member: int, words: list[str]) -> None:
        self.filled["width"][member, int(words[0])] = _numbers(words[1:])

    def _shape(self, member: int, words: list[str]) -> None:
        """Variable, |η| bin, then a value for each number of layers; σ₂ in percent."""
        variable, place = int(words[0]), int(words[1])
        self.filled["shape"][member, variable, place] = _numbers(words[2:]) * (0.01 if variable == 2 else 1.0)

    def _layers(self, member: int, words: list[str]) -> None:
        """Cumulative distributions of the number of layers, which none of the factors here needs."""


_TAGS: dict[str, Callable[[Any, int, list[str]], None]] = {
    "C": _Reader._scale,
    "F": _Reader._width,
    "R": _Reader._shape,
    "T": _Reader._layers,
}


def _numbers(words: list[str]) -> Array:
    return np.array(words, float)


def _place(ends: Array, values: Array) -> Array:
    """Bin of each value; those outside are in the first or last one."""
    return np.clip(np.searchsorted(ends, values, side="right") - 1, 0, len(ends) - 2)


def _at(muons: Muons, mask: Array) -> Muons:
    return Muons(*(np.asarray(values)[mask] for values in muons))


def _merged(mask: Array, one: Array | None, other: Array | None) -> Any:
    if one is None or other is None:
        return None
    result = np.empty((*one.shape[:-1], len(mask)), one.dtype)
    result[..., mask], result[..., ~mask] = one, other
    return result
