"""Where a correction of a correctionlib file is defined: its edges, its keys, and values brought into its bins.

Works on the JSON of a correction (schema version 2). correctionlib itself raises a bare error outside the bins (`flow:
error`), or quietly takes what the file says there, which may be -999 (JERC uncertainties) or 1.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from skimflow.errors import ConfigError

Array = np.ndarray
Node = Any
Fixed = Mapping[str, str | int]


class Interval(NamedTuple):
    """Half-open range of an input, as bins are: from `low`, inclusive, to `high`, exclusive."""

    low: float
    high: float

    def outside(self, values: Array) -> Array:
        return ~((values >= self.low) & (values < self.high))

    def clamped(self, values: Array) -> Array:
        return np.clip(values, self.low, np.nextafter(self.high, self.low))


Box = Mapping[str, Interval]


def edges(node: Node, name: str) -> list[float]:
    """All finite edges of an input, ascending, of all nested binnings; empty where it is not binned."""
    found = {edge for one in _walk(node) for of, values in axes(one) if of == name for edge in values}
    return sorted(edge for edge in found if np.isfinite(edge))


def axes(node: Node) -> list[tuple[str, list[float]]]:
    """The inputs that this node bins, with their edges; empty for a node that is no binning."""
    if not isinstance(node, dict):
        return []
    if node["nodetype"] == "binning":
        return [(node["input"], _edges(node["edges"]))]
    if node["nodetype"] == "multibinning":
        return [(name, _edges(values)) for name, values in zip(node["inputs"], node["edges"], strict=True)]
    return []


def keys(node: Node, fixed: Fixed) -> dict[str, list | None]:
    """The keys that each input of a category may have somewhere; None where the file has a default for all others.

    Args:
        fixed: inputs with one value for all: they choose which categories are met.
    """
    known: dict[str, list | None] = {}
    for one in _walk(node, fixed):
        if isinstance(one, dict) and one["nodetype"] == "category":
            name, here = one["input"], [item["key"] for item in one["content"]]
            before = known.get(name, [])
            if before is None or one.get("default") is not None:
                known[name] = None
            else:
                known[name] = list(dict.fromkeys([*before, *here]))
    return known


def named(node: Node, name: str) -> list:
    """The keys that categories of this input have, whether or not the file has a default for others."""
    return [
        item["key"]
        for one in _walk(node)
        if isinstance(one, dict) and one["nodetype"] == "category" and one["input"] == name
        for item in one["content"]
    ]


def check_key(name: str, key: Any, known: list, where: str) -> None:
    """Raise ConfigError unless the key is known."""
    if key not in known:
        raise ConfigError(f"{where}: {name} has no {key!r}; {did_you_mean(key, known)}")


def did_you_mean(wrong: Any, known: list) -> str:
    """The end of a message about a wrong name: the nearest ones, then all (at most thirty)."""
    near = difflib.get_close_matches(str(wrong), [str(key) for key in known], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(str(key) for key in known[:30]) + (", …" if len(known) > 30 else "")
    return f"{hint}There are: {listed}"


def box(node: Node, fixed: Fixed) -> Box | None:
    """The range of each binned input, if it is the same in all bins of the others; else None.

    Inputs of formulas have no range. What the file itself does outside (`flow`) plays no role, unless it is another
    node, which is then as good as a bin.
    """
    if not isinstance(node, dict) or node["nodetype"] not in _BOXES:
        return {}
    return _BOXES[node["nodetype"]](node, fixed)


def bring_inside(node: Node, fixed: Fixed, values: dict[str, Array], rows: Array, outside: Array) -> None:
    """Clamp values into the bins they are looked up in, and mark which were outside; both in place.

    For a node whose range depends on the bin (see `box`), going down bin by bin.

    Args:
        values: inputs, shape (n,) each.
        rows: which elements get to this node.
        outside: shape (n,), bool.
    """
    limits = box(node, fixed)
    if limits is not None:
        for name, interval in limits.items():
            _clamp(values[name], interval, rows, outside)
        return
    for child, chosen in _branches(node, fixed, values, rows, outside):
        bring_inside(child, fixed, values, chosen, outside)


def intersection(boxes: list[Box]) -> Box:
    """The range that all of them have, input by input."""
    result: dict[str, Interval] = {}
    for one in boxes:
        for name, (low, high) in one.items():
            old = result.get(name, Interval(-np.inf, np.inf))
            result[name] = Interval(max(old.low, low), min(old.high, high))
    return result


def _edges(values: Any) -> list[float]:
    """Written as a list, or as n equal bins."""
    if isinstance(values, dict):
        return np.linspace(values["low"], values["high"], values["n"] + 1).tolist()
    return [float(edge) for edge in values]


def _children(node: dict, fixed: Fixed) -> list[Node]:
    kind = node["nodetype"]
    if kind == "category":
        chosen = [item["value"] for item in node["content"] if fixed.get(node["input"], item["key"]) == item["key"]]
        return chosen + ([node["default"]] if node.get("default") is not None else [])
    if kind == "transform":
        return [node["content"]]
    content = list(node["content"]) if kind in ("binning", "multibinning") else []
    return content + ([node["flow"]] if isinstance(node.get("flow"), dict) else [])


def _walk(node: Node, fixed: Fixed | None = None) -> Iterator[Node]:
    yield node
    if isinstance(node, dict):
        for child in _children(node, fixed or {}):
            yield from _walk(child, fixed)


def _common(nodes: list[Node], fixed: Fixed) -> Box | None:
    """The box that all nodes have, None if they differ."""
    first: Box | None = None
    for node in nodes:
        one = box(node, fixed)
        if one is None or (first is not None and one != first):
            return None
        first = one
    return first if first is not None else {}


def _of_bins(node: dict, fixed: Fixed) -> Box | None:
    inner = _common(_children(node, fixed), fixed)
    if inner is None:
        return None
    own = {} if isinstance(node["flow"], dict) else {name: Interval(e[0], e[-1]) for name, e in axes(node)}
    return intersection([own, inner])


def _of_category(node: dict, fixed: Fixed) -> Box | None:
    return _common(_children(node, fixed), fixed)


def _of_transform(node: dict, fixed: Fixed) -> Box | None:
    """|x| has the range of x mirrored; what another function makes of x is not known here."""
    inner = box(node["content"], fixed)
    if inner is None:
        return None
    result, name = dict(inner), node["input"]
    interval = result.pop(name, None)
    if interval and is_absolute(node) and interval.low <= 0:
        result[name] = Interval(np.nextafter(-interval.high, 0), interval.high)
    return result


def is_absolute(node: Node) -> bool:
    """Whether a node takes the absolute value of its input."""
    rule = node["rule"] if isinstance(node, dict) and node["nodetype"] == "transform" else {}
    return isinstance(rule, dict) and rule.get("expression", "").replace(" ", "") in ("abs(x)", "fabs(x)")


_BOXES = {"binning": _of_bins, "multibinning": _of_bins, "category": _of_category, "transform": _of_transform}


def _clamp(values: Array, interval: Interval, rows: Array, outside: Array) -> None:
    off = interval.outside(values[rows])
    outside[rows[off]] = True
    values[rows] = interval.clamped(values[rows])


def _branches(
    node: dict, fixed: Fixed, values: dict[str, Array], rows: Array, outside: Array
) -> Iterator[tuple[Node, Array]]:
    """Children of a node with the rows that get to each."""
    if node["nodetype"] == "transform" or (node["nodetype"] == "category" and node["input"] in fixed):
        yield from ((child, rows) for child in _children(node, fixed)[:1])
    elif node["nodetype"] == "category":
        yield from _by_key(node, values, rows)
    else:
        yield from _by_bin(node, values, rows, outside)


def _by_key(node: dict, values: dict[str, Array], rows: Array) -> Iterator[tuple[Node, Array]]:
    left = np.ones(len(rows), bool)
    for item in node["content"]:
        chosen = values[node["input"]][rows] == item["key"]
        left &= ~chosen
        yield item["value"], rows[chosen]
    if node.get("default") is not None:
        yield node["default"], rows[left]


def _by_bin(node: dict, values: dict[str, Array], rows: Array, outside: Array) -> Iterator[tuple[Node, Array]]:
    index, inside = np.zeros(len(rows), np.int64), np.ones(len(rows), bool)
    for name, ends in axes(node):
        interval = Interval(ends[0], ends[-1])
        if isinstance(node["flow"], dict):
            inside &= ~interval.outside(values[name][rows])
        else:
            _clamp(values[name], interval, rows, outside)
        place = np.searchsorted(ends, values[name][rows], side="right") - 1
        index = index * (len(ends) - 1) + np.clip(place, 0, len(ends) - 2)
    for place in np.unique(index[inside]).tolist():
        yield node["content"][place], rows[inside & (index == place)]
    if not inside.all():
        yield node["flow"], rows[~inside]
