"""The toy's energetic tops: Z′ → tt̄, tt̄ and W+jets with their decays, and jets of two sizes.

Z′, tops and W have masses and widths and decay isotropically. Quarks are measured with a resolution and clustered
twice, so that a fast top is one fat jet and a slow one is three jets. Spectra are harder than nature's and muons are
more, so that a few thousand events fill the tail; rates and efficiencies are plausible, not tuned.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skimflow.errors import InputError

Array = np.ndarray
Columns = dict[str, Array]

TTBAR = {"TTToSemiLeptonic": 1, "TTToHadronic": 0, "TTTo2L2Nu": 2}
"""How many W decay to a lepton."""
WJETS = "WJetsToLNu"
SIGNAL = re.compile(r"ZprimeToTT_M(\d+)_W(\d+)")
"""A signal has its mass and width in its name, GeV."""
MIXTURE = {"TTToSemiLeptonic": 0.25, "TTToHadronic": 0.1, "TTTo2L2Nu": 0.05, WJETS: 0.6}
"""What collision data is made of, if nothing else is asked for."""

_TOP, _W, _B_MASS = (172.5, 1.4), (80.4, 2.1), 4.8
_THRESHOLD = 357.0  # of a pair of the heaviest tops
_MUONS = 0.5
_SLOTS = 8  # quarks: two b, two pairs of a W, two radiated
_RADIATED, _RESOLUTION, _MET_RESOLUTION = 2, 0.1, 12.0
_SMALL, _LARGE = 0.4, 0.8  # radius of jets
_LEAST_PT, _MAX_ETA, _LEAST_FAT_PT, _MAX_FAT_ETA = 15.0, 4.7, 170.0, 2.5
_B_QUARK = 5


class Partons(NamedTuple):
    """Quarks in slots: four-vectors (px, py, pz, E), shape (n, slots, 4); which slots hold one, whether it is a b, and
    from which hadronic top it is (1, 2; 0 for none), shape (n, slots)."""

    p4: Array
    there: Array
    is_b: Array
    top: Array


class _Hard(NamedTuple):
    """Quarks; charged leptons (n, 2, 4), which exist, and their charge, (n, 2); neutrinos' sum (n, 4)."""

    partons: Partons
    leptons: Array
    exists: Array
    charge: Array
    neutrinos: Array


class Generated(NamedTuple):
    """Lepton slots as `collisions` takes them, which are electrons and which exist; jets and fat jets as columns; px
    and py of the missing momentum, shape (2, n)."""

    leptons: Columns
    electron: Array
    exists: Array
    columns: Columns
    missing: Array


def check(process: str) -> None:
    """Raises InputError unless this is a process."""
    if process not in (*TTBAR, WJETS) and not SIGNAL.fullmatch(process):
        known = ", ".join((*TTBAR, WJETS, "ZprimeToTT_M2000_W20 (or another mass and width)"))
        raise InputError("toy", f"the toy has no boosted {process} (it has {known})")


def generate(mixture: Mapping[str, float], events: int, rng: np.random.Generator) -> Generated:
    """Events of a mixture of processes, in random order.

    Args:
        mixture: fraction of each process; they need not add up to 1.
    """
    shares = np.array(list(mixture.values())) / sum(mixture.values())
    which = rng.choice(len(mixture), events, p=shares)
    parts = [_hard(process, int((which == place).sum()), rng) for place, process in enumerate(mixture)]
    back = np.argsort(np.argsort(which, kind="stable"), kind="stable")
    partons = Partons(*(np.concatenate(values)[back] for values in zip(*(part[0] for part in parts), strict=True)))
    others = (np.concatenate(values)[back] for values in zip(*(part[1:] for part in parts), strict=True))
    return _measured(_Hard(partons, *others), rng)


def _hard(process: str, events: int, rng: np.random.Generator) -> _Hard:
    if process == WJETS:
        return _w_and_jets(events, rng)
    signal = SIGNAL.fullmatch(process)
    if not signal:
        tail = rng.random(events) < 0.4
        return _tops(_THRESHOLD + rng.exponential(np.where(tail, 270, 110)), TTBAR[process], rng)
    mass, width = float(signal[1]), float(signal[2])
    peak = mass + width / 2 * np.tan(np.pi * rng.uniform(-0.49, 0.49, events))
    # Semileptonic: what the analysis looks for.
    return _tops(peak.clip(_THRESHOLD, 2 * mass), 1, rng)


def _tops(mass: Array, leptonic: int, rng: np.random.Generator) -> _Hard:
    """tt̄ of this mass, so many of whose W decay to a lepton."""
    events = len(mass)
    radiated, there = _radiation(events, rng)
    parent = _system(mass, -radiated[..., :2].sum(axis=1), rng.normal(0, 0.8, events))
    tops = _decay(parent, rng.normal(*_TOP, (2, events)).clip(165, 178), rng)
    partons = np.zeros((events, _SLOTS, 4))
    partons[:, 6:] = radiated
    flags = {name: np.zeros((events, _SLOTS), int) for name in ("there", "is_b", "top")}
    flags["there"][:, 6:], flags["is_b"][:, :2] = there, 1
    leptons, neutrinos = np.zeros((events, 2, 4)), np.zeros((events, 4))
    for number, top in enumerate(tops):
        w, partons[:, number] = _decay(top, np.stack([_w_mass(events, rng), np.full(events, _B_MASS)]), rng)
        one, other = _decay(w, np.zeros((2, events)), rng)
        flags["there"][:, number] = 1
        if number < leptonic:
            leptons[:, number] = one
            neutrinos += other
        else:
            pair = slice(2 + 2 * number, 4 + 2 * number)
            partons[:, pair], flags["there"][:, pair] = np.stack([one, other], axis=1), 1
            flags["top"][:, number], flags["top"][:, pair] = number + 1, number + 1
    exists = np.tile(np.arange(2) < leptonic, (events, 1))
    found = Partons(partons, flags["there"] > 0, flags["is_b"] > 0, flags["top"])
    return _Hard(found, leptons, exists, _charges(events, rng), neutrinos)


def _w_and_jets(events: int, rng: np.random.Generator) -> _Hard:
    """W that recoils against jets."""
    partons = np.zeros((events, _SLOTS, 4))
    number = 1 + rng.poisson(1.8, events).clip(0, _SLOTS - 1)
    there = np.arange(_SLOTS) < number[:, None]
    hard = rng.exponential(np.where(rng.random(events) < 0.25, 220, 45))
    pt = _LEAST_PT + rng.exponential(35, (events, _SLOTS))
    pt[:, 0] = 30 + hard
    partons[:] = _massless(pt, rng.normal(0, 1.5, pt.shape), rng.uniform(-np.pi, np.pi, pt.shape))
    recoil = -(partons[..., :2] * there[..., None]).sum(axis=1)
    w = _system(_w_mass(events, rng), recoil, rng.normal(0, 1.1, events))
    lepton, neutrino = _decay(w, np.zeros((2, events)), rng)
    leptons = np.zeros((events, 2, 4))
    leptons[:, 0] = lepton
    is_b = (rng.random((events, _SLOTS)) < 0.1) & there
    exists = np.tile([True, False], (events, 1))
    found = Partons(partons, there, is_b, np.zeros((events, _SLOTS), int))
    return _Hard(found, leptons, exists, _charges(events, rng), neutrino)


def _w_mass(events: int, rng: np.random.Generator) -> Array:
    return rng.normal(*_W, events).clip(60, 100)


def _charges(events: int, rng: np.random.Generator) -> Array:
    first = rng.choice(np.array([-1, 1], np.int32), events)
    return np.stack([first, -first], axis=1)


def _radiation(events: int, rng: np.random.Generator) -> tuple[Array, Array]:
    shape = (events, _RADIATED)
    there = np.arange(_RADIATED) < rng.poisson(0.9, events)[:, None]
    pt = (_LEAST_PT + rng.exponential(45, shape)) * there
    return _massless(pt, rng.normal(0, 1.8, shape), rng.uniform(-np.pi, np.pi, shape)), there


def _massless(pt: Array, eta: Array, phi: Array) -> Array:
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=-1)


def _system(mass: Array, transverse: Array, rapidity: Array) -> Array:
    """A four-vector from its mass, px and py (n, 2), and rapidity."""
    energy = np.sqrt(mass**2 + (transverse**2).sum(axis=1))
    return np.column_stack([transverse, energy * np.sinh(rapidity), energy * np.cosh(rapidity)])


def _decay(parent: Array, masses: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Isotropic decay of parents (n, 4) into two particles of these masses (2, n)."""
    events = len(parent)
    mass = np.sqrt(np.maximum(parent[:, 3] ** 2 - (parent[:, :3] ** 2).sum(axis=1), 0))
    one, other = masses
    momentum = np.sqrt(np.maximum((mass**2 - (one + other) ** 2) * (mass**2 - (one - other) ** 2), 0)) / (2 * mass)
    cosine, phi = rng.uniform(-1, 1, events), rng.uniform(-np.pi, np.pi, events)
    sine = np.sqrt(1 - cosine**2)
    axis = momentum[:, None] * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    energies = np.sqrt(momentum**2 + masses**2)
    return tuple(_boosted(sign * axis, energy, parent, mass) for sign, energy in zip((1, -1), energies, strict=True))  # type: ignore[return-value]


def _boosted(momentum: Array, energy: Array, parent: Array, mass: Array) -> Array:
    """From the rest frame of the parent to that of the detector."""
    along = (momentum * parent[:, :3]).sum(axis=1)
    moved = momentum + parent[:, :3] * ((energy + along / (parent[:, 3] + mass)) / mass)[:, None]
    return np.column_stack([moved, (energy * parent[:, 3] + along) / mass])


def _measured(hard: _Hard, rng: np.random.Generator) -> Generated:
    partons = hard.partons
    response = rng.normal(1, _RESOLUTION, partons.there.shape).clip(0.5, 1.5) * partons.there
    seen = partons._replace(p4=partons.p4 * response[..., None])
    lost = (partons.p4 * partons.there[..., None] - seen.p4).sum(axis=1)
    missing = (hard.neutrinos + lost)[:, :2].T + rng.normal(0, _MET_RESOLUTION, (2, len(lost)))
    return Generated(*_leptons(hard, rng), _jets(seen, rng) | _fat_jets(seen, rng), missing)


def _leptons(hard: _Hard, rng: np.random.Generator) -> tuple[Columns, Array, Array]:
    """Those of W, and two soft ones from jets; by falling pT."""
    events = len(hard.leptons)
    pt, eta, phi = _coordinates(hard.leptons)
    soft = (events, 2)
    slots = {
        "pt": np.concatenate([pt * rng.normal(1, 0.015, soft), 4 + rng.exponential(7, soft)], axis=1),
        "eta": np.concatenate([eta, rng.uniform(-2.5, 2.5, soft)], axis=1),
        "phi": np.concatenate([phi, rng.uniform(-np.pi, np.pi, soft)], axis=1),
        "charge": np.concatenate([hard.charge, rng.choice(np.array([-1, 1], np.int32), soft)], axis=1),
        "prompt": np.tile([True, True, False, False], (events, 1)),
    }
    electron = np.concatenate([rng.random(soft) > _MUONS, np.tile([True, False], (events, 1))], axis=1)
    exists = np.concatenate([hard.exists, rng.random(soft) < 0.1], axis=1)
    exists &= np.abs(slots["eta"]) < np.where(electron, 2.5, 2.4)
    order = np.argsort(-slots["pt"], axis=1)
    slots = {name: np.take_along_axis(values, order, 1) for name, values in slots.items()}
    return slots, np.take_along_axis(electron, order, 1), np.take_along_axis(exists, order, 1)


def cluster(p4: Array, there: Array, radius: float) -> tuple[Array, Array]:
    """Cambridge/Aachen: the two nearest are added, until none are nearer than the radius.

    Args:
        p4: shape (n, slots, 4).
        there: which slots hold something, shape (n, slots).

    Returns:
        Four-vectors of the jets, 0 in slots that hold none, and the jet of each slot; shapes (n, slots, 4), (n, slots).
    """
    events, slots = there.shape
    p4, there = p4 * there[..., None], there.copy()
    jet = np.tile(np.arange(slots), (events, 1))
    upper = np.triu(np.ones((slots, slots), bool), 1)
    rows = np.arange(events)
    while len(rows):
        _, eta, phi = _coordinates(p4[rows])
        turn = (phi[:, :, None] - phi[:, None, :] + np.pi) % (2 * np.pi) - np.pi
        apart = np.hypot(eta[:, :, None] - eta[:, None, :], turn)
        both = there[rows][:, :, None] & there[rows][:, None, :] & upper
        apart = np.where(both, apart, np.inf).reshape(len(rows), -1)
        nearest = apart.argmin(axis=1)
        near = apart[np.arange(len(rows)), nearest] < radius
        rows, (into, away) = rows[near], np.divmod(nearest[near], slots)
        p4[rows, into] += p4[rows, away]
        p4[rows, away], there[rows, away] = 0, False
        jet[rows] = np.where(jet[rows] == away[:, None], into[:, None], jet[rows])
    return p4, jet


def _jets(partons: Partons, rng: np.random.Generator) -> Columns:
    p4, jet = cluster(partons.p4, partons.there, _SMALL)
    pt, eta, phi = _coordinates(p4)
    keep = (pt > _LEAST_PT) & (np.abs(eta) < _MAX_ETA)
    order, keep = _by_pt(pt, keep)
    own = _within(partons.is_b & partons.there, jet)
    pt, eta, phi, mass, number = (
        np.take_along_axis(values, order, 1)[keep] for values in (pt, eta, phi, _mass(p4), own)
    )
    size, from_b = len(pt), number > 0
    columns = {
        **{"pt": pt, "eta": eta, "phi": phi, "mass": np.hypot(mass, pt * rng.uniform(0.05, 0.18, size))},
        "jetId": rng.choice(np.array([0, 2, 6], np.int32), size, p=[0.01, 0.02, 0.97]),
        "puId": rng.choice(np.array([0, 4, 6, 7], np.int32), size, p=[0.05, 0.05, 0.1, 0.8]),
        "btagDeepFlavB": np.where(from_b, rng.beta(3, 1, size), rng.beta(0.4, 6, size)),
        "btagDeepB": np.where(from_b, rng.beta(3, 1, size), rng.beta(0.4, 6, size)),
        "area": rng.normal(0.5, 0.02, size),
        "rawFactor": rng.normal(0.03, 0.02, size),
        "hadronFlavour": np.where(from_b, _B_QUARK, 0).astype(np.int32),
    }
    return {"nJet": keep.sum(axis=1), **{f"Jet_{name}": values for name, values in columns.items()}}


def _fat_jets(partons: Partons, rng: np.random.Generator) -> Columns:
    """A fat jet with all three quarks of a top looks like one; those with two of them a little."""
    p4, jet = cluster(partons.p4, partons.there, _LARGE)
    pt, eta, phi = _coordinates(p4)
    keep = (pt > _LEAST_FAT_PT) & (np.abs(eta) < _MAX_FAT_ETA)
    order, keep = _by_pt(pt, keep)
    quarks = np.maximum(*(_within(partons.there & (partons.top == number), jet) for number in (1, 2)))
    pt, eta, phi, mass, quarks = (
        np.take_along_axis(values, order, 1)[keep] for values in (pt, eta, phi, _mass(p4), quarks)
    )
    size = len(pt)
    shape = np.choose(np.minimum(quarks, 3), [0.35, 0.35, 0.8, 4.0]), np.choose(np.minimum(quarks, 3), [7, 7, 4, 0.6])
    columns = {
        **{"pt": pt, "eta": eta, "phi": phi},
        "mass": np.hypot(mass, pt * rng.uniform(0.02, 0.15, size) * (quarks < 3)) * rng.normal(1, 0.05, size),
        "jetId": rng.choice(np.array([0, 2, 6], np.int32), size, p=[0.01, 0.02, 0.97]),
        "particleNet_TvsQCD": rng.beta(*shape),
    }
    return {"nFatJet": keep.sum(axis=1), **{f"FatJet_{name}": values for name, values in columns.items()}}


def _by_pt(pt: Array, keep: Array) -> tuple[Array, Array]:
    """Order of slots by falling pT, and what is kept in that order."""
    order = np.argsort(-pt, axis=1, kind="stable")
    return order, np.take_along_axis(keep, order, 1)


def _within(what: Array, jet: Array) -> Array:
    """How many of these partons each jet has, shape (n, slots)."""
    slots = jet.shape[1]
    return (what[:, :, None] & (jet[:, :, None] == np.arange(slots))).sum(axis=1)


def _coordinates(p4: Array) -> tuple[Array, Array, Array]:
    """pT, η, φ; η is 0 without transverse momentum."""
    pt = np.hypot(p4[..., 0], p4[..., 1])
    return (
        pt,
        np.arcsinh(np.divide(p4[..., 2], pt, out=np.zeros_like(pt), where=pt > 0)),
        np.arctan2(p4[..., 1], p4[..., 0]),
    )


def _mass(p4: Array) -> Array:
    return np.sqrt(np.maximum(p4[..., 3] ** 2 - (p4[..., :3] ** 2).sum(axis=-1), 0))
