"""tt̄ of the Analysis Grand Challenge event by event in plain Python, for comparison: SYSTEMS 5b (1) line by line.

Random numbers and weights are given; everything else, from cuts to bins, is worked out here.
"""

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uproot

EDGES = [50.0 + 20 * i for i in range(26)]
OBJECTS = ("nominal", "pt_scale_up", "pt_res_up")
_BRANCHES = (
    *("run", "luminosityBlock", "event", "genWeight", "Electron_pt", "Electron_eta", "Electron_cutBased"),
    *("Electron_sip3d", "Muon_pt", "Muon_eta", "Muon_tightId", "Muon_sip3d", "Muon_pfRelIso04_all", "Jet_pt"),
    *("Jet_eta", "Jet_phi", "Jet_mass", "Jet_jetId", "Jet_btagCSVV2"),
)


class Cuts(NamedTuple):
    """Least pT of leptons and of jets, GeV, largest isolation of muons, least b-tag discriminant."""

    lepton: float = 30
    jet: float = 30
    isolation: float = 0.15
    tag: float = 0.5


PUBLISHED = Cuts()
Smear = Callable[[int, int, int, int], list[float]]


def events(path: str | Path) -> Iterator[dict[str, Any]]:
    """Events of a NanoAOD file, one after the other."""
    with uproot.open(path) as file:
        content = file["Events"].arrays(list(_BRANCHES))
    yield from content.to_list()


def leptons(event: dict[str, Any], cuts: Cuts = PUBLISHED) -> int:
    """Number of selected electrons and muons."""
    number = 0
    for pt, eta, cut, sip in zip(*(event[f"Electron_{n}"] for n in ("pt", "eta", "cutBased", "sip3d")), strict=True):
        number += pt > cuts.lepton and abs(eta) < 2.1 and cut == 4 and sip < 4
    for pt, eta, tight, sip, isolation in zip(
        *(event[f"Muon_{n}"] for n in ("pt", "eta", "tightId", "sip3d", "pfRelIso04_all")), strict=True
    ):
        number += pt > cuts.lepton and abs(eta) < 2.1 and tight and sip < 4 and isolation < cuts.isolation
    return number


def jets(event: dict[str, Any], factors: list[float], masses: bool, cuts: Cuts = PUBLISHED) -> list[dict[str, float]]:
    """Selected jets with momenta, and masses if asked, times the factors."""
    found = []
    for i, factor in enumerate(factors):
        pt, eta, phi, mass, tag = (event[f"Jet_{n}"][i] for n in ("pt", "eta", "phi", "mass", "btagCSVV2"))
        pt, mass = pt * factor, mass * factor if masses else mass
        tight_lepton_veto = event["Jet_jetId"][i] in (4, 5, 6, 7)
        if pt > cuts.jet and abs(eta) < 2.4 and tight_lepton_veto:
            px, py, pz = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
            energy = math.sqrt(px * px + py * py + pz * pz + mass * mass)
            found.append({"px": px, "py": py, "pz": pz, "E": energy, "pt": pt, "tag": tag})
    return found


def observe(event: dict[str, Any], chosen: list[dict[str, float]], cuts: Cuts = PUBLISHED) -> tuple[str, float] | None:
    """Region and observable."""
    tags = sum(jet["tag"] > cuts.tag for jet in chosen)
    if leptons(event, cuts) != 1 or len(chosen) < 4 or tags == 0:
        return None
    if tags == 1:
        return "4j1b", sum(jet["pt"] for jet in chosen)
    best, mass = -1.0, math.nan
    for three in itertools.combinations(chosen, 3):
        if max(jet["tag"] for jet in three) > 0.5:
            px, py, pz, energy = (sum(jet[n] for jet in three) for n in ("px", "py", "pz", "E"))
            if math.hypot(px, py) > best:
                best, mass = math.hypot(px, py), math.sqrt(energy**2 - px**2 - py**2 - pz**2)
    return "4j2b", mass


def histograms(
    path: str | Path, smear: Smear, masses: bool, weighted: bool, wjets: bool, cuts: Cuts = PUBLISHED
) -> dict[tuple[str, str], list[float]]:
    """Sums of weights with flow, by region and variation.

    Args:
        smear: from run, section, event and number of jets a standard normal random number for each.
        masses: whether masses move with momenta.
        weighted: whether events have their generator weight.
        wjets: whether scale_var concerns this process.
    """
    found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * (len(EDGES) + 1))
    for event in events(path):
        weight = event["genWeight"] if weighted else 1.0
        number = len(event["Jet_pt"])
        identity = event["run"], event["luminosityBlock"], event["event"]
        factors = {
            "nominal": [1.0] * number,
            "pt_scale_up": [1.03] * number,
            "pt_res_up": [1 + 0.05 * normal for normal in smear(*identity, number)],
        }
        for variation in OBJECTS:
            chosen = jets(event, factors[variation], masses, cuts)
            seen = observe(event, chosen, cuts)
            if seen is None:
                continue
            region, place = seen[0], bisect.bisect_right(EDGES, seen[1])
            found[region, variation][place] += weight
            if variation == "nominal":
                for name, ratio in weights(chosen, wjets).items():
                    found[region, name][place] += weight * ratio
    return found


def weights(chosen: list[dict[str, float]], wjets: bool) -> dict[str, float]:
    """Ratios of varied weights to the nominal one."""
    ratios = {}
    for way, sign in (("up", 1), ("down", -1)):
        for i in range(4):
            ratios[f"btag_var_{i}_{way}"] = 1 + sign * 0.075 * chosen[i]["pt"] / 50
        if wjets:
            ratios[f"scale_var_{way}"] = 1 + sign * 0.025
    return ratios
