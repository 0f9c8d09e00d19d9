"""The toy's trigger: legs with turn-on curves, paths made of legs, primary datasets made of paths.

A lepton draws one number u, uniform in [0, 1), and fires every leg whose efficiency at its pT and η is above u: so a
lepton that fires a leg fires all looser ones too, as in the detector. A path fires when its legs do, its
vertex-distance (DZ) filter accepts the event, and its prescale counter comes round.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

Columns = dict[str, np.ndarray]


class Leg(NamedTuple):
    """A turn-on: plateau(η) · Φ((pT - threshold) / width), with plateau falling as plateau - slope·η².

    Leptons that are not isolated reach only `loose` times that.
    """

    collection: str
    threshold: float
    width: float
    plateau: float
    slope: float
    loose: float
    bit: int

    def efficiency(self, pt: np.ndarray, eta: np.ndarray, isolated: np.ndarray) -> np.ndarray:
        curve = ndtr((pt - self.threshold) / self.width) * (self.plateau - self.slope * eta**2)
        return curve * np.where(isolated, 1.0, self.loose)


class Path(NamedTuple):
    """A trigger path: its legs, or a threshold on missing momentum, which may leave out the muons."""

    legs: tuple[str, ...]
    dz: bool = False
    prescale: int = 1
    met: float = 0.0
    muons: bool = True


LEGS = {
    "Ele8": Leg("Electron", 8.5, 1.5, 0.96, 0.012, 0.3, 1),
    "Ele12": Leg("Electron", 12.5, 1.6, 0.955, 0.012, 0.3, 1),
    "Ele23": Leg("Electron", 23.5, 1.8, 0.94, 0.013, 0.3, 1),
    "Ele27": Leg("Electron", 28.0, 2.5, 0.90, 0.015, 0.15, 2),
    "Ele30": Leg("Electron", 30.5, 2.0, 0.95, 0.010, 0.9, 2048),
    "Mu8": Leg("Muon", 8.2, 0.6, 0.97, 0.010, 0.4, 1),
    "Mu12": Leg("Muon", 12.2, 0.7, 0.965, 0.010, 0.4, 1),
    "Mu17": Leg("Muon", 17.2, 0.8, 0.96, 0.010, 0.4, 1),
    "Mu23": Leg("Muon", 23.3, 0.9, 0.955, 0.011, 0.4, 1),
    "IsoMu24": Leg("Muon", 24.3, 0.9, 0.93, 0.015, 0.05, 2),
    "Mu30": Leg("Muon", 30.3, 1.0, 0.96, 0.010, 0.98, 1024),
    "Mu50": Leg("Muon", 50.5, 1.5, 0.94, 0.012, 0.97, 1024),
}
DZ_EFFICIENCY = 0.96
MET_WIDTH, MET_PLATEAU = 20.0, 0.98


class Menu(NamedTuple):
    """What a trigger is made of, each by name; a primary dataset is a list of paths."""

    legs: dict[str, Leg]
    paths: dict[str, Path]
    primary_datasets: dict[str, list[str]]


MU12_ELE23 = "HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ"
MU23_ELE12 = "HLT_Mu23_TrkIsoVVL_Ele12_CaloIdL_TrackIdL_IsoVL_DZ"
PATHS = {
    MU12_ELE23: Path(("Mu12", "Ele23"), dz=True),
    MU23_ELE12: Path(("Mu23", "Ele12"), dz=True),
    "HLT_Mu8_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL": Path(("Mu8", "Ele23"), prescale=4),
    "HLT_Mu23_TrkIsoVVL_Ele8_CaloIdL_TrackIdL_IsoVL": Path(("Mu23", "Ele8"), prescale=4),
    "HLT_Mu30_Ele30_CaloIdL_GsfTrkIdVL": Path(("Mu30", "Ele30")),
    "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL": Path(("Mu17", "Mu8")),
    "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ": Path(("Mu17", "Mu8"), dz=True),
    "HLT_Mu17_Mu8": Path(("Mu17", "Mu8"), prescale=40),
    "HLT_Mu17_Mu8_DZ": Path(("Mu17", "Mu8"), dz=True, prescale=40),
    "HLT_IsoMu24": Path(("IsoMu24",)),
    "HLT_Mu50": Path(("Mu50",)),
    "HLT_TkMu50": Path(("Mu50",)),
    "HLT_Ele27_WPTight_Gsf": Path(("Ele27",)),
    "HLT_PFMET120_PFMHT120_IDTight": Path((), met=120),
    "HLT_PFMETNoMu120_PFMHTNoMu120_IDTight": Path((), met=120, muons=False),
    "HLT_MET200": Path((), met=200, muons=False),
}
PRIMARY_DATASETS = {
    "MuonEG": [path for path in PATHS if "Ele" in path and "Mu" in path],
    "DoubleMuon": [path for path in PATHS if "_Mu8" in path and "Ele" not in path],
    "SingleMuon": ["HLT_IsoMu24", "HLT_Mu50", "HLT_TkMu50"],
    "SingleElectron": ["HLT_Ele27_WPTight_Gsf"],
    "MET": [path for path in PATHS if PATHS[path].met],
}
MENU = Menu(LEGS, PATHS, PRIMARY_DATASETS)
ISOLATED = 0.25


class Draws(NamedTuple):
    """The random part of the trigger: one number for each electron and muon, and three for each event."""

    electron: np.ndarray
    muon: np.ndarray
    dz: np.ndarray
    met: np.ndarray
    prescale: dict[str, np.ndarray]


def draw(columns: Columns, rng: np.random.Generator, menu: Menu = MENU) -> Draws:
    """Throw the dice for these events."""
    events = len(columns["nElectron"])
    electron, muon = rng.random(len(columns["Electron_pt"])), rng.random(len(columns["Muon_pt"]))
    prescaled = [name for name, path in menu.paths.items() if path.prescale > 1]
    counters = {name: rng.integers(menu.paths[name].prescale, size=events) == 0 for name in prescaled}
    return Draws(electron, muon, rng.random(events), rng.random(events), counters)


def decide(columns: Columns, draws: Draws, prescaled: bool = True, menu: Menu = MENU) -> Columns:
    """Decision of each path, shape (events,), bool.

    Args:
        columns: flat NanoAOD columns; reads lepton pT, η, φ and isolation, and the missing momentum.
        prescaled: as in collision data; without, as in simulation.
    """
    passed = leg_decisions(columns, draws, menu)
    dz = draws.dz < DZ_EFFICIENCY
    result = {}
    for name, path in menu.paths.items():
        fired = _legs_fire(columns, path, passed, menu) if path.legs else _met_fires(columns, path, draws)
        fired = fired & dz if path.dz else fired
        result[name] = fired & draws.prescale[name] if prescaled and path.prescale > 1 else fired
    return result


def leg_decisions(columns: Columns, draws: Draws, menu: Menu = MENU) -> Columns:
    """Which leptons fire each leg, shape (leptons of its collection,)."""
    result = {}
    for name, leg in menu.legs.items():
        c, u = leg.collection, draws.electron if leg.collection == "Electron" else draws.muon
        isolated = columns[f"{c}_pfRelIso03_all"] < ISOLATED
        result[name] = u < leg.efficiency(columns[f"{c}_pt"], columns[f"{c}_eta"], isolated)
    return result


def in_primary_dataset(decisions: Columns, primary_dataset: str | None, menu: Menu = MENU) -> np.ndarray:
    """Whether some path of the primary dataset fired; everything is kept without one (simulation)."""
    if primary_dataset is None:
        return np.ones(len(next(iter(decisions.values()))), bool)
    return np.logical_or.reduce([decisions[path] for path in menu.primary_datasets[primary_dataset]])


def _legs_fire(columns: Columns, path: Path, passed: Columns, menu: Menu) -> np.ndarray:
    """At least one lepton for each leg; two legs of one collection need two leptons, the looser one second."""
    numbers = {}
    for name in path.legs:
        counts = columns[f"n{menu.legs[name].collection}"]
        event = np.repeat(np.arange(len(counts)), counts)
        numbers[name] = np.bincount(event[passed[name]], minlength=len(counts))
    return legs_fire(numbers, path, menu)


def legs_fire(numbers: Mapping[str, np.ndarray], path: Path, menu: Menu = MENU) -> np.ndarray:
    """Whether the legs of a path fire, from how many leptons fire each leg, shape (events,)."""
    same = len({menu.legs[name].collection for name in path.legs}) < len(path.legs)
    needed = [1, 2] if same else [1] * len(path.legs)
    return np.logical_and.reduce([numbers[name] >= k for name, k in zip(path.legs, needed, strict=True)])


def _met_fires(columns: Columns, path: Path, draws: Draws) -> np.ndarray:
    """One number for all paths: an event that fires one fires those of lower thresholds too."""
    met = columns["MET_pt"] if path.muons else _without_muons(columns)
    return draws.met < MET_PLATEAU * ndtr((met - path.met) / MET_WIDTH)


def _without_muons(columns: Columns) -> np.ndarray:
    """Missing momentum as if muons were not seen, GeV."""
    events = len(columns["nMuon"])
    event = np.repeat(np.arange(events), columns["nMuon"])
    x, y = (
        columns["MET_pt"] * along(columns["MET_phi"])
        + np.bincount(event, columns["Muon_pt"] * along(columns["Muon_phi"]), events)
        for along in (np.cos, np.sin)
    )
    return np.hypot(x, y)


def parameters(menu: Menu = MENU) -> dict:
    """The whole model as plain values, for the truth file."""
    return {
        "legs": {name: leg._asdict() for name, leg in menu.legs.items()},
        "paths": {name: path._asdict() for name, path in menu.paths.items()},
        "primary_datasets": menu.primary_datasets,
        "dz_efficiency": DZ_EFFICIENCY,
        "met": {"width": MET_WIDTH, "plateau": MET_PLATEAU},
    }
