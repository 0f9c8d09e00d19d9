"""The hww_emu selection event by event in plain Python, written from SYSTEMS 1b and sharing no code with skimflow."""

import itertools
import math
from typing import Any, NamedTuple

import uproot

PATHS = (
    "HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ",
    "HLT_Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ",
)
BRANCHES = (
    *(f"Electron_{n}" for n in ("pt", "eta", "phi", "mass", "charge", "mvaFall17V2Iso_WP90")),
    *(f"Muon_{n}" for n in ("pt", "eta", "phi", "mass", "charge", "tightId", "pfRelIso04_all")),
    *("run", "luminosityBlock", "event", "PuppiMET_pt", "PuppiMET_phi"),
)
CUTS = ("lead_pt", "sublead_pt", "electron_eta", "muon_eta", "mll", "mt_higgs", "mt_l2_met", "ptll", "met")


class Outcome(NamedTuple):
    """What becomes of one event: how many steps it survives, and its quantities if it survives all."""

    steps: int
    identity: tuple[int, int, int]
    values: dict[str, float]
    fired: dict[str, bool]


def outcomes(
    path: str, golden: dict[str, list[list[int]]] | None = None, window: tuple[int, int] | None = None
) -> list:
    """One Outcome for each event of a file; the steps are certified, two tight leptons, eμ, charge, then CUTS."""
    with uproot.open(path) as file:
        tree = file["Events"]
        menu = [p for p in PATHS if p in tree]
        columns = {name: tree[name].array(library="ak").to_list() for name in (*BRANCHES, *menu)}
    size = len(columns["run"])
    events = ({name: column[i] for name, column in columns.items()} for i in range(size))
    return [_outcome(event, golden, window) for event in events]


def _outcome(event: dict[str, Any], golden: dict | None, window: tuple[int, int] | None) -> Outcome:
    steps = sum(1 for _ in itertools.takewhile(bool, _passed(event, golden, window)))
    identity = (event["run"], event["luminosityBlock"], event["event"])
    values = _values(event) if steps == 4 + len(CUTS) else {}
    return Outcome(steps, identity, values, {p: bool(event[p]) for p in PATHS if p in event})


def _passed(event, golden, window):
    yield _certified(event, golden, window)
    leptons = _leptons(event)
    yield len(leptons) == 2
    yield {flavour for flavour, *_ in leptons} == {"e", "m"}
    yield leptons[0][5] * leptons[1][5] < 0
    v = _values(event)
    yield v["lead_pt"] > 25
    yield v["sublead_pt"] > 15
    yield abs(v["electron_eta"]) < 2.5
    yield abs(v["muon_eta"]) < 2.4
    yield v["mll"] > 12
    yield v["mt_higgs"] > 60
    yield v["mt_l2_met"] > 30
    yield v["ptll"] > 30
    yield v["met"] > 20


def _certified(event: dict[str, Any], golden: dict | None, window: tuple[int, int] | None) -> bool:
    if golden is None:
        return True
    if window is not None and not window[0] <= event["run"] <= window[1]:
        return False
    return any(first <= event["luminosityBlock"] <= last for first, last in golden.get(str(event["run"]), []))


def _leptons(event: dict[str, Any]) -> list[tuple]:
    found = []
    for i, pt in enumerate(event["Electron_pt"]):
        if event["Electron_mvaFall17V2Iso_WP90"][i]:
            found.append(("e", pt, *(event[f"Electron_{n}"][i] for n in ("eta", "phi", "mass", "charge"))))
    for i, pt in enumerate(event["Muon_pt"]):
        if event["Muon_tightId"][i] and event["Muon_pfRelIso04_all"][i] < 0.15:
            found.append(("m", pt, *(event[f"Muon_{n}"][i] for n in ("eta", "phi", "mass", "charge"))))
    return sorted(found, key=lambda lepton: -lepton[1])  # stable: at equal pT the electron stays first


def _values(event: dict[str, Any]) -> dict[str, float]:
    lead, sublead = _leptons(event)
    by_flavour = {lepton[0]: lepton for lepton in (lead, sublead)}
    px = sum(pt * math.cos(phi) for _, pt, _, phi, *_ in (lead, sublead))
    py = sum(pt * math.sin(phi) for _, pt, _, phi, *_ in (lead, sublead))
    pz = sum(pt * math.sinh(eta) for _, pt, eta, *_ in (lead, sublead))
    energy = sum(math.hypot(pt * math.cosh(eta), mass) for _, pt, eta, _, mass, _ in (lead, sublead))
    mll = math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0))
    ptll, met, angle = math.hypot(px, py), event["PuppiMET_pt"], event["PuppiMET_phi"]
    et = math.sqrt(ptll**2 + mll**2)
    mt_higgs2 = mll**2 + 2 * (et * met - px * met * math.cos(angle) - py * met * math.sin(angle))
    mt_l2_met2 = 2 * sublead[1] * met * (1 - math.cos(sublead[3] - angle))
    return {
        "lead_pt": lead[1],
        "sublead_pt": sublead[1],
        "electron_eta": by_flavour["e"][2],
        "muon_eta": by_flavour["m"][2],
        "mll": mll,
        "mt_higgs": math.sqrt(max(mt_higgs2, 0)),
        "mt_l2_met": math.sqrt(max(mt_l2_met2, 0)),
        "ptll": ptll,
        "met": met,
    }
