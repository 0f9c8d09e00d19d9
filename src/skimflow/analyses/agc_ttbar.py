"""tt̄ with one lepton and four jets or more, as in the Analysis Grand Challenge (current generation, NanoAOD).

SYSTEMS section 5b (1). Region 4j1b has exactly one b tag and shows HT, the sum of the jets' pT; region 4j2b has two or
more and shows m_bjj, the mass of the three jets of the largest pT among those with a tag. The skim keeps events that
may pass under any variation of the jets; leptons are not varied.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skimflow.analyses.base import Columns, Kept, Objects, Observed, Selection
from skimflow.physics import partons
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.trijets import leading_trijets

Settings = Mapping[str, Any]
FOUR_ONE, FOUR_TWO, HT, M_BJJ = "4j1b", "4j2b", "HT", "m_bjj"
PARTON = "Jet_parton"
_JETS = 4


class Jets(NamedTuple):
    """Selected jets of all events, in the order of the file, shape (jets,); GeV."""

    event: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    mass: np.ndarray
    btag: np.ndarray


def branches(settings: Settings) -> list[str]:
    return ["nElectron", *_electron_branches(), "nMuon", *_muon_branches(settings), "nJet", *_jet_branches(settings)]


def keep(settings: Settings, kind: str) -> Kept:
    leptons = [f"{collection}_{name}" for collection in ("Electron", "Muon") for name in ("phi", "mass")]
    own = [*_electron_branches(), *_muon_branches(settings), *_jet_branches(settings), *leptons]
    if kind == "mc" and settings["partons"]:
        return Kept(own, ("Jet_qgl",), partons.BRANCHES, (PARTON,))
    return Kept(own, ("Jet_qgl",))


def select(columns: Columns, settings: Settings) -> Selection:
    """One candidate an event, loose enough for all variations of the jets."""
    events = len(columns["nJet"])
    jets = selected_jets(columns, settings, settings["margin"])
    steps = [
        ("one_lepton", one_lepton(columns, settings)),
        ("four_jets", np.bincount(jets.event, minlength=events) >= _JETS),
        ("b_tag", _tags(jets, settings, events) >= 1),
    ]
    derived = {}
    if settings["partons"] and all(name in columns for name in partons.BRANCHES):
        derived[PARTON] = partons.jet_partons(columns, np.logical_and.reduce([mask for _, mask in steps]))
    return Selection(steps, {}, [], derived=derived)


def observe(columns: Columns, settings: Settings) -> Observed:
    """Regions and observables from jets as they are varied."""
    events = len(columns["nJet"])
    jets = selected_jets(columns, settings)
    number, tags = np.bincount(jets.event, minlength=events), _tags(jets, settings, events)
    good = one_lepton(columns, settings) & (number >= _JETS)
    regions = {FOUR_ONE: good & (tags == 1), FOUR_TWO: good & (tags >= 2)}
    ht = np.bincount(jets.event, jets.pt, events)
    m_bjj, mine = np.full(events, np.nan), regions[FOUR_TWO]
    own = Jets(*(values[mine[jets.event]] for values in jets))
    p4 = PtEtaPhiM(own.pt, own.eta, own.phi, own.mass)
    m_bjj[mine] = leading_trijets(p4, own.btag, number[mine], settings["jets"]["min_btag"]).mass
    objects = {"Jet": Objects(jets.event, {"pt": jets.pt})}
    return Observed(regions, {HT: ht, M_BJJ: m_bjj}, objects, {FOUR_ONE: (HT,), FOUR_TWO: (M_BJJ,)})


def one_lepton(columns: Columns, settings: Settings) -> np.ndarray:
    """Events with exactly one selected electron or muon, shape (events,), bool."""
    number = np.zeros(len(columns["nJet"]), np.int64)
    for collection, good in (("Electron", good_electrons(columns, settings)), ("Muon", good_muons(columns, settings))):
        counts = columns[f"n{collection}"]
        number += np.bincount(np.repeat(np.arange(len(counts)), counts)[good], minlength=len(counts))
    return number == 1


def good_electrons(columns: Columns, settings: Settings) -> np.ndarray:
    """Selected electrons, shape (electrons,), bool."""
    own = settings["electrons"]
    good = (columns["Electron_pt"] > own["min_pt"]) & (np.abs(columns["Electron_eta"]) < own["max_eta"])
    return good & (columns["Electron_cutBased"] == own["cut_based"]) & (columns["Electron_sip3d"] < own["max_sip3d"])


def good_muons(columns: Columns, settings: Settings) -> np.ndarray:
    """Selected muons, shape (muons,), bool."""
    own = settings["muons"]
    good = (columns["Muon_pt"] > own["min_pt"]) & (np.abs(columns["Muon_eta"]) < own["max_eta"])
    good &= columns[f"Muon_{own['id']}"].astype(bool) & (columns["Muon_sip3d"] < own["max_sip3d"])
    return good & (columns[f"Muon_{own['isolation']}"] < own["max_isolation"])


def selected_jets(columns: Columns, settings: Settings, margin: float = 1.0) -> Jets:
    """Jets above `margin` times the pT that is asked for."""
    own, counts = settings["jets"], columns["nJet"]
    good = (columns["Jet_pt"] > margin * own["min_pt"]) & (np.abs(columns["Jet_eta"]) < own["max_eta"])
    good &= (columns["Jet_jetId"].astype(np.int64) >> own["id_bit"]) & 1 == 1
    names = ("pt", "eta", "phi", "mass", own["btag"])
    # Sums of single precision depend on their order.
    values = (columns[f"Jet_{name}"][good].astype(float) for name in names)
    return Jets(np.repeat(np.arange(len(counts)), counts)[good], *values)


def _tags(jets: Jets, settings: Settings, events: int) -> np.ndarray:
    return np.bincount(jets.event[jets.btag > settings["jets"]["min_btag"]], minlength=events)


def _electron_branches() -> list[str]:
    return [f"Electron_{name}" for name in ("pt", "eta", "cutBased", "sip3d")]


def _muon_branches(settings: Settings) -> list[str]:
    own = settings["muons"]
    return [f"Muon_{name}" for name in ("pt", "eta", own["id"], own["isolation"], "sip3d")]


def _jet_branches(settings: Settings) -> list[str]:
    return [f"Jet_{name}" for name in ("pt", "eta", "phi", "mass", "jetId", settings["jets"]["btag"])]
