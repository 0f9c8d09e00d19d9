"""Tag and probe event by event in plain Python, with its own reading of the filter bits; no code of skimflow."""

import math
from typing import Any, NamedTuple

import uproot

# Places of bits, from the branch's description in the files themselves.
PLACES = {
    "electron": {"CaloIdL_TrackIdL_IsoVL": 0, "WPTight": 1, "1e-1mu": 5},
    "muon": {"TrkIsoVVL": 0, "Iso": 1, "1mu": 3, "2mu": 4, "1mu-1e": 5},
}
CODES = {"electron": 11, "muon": 13}


class Pair(NamedTuple):
    """One ordered pair: entry of the event, pT of tag and probe, their mass, and which legs the probe fires."""

    entry: int
    tag_pt: float
    probe_pt: float
    mass: float
    legs: dict[str, bool]


def pairs(path: str, settings: dict[str, Any]) -> list[Pair]:
    collection = settings["flavour"].capitalize()
    names = {"pt", "eta", "phi", "mass", "charge"}
    names |= {settings[role][key] for role in ("tag", "probe") for key in ("id", "isolation")} - {None}
    branches = [f"{collection}_{name}" for name in names]
    branches += [f"TrigObj_{name}" for name in ("pt", "eta", "phi", "id", "filterBits")]
    branches += settings["tag"]["paths"]
    with uproot.open(path) as file:
        columns = {name: file["Events"][name].array(library="ak").to_list() for name in branches}
    found = []
    for entry in range(len(columns["TrigObj_pt"])):
        found += _in_event(entry, {name: column[entry] for name, column in columns.items()}, collection, settings)
    return found


def _in_event(entry: int, event: dict[str, Any], collection: str, settings: dict[str, Any]) -> list[Pair]:
    if not any(event[path] for path in settings["tag"]["paths"]):
        return []
    found = []
    size = len(event[f"{collection}_pt"])
    for i in range(size):
        for j in range(size):
            one, other = ({n: event[f"{collection}_{n}"][k] for n in _fields(event, collection)} for k in (i, j))
            if i == j or not _good(one, settings["tag"]) or not _good(other, settings["probe"]):
                continue
            if not _has_object(event, one, settings["tag"]["object"], settings):
                continue
            if settings["opposite_charge"] and one["charge"] * other["charge"] >= 0:
                continue
            mass = _mass(one, other)
            if settings["mass"][0] < mass < settings["mass"][1]:
                legs = {name: _has_object(event, other, leg, settings) for name, leg in settings["legs"].items()}
                found.append(Pair(entry, one["pt"], other["pt"], mass, legs))
    return found


def _fields(event: dict[str, Any], collection: str) -> list[str]:
    return [name.split("_", 1)[1] for name in event if name.startswith(f"{collection}_")]


def _good(lepton: dict[str, Any], cuts: dict[str, Any]) -> bool:
    eta = abs(lepton["eta"])
    if lepton["pt"] <= cuts["min_pt"] or eta >= cuts["max_eta"] or int(lepton[cuts["id"]]) < cuts["min_id"]:
        return False
    if cuts["gap"] and cuts["gap"][0] <= eta <= cuts["gap"][1]:
        return False
    return not cuts["isolation"] or lepton[cuts["isolation"]] < cuts["max_isolation"]


def _has_object(
    event: dict[str, Any], lepton: dict[str, Any], wanted: dict[str, Any], settings: dict[str, Any]
) -> bool:
    place = PLACES[settings["flavour"]][wanted["bit"]]
    for k, pt in enumerate(event["TrigObj_pt"]):
        angle = abs(lepton["phi"] - event["TrigObj_phi"][k])
        angle = min(angle, 2 * math.pi - angle)
        distance = math.sqrt((lepton["eta"] - event["TrigObj_eta"][k]) ** 2 + angle**2)
        is_lepton = event["TrigObj_id"][k] == CODES[settings["flavour"]]
        has_bit = event["TrigObj_filterBits"][k] >> place & 1
        if is_lepton and has_bit and pt >= wanted["min_pt"] and distance < settings["max_delta_r"]:
            return True
    return False


def _mass(one: dict[str, Any], other: dict[str, Any]) -> float:
    px = sum(p["pt"] * math.cos(p["phi"]) for p in (one, other))
    py = sum(p["pt"] * math.sin(p["phi"]) for p in (one, other))
    pz = sum(p["pt"] * math.sinh(p["eta"]) for p in (one, other))
    energy = sum(math.hypot(p["pt"] * math.cosh(p["eta"]), p["mass"]) for p in (one, other))
    return math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0))
