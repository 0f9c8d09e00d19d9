"""Corrections object by object in plain Python, written from SYSTEMS 2c and the JSON schema, without skimflow.

`evaluate` reads the JSON of a correctionlib file itself, without correctionlib.
"""

import bisect
import gzip
import json
import math
import re
from pathlib import Path
from statistics import NormalDist
from typing import Any

FUNCTIONS = {name: getattr(math, name) for name in ("sqrt", "log", "log10", "exp", "pow", "cos", "sin", "atan")}
FUNCTIONS |= {"max": max, "min": min, "abs": abs}


def content(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt") as file:
        return {c["name"]: c for c in json.load(file)["corrections"]}


def evaluate(correction: dict[str, Any], **inputs: Any) -> float:
    """A correction's value; inside the bins only."""
    return _node(correction["data"], inputs, correction.get("generic_formulas"))


def _node(node: Any, inputs: dict[str, Any], generic: Any) -> float:
    if not isinstance(node, dict):
        return float(node)
    kind = node["nodetype"]
    if kind == "category":
        return _node(next(i["value"] for i in node["content"] if i["key"] == inputs[node["input"]]), inputs, generic)
    if kind == "transform":
        return _node(node["content"], {**inputs, node["input"]: _formula(node["rule"], None, inputs)}, generic)
    if kind == "formula":
        return _formula(node, node.get("parameters"), inputs)
    if kind == "formularef":
        return _formula(generic[node["index"]], node["parameters"], inputs)
    axes = (
        [(node["input"], node["edges"])] if kind == "binning" else list(zip(node["inputs"], node["edges"], strict=True))
    )
    index = 0
    for name, edges in axes:
        edges = [float(edge) for edge in edges]
        place = bisect.bisect_right(edges, inputs[name]) - 1
        if not 0 <= place < len(edges) - 1:
            raise ValueError(f"{name} {inputs[name]} is outside {edges[0]}, {edges[-1]}")
        index = index * (len(edges) - 1) + place
    return _node(node["content"][index], inputs, generic)


def _formula(node: dict[str, Any], parameters: list[float] | None, inputs: dict[str, Any]) -> float:
    text = re.sub(r"\[(\d+)\]", lambda found: f"({parameters[int(found[1])]!r})", node["expression"])
    variables = dict(zip("xyzt", (inputs[name] for name in node["variables"]), strict=False))
    return float(eval(text.replace("^", "**"), {"__builtins__": {}}, {**FUNCTIONS, **variables}))


def scale(corrections: dict[str, Any], names: list[str], pt: float, **inputs: float) -> float:
    """Product of corrections, each with the pT that those before it leave."""
    total = 1.0
    for name in names:
        total *= evaluate(corrections[name], JetPt=pt * total, **inputs)
    return total


def smearing(pt: float, sigma: float, ratio: float, gen_pt: float | None, normal: float) -> float:
    """Hybrid method; `gen_pt` is None without a generated jet."""
    factor = 1 + sigma * normal * math.sqrt(max(ratio**2 - 1, 0))
    if gen_pt is not None:
        factor = 1 + (ratio - 1) * (pt - gen_pt) / pt
    return max(factor, 0.01 / pt)


def generated(jet: tuple, jets: list[tuple], sigma: float) -> int | None:
    """Which of the generated jets (pt, eta, phi) belongs to a jet."""
    best = None
    for i, (pt, eta, phi) in enumerate(jets):
        turn = abs(jet[2] - phi) % (2 * math.pi)
        distance = math.hypot(jet[1] - eta, min(turn, 2 * math.pi - turn))
        if distance < 0.2 and abs(jet[0] - pt) < 3 * sigma * jet[0] and (best is None or distance < best[0]):
            best = distance, i
    return None if best is None else best[1]


def met_xy(parameters: list[float], pt: float, phi: float, vertices: int) -> tuple[float, float]:
    """MET minus the offset (a·n + b, c·n + d) in the transverse plane."""
    a, b, c, d = parameters
    x, y = pt * math.cos(phi) - (a * vertices + b), pt * math.sin(phi) - (c * vertices + d)
    return math.hypot(x, y), math.atan2(y, x)


class Rochester:
    """kScaleDT, kSpreadMC and kSmearMC of one muon, and their errors."""

    def __init__(self, path: Path):
        self.head: dict[str, list[float]] = {}
        self.rows: dict[tuple, list[float]] = {}
        for words in (line.split() for line in path.read_text().splitlines()):
            if words[0].isalpha():
                self.head[words[0]] = [float(word) for word in words[1:]]
            else:
                number = {"C": 3, "F": 1, "R": 2, "T": 2}[words[2]]
                key = (int(words[0]), int(words[1]), words[2], *(int(w) for w in words[3 : 3 + number]))
                self.rows[key] = [float(word) for word in words[3 + number :]]

    def data(self, muon: tuple, s: int = 0, m: int = 0) -> float:
        return self._scale(muon, s, m, 1)

    def matched(self, muon: tuple, gen_pt: float, s: int = 0, m: int = 0) -> float:
        k = self._scale(muon, s, m, 0)
        x, h = gen_pt / (k * muon[0]), self._bin("RETA", abs(muon[1]))
        ratio = self.rows[s, m, "F", 1][h] / self.rows[s, m, "F", 0][h]
        return k * x / (1 + (x - 1) * ratio)

    def unmatched(self, muon: tuple, layers: int, u: float, s: int = 0, m: int = 0) -> float:
        k, h = self._scale(muon, s, m, 0), self._bin("RETA", abs(muon[1]))
        t = min(max(layers - int(self.head["RMIN"][0]), 0), int(self.head["RTRK"][0]) - 1)
        p = [self.rows[s, m, "R", v, h][t] for v in range(6)]
        above = k * muon[0] - 45
        width = p[0] + p[1] * above + p[2] / 100 * above**2
        worse = self.rows[s, m, "F", 1][h] ** 2 - self.rows[s, m, "F", 0][h] ** 2
        x = math.sqrt(worse) * width * p[3] * crystal_ball(u, p[4], p[5]) if worse > 0 else 0
        return k / (1 + x) if x > -1 else k

    def error(self, function: str, *arguments: Any) -> float:
        f, total = getattr(self, function), 0.0
        for s, members in enumerate(self.head["NMEM"]):
            for m in range(int(members)):
                total += (f(*arguments, s, m) - f(*arguments)) ** 2 / members
        return math.sqrt(total)

    def _scale(self, muon: tuple, s: int, m: int, kind: int) -> float:
        pt, eta, phi, charge = muon
        bins = int(self.head["CPHI"][0])
        f = min(int((phi + math.pi) / (2 * math.pi / bins)), bins - 1)
        h = self._bin("CETA", eta)
        scale, bend = (self.rows[s, m, "C", kind, v, h][f] / 100 for v in (0, 1))
        return 1 / (1 + scale + charge * bend * pt)

    def _bin(self, name: str, value: float) -> int:
        edges = self.head[name][1:]
        return min(max(bisect.bisect_right(edges, value) - 1, 0), len(edges) - 2)


def crystal_ball(u: float, a: float, n: float) -> float:
    """Quantile of the double-sided Crystal Ball with mean 0 and sigma 1, from integrals of its density."""
    normal = NormalDist()
    core = math.sqrt(2 * math.pi) * (normal.cdf(a) - normal.cdf(-a))
    tail = n / a / (n - 1) * math.exp(-a * a / 2)
    area = u * (core + 2 * tail)  # below the quantile, with the density 1 at its peak
    if area < tail:
        return -((n / a) * (area / tail) ** (1 / (1 - n)) - n / a + a)
    if area > tail + core:
        return -crystal_ball(1 - u, a, n)
    return normal.inv_cdf(normal.cdf(-a) + (area - tail) / math.sqrt(2 * math.pi))
