"""Do histograms agree with a reference? `python -m skimflow.histograms.validate HISTOGRAMS REFERENCE`

The same events, selected on another platform, can fall on the other side of a bin's edge: a float32 that was rounded
otherwise. So bins next to each other may differ by less than two events' worth, if together they hold the same.

Exit code: 0 they agree, 1 they do not, 2 they cannot be read.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skimflow.errors import SkimflowError
from skimflow.histograms.files import read
from skimflow.histograms.template import Template

_MOVED, _RTOL, _ATOL = 2.0, 1e-5, 1e-8
_SHOWN = 3

Array = np.ndarray


class Rules(NamedTuple):
    """What may differ.

    Args:
        moved: contents of bins that hold the same together may differ by less than this.
        rtol, atol: as for `numpy.isclose`.
        random: endings of names whose contents depend on random numbers, so that only edges are compared.
        optional: parts of names that may be missing.
    """

    moved: float = _MOVED
    rtol: float = _RTOL
    atol: float = _ATOL
    random: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("pseudodata",)


class Comparison(NamedTuple):
    """What differs in a way that it should not (`errors`), and what is only worth a word (`notes`)."""

    compared: int
    errors: list[str]
    notes: list[str]


def compare(found: Mapping[str, Template], reference: Mapping[str, Template], rules: Rules | None = None) -> Comparison:
    """Compare histograms by name with those of a reference; what the reference has not is noted only."""
    rules, errors, notes = rules or Rules(), [], []
    for name in sorted(reference.keys() - found.keys()):
        optional = any(part in name for part in rules.optional)
        (notes if optional else errors).append(f"{name}: missing")
    notes += [f"{name}: not in the reference" for name in sorted(found.keys() - reference.keys())]
    common = sorted(reference.keys() & found.keys())
    for name in common:
        for wrong, text in _differences(found[name], reference[name], name.endswith(rules.random), rules):
            (errors if wrong else notes).append(f"{name}: {text}")
    return Comparison(len(common), errors, notes)


def _differences(found: Template, reference: Template, random: bool, rules: Rules) -> Iterator[tuple[bool, str]]:
    """What differs, and whether that is an error."""
    if not _close_edges(found, reference):
        yield True, f"edges are {_few(found.edges)}, in the reference {_few(reference.edges)}"
    elif random:
        yield False, "depends on random numbers, contents not compared"
    else:
        yield from _contents(found, reference, rules)


def _close_edges(found: Template, reference: Template) -> bool:
    return found.edges.shape == reference.edges.shape and np.allclose(found.edges, reference.edges)


def _contents(found: Template, reference: Template, rules: Rules) -> Iterator[tuple[bool, str]]:
    close = np.isclose(found.values, reference.values, rules.rtol, rules.atol)
    for first, last in _groups(~close):
        mine, other = found.values[first:last], reference.values[first:last]
        near = (np.abs(mine - other) < rules.moved).all()
        same = np.isclose(mine.sum(), other.sum(), rules.rtol, rules.atol)
        where = _where(reference.edges, first, last)
        if near and same:
            yield False, f"events moved between {last - first} bins {where}"
        else:
            reason = f"differ by {rules.moved:g} or more" if not near else f"hold {mine.sum():g}, not {other.sum():g}"
            yield True, f"bins {where} {reason}: {_few(mine)}, in the reference {_few(other)}"


def _groups(different: Array) -> list[tuple[int, int]]:
    """First and one past the last of each run of neighbours that are true."""
    steps = np.diff(np.concatenate([[0], different.astype(int), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _where(edges: Array, first: int, last: int) -> str:
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    return f"from {ends[first]:g} to {ends[last]:g}"


def _few(values: Array) -> str:
    shown = ", ".join(f"{value:.6g}" for value in values[:_SHOWN])
    return f"[{shown}, … {len(values)} values]" if len(values) > _SHOWN else f"[{shown}]"


def main(arguments: Sequence[str]) -> int:
    """Compare two files, print what differs, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m skimflow.histograms.validate", description=__doc__.split("\n")[0])
    parser.add_argument("histograms", help="ROOT, UHI JSON or reference JSON")
    parser.add_argument("reference", help="the same")
    lists = {"action": "append", "default": []}
    parser.add_argument("--random", **lists, metavar="ENDING", help="names whose contents are not compared: pt_res_up")
    parser.add_argument("--optional", **lists, metavar="PART", help="names that may be missing (default: pseudodata)")
    parser.add_argument("--moved", type=float, default=_MOVED, help="bins that trade events differ by less than this")
    parser.add_argument("--rtol", type=float, default=_RTOL)
    chosen = parser.parse_args(arguments)
    rules = Rules(chosen.moved, chosen.rtol, _ATOL, tuple(chosen.random), tuple(chosen.optional or Rules().optional))
    result = compare(read(chosen.histograms), read(chosen.reference), rules)
    for kind, lines in (("note", result.notes), ("error", result.errors)):
        for line in lines:
            print(f"{kind}: {line}")
    print(f"histograms compared: {result.compared}, errors: {len(result.errors) or 'none'}")
    return 1 if result.errors else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SkimflowError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
