"""Which luminosity sections a file holds, which of them count, and how many entries each has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.io.nanoaod import NanoAOD
from skimflow.physics.luminosity import CertifiedLuminosity, in_window
from skimflow.skim.tallies import Tallies


class Sections:
    """Certification and bookkeeping for collision data; for simulation all events count and nothing is kept.

    Args:
        certified: path of the golden JSON, or None for simulation.
        window: first and last run, or None.
        sha256: of the golden JSON, if the configuration says it.
    """

    def __init__(self, certified: str | None, window: Any, sha256: str | None = None):
        self._certified = CertifiedLuminosity.read(certified, sha256) if certified else None
        self._window = window
        self._seen: list[np.ndarray] = []

    def mask(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Which events count, shape (n,)."""
        run, section = columns["run"].astype(np.int64), columns["luminosityBlock"].astype(np.int64)
        if self._certified is None:
            return np.ones(len(run), bool)
        pairs, index, entries = _unique(np.stack([run, section], axis=1))
        self._seen.append(np.column_stack([pairs, entries]))
        return self._good(pairs)[index]

    def count(self, file: NanoAOD, tallies: Tallies) -> None:
        """Count the entries of each section. Sections of the LuminosityBlocks tree count as processed even when no
        event of theirs is left in the file."""
        if self._certified is None:
            return
        listed = file.lumi_sections()
        seen = np.concatenate([*self._seen, np.column_stack([listed, np.zeros(len(listed), np.int64)])])
        pairs, index, _ = _unique(seen[:, :2])
        entries = np.bincount(index, seen[:, 2], len(pairs)).astype(np.int64)
        good = self._good(pairs)
        for name, chosen in (("certified", good), ("rejected", ~good)):
            tallies.sections(name, pairs[chosen, 0], pairs[chosen, 1], entries[chosen])

    def _good(self, pairs: np.ndarray) -> np.ndarray:
        assert self._certified is not None
        return self._certified.mask(pairs[:, 0], pairs[:, 1]) & in_window(pairs[:, 0], self._window)


def _unique(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct (run, section) pairs, which of them each row is, and how often each occurs."""
    packed, index, number = np.unique((pairs[:, 0] << 32) | pairs[:, 1], return_inverse=True, return_counts=True)
    return np.stack([packed >> 32, packed & 0xFFFFFFFF], axis=1), index, number
