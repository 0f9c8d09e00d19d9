"""The toy's simulation of one lepton and jets: tt̄, single top and W+jets at the level of four-vectors.

Tops and the W produced with them have their masses and widths and decay isotropically, quarks become jets with a
resolution and a response, and further jets are radiated. So m_bjj of tt̄ peaks at the top mass, and HT of W+jets is
softer. Rates, efficiencies and spectra are plausible, not tuned. The variants of tt̄ differ in radiation, response and
top pT.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray
Columns = dict[str, Array]

_TOP, _W = (172.5, 1.4, 150.0, 195.0), (80.4, 2.1, 60.0, 100.0)
"""Mass, width, and where the tails are cut; GeV."""
_B_MASS = 4.8
_TOP_ID, _W_ID, _B_ID, _FIRST_COPY, _LAST_COPY = 6, 24, 5, 1 << 12, 1 << 13
_DILEPTON = 0.2
_RESOLUTION, _ANGLE = 0.11, 0.02
_MET_RESOLUTION = 15.0
_RADIATED = 6
_LEAST_PT, _MAX_ETA = 15.0, 4.7
_TAGGED = {5: 0.70, 4: 0.15, 0: 0.02}
"""Fraction of jets tagged at 0.5 by flavour."""


class Kind(NamedTuple):
    """What is produced, and how.

    `resonances` are tops (t) and W (w), of which the first decays to a lepton; `quarks` come beside them: b, or a light
    one that goes forward (q). `radiation` is the mean number of further jets, `hardness` scales the pT of the
    resonances, `response` that of jets; `negative` is the fraction of negative generator weights.
    """

    resonances: str
    quarks: str = ""
    radiation: float = 1.0
    hardness: float = 1.0
    response: float = 1.0
    negative: float = 0.0


PROCESSES = {
    "ttbar": Kind("tt", radiation=1.0, negative=0.0),
    "ttbar_ME_var": Kind("tt", radiation=1.25, hardness=1.04, negative=0.15),
    "ttbar_PS_var": Kind("tt", radiation=1.1, response=0.975),
    "ttbar_scaleup": Kind("tt", radiation=1.15),
    "ttbar_scaledown": Kind("tt", radiation=0.85),
    "single_top_s_chan": Kind("t", "b", radiation=1.0, negative=0.1),
    "single_top_t_chan": Kind("t", "qb", radiation=1.0),
    "single_top_tW": Kind("tw", radiation=1.0),
    "wjets": Kind("w", radiation=4.0, hardness=0.6, negative=0.15),
}


class Generated(NamedTuple):
    """Leptons in slots (events, 2) with which are electrons and which exist; jets and generated particles as columns;
    px and py of the missing momentum, shape (2, events)."""

    leptons: Columns
    electron: Array
    exists: Array
    columns: Columns
    missing: Array


class _Particle(NamedTuple):
    """One for each event: four-vector (4, events) as px, py, pz, E; PDG identifier; place of the mother in the list."""

    p4: Array
    pdg: Array
    mother: int
    flags: int = _LAST_COPY


def generate(process: str, events: int, rng: np.random.Generator) -> Generated:
    """Collisions of a process of `PROCESSES`."""
    kind = PROCESSES[process]
    particles: list[_Particle] = []
    sign = rng.choice(np.array([1, -1]), events)
    dilepton = rng.random(events) < _DILEPTON
    for place, (resonance, p4) in enumerate(zip(kind.resonances, _produced(kind, events, rng), strict=True)):
        leptonic = np.ones(events, bool) if place == 0 else dilepton
        particles += _decayed(resonance, p4, sign if place == 0 else -sign, leptonic, len(particles), rng)
    for quark in kind.quarks:
        particles.append(_quark(quark, events, rng))
    jets = _jets(_partons(particles) + _radiated(kind, events, rng), kind.response, rng)
    leptons, electron, exists = _leptons(particles, rng)
    neutrinos = [np.where(np.isin(np.abs(p.pdg), (12, 14)), p.p4[:2], 0) for p in particles]
    missing = np.sum(neutrinos, axis=0) + rng.normal(0, _MET_RESOLUTION, (2, events))
    return Generated(leptons, electron, exists, jets | _particles(particles), missing)


def two_body(parent: Array, masses: tuple[float, float], rng: np.random.Generator) -> tuple[Array, Array]:
    """An isotropic decay: four-vectors of the daughters, (4, n) as px, py, pz, E, from that of the parent."""
    events, (one, other) = parent.shape[1], masses
    mass = np.sqrt(parent[3] ** 2 - (parent[:3] ** 2).sum(axis=0))
    momentum = np.sqrt((mass**2 - (one + other) ** 2) * (mass**2 - (one - other) ** 2)) / (2 * mass)
    cosine, azimuth = rng.uniform(-1, 1, events), rng.uniform(-np.pi, np.pi, events)
    sine = np.sqrt(1 - cosine**2)
    own = momentum * np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
    energy = np.hypot(one, momentum)
    along = (parent[:3] * own).sum(axis=0)
    moved = own + parent[:3] * (along / (mass * (mass + parent[3])) + energy / mass)
    first = np.concatenate([moved, [(parent[3] * energy + along) / mass]])
    return first, parent - first


def _vector(pt: Array, rapidity: Array, phi: Array, mass: Array) -> Array:
    transverse = np.hypot(mass, pt)
    return np.stack(
        [pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(rapidity), transverse * np.cosh(rapidity)]
    )


def _produced(kind: Kind, events: int, rng: np.random.Generator) -> list[Array]:
    """Four-vectors of the resonances: back to back in φ, nearly balanced."""
    pt, phi = kind.hardness * rng.gamma(2.2, 50, events), rng.uniform(-np.pi, np.pi, events)
    made = []
    for place, resonance in enumerate(kind.resonances):
        own = pt * rng.normal(1, 0.2, events).clip(0.3) if place else pt
        peak, width, low, high = _TOP if resonance == "t" else _W
        mass = (peak + width / 2 * np.tan(np.pi * rng.uniform(-0.49, 0.49, events))).clip(low, high)
        made.append(_vector(own, rng.normal(0, 0.9, events), phi + place * np.pi + rng.normal(0, 0.3, events), mass))
    return made


def _decayed(
    resonance: str, p4: Array, sign: Array, leptonic: Array, first: int, rng: np.random.Generator
) -> list[_Particle]:
    """A top (with a copy of itself, as generators write it), its W and b; or a W; and the daughters of the W."""
    found = []
    if resonance == "t":
        w, b = two_body(p4, (_W[0], _B_MASS), rng)
        found += [_Particle(p4, sign * _TOP_ID, -1, _FIRST_COPY), _Particle(p4, sign * _TOP_ID, first)]
        found += [_Particle(b, sign * _B_ID, first + 1), _Particle(w, sign * _W_ID, first + 1)]
    else:
        found.append(_Particle(p4, sign * _W_ID, -1))
    mother = first + len(found) - 1
    up, down = two_body(found[-1].p4, (0.0, 0.0), rng)
    generation = rng.choice(np.array([0, 2]), len(sign))
    lepton, quark = 11 + generation, np.where(generation == 0, 1, 3)
    found.append(_Particle(down, sign * np.where(leptonic, -lepton, -quark), mother))
    found.append(_Particle(up, sign * np.where(leptonic, lepton + 1, quark + 1), mother))
    return found


def _quark(which: str, events: int, rng: np.random.Generator) -> _Particle:
    """A quark beside the resonances."""
    forward = which == "q"
    pt = 20 + rng.exponential(35 if forward else 25, events)
    rapidity = rng.choice([-1, 1], events) * rng.normal(2.3, 0.9, events) if forward else rng.normal(0, 1.4, events)
    p4 = _vector(pt, rapidity, rng.uniform(-np.pi, np.pi, events), np.zeros(events))
    return _Particle(p4, np.full(events, 1 if forward else _B_ID), -1)


def _partons(particles: list[_Particle]) -> list[tuple[Array, Array, Array]]:
    """Quarks that become jets: pT, η and φ stacked, flavour, and whether there is one."""
    found = []
    for particle in particles:
        flavour = np.abs(particle.pdg)
        if (flavour <= _B_ID).any():
            heavy = np.where(flavour >= 4, flavour, 0)
            found.append((_directions(particle.p4), heavy, flavour <= _B_ID))
    return found


def _radiated(kind: Kind, events: int, rng: np.random.Generator) -> list[tuple[Array, Array, Array]]:
    """Further jets, mostly of gluons (flavour 21), some with heavy quarks."""
    number = rng.poisson(kind.radiation, events)
    found = []
    for place in range(_RADIATED):
        pt, eta = 18 + rng.exponential(32, events), rng.normal(0, 1.7, events)
        heavy = rng.choice(np.array([21, 4, _B_ID]), events, p=[0.9, 0.06, 0.04])
        found.append((np.stack([pt, eta, rng.uniform(-np.pi, np.pi, events)]), heavy, place < number))
    return found


def _jets(partons: list[tuple[Array, Array, Array]], response: float, rng: np.random.Generator) -> Columns:
    """Jets in the order of falling pT, as flat columns."""
    pt, eta, phi = (np.stack([direction[i] for direction, _, _ in partons], axis=1) for i in range(3))
    flavour, exists = (np.stack([parton[i] for parton in partons], axis=1) for i in (1, 2))
    shape = pt.shape
    pt = pt * response * rng.normal(1, _RESOLUTION, shape).clip(0.3)
    eta, phi = eta + rng.normal(0, _ANGLE, shape), _wrapped(phi + rng.normal(0, _ANGLE, shape))
    exists = exists & (pt > _LEAST_PT) & (np.abs(eta) < _MAX_ETA)
    order = np.argsort(np.where(exists, -pt, np.inf), axis=1, kind="stable")
    pt, eta, phi, flavour, exists = (np.take_along_axis(v, order, axis=1) for v in (pt, eta, phi, flavour, exists))
    pt, eta, phi, flavour = (values[exists] for values in (pt, eta, phi, flavour))
    size, gluon = len(pt), flavour == 21
    hadron = np.where(gluon, 0, flavour).astype(np.int32)
    csv = _discriminant(hadron, rng)
    columns = {
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "mass": pt * rng.uniform(0.06, 0.14, size),
        "jetId": rng.choice(np.array([0, 2, 6], np.int32), size, p=[0.01, 0.02, 0.97]),
        "puId": np.full(size, 7, np.int32),
        "btagCSVV2": csv,
        "btagDeepB": csv,
        "btagDeepFlavB": csv,
        "qgl": np.where(rng.random(size) < 0.05, -1, np.where(gluon, rng.beta(1.5, 2.5, size), rng.beta(4, 1.5, size))),
        "area": rng.normal(0.5, 0.02, size),
        "rawFactor": rng.normal(0.03, 0.02, size),
        "hadronFlavour": hadron,
    }
    return {"nJet": exists.sum(axis=1), **{f"Jet_{name}": values for name, values in columns.items()}}


def _discriminant(hadron: Array, rng: np.random.Generator) -> Array:
    """b-tag discriminant in (0, 1), above 0.5 for the fractions of `_TAGGED`."""
    size = len(hadron)
    efficiency = np.select([hadron == 5, hadron == 4], [_TAGGED[5], _TAGGED[4]], _TAGGED[0])
    tagged = rng.random(size) < efficiency
    return np.where(tagged, 0.505 + 0.49 * rng.beta(3, 1, size), 0.005 + 0.49 * rng.beta(1, 1.5, size))


def _leptons(particles: list[_Particle], rng: np.random.Generator) -> tuple[Columns, Array, Array]:
    """The charged leptons of W decays, two slots in each event."""
    found = [p for p in particles if np.isin(np.abs(p.pdg), (11, 13)).any()]
    events = len(found[0].pdg)
    slots: dict[str, list[Array]] = {name: [] for name in ("pt", "eta", "phi", "charge")}
    electron, exists = [], []
    for particle in found:
        pt, eta, phi = _directions(particle.p4)
        values = (pt * rng.normal(1, 0.015, events), eta, phi, -np.sign(particle.pdg).astype(np.int32))
        for name, value in zip(slots, values, strict=True):
            slots[name].append(value)
        electron.append(np.abs(particle.pdg) == 11)
        exists.append(np.isin(np.abs(particle.pdg), (11, 13)) & (np.abs(eta) < 2.4))
    while len(electron) < 2:
        for name in slots:
            slots[name].append(np.zeros_like(slots[name][0]))
        electron.append(np.zeros(events, bool))
        exists.append(np.zeros(events, bool))
    return {n: np.stack(v, axis=1) for n, v in slots.items()}, np.stack(electron, axis=1), np.stack(exists, axis=1)


def _particles(particles: list[_Particle]) -> Columns:
    """Generated particles, all of them in each event."""
    events = len(particles[0].pdg)
    pt, eta, phi = (np.stack(v, axis=1) for v in zip(*(_directions(p.p4) for p in particles), strict=True))
    mass2 = np.stack([p.p4[3] ** 2 - (p.p4[:3] ** 2).sum(axis=0) for p in particles], axis=1)
    columns = {
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "mass": np.sqrt(mass2.clip(0)),
        "pdgId": np.stack([p.pdg for p in particles], axis=1).astype(np.int32),
        "genPartIdxMother": np.tile(np.array([p.mother for p in particles], np.int32), (events, 1)),
        "statusFlags": np.tile(np.array([p.flags for p in particles], np.int32), (events, 1)),
    }
    flat = {f"GenPart_{name}": values.reshape(-1) for name, values in columns.items()}
    return {"nGenPart": np.full(events, len(particles)), **flat}


def _directions(p4: Array) -> Array:
    """pT, η and φ, shape (3, events)."""
    pt = np.hypot(p4[0], p4[1])
    return np.stack([pt, np.arcsinh(p4[2] / pt), np.arctan2(p4[1], p4[0])])


def _wrapped(phi: Array) -> Array:
    return (phi + np.pi) % (2 * np.pi) - np.pi
