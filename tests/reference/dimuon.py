"""Muon pairs event by event in plain Python; no code of skimflow."""

import math
from typing import Any

import uproot


def events(path: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """For each event with enough good muons: its entry, muons by falling pT, and pairs of opposite charge."""
    muon = settings["muon"]
    wanted = {"pt", "eta", "phi", "mass", "charge", muon["isolation"], muon["id"], muon["required_id"]} - {None}
    with uproot.open(path) as file:
        names = {name for name in wanted if f"Muon_{name}" in file["Events"]}
        columns = {name: file["Events"][f"Muon_{name}"].array(library="ak").to_list() for name in names}
    found = []
    for entry in range(len(columns["pt"])):
        muons = [{n: columns[n][entry][k] for n in columns} for k in range(len(columns["pt"][entry]))]
        muons = sorted((m for m in muons if _good(m, muon)), key=lambda m: -m["pt"])
        if len(muons) >= settings["min_muons"]:
            both = [(a, b) for i, a in enumerate(muons) for b in muons[i + 1 :] if a["charge"] * b["charge"] < 0]
            pairs = [{"lead": a, "sublead": b, **_sum(a, b)} for a, b in both]
            pairs = [pair for pair in pairs if pair["m"] > settings["min_mass"]]
            found.append({"entry": entry, "muons": muons, "pairs": pairs})
    return found


def _good(m: dict[str, Any], cuts: dict[str, Any]) -> bool:
    if m["pt"] <= cuts["min_pt"] or abs(m["eta"]) >= cuts["max_eta"]:
        return False
    if cuts["required_id"] and not m[cuts["required_id"]]:
        return False
    return cuts["max_isolation"] is None or m[cuts["isolation"]] < cuts["max_isolation"]


def _sum(a: dict[str, Any], b: dict[str, Any]) -> dict[str, float]:
    px = sum(m["pt"] * math.cos(m["phi"]) for m in (a, b))
    py = sum(m["pt"] * math.sin(m["phi"]) for m in (a, b))
    pz = sum(m["pt"] * math.sinh(m["eta"]) for m in (a, b))
    energy = sum(math.hypot(m["pt"] * math.cosh(m["eta"]), m["mass"]) for m in (a, b))
    angle = abs(a["phi"] - b["phi"])
    angle = min(angle, 2 * math.pi - angle)
    return {
        "m": math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0)),
        "pt": math.hypot(px, py),
        "eta": math.asinh(pz / math.hypot(px, py)),
        "dr": math.hypot(a["eta"] - b["eta"], angle),
    }
