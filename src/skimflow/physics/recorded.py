"""Recorded luminosity of luminosity sections, from the tables that brilcalc prints."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skimflow.errors import InputError

_IN_PB = {"/b": 1e-12, "/mb": 1e-9, "/ub": 1e-6, "/nb": 1e-3, "/pb": 1.0, "/fb": 1e3}
_RECORDED = re.compile(r"^recorded(?:\((.+)\))?$")
_SHOWN = 5


class Recorded(NamedTuple):
    """Luminosity of some sections.

    `value`: /pb. `scaled`: runs of which only some sections were asked for, where the table knows only the whole run.
    `unknown`: number of sections by run that the table does not have; they count as zero.
    """

    value: float
    scaled: list[int]
    unknown: dict[int, int]


class RecordedLuminosity:
    """Recorded luminosity per run, or per luminosity section.

    Args:
        name: of the table, for messages.
        run, recorded: shape (n,); recorded in /pb.
        section: shape (n,), or None for a table of runs.
        number: of sections of each run, shape (n,); for a table of runs.
    """

    def __init__(
        self,
        name: str,
        run: np.ndarray,
        recorded: np.ndarray,
        section: np.ndarray | None = None,
        number: np.ndarray | None = None,
    ):
        self._name = name
        key = run if section is None else _key(run, section)
        order = np.argsort(key)
        self._key, self._recorded = key[order], recorded[order]
        self._number = None if number is None else number[order]
        self._runs = np.unique(run)
        twice = self._key[1:][self._key[1:] == self._key[:-1]]
        if len(twice):
            place = f"run {twice[0]}" if section is None else f"run {twice[0] >> 32}, section {twice[0] & 0xFFFFFFFF}"
            raise InputError("corrupt", f"{name}: {place} is listed twice")

    @classmethod
    def read(cls, path: str | Path, unit: str | None = None) -> "RecordedLuminosity":
        """Read the output of `brilcalc lumi`, text or CSV, per run or per section (`--byls`).

        Args:
            unit: of the column `recorded`, where its head does not say it.

        Raises:
            InputError: the file is absent or not of this form, or its unit is not known.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("missing", f"{path}: luminosity table cannot be read: {error}") from error
        head, rows = _parse(str(path), lines)
        place, scale = _recorded(str(path), head, unit)
        counter = "ls" if "ls" in head else "nls"
        if counter not in head or not rows:
            what = "has no column ls or nls" if rows else "holds no run"
            raise InputError("corrupt", f"{path}: not a table of brilcalc lumi: it {what}")
        try:
            run, counts = (
                np.array([int(row[head.index(n)].split(":")[0]) for row in rows]) for n in ("run:fill", counter)
            )
            recorded = np.array([float(row[place]) for row in rows]) * scale
        except (ValueError, IndexError) as error:
            raise InputError("corrupt", f"{path}: a row of the luminosity table is damaged: {error}") from error
        return cls(str(path), run, recorded, **{"section" if counter == "ls" else "number": counts})

    def of(self, sections: np.ndarray) -> Recorded:
        """Luminosity of different sections, (run, section) pairs, shape (n, 2).

        With a table of runs, a run of which a part is asked for counts with the fraction of its sections: sections of a
        run are taken as equal.

        Raises:
            InputError: the table does not have a run.
        """
        runs, asked = np.unique(sections[:, 0], return_counts=True)
        absent = np.setdiff1d(runs, self._runs).tolist()
        if absent:
            more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
            raise InputError(
                "missing",
                f"{self._name}: has no luminosity for run {', '.join(map(str, absent[:_SHOWN]))}{more}, of which "
                "sections were processed (make the table with brilcalc for the golden JSON)",
            )
        if self._number is not None:
            return self._of_runs(runs, asked, self._number)
        key = _key(sections[:, 0], sections[:, 1])
        known = np.isin(key, self._key)
        value = self._recorded[np.searchsorted(self._key, np.sort(key[known]))].sum()
        lost, how_many = np.unique(sections[~known, 0], return_counts=True)
        return Recorded(float(value), [], dict(zip(lost.tolist(), how_many.tolist(), strict=True)))

    def _of_runs(self, runs: np.ndarray, asked: np.ndarray, number: np.ndarray) -> Recorded:
        place = np.searchsorted(self._key, runs)
        of_run = number[place]
        fraction = np.minimum(asked / np.maximum(of_run, 1), 1)
        surplus = asked > of_run
        lost = dict(zip(runs[surplus].tolist(), (asked - of_run)[surplus].tolist(), strict=True))
        return Recorded(float((fraction * self._recorded[place]).sum()), runs[asked < of_run].tolist(), lost)


def shown(luminosities: Sequence[float]) -> str:
    """Luminosities in /pb as figures show them: `16.4 fb⁻¹`, or `15.9 to 16.4 fb⁻¹` where they differ."""
    if not luminosities:
        return ""
    scale, unit = next((s, u) for s, u in ((1e3, "fb"), (1, "pb"), (0, "nb")) if max(luminosities) >= 0.1 * s)
    texts = [f"{value / (scale or 1e-3):.3g}" for value in (min(luminosities), max(luminosities))]
    return " to ".join(dict.fromkeys(texts)) + f" {unit}⁻¹"


def _parse(path: str, lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the rows above the summary."""
    head: list[str] = []
    rows = []
    for cells in _cells(lines):
        if cells[0] == "run:fill":
            head = cells
        elif head and re.fullmatch(r"\d+(:\d+)?", cells[0]):
            rows.append(cells)
    if not head:
        raise InputError("corrupt", f"{path}: not a table of brilcalc lumi: no line names its columns (run:fill, …)")
    return head, rows


def _cells(lines: Sequence[str]) -> Iterator[list[str]]:
    for line in lines:
        if line.lower().startswith("#summary"):
            return
        text = line.lstrip("#").strip().strip("|")
        yield [cell.strip() for cell in text.split("|" if line.startswith("|") else ",")]


def _recorded(path: str, head: Sequence[str], unit: str | None) -> tuple[int, float]:
    """Place of the column `recorded`, and its unit in /pb."""
    for place, name in enumerate(head):
        if match := _RECORDED.match(name):
            found = match[1] or unit
            if found not in _IN_PB:
                raise InputError("unit", f"{path}: luminosity in {found}: give `unit`, one of {', '.join(_IN_PB)}")
            if unit not in (None, found):
                raise InputError("unit", f"{path}: its luminosity is in {found}, but the configuration says {unit}")
            return place, _IN_PB[found]
    raise InputError("corrupt", f"{path}: not a table of brilcalc lumi: it has no column `recorded`")


def _key(run: np.ndarray, section: np.ndarray) -> np.ndarray:
    return (np.asarray(run, np.int64) << 32) | np.asarray(section, np.int64)
