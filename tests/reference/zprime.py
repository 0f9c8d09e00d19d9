"""The zprime selection event by event in plain Python, written from SYSTEMS 4b and sharing no code with skimflow."""

import itertools
import math
from typing import Any, NamedTuple

import uproot

CUTS = {"muon_pt": 55.0, "fat_jet_pt": 500.0, "met": 50.0, "muon_met": 150.0, "min_btag": 0.5, "chi2": 30.0}
_FIELDS = {
    "Muon": ("pt", "eta", "phi", "mass", "tightId", "miniIsoId"),
    "Jet": ("pt", "eta", "phi", "mass", "jetId", "btagDeepB"),
    "FatJet": ("pt", "eta", "phi", "mass"),
}
_EVENT = ("run", "luminosityBlock", "event", "PuppiMET_pt", "PuppiMET_phi")


class Outcome(NamedTuple):
    """What becomes of one event."""

    identity: tuple[int, int, int]
    kept: bool
    """By the skim, which asks for 0.9 of the missing momentum."""
    regions: set[str]
    values: dict[str, float]
    """Observables of events with one muon."""


def outcomes(path: str, trigger: str, tagger: str = "particleNet_TvsQCD", **changes: float) -> list[Outcome]:
    cuts = CUTS | changes
    with uproot.open(path) as file:
        tree = file["Events"]
        names = [f"{group}_{name}" for group, fields in _FIELDS.items() for name in fields]
        columns = {n: tree[n].array(library="ak").to_list() for n in (*names, f"FatJet_{tagger}", *_EVENT, trigger)}
    size = len(columns["run"])
    return [_outcome({n: c[i] for n, c in columns.items()}, trigger, tagger, cuts) for i in range(size)]


def _outcome(event: dict[str, Any], trigger: str, tagger: str, cuts: dict[str, float]) -> Outcome:
    identity = (event["run"], event["luminosityBlock"], event["event"])
    met = event["PuppiMET_pt"]
    kept = bool(event[trigger]) and met > 0.9 * cuts["met"]
    muons = [
        m
        for m in _objects(event, "Muon")
        if m["pt"] > cuts["muon_pt"] and abs(m["eta"]) < 2.4 and m["tightId"] and m["miniIsoId"] > 1
    ]
    if len(muons) != 1:
        return Outcome(identity, kept, set(), {})
    jets, fat = _objects(event, "Jet"), _objects(event, "FatJet")
    tight = [j for j in jets if j["jetId"] >= 4]
    b_jets = [j for j in tight if j["btagDeepB"] > cuts["min_btag"]]
    good = [j for j in tight if j["pt"] > 30 and abs(j["eta"]) < 2.4]
    tops = [f for f, tag in zip(fat, event[f"FatJet_{tagger}"], strict=True) if tag > 0.5]
    tops = [f for f in tops if f["pt"] > cuts["fat_jet_pt"]]
    muon, missing = _vector(muons[0]), (met * math.cos(event["PuppiMET_phi"]), met * math.sin(event["PuppiMET_phi"]))
    values, regions = _shapes(muons[0], jets), set()
    common = bool(event[trigger]) and met > cuts["met"] and muons[0]["pt"] + met > cuts["muon_met"]
    if common and len(b_jets) >= 2 and len(tops) == 1:
        regions.add("CMS_WORKSHOP")
        total = _add(muon, _vector(tops[0]), _vector(b_jets[0]), (*missing, 0.0, met))
        values["workshop_mtt"] = _mass(total)
    if common and len(good) >= 2 and b_jets and len(tops) < 2:
        best = _best(muon, missing, [_vector(j) for j in good[:8]], [_vector(t) for t in tops])
        if best is not None and best[0] < cuts["chi2"]:
            regions.add("SR_tag" if tops else "SR_notag")
            values["chi2"], values["mtt"] = best
    return Outcome(identity, kept, regions, values)


def _objects(event: dict[str, Any], group: str) -> list[dict[str, float]]:
    columns = [event[f"{group}_{name}"] for name in _FIELDS[group]]
    found = [dict(zip(_FIELDS[group], values, strict=True)) for values in zip(*columns, strict=True)]
    return sorted(found, key=lambda one: -one["pt"])


def _vector(one: dict[str, float]) -> tuple[float, float, float, float]:
    px, py, pz = (one["pt"] * f for f in (math.cos(one["phi"]), math.sin(one["phi"]), math.sinh(one["eta"])))
    return px, py, pz, math.sqrt(px**2 + py**2 + pz**2 + one["mass"] ** 2)


def _add(*vectors: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(parts) for parts in zip(*vectors, strict=True))


def _mass(p: tuple[float, ...]) -> float:
    return math.sqrt(max(p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2, 0))


def _direction(p: tuple[float, ...]) -> tuple[float, float]:
    return math.asinh(p[2] / math.hypot(p[0], p[1])), math.atan2(p[1], p[0])


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    (eta, phi), (eta2, phi2) = _direction(one), _direction(other)
    return math.hypot(eta - eta2, math.remainder(phi - phi2, 2 * math.pi))


def _neutrinos(muon: tuple[float, ...], missing: tuple[float, float]) -> list[tuple[float, ...]]:
    """Both solutions of m(μν) = 80.4, from the quadratic equation a·pz² + b·pz + c = 0."""
    energy2 = muon[0] ** 2 + muon[1] ** 2 + muon[2] ** 2
    half = 80.4**2 / 2 + muon[0] * missing[0] + muon[1] * missing[1]
    a = energy2 - muon[2] ** 2
    b = -2 * half * muon[2]
    c = energy2 * (missing[0] ** 2 + missing[1] ** 2) - half**2
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    found = [(-b + sign * root) / (2 * a) for sign in (1, -1)]
    return [(*missing, pz, math.sqrt(missing[0] ** 2 + missing[1] ** 2 + pz**2)) for pz in found]


def _best(muon, missing, jets, tops) -> tuple[float, float] | None:
    """Least χ² and the mass of both tops."""
    found = []
    for neutrino in _neutrinos(muon, missing):
        for place, jet in enumerate(jets):
            leptonic = _add(muon, neutrino, jet)
            first = ((_mass(leptonic) - 175) / 19) ** 2
            if tops:
                if _apart(jet, tops[0]) > 1.2:
                    second = ((_mass(tops[0]) - 173) / 15) ** 2
                    found.append((first + second, _mass(_add(leptonic, tops[0]))))
                continue
            for three in itertools.combinations(jets[:place] + jets[place + 1 :], 3):
                hadronic = _add(*three)
                second = ((_mass(hadronic) - 177) / 16) ** 2
                found.append((first + second, _mass(_add(leptonic, hadronic))))
    return min(found, default=None)


def _shapes(muon: dict[str, float], jets: list[dict[str, float]]) -> dict[str, float]:
    values = {"n_jet": float(len(jets)), "st": muon["pt"] + sum(j["pt"] for j in jets), "muon_pt": muon["pt"]}
    for place, name in enumerate(("leading", "subleading")):
        values[f"{name}_jet_mass"] = jets[place]["mass"] if len(jets) > place else 0.0
        if len(jets) > place:
            values[f"{name}_jet_btag"] = jets[place]["btagDeepB"]
    if not jets:
        return values
    vectors = [_vector(j) for j in jets]
    values["s_zz"] = sum(v[2] ** 2 for v in vectors) / sum(v[0] ** 2 + v[1] ** 2 + v[2] ** 2 for v in vectors)
    p = _vector(muon)
    nearest = min(vectors, key=lambda v: _apart(p, v))
    values["delta_r"] = _apart(p, nearest)
    length = math.sqrt(sum(x * x for x in p[:3]))
    cosine = sum(x * y for x, y in zip(p[:3], nearest[:3], strict=True)) / length / math.hypot(*nearest[:3])
    values["pt_rel"] = length * math.sqrt(max(1 - cosine**2, 0))
    values["delta_r_times_pt"] = values["delta_r"] * math.hypot(nearest[0], nearest[1])
    return values
