"""Files of corrections (correctionlib JSON, schema 2): the right file and names, and a policy outside the bins."""

import functools
import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import correctionlib
import numpy as np

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections.domain import (
    Box,
    box,
    bring_inside,
    check_key,
    did_you_mean,
    edges,
    intersection,
    keys,
    named,
)

Array = np.ndarray
Values = Mapping[str, Array | float | int | str]

CLAMP, ONE, ERROR = POLICIES = ("clamp", "one", "error")
SIGNED, ABSOLUTE = CONVENTIONS = ("signed", "absolute")
_FIXED = {"string": str, "int": int}
_DTYPES = {"real": np.float64, "int": np.int64}


class Evaluated(NamedTuple):
    """What a correction says of n objects, and of which it knows nothing."""

    values: Array
    """Shape (n,), float64."""
    outside: Array
    """Which objects were outside the bins, so that the policy decided, shape (n,), bool."""


class CorrectionFile:
    """The corrections of one file. Read it with `CorrectionFile.read`, which keeps files it has read."""

    def __init__(self, where: str, text: str):
        content = json.loads(text)
        if content["schema_version"] != 2:
            raise ValueError(f"it has schema version {content['schema_version']}, this reads version 2")
        self.where = where
        self._set = correctionlib.CorrectionSet.from_string(text)
        self._plain = {item["name"]: item for item in content["corrections"]}
        self._compound = {item["name"]: item for item in content.get("compound_corrections") or []}

    @classmethod
    def read(cls, path: str | Path, sha256: str | None = None) -> "CorrectionFile":
        """Read `*.json` or `*.json.gz`, with the content that `sha256` (of the file as it is) says if it is given.

        Raises:
            InputError: absent, another file than declared, or not of this form.
        """
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise InputError("missing", f"{path}: corrections cannot be read: {error.strerror}") from error
        found = hashlib.sha256(raw).hexdigest()
        if sha256 not in (None, found):
            raise InputError(
                "checksum", f"{path}: refused, its sha256 is {found} where the configuration says {sha256}"
            )
        return _parsed(str(path), raw)

    @property
    def names(self) -> list[str]:
        """Names of all corrections, compound ones (products of others) too."""
        return [*self._plain, *self._compound]

    def correction(self, name: str, outside: str = ERROR, eta: str | None = None) -> "Correction":
        """One correction, with what is declared about it.

        Args:
            outside: what holds for values outside the bins: `clamp` takes the nearest bin, `one` the neutral value,
                `error` refuses.
            eta: `signed` or `absolute`, how the file bins η. It is checked against the file and must be given for a
                correction that has an input of η: the wrong one gives wrong numbers without a word.

        Raises:
            ConfigError: no such correction, policy or convention, or the file has the other convention.
        """
        if name not in self.names:
            raise ConfigError(f"{self.where}: no correction {name!r}; {did_you_mean(name, self.names)}")
        if outside not in POLICIES:
            raise ConfigError(f"{self.where}: {name}: no policy {outside!r}; {did_you_mean(outside, list(POLICIES))}")
        if name in self._plain:
            parts, moved = [self._plain[name]["data"]], frozenset()
            return Correction(f"{self.where}: {name}", self._set[name], parts, moved, outside, eta)
        item = self._compound[name]
        parts = [self._plain[one]["data"] for one in item["stack"]]
        moved = frozenset(item["inputs_update"])
        return Correction(f"{self.where}: {name}", self._set.compound[name], parts, moved, outside, eta)


class _Shape(NamedTuple):
    keys: dict[str, list]
    box: Box | None


class Correction:
    """A correction of a file, to be called with arrays. Made by `CorrectionFile.correction`."""

    def __init__(
        self, where: str, evaluator: Any, parts: list[Any], moved: frozenset[str], outside: str, eta: str | None
    ):
        self.where, self.outside = where, outside
        self._evaluator, self._parts, self._moved = evaluator, parts, moved
        self._types = {item.name: item.type for item in evaluator.inputs}
        self._absolute = self._checked(eta)
        self._shapes: dict[tuple, _Shape] = {}

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, in the order of the file."""
        return list(self._types)

    def edges(self, name: str) -> list[float]:
        """All finite edges of an input, ascending; empty where it is not binned."""
        return sorted({edge for part in self._parts for edge in edges(part, name)})

    def keys(self, name: str) -> list:
        """All keys of an input that chooses a category; empty where it does not."""
        return list(dict.fromkeys(key for part in self._parts for key in named(part, name)))

    def evaluate(self, values: Values, neutral: float = 1.0) -> Evaluated:
        """The correction of n objects.

        Args:
            values: by input name, arrays of shape (n,) or one value for all; what the correction has no input for is
                left alone. Text inputs take one value. η as the object has it, with its sign: where the file bins |η|
                the absolute value is taken here.
            neutral: what the policy `one` gives: 1 for factors, 0 for uncertainties.

        Raises:
            ConfigError: an input is missing or a key is not in the file.
            InputError: NaN among the inputs, values outside the bins under the policy `error`, or a result that is not
                a finite number.
        """
        fixed, arrays, size = self._prepared(values)
        if not size:
            return Evaluated(np.zeros(0), np.zeros(0, bool))
        shape = self._shape(fixed)
        for name, known in shape.keys.items():
            for key in [fixed[name]] if name in fixed else np.unique(arrays[name]).tolist():
                check_key(name, key, known, self.where)
        inside = {name: array.copy() for name, array in arrays.items()}
        outside = self._brought_inside(shape.box, fixed, inside, size)
        if self.outside == ERROR and outside.any():
            self._refuse(arrays, inside, outside)
        arguments = [fixed[name] if name in fixed else inside[name] for name in self.inputs]
        result = np.broadcast_to(self._result(arguments), size).astype(float)
        if not np.isfinite(result).all():
            raise InputError("corrections", f"{self.where}: gives NaN or infinity for some objects")
        return Evaluated(np.where(outside, neutral, result) if self.outside == ONE else result, outside)

    def _result(self, arguments: list[Any]) -> Any:
        try:
            return self._evaluator.evaluate(*arguments)
        except (RuntimeError, IndexError, ValueError) as error:
            raise InputError("corrections", f"{self.where}: correctionlib cannot evaluate it: {error}") from error

    def _checked(self, eta: str | None) -> set[str]:
        """Inputs of which the absolute value is to be taken."""
        names = [name for name in self._types if name.lower().endswith("eta")]
        if not names:
            return set()
        if eta not in CONVENTIONS:
            raise ConfigError(f"{self.where}: say whether it bins η `signed` or `absolute`, not {eta!r}")
        for name in names:
            found = self.edges(name)
            if found and (SIGNED if found[0] < 0 else ABSOLUTE) != eta:
                raise ConfigError(
                    f"{self.where}: declared with {eta} η, but the edges of {name} go from {found[0]:g} to "
                    f"{found[-1]:g}; declare it {SIGNED if found[0] < 0 else ABSOLUTE}"
                )
        return set(names) if eta == ABSOLUTE else set()

    def _prepared(self, values: Values) -> tuple[dict[str, Any], dict[str, Array], int]:
        """Inputs with one value for all that are text or whole numbers, the others as arrays, and how many."""
        missing = [name for name in self._types if name not in values]
        if missing:
            raise ConfigError(
                f"{self.where}: needs {', '.join(self.inputs)}; {', '.join(missing)} not among {', '.join(values)}"
            )
        fixed = {
            n: values[n] for n, kind in self._types.items() if kind in _FIXED and isinstance(values[n], _FIXED[kind])
        }
        for name, kind in self._types.items():
            if kind == "string" and name not in fixed:
                raise ConfigError(
                    f"{self.where}: {name} is one text for all objects, not {type(values[name]).__name__}"
                )
        names = [name for name in self._types if name not in fixed]
        given = np.broadcast_arrays(*(np.atleast_1d(values[name]) for name in names)) if names else []
        arrays = {name: array.astype(_DTYPES[self._types[name]]) for name, array in zip(names, given, strict=True)}
        for name, array in arrays.items():
            if np.isnan(array).any():
                raise InputError("corrections", f"{self.where}: {int(np.isnan(array).sum())} values of {name} are NaN")
            if name in self._absolute:
                arrays[name] = np.abs(array)
        return fixed, arrays, len(given[0]) if names else 1

    def _shape(self, fixed: dict[str, Any]) -> "_Shape":
        """What the file allows for the inputs, found once for each choice of the fixed ones."""
        key = tuple(fixed.items())
        if key not in self._shapes:
            known: dict[str, list] = {}
            for part in self._parts:
                # A key that is missing in some bins only is found by correctionlib.
                known |= {name: some for name, some in keys(part, fixed).items() if some is not None}
            boxes = [box(part, fixed) for part in self._parts]
            self._shapes[key] = _Shape(known, None if None in boxes else intersection(boxes))
        return self._shapes[key]

    def _brought_inside(self, limits: Box | None, fixed: dict[str, Any], values: dict[str, Array], size: int) -> Array:
        """Clamp the values into the bins, in place; which were outside."""
        outside = np.zeros(size, bool)
        if limits is None:
            for part in self._parts:
                bring_inside(part, fixed, values, np.arange(size), outside)
            return outside
        for name, interval in limits.items():
            # Each part of a compound correction sees another value of such an input: that is the file's business.
            if name not in self._moved and name in values:
                outside |= interval.outside(values[name])
                values[name] = interval.clamped(values[name])
        return outside

    def _refuse(self, given: dict[str, Array], inside: dict[str, Array], outside: Array) -> None:
        told = []
        for name, array in given.items():
            off = array != inside[name]
            if off.any():
                ends = self.edges(name) or [-np.inf, np.inf]
                told.append(
                    f"{name} from {array[off].min():g} to {array[off].max():g} (edges {ends[0]:g} … {ends[-1]:g})"
                )
        raise InputError(
            "corrections",
            f"{self.where}: {int(outside.sum())} of {len(outside)} objects are outside the bins: {'; '.join(told)}. "
            "Cut on it, or declare `outside: clamp` (nearest bin) or `outside: one` (no correction)",
        )


@functools.lru_cache(maxsize=64)
def _parsed(path: str, raw: bytes) -> CorrectionFile:
    """Kept by name and content: a file that changes is read again."""
    try:
        return CorrectionFile(path, (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode())
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError("corrupt", f"{path}: not a correctionlib file: {error}") from error
