"""Z→μμ event by event in plain Python, written from docs/zmumu.md and SYSTEMS 2, sharing no code with skimflow.

Muons with the corrected pT (Rochester), a pair of opposite charge nearest to the Z mass, the leading pT, the mass; then
weights of pileup, of both muons, and of a trigger that either may have fired.
"""

import hashlib
import itertools
import math
from pathlib import Path
from typing import Any, NamedTuple

import uproot

from tests.reference.corrections import Rochester, evaluate

Z_MASS = 91.1876
_MUON = ("pt", "eta", "phi", "mass", "charge", "tightId", "pfRelIso04_all", "dxy", "dz", "nTrackerLayers")
_EVENT = ("run", "luminosityBlock", "event", "PV_npvs", "PuppiMET_pt", "PuppiMET_phi")
_SIMULATED = ("genWeight", "Pileup_nTrueInt")


class Files(NamedTuple):
    """Rochester tables by path, and the content of corrections of correctionlib files (None: not applied)."""

    rochester: Path
    pileup: dict[str, Any] | None = None
    muon: dict[str, Any] | None = None
    trigger: dict[str, Any] | None = None


class Outcome(NamedTuple):
    """What becomes of one event: how many cuts it passes, its observables and weights if it has a pair."""

    cuts: int
    values: dict[str, float]
    weights: dict[str, float]


def events(path: str | Path, paths: tuple[str, ...]) -> list[dict[str, Any]]:
    """All that is read of each event."""
    with uproot.open(path) as file:
        tree = file["Events"]
        names = [*(f"Muon_{name}" for name in _MUON), *_EVENT, *paths, *(n for n in _SIMULATED if n in tree)]
        names += [name for name in ("Muon_genPartIdx", "GenPart_pt") if name in tree]
        columns = {name: tree[name].array(library="ak").to_list() for name in names}
    return [{name: column[i] for name, column in columns.items()} for i in range(len(columns["run"]))]


def outcome(event: dict[str, Any], cuts: dict[str, Any], tables: Rochester | None, files: Files, shift: float):
    """The outcome of an event; without tables momenta are as they were stored, `shift` is in standard deviations."""
    muons = _muons(event, tables, shift)
    met = _met(event, muons)
    good = [muon for muon in muons if _good(muon, cuts)]
    pairs = [pair for pair in itertools.combinations(good, 2) if pair[0]["charge"] + pair[1]["charge"] == 0]
    best = min(pairs, key=lambda pair: abs(_sum(*pair)["mass"] - Z_MASS), default=None)
    values, weights = {}, {}
    passed = [any(event[path] for path in cuts["paths"]), len(good) >= 2, best is not None]
    if best:
        lead, sublead = sorted(best, key=lambda muon: -muon["new"])
        z = _sum(lead, sublead)
        values = {"mass": z["mass"], "pt": z["pt"], "lead_pt": lead["new"], "sublead_pt": sublead["new"]}
        values |= {"lead_eta": lead["eta"], "npv": event["PV_npvs"], "met": met}
        passed += [lead["new"] > cuts["lead_pt"], cuts["mass"][0] < z["mass"] < cuts["mass"][1]]
    number = sum(1 for _ in itertools.takewhile(bool, passed))
    if number == 5:
        weights = _weights(event, (lead, sublead), files)
    return Outcome(number, values, weights)


def _good(muon: dict[str, Any], cuts: dict[str, Any]) -> bool:
    return (
        bool(muon["tightId"])
        and muon["new"] > cuts["min_pt"]
        and abs(muon["eta"]) < cuts["max_eta"]
        and muon["pfRelIso04_all"] < cuts["max_isolation"]
        and abs(muon["dxy"]) < cuts["max_dxy"]
        and abs(muon["dz"]) < cuts["max_dz"]
    )


def _muons(event: dict[str, Any], tables: Rochester | None, shift: float) -> list[dict[str, Any]]:
    muons = [{name: event[f"Muon_{name}"][i] for name in _MUON} for i in range(len(event["Muon_pt"]))]
    for index, muon in enumerate(muons):
        muon["new"] = muon["pt"]
        if tables is not None:
            function, arguments = _rochester(event, muon, index)
            k = getattr(tables, function)(*arguments)
            muon["new"] *= k + (shift * tables.error(function, *arguments) if shift else 0)
    return muons


def _rochester(event: dict[str, Any], muon: dict[str, Any], index: int) -> tuple[str, tuple]:
    four = (muon["pt"], muon["eta"], muon["phi"], muon["charge"])
    if "genWeight" not in event:
        return "data", (four,)
    match = event["Muon_genPartIdx"][index] if "Muon_genPartIdx" in event else -1
    if match >= 0:
        return "matched", (four, event["GenPart_pt"][match])
    return "unmatched", (four, muon["nTrackerLayers"], uniform("rochester", event, index))


def uniform(stream: str, event: dict[str, Any], index: int) -> float:
    """The number that belongs to this object: words mixed into 64 bits by splitmix64's finaliser."""
    state = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little")
    for word in (event["run"], event["luminosityBlock"], event["event"], index):
        state = ((state ^ word) + 0x9E3779B97F4A7C15) % 2**64
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    return ((state >> 12) + 0.5) / 2**52


def _met(event: dict[str, Any], muons: list[dict[str, Any]]) -> float:
    """What the muons gained, the missing momentum lost."""
    x, y = (event["PuppiMET_pt"] * turn(event["PuppiMET_phi"]) for turn in (math.cos, math.sin))
    for muon in muons:
        x -= (muon["new"] - muon["pt"]) * math.cos(muon["phi"])
        y -= (muon["new"] - muon["pt"]) * math.sin(muon["phi"])
    return math.hypot(x, y)


def _sum(*muons: dict[str, Any]) -> dict[str, float]:
    x, y, z = (
        math.fsum(m["new"] * f(m) for m in muons)
        for f in (lambda m: math.cos(m["phi"]), lambda m: math.sin(m["phi"]), lambda m: math.sinh(m["eta"]))
    )
    energy = math.fsum(math.hypot(m["new"] * math.cosh(m["eta"]), m["mass"]) for m in muons)
    return {"mass": math.sqrt(energy**2 - x * x - y * y - z * z), "pt": math.hypot(x, y)}


def _weights(event: dict[str, Any], legs: tuple, files: Files) -> dict[str, float]:
    """Generator weight alone, the weights switched on in turn, nominal, and each moved."""
    if "genWeight" not in event:
        return dict.fromkeys(("stage_0", "nominal"), 1.0)
    factors = {
        "pileup": lambda key: _pileup(event, files.pileup, key),
        "muon_id": lambda key: math.prod(_muon(leg, files.muon, key) for leg in legs),
        "trigger": lambda key: _trigger(legs, files.trigger, key),
    }
    there = {"pileup": files.pileup, "muon_id": files.muon, "trigger": files.trigger}
    factors = {name: factor for name, factor in factors.items() if there[name]}
    nominal = {name: factor("nominal") for name, factor in factors.items()}
    found = {"stage_0": event["genWeight"]}
    for number, name in enumerate(nominal, 1):
        found[f"stage_{number}"] = found[f"stage_{number - 1}"] * nominal[name]
    found["nominal"] = found.pop(f"stage_{len(nominal)}")
    for name, way in itertools.product(nominal, ("up", "down")):
        others = math.prod(value for other, value in nominal.items() if other != name)
        found[f"{name}_{way}"] = event["genWeight"] * others * factors[name](way)
    return found


def _pileup(event: dict[str, Any], correction: dict[str, Any], key: str) -> float:
    number = min(event["Pileup_nTrueInt"], 98.999)
    return evaluate(correction, NumTrueInteractions=number, weights=key)


def _muon(leg: dict[str, Any], correction: dict[str, Any], key: str) -> float:
    names = {"nominal": "nominal", "up": "systup", "down": "systdown"}
    return evaluate(correction, eta=abs(leg["eta"]), pt=leg["new"], scale_factors=names[key])


def _trigger(legs: tuple, correction: dict[str, Any], key: str) -> float:
    """Either may have fired; in simulation each does with 0.9, above 26 GeV."""
    fails, simulated = 1.0, 1.0
    for leg in legs:
        if leg["new"] > 26:
            fails *= 1 - min(0.9 * _muon(leg, correction, key), 1)
            simulated *= 1 - 0.9
    return (1 - fails) / (1 - simulated)
