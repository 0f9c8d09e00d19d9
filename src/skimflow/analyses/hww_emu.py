"""H→WW→eμ: exactly two tight leptons, an electron and a muon of opposite charge, with missing momentum.

The offline selection of the trigger-efficiency measurement, SYSTEMS section 1b. All cuts are strict inequalities.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Cut, Selection
from skimflow.physics.kinematics import mt, mt_higgs, pair
from skimflow.physics.leptons import ELECTRON, MUON, Leptons, collect, exactly

_KINEMATICS = ("pt", "eta", "phi", "mass", "charge")


def branches(settings: Mapping[str, Any]) -> list[str]:
    electron = [f"Electron_{name}" for name in (*_KINEMATICS, settings["electron_id"])]
    muon = [f"Muon_{name}" for name in (*_KINEMATICS, settings["muon_id"], settings["muon_isolation"])]
    return ["nElectron", *electron, "nMuon", *muon, "PuppiMET_pt", "PuppiMET_phi", "PV_npvs"]


def select(columns: Columns, settings: Mapping[str, Any]) -> Selection:
    electrons, muons = tight_leptons(columns, settings)
    two, leptons = exactly(2, electrons, muons, events=len(columns["nElectron"]))
    different = leptons.flavour[:, 0] != leptons.flavour[:, 1]
    opposite = different & (leptons.charge.prod(axis=1) < 0)
    steps = [
        ("two_tight_leptons", two),
        ("electron_muon", _scatter(two, different)),
        ("opposite_charge", _scatter(two, opposite)),
    ]
    candidate = steps[-1][1]
    events = {name: columns[name][candidate] for name in ("PuppiMET_pt", "PuppiMET_phi", "PV_npvs")}
    quantities = _quantities(leptons.at(opposite), events)
    return Selection(steps, quantities, _cuts(quantities, settings))


def tight_leptons(columns: Columns, settings: Mapping[str, Any]) -> tuple[Leptons, Leptons]:
    """Tight electrons and muons of each event; no pT or η is asked of them here."""
    electron = columns[f"Electron_{settings['electron_id']}"] == 1
    isolation = columns[f"Muon_{settings['muon_isolation']}"]
    muon = (columns[f"Muon_{settings['muon_id']}"] == 1) & (isolation < settings["muon_max_isolation"])
    return collect(ELECTRON, columns, "Electron", electron), collect(MUON, columns, "Muon", muon)


def _quantities(leptons: Leptons, events: Columns) -> Columns:
    """What the cuts and the histograms need, from leptons of shape (candidates, 2), leading first."""
    lead, sublead = leptons.at((slice(None), 0)), leptons.at((slice(None), 1))
    lead_is_electron = lead.flavour == ELECTRON
    ll = pair(lead.p4, sublead.p4)
    met, met_phi = events["PuppiMET_pt"], events["PuppiMET_phi"]
    return {
        "lead_pt": lead.pt,
        "lead_eta": lead.eta,
        "sublead_pt": sublead.pt,
        "sublead_eta": sublead.eta,
        "electron_pt": np.where(lead_is_electron, lead.pt, sublead.pt),
        "electron_eta": np.where(lead_is_electron, lead.eta, sublead.eta),
        "muon_pt": np.where(lead_is_electron, sublead.pt, lead.pt),
        "muon_eta": np.where(lead_is_electron, sublead.eta, lead.eta),
        "mll": ll.mass,
        "ptll": ll.pt,
        "mt_higgs": mt_higgs(ll, met, met_phi),
        "mt_l2_met": mt(sublead.pt, sublead.phi, met, met_phi),
        "met": met,
        "npv": events["PV_npvs"],
    }


def _cuts(q: Columns, settings: Mapping[str, Any]) -> list[Cut]:
    above = [(n, settings[n]) for n in ("lead_pt", "sublead_pt")]
    above += [(n, settings[f"min_{n}"]) for n in ("mll", "mt_higgs", "mt_l2_met", "ptll", "met")]
    cuts = {name: Cut(name, name, q[name] > value) for name, value in above}
    for flavour in ("electron", "muon"):
        name = f"{flavour}_eta"
        cuts[name] = Cut(name, name, np.abs(q[name]) < settings[f"{flavour}_max_eta"])
    order = "lead_pt sublead_pt electron_eta muon_eta mll mt_higgs mt_l2_met ptll met"
    return [cuts[name] for name in order.split()]


def _scatter(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values`, one for each True of `mask`, back in the shape of `mask`; False elsewhere."""
    result = np.zeros(len(mask), bool)
    result[mask] = values
    return result
