"""The toy's collisions: leptons, jets, missing momentum and vertices of a mixture of processes.

Shapes are plausible, not tuned: what matters is that selections find something and that the truth is known.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from skimflow.errors import InputError
from skimflow.toy import boosted, dimuon, lepton_jets, trigger
from skimflow.toy.decays import two_body

Columns = dict[str, np.ndarray]
BLOCK = 10_000
_SECTION = 1_000  # collisions in a luminosity section
_ELECTRON_MASS, _MUON_MASS, _Z_MASS, _Z_WIDTH = 0.000511, 0.10566, 91.19, 2.5
_RESOLUTION = 0.015  # of the pT of leptons from Z decays

RUNS = {
    "Run2016G": (278820, 278873, 279588, 279931, 280330, 280385),
    "Run2016H": (281613, 281639, 282037, 283270, 283885, 284043),
}
_BAD_RUN = 279931  # certified nowhere


class Process(NamedTuple):
    """Fractions of ee, eμ, μμ, e, μ and no prompt lepton; mean lepton pT and MET (GeV), mean jets and b jets."""

    flavours: tuple[float, float, float, float, float, float]
    resonant: bool
    lepton_pt: float
    met: float
    jets: float
    b_jets: float
    negative: float  # fraction of negative generator weights


PROCESSES = {
    "TTTo2L2Nu": Process((0.25, 0.5, 0.25, 0, 0, 0), False, 45, 65, 2.2, 1.6, 0.004),
    "WWTo2L2Nu": Process((0.25, 0.5, 0.25, 0, 0, 0), False, 38, 50, 0.5, 0, 0.0),
    "DYJetsToLL": Process((0.46, 0.08, 0.46, 0, 0, 0), True, 20, 18, 0.7, 0.05, 0.16),
    "WJetsToLNu": Process((0, 0, 0, 0.5, 0.5, 0), False, 32, 40, 0.9, 0.05, 0.0),
    "QCD": Process((0, 0, 0, 0.03, 0.03, 0.94), False, 12, 25, 2.5, 0.2, 0.0),
}
# What collision data is made of; richer in leptons than nature, so that files fill quickly.
_DATA = {"TTTo2L2Nu": 0.30, "WWTo2L2Nu": 0.20, "DYJetsToLL": 0.30, "WJetsToLNu": 0.15, "QCD": 0.05}


class Sample(NamedTuple):
    """One file of a toy dataset.

    `primary_dataset` for data (all collisions without one), `process` for simulation. Files with the same `seed`, `era`
    and `index` hold the same collisions, whatever primary dataset they are filtered for. `identified` is the fraction
    of electrons that keep their identification: nature's leptons are mostly from jets, so that hww_emu selects 0.2 % of
    MuonEG's events, where the toy has a third. `physics` is `mixed`; `dimuon`: two muons and a trigger of their own
    (`toy.dimuon`), collision data only; `lepton_jets`: tops and W with their decays (`toy.lepton_jets`), simulation
    only; or `boosted`: energetic tops and W+jets with fat jets (`toy.boosted`), of which collision data has a
    `mixture`, pairs of a process and its fraction. After the trigger, momenta of muons are measured wrong: times
    `muon_scale`, and smeared by the relative `muon_smear`.
    """

    seed: int
    index: int
    primary_dataset: str | None = None
    process: str | None = None
    era: str | None = None
    identified: float = 1.0
    physics: str = "mixed"
    muon_scale: float = 1.0
    muon_smear: float = 0.0
    mixture: tuple[tuple[str, float], ...] = ()

    @property
    def menu(self) -> trigger.Menu:
        """The trigger that looks at these collisions."""
        return MENUS[self.physics]


MENUS = {"mixed": trigger.MENU, "dimuon": dimuon.MENU, "lepton_jets": trigger.MENU, "boosted": trigger.MENU}


def collisions(sample: Sample) -> Iterator[Columns]:
    """Endless blocks of collisions, before any trigger selects them: flat NanoAOD columns with trigger bits."""
    _check(sample)
    mixture = _DATA if sample.process is None else {sample.process: 1.0}
    block = 0
    while True:
        rng = np.random.default_rng([sample.seed, _era_number(sample), sample.index, block])
        own = _OWN[sample.physics](sample, rng) if sample.physics in _OWN else _physics(mixture, rng)
        columns = _identity(sample, block) | own
        if sample.identified < 1:
            columns |= _unidentified(columns, 1 - sample.identified, rng.spawn(1)[0])
        draws = trigger.draw(columns, rng, sample.menu)
        columns |= trigger.decide(columns, draws, sample.process is None, sample.menu)
        columns |= _trigger_objects(columns, draws, rng, sample.menu)
        if (sample.muon_scale, sample.muon_smear) != (1, 0):
            columns["Muon_pt"] = _mismeasured(columns["Muon_pt"], sample, rng.spawn(1)[0])
        if sample.process is None:
            columns = {name: values for name, values in columns.items() if name not in _SIMULATION_ONLY}
        yield columns
        block += 1


def _check(sample: Sample) -> None:
    """Raises InputError if the toy does not have such a sample."""
    if sample.physics == _BOOSTED:
        for process in _boosted_mixture(sample):
            boosted.check(process)
    else:
        _known("process", sample.process, lepton_jets.PROCESSES if sample.physics == _LEPTON_JETS else PROCESSES)
    _known("era", sample.era, RUNS)
    _known("physics", sample.physics, MENUS)
    _known("primary dataset", sample.primary_dataset, sample.menu.primary_datasets)
    if sample.physics == "dimuon" and sample.process:
        raise InputError("toy", f"the toy has no simulation of {sample.process} with dimuon physics, only data")
    if sample.physics == _LEPTON_JETS and not sample.process:
        raise InputError("toy", "the toy has no collision data with lepton_jets physics, only simulation")


def _mismeasured(pt: np.ndarray, sample: Sample, rng: np.random.Generator) -> np.ndarray:
    return (pt * sample.muon_scale * rng.normal(1, sample.muon_smear, len(pt))).astype(np.float32)


def _known(what: str, name: str | None, names: Iterable[str]) -> None:
    if name is not None and name not in names:
        raise InputError("toy", f"the toy has no {what} {name} (it has {', '.join(names)})")


_SIMULATION_ONLY = ("genWeight", "Generator_weight", "Pileup_nTrueInt", "Jet_hadronFlavour")


def certified_sections(truths: Iterable[dict]) -> dict[str, list[list[int]]]:
    """A golden JSON for toy files: their runs but one, without the first two of each 25 luminosity sections.

    Args:
        truths: the truth written beside each file.
    """
    last: dict[int, int] = {}
    for run, (_, end) in (item for truth in truths for item in truth["sections"].items()):
        last[int(run)] = max(end, last.get(int(run), 0))
    return {
        str(run): [[start + 2, min(start + 24, end)] for start in range(0, end - 1, 25)]
        for run, end in sorted(last.items())
        if run != _BAD_RUN
    }


def recorded_luminosity(truths: Iterable[dict]) -> str:
    """A table of brilcalc by luminosity section for toy files: 1 pb⁻¹ in each section of so many collisions.

    So a process that is a fraction f of the collisions has a cross-section of f times _SECTION pb.

    Args:
        truths: the truth written beside each file.
    """
    sections = {
        (int(run), section)
        for truth in truths
        for run, (first, last) in truth["sections"].items()
        for section in range(first, last + 1)
    }
    lines = ["#run:fill,ls,time,beamstatus,E(GeV),delivered(/pb),recorded(/pb),avgpu,source"]
    lines += [f"{run}:1,{section}:{section},,STABLE BEAMS,6500,1,1,24,TOY" for run, section in sorted(sections)]
    return "\n".join(lines) + "\n"


def _era_number(sample: Sample) -> int:
    return [None, *RUNS].index(sample.era)


def _identity(sample: Sample, block: int) -> Columns:
    entry = np.arange(block * BLOCK, (block + 1) * BLOCK)
    runs = (1,) if sample.process else RUNS[sample.era or next(iter(RUNS))]
    # Files of one run follow each other in luminosity sections; none is in two files.
    first = 1 + sample.index // len(runs) * 10_000
    return {
        "run": np.full(BLOCK, runs[sample.index % len(runs)], np.uint32),
        "luminosityBlock": (first + entry // _SECTION).astype(np.uint32),
        "event": (sample.index * 10**9 + entry + 1).astype(np.uint64),
    }


def _physics(mixture: dict[str, float], rng: np.random.Generator) -> Columns:
    names = list(mixture)
    which = rng.choice(len(names), BLOCK, p=list(mixture.values()))
    process = {
        field: np.array([getattr(PROCESSES[n], field) for n in names])[which]
        for field in ("resonant", "lepton_pt", "met", "jets", "b_jets", "negative")
    }
    shares = np.cumsum([PROCESSES[n].flavours for n in names], axis=1)[which]
    flavour = (rng.random(BLOCK)[:, None] > shares[:, :-1]).sum(axis=1)
    return _with_event(_leptons(flavour, process, rng) | _jets(process, rng), process, rng)


def _lepton_jets(sample: Sample, rng: np.random.Generator) -> Columns:
    """Collisions of `toy.lepton_jets`, with soft leptons from jets beside those of the W."""
    assert sample.process is not None
    found = lepton_jets.generate(sample.process, BLOCK, rng)
    soft = (BLOCK, 2)
    extra = {"pt": 4 + rng.exponential(7, soft), "eta": rng.uniform(-2.4, 2.4, soft), "phi": _angle(soft, rng)}
    extra["charge"] = rng.choice(np.array([-1, 1], np.int32), soft)
    common = {name: np.concatenate([found.leptons[name], values], axis=1) for name, values in extra.items()}
    common["prompt"] = np.tile([True, True, False, False], (BLOCK, 1))
    is_electron = np.concatenate([found.electron, np.tile([True, False], (BLOCK, 1))], axis=1)
    exists = np.concatenate([found.exists, rng.random(soft) < 0.1], axis=1)
    order = np.argsort(-common["pt"], axis=1)
    common = {name: np.take_along_axis(values, order, axis=1) for name, values in common.items()}
    is_electron, exists = (np.take_along_axis(v, order, axis=1) for v in (is_electron, exists))
    leptons = _electrons(common, exists & is_electron, rng) | _muons(common, exists & ~is_electron, rng)
    process = {"met": np.full(BLOCK, 20.0), "negative": lepton_jets.PROCESSES[sample.process].negative}
    return _with_missing(_with_event(leptons | found.columns, process, rng), found.missing)


def _boosted(sample: Sample, rng: np.random.Generator) -> Columns:
    """Collisions of `toy.boosted`."""
    found = boosted.generate(_boosted_mixture(sample), BLOCK, rng)
    electrons = _electrons(found.leptons, found.exists & found.electron, rng)
    muons = _muons(found.leptons, found.exists & ~found.electron, rng)
    process = {"met": np.full(BLOCK, 20.0), "negative": 0}
    return _with_missing(_with_event(electrons | muons | found.columns, process, rng), found.missing)


def _with_missing(columns: Columns, missing: np.ndarray) -> Columns:
    """The missing momentum of the collisions, shape (2, BLOCK), in both of its forms."""
    pt, phi = np.hypot(*missing), np.arctan2(missing[1], missing[0])
    for name, values in (("pt", pt), ("phi", phi)):
        columns |= {f"{met}_{name}": values.astype(np.float32) for met in ("MET", "PuppiMET")}
    return columns


def _boosted_mixture(sample: Sample) -> dict[str, float]:
    return {sample.process: 1.0} if sample.process else dict(sample.mixture) or boosted.MIXTURE


def _dimuons(sample: Sample, rng: np.random.Generator) -> Columns:
    """Collisions of `toy.dimuon`: no electrons, few jets."""
    muons, exists = dimuon.muons(BLOCK, rng)
    process = {"jets": np.full(BLOCK, 0.5), "b_jets": np.zeros(BLOCK), "met": np.full(BLOCK, 20.0), "negative": 0}
    leptons = _electrons(muons, np.zeros_like(exists), rng) | _muons(muons, exists, rng)
    return _with_event(leptons | _jets(process, rng), process, rng)


_LEPTON_JETS, _BOOSTED = "lepton_jets", "boosted"
_OWN = {"dimuon": _dimuons, _LEPTON_JETS: _lepton_jets, _BOOSTED: _boosted}
"""Generators of physics other than `mixed`."""


def _with_event(columns: Columns, process: Columns, rng: np.random.Generator) -> Columns:
    """Leptons and jets, with missing momentum, vertices and weights; of the types that NanoAOD has."""
    met, phi = rng.gamma(2.0, process["met"] / 2.0), _angle(BLOCK, rng)
    columns |= {"MET_pt": met * rng.normal(1, 0.1, BLOCK).clip(0.5), "MET_phi": phi}
    columns |= {"PuppiMET_pt": met, "PuppiMET_phi": phi}
    pileup = rng.gamma(12, 2.0, BLOCK)
    vertices = 1 + rng.poisson(0.7 * pileup)
    weight = rng.normal(1, 0.02, BLOCK) * np.where(rng.random(BLOCK) < process["negative"], -72.8, 72.8)
    columns |= {
        "PV_npvs": vertices.astype(np.int32),
        "PV_npvsGood": rng.binomial(vertices, 0.85).astype(np.int32),
        "Pileup_nTrueInt": pileup,
        "fixedGridRhoFastjetAll": rng.gamma(8, pileup / 10),
        "Flag_goodVertices": rng.random(BLOCK) < 0.999,
        "Flag_METFilters": rng.random(BLOCK) < 0.995,
        "genWeight": weight,
        "Generator_weight": weight,
    }
    return {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in columns.items()}


def _leptons(flavour: np.ndarray, process: Columns, rng: np.random.Generator) -> Columns:
    """Two prompt leptons at most (ee, eμ, μμ, e, μ, none are 0 to 5), and soft ones from jets beside them."""
    pt, eta, phi = _prompt(process, rng)
    swap = rng.random(BLOCK) < 0.5
    is_electron = np.array([[1, 1], [1, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)[flavour]
    is_electron[swap] = is_electron[swap, ::-1]
    exists = np.array([[1, 1], [1, 1], [1, 1], [1, 0], [1, 0], [0, 0]], bool)[flavour]
    exists[swap] = exists[swap, ::-1]
    # One lepton in all: which of the two slots holds it follows the swap above.
    single = np.isin(flavour, (3, 4))
    is_electron[single] = (flavour[single] == 3)[:, None]
    first = rng.choice(np.array([-1, 1], np.int32), BLOCK)
    charge = np.stack([first, np.where(rng.random(BLOCK) < 0.99, -first, first)], axis=1)

    soft = (BLOCK, 2)
    pt = np.concatenate([pt, 4 + rng.exponential(7, soft)], axis=1)
    eta = np.concatenate([eta, rng.uniform(-2.5, 2.5, soft)], axis=1)
    phi = np.concatenate([phi, _angle(soft, rng)], axis=1)
    charge = np.concatenate([charge, rng.choice(np.array([-1, 1], np.int32), soft)], axis=1)
    is_electron = np.concatenate([is_electron, np.tile([True, False], (BLOCK, 1))], axis=1)
    exists = np.concatenate([exists & (np.abs(eta[:, :2]) < 2.5), rng.random(soft) < 0.12], axis=1)
    prompt = np.tile([True, True, False, False], (BLOCK, 1))
    order = np.argsort(-pt, axis=1)
    common = {"pt": pt, "eta": eta, "phi": phi, "charge": charge, "prompt": prompt}
    common = {name: np.take_along_axis(v, order, axis=1) for name, v in common.items()}
    is_electron, exists = (np.take_along_axis(v, order, axis=1) for v in (is_electron, exists))
    muons = exists & ~is_electron & (np.abs(common["eta"]) < 2.4)
    return _electrons(common, exists & is_electron, rng) | _muons(common, muons, rng)


def _prompt(process: Columns, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pT, η, φ of two leptons: a boosted Z decay where resonant, independent otherwise; shapes (BLOCK, 2)."""
    pair = (BLOCK, 2)
    pt = 5 + rng.gamma(2.0, (process["lepton_pt"][:, None] - 5) / 2, pair)
    eta, phi = rng.normal(0, 1.2, pair), _angle(pair, rng)
    mass = (_Z_MASS + _Z_WIDTH / 2 * np.tan(np.pi * rng.uniform(-0.49, 0.49, BLOCK))).clip(20, 300)
    direction = rng.uniform(-1, 1, BLOCK), _angle(BLOCK, rng)
    boost = rng.gamma(1.2, 12, BLOCK), _angle(BLOCK, rng), rng.normal(0, 1.3, BLOCK)
    resolution = rng.spawn(1)[0].normal(1, _RESOLUTION, pair)
    where = process["resonant"]
    for leg, (z_pt, z_eta, z_phi) in enumerate(two_body(mass, direction, boost)):
        pt[where, leg] = z_pt[where] * resolution[where, leg]
        eta[where, leg] = z_eta[where]
        phi[where, leg] = z_phi[where]
    return pt, eta, phi


def _electrons(common: Columns, keep: np.ndarray, rng: np.random.Generator) -> Columns:
    prompt, size = common["prompt"][keep], int(keep.sum())
    identified = rng.random(size) < np.where(prompt, 0.88, 0.08)
    isolation = rng.exponential(np.where(prompt, 0.03, 0.5))
    columns = {
        **{name: common[name][keep] for name in ("pt", "eta", "phi", "charge")},
        "mass": np.full(size, _ELECTRON_MASS),
        "deltaEtaSC": rng.normal(0, 0.02, size),
        "mvaFall17V2Iso_WP90": identified,
        "mvaFall17V2Iso_WP80": identified & (rng.random(size) < 0.9),
        "cutBased": np.where(identified, rng.integers(2, 5, size), rng.integers(0, 2, size)).astype(np.int32),
        "pfRelIso03_all": isolation,
        **_impact(prompt, rng),
    }
    return {"nElectron": keep.sum(axis=1), **{f"Electron_{name}": values for name, values in columns.items()}}


def _muons(common: Columns, keep: np.ndarray, rng: np.random.Generator) -> Columns:
    prompt, size = common["prompt"][keep], int(keep.sum())
    tight = rng.random(size) < np.where(prompt, 0.95, 0.25)
    isolation = rng.exponential(np.where(prompt, 0.03, 0.5))
    columns = {
        **{name: common[name][keep] for name in ("pt", "eta", "phi", "charge")},
        "mass": np.full(size, _MUON_MASS),
        "tightId": tight,
        "mediumId": tight | (rng.random(size) < 0.5),
        "looseId": np.ones(size, bool),
        "pfRelIso03_all": isolation,
        "pfRelIso04_all": isolation * rng.uniform(0.9, 1.3, size),
        "miniIsoId": np.digitize(-isolation, (-0.4, -0.2, -0.1, -0.05)).astype(np.uint8),
        "nTrackerLayers": rng.integers(6, 18, size).astype(np.int32),
        **_impact(prompt, rng),
    }
    return {"nMuon": keep.sum(axis=1), **{f"Muon_{name}": values for name, values in columns.items()}}


def _unidentified(columns: Columns, fraction: float, rng: np.random.Generator) -> Columns:
    """Identification of electrons, of which a fraction lose it."""
    kept = rng.random(len(columns["Electron_pt"])) >= fraction
    names = ("mvaFall17V2Iso_WP90", "mvaFall17V2Iso_WP80", "cutBased")
    return {f"Electron_{name}": columns[f"Electron_{name}"] * kept for name in names}


def _impact(prompt: np.ndarray, rng: np.random.Generator) -> Columns:
    size, spread = len(prompt), np.where(prompt, 1.0, 6.0)
    return {
        "dxy": rng.normal(0, 0.002, size) * spread,
        "dz": rng.normal(0, 0.005, size) * spread,
        "sip3d": np.abs(rng.normal(0, 1.2, size)) * spread,
    }


def _jets(process: Columns, rng: np.random.Generator) -> Columns:
    slots = 8
    number = np.minimum(rng.poisson(process["jets"]), slots)
    b_number = np.minimum(rng.poisson(process["b_jets"]), number)
    exists = np.arange(slots) < number[:, None]
    from_b = (np.arange(slots) < b_number[:, None])[exists]
    size = int(number.sum())
    pt = -np.sort(-np.where(exists, 15 + rng.exponential(35, (BLOCK, slots)), 0), axis=1)[exists]
    columns = {
        "pt": pt,
        "eta": rng.normal(0, 1.8, size).clip(-4.7, 4.7),
        "phi": _angle(size, rng),
        "mass": pt * rng.uniform(0.05, 0.2, size),
        "jetId": rng.choice(np.array([0, 2, 6], np.int32), size, p=[0.02, 0.03, 0.95]),
        "puId": rng.choice(np.array([0, 4, 6, 7], np.int32), size, p=[0.05, 0.05, 0.1, 0.8]),
        "btagDeepFlavB": np.where(from_b, rng.beta(4, 1, size), rng.beta(0.4, 6, size)),
        "btagDeepB": np.where(from_b, rng.beta(4, 1, size), rng.beta(0.4, 6, size)),
        "area": rng.normal(0.5, 0.02, size),
        "rawFactor": rng.normal(0.03, 0.02, size),
        "hadronFlavour": np.where(from_b, 5, 0).astype(np.int32),
    }
    return {"nJet": number, **{f"Jet_{name}": values for name, values in columns.items()}}


def _trigger_objects(columns: Columns, draws: trigger.Draws, rng: np.random.Generator, menu: trigger.Menu) -> Columns:
    """One object for each lepton that fires some leg, with the bits of its legs and slightly other kinematics.

    Legs that differ by their threshold only share the first bit: the online pT says which of them fired.
    """
    passed = trigger.leg_decisions(columns, draws, menu)
    parts = []
    for collection, pdg_id in (("Electron", 11), ("Muon", 13)):
        counts = columns[f"n{collection}"]
        event = np.repeat(np.arange(len(counts)), counts)
        bits, least, below = np.zeros(len(event), np.int32), np.zeros(len(event)), np.full(len(event), np.inf)
        for name, leg in menu.legs.items():
            if leg.collection == collection:
                bits |= np.where(passed[name], leg.bit, 0).astype(np.int32)
                if leg.bit == 1:
                    least = np.maximum(least, np.where(passed[name], int(leg.threshold), 0))
                    below = np.minimum(below, np.where(passed[name], np.inf, int(leg.threshold)))
        kept = bits > 0
        kinematics = (columns[f"{collection}_{name}"][kept] for name in ("pt", "eta", "phi"))
        online = least[kept], np.nextafter(below[kept].astype(np.float32), np.float32(0))
        parts.append((event[kept], *kinematics, *online, bits[kept], np.full(kept.sum(), pdg_id, np.int32)))
    event, pt, eta, phi, least, most, bits, pdg = (np.concatenate(values) for values in zip(*parts, strict=True))
    order = np.argsort(event, kind="stable")
    near = rng.normal(0, 0.003, (2, len(order)))
    smeared = {
        "pt": (pt[order] * rng.normal(1, 0.02, len(order))).clip(least[order], most[order]),
        "eta": eta[order] + near[0],
        "phi": phi[order] + near[1],
    }
    counts = np.bincount(event, minlength=len(columns["nElectron"]))
    return {
        "nTrigObj": counts,
        **{f"TrigObj_{name}": values.astype(np.float32) for name, values in smeared.items()},
        "TrigObj_id": pdg[order],
        "TrigObj_filterBits": bits[order],
    }


def _angle(size: int | tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-np.pi, np.pi, size)
