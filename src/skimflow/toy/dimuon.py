"""The toy's DoubleMuon collisions: two muons or more, and a trigger whose probabilities can be written down.

Z and J/ψ decays, and muon pairs of heavy quarks with a falling pT, of which some have equal charges. Legs with
TrkIsoVVL lose muons that are not isolated, the others do not. Two paths are prescaled, and so are the single-muon
paths, which fill the primary dataset with events that no two-muon path fired.
"""

import numpy as np

from skimflow.toy.decays import two_body
from skimflow.toy.trigger import Leg, Menu, Path

Columns = dict[str, np.ndarray]

ISOLATED_DZ = "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ"
LEGS = {
    "Mu8_TrkIsoVVL": Leg("Muon", 8.2, 0.8, 0.96, 0.010, 0.35, 1),
    "Mu17_TrkIsoVVL": Leg("Muon", 17.2, 1.2, 0.95, 0.010, 0.35, 1),
    "Mu8": Leg("Muon", 8.2, 0.8, 0.97, 0.010, 0.97, 16),
    "Mu17": Leg("Muon", 17.2, 1.2, 0.96, 0.010, 0.97, 16),
}
PATHS = {
    ISOLATED_DZ: Path(("Mu17_TrkIsoVVL", "Mu8_TrkIsoVVL"), dz=True),
    "HLT_Mu17_Mu8": Path(("Mu17", "Mu8"), prescale=25),
    "HLT_Mu17_Mu8_DZ": Path(("Mu17", "Mu8"), dz=True, prescale=25),
    "HLT_Mu8": Path(("Mu8",), prescale=3),
    "HLT_Mu17": Path(("Mu17",), prescale=3),
}
MENU = Menu(LEGS, PATHS, {"DoubleMuon": list(PATHS)})

_Z, _JPSI, _CONTINUUM = range(3)
_SHARES = (0.32, 0.18, 0.5)
_MASSES = {_Z: (91.19, 2.5), _JPSI: (3.097, 0.0001)}
_LEAST_PT, _SOFT_PT, _HARD_PT, _MAX_ETA = 3.0, 4.0, 9.0, 2.4
_EQUAL_CHARGE = 0.35  # of the pairs of heavy quarks
_EXTRA = 0.12  # probability of each of two further soft muons
_RESOLUTION = 0.012


def muons(events: int, rng: np.random.Generator) -> tuple[Columns, np.ndarray]:
    """Four slots for muons in each event, by falling pT: kinematics and charge, whether prompt, and which slots hold a
    muon; shapes (events, 4)."""
    which = rng.choice(len(_SHARES), events, p=_SHARES)
    pt, eta, phi = _pairs(which, rng)
    first = rng.choice(np.array([-1, 1], np.int32), events)
    equal = (which == _CONTINUUM) & (rng.random(events) < _EQUAL_CHARGE)
    charge = np.stack([first, np.where(equal, first, -first)], axis=1)
    prompt = np.repeat((which == _Z)[:, None], 2, axis=1)

    soft = (events, 2)
    slots = {
        "pt": np.concatenate([pt, _SOFT_PT + rng.exponential(4, soft)], axis=1),
        "eta": np.concatenate([eta, rng.uniform(-_MAX_ETA, _MAX_ETA, soft)], axis=1),
        "phi": np.concatenate([phi, rng.uniform(-np.pi, np.pi, soft)], axis=1),
        "charge": np.concatenate([charge, rng.choice(np.array([-1, 1], np.int32), soft)], axis=1),
        "prompt": np.concatenate([prompt, np.zeros(soft, bool)], axis=1),
    }
    there = np.concatenate([np.ones(soft, bool), rng.random(soft) < _EXTRA], axis=1)
    order = np.argsort(-slots["pt"], axis=1)
    slots, there = {n: np.take_along_axis(v, order, 1) for n, v in slots.items()}, np.take_along_axis(there, order, 1)
    return slots, there & (np.abs(slots["eta"]) < _MAX_ETA) & (slots["pt"] > _LEAST_PT)


def _pairs(which: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pT, η, φ of the two muons of the hard process, shapes (events, 2)."""
    events, two = len(which), (len(which), 2)
    pt = _SOFT_PT + rng.exponential(_HARD_PT, two)
    eta, phi = rng.uniform(-_MAX_ETA, _MAX_ETA, two), rng.uniform(-np.pi, np.pi, two)
    peak, width = (np.array([_MASSES.get(p, (10.0, 0.0))[i] for p in range(len(_SHARES))])[which] for i in (0, 1))
    mass = (peak + width / 2 * np.tan(np.pi * rng.uniform(-0.49, 0.49, events))).clip(1, 300)
    direction = rng.uniform(-1, 1, events), rng.uniform(-np.pi, np.pi, events)
    # The J/ψ of this sample come with enough pT for both muons to be seen.
    boost_pt = np.where(which == _JPSI, 10 + rng.exponential(12, events), rng.gamma(1.2, 12, events))
    boost = boost_pt, rng.uniform(-np.pi, np.pi, events), rng.normal(0, 1.1, events)
    smeared = rng.normal(1, _RESOLUTION, two)
    where = which != _CONTINUUM
    for leg, (own_pt, own_eta, own_phi) in enumerate(two_body(mass, direction, boost)):
        pt[where, leg] = (own_pt * smeared[:, leg])[where]
        eta[where, leg], phi[where, leg] = own_eta[where], own_phi[where]
    return pt, eta, phi
