"""Certified luminosity: the golden JSON and run windows."""

import hashlib
import json
from pathlib import Path

import numpy as np

from skimflow.errors import InputError

Sections = dict[str, list[list[int]]]


class CertifiedLuminosity:
    """Which luminosity sections are certified.

    Ranges are inclusive at both ends; a run that is not listed is not certified. (Looking up a missing run by position
    instead accepts sections 1 to 30 of any run below the last one: SYSTEMS 4e.2.)

    Args:
        sections: `{"run": [[first, last], ...]}`, the content of a golden JSON.
    """

    def __init__(self, sections: Sections):
        spans = _merged(sorted((int(run), int(a), int(b)) for run, pairs in sections.items() for a, b in pairs))
        self._first = _key(np.array([(run, first) for run, first, _ in spans], np.int64).reshape(-1, 2).T)
        self._last = _key(np.array([(run, last) for run, _, last in spans], np.int64).reshape(-1, 2).T)

    @classmethod
    def read(cls, path: str | Path, sha256: str | None = None) -> "CertifiedLuminosity":
        """Read a golden JSON, with the content that `sha256` says if it is given.

        Raises:
            InputError: the file is absent, not of this form, or another one. (It is never replaced by "everything is
                certified".)
        """
        try:
            content = Path(path).read_bytes()
            _check(path, content, sha256)
            certified = cls(json.loads(content))
        except OSError as error:
            raise InputError("missing", f"{path}: certified luminosity cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(
                "corrupt", f'{path}: not a certified-luminosity file {{"run": [[first, last], ...]}}: {error}'
            ) from error
        if not len(certified._first):
            raise InputError("corrupt", f"{path}: certifies no luminosity section")
        return certified

    def mask(self, run: np.ndarray, section: np.ndarray) -> np.ndarray:
        """Whether each (run, luminosity section) is certified, shape as the arguments, bool."""
        key = _key((run, section))
        index = np.searchsorted(self._first, key, side="right") - 1
        return (index >= 0) & (key <= self._last[np.maximum(index, 0)])

    def sections(self, window: tuple[int, int] | None = None) -> np.ndarray:
        """Every certified (run, section) with the run inside the window, shape (n, 2)."""
        number = self._last - self._first + 1
        start = np.repeat(self._first, number)
        place = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        pairs = np.stack([(start + place) >> 32, (start + place) & 0xFFFFFFFF], axis=1)
        return pairs[in_window(pairs[:, 0], window)]


def _merged(spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Sorted (run, first, last) with overlapping ranges of a run made one: each section must be in one range."""
    merged: list[tuple[int, int, int]] = []
    for run, first, last in spans:
        if last < first:
            raise ValueError(f"run {run}: the range [{first}, {last}] ends before it begins")
        if merged and merged[-1][0] == run and first <= merged[-1][2]:
            merged[-1] = (run, merged[-1][1], max(last, merged[-1][2]))
        else:
            merged.append((run, first, last))
    return merged


def _check(path: str | Path, content: bytes, sha256: str | None) -> None:
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise InputError("checksum", f"{path}: refused, its sha256 is {found} where the configuration says {sha256}")


def in_window(run: np.ndarray, window: tuple[int, int] | None) -> np.ndarray:
    """Whether each run lies in the window, both ends inclusive; without a window all do."""
    if window is None:
        return np.ones(len(run), bool)
    return (run >= window[0]) & (run <= window[1])


def ranges(sections: np.ndarray) -> Sections:
    """(run, section) pairs, shape (n, 2), as the compact JSON form that brilcalc takes."""
    result: Sections = {}
    for run, section in np.unique(np.asarray(sections, np.int64).reshape(-1, 2), axis=0).tolist():
        pairs = result.setdefault(str(run), [])
        if pairs and pairs[-1][1] == section - 1:
            pairs[-1][1] = section
        else:
            pairs.append([section, section])
    return result


def _key(pair: tuple[np.ndarray, np.ndarray] | np.ndarray) -> np.ndarray:
    run, section = pair
    return (np.asarray(run).astype(np.int64) << 32) | np.asarray(section).astype(np.int64)
