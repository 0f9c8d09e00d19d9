"""Z′ → tt̄ with one muon: an energetic muon, missing momentum, b jets, and a top quark in a fat jet or in three jets.

SYSTEMS section 4, with what 4e says of it; docs/zprime.md has the departures. The skim is that of the original: trigger
and missing momentum. The region `CMS_WORKSHOP` is that of its workshop, the others are those of the paper that it names
(arXiv:1810.05905), which it defined and did not use.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from skimflow.analyses.base import Columns, Kept, Objects, Observed, Selection
from skimflow.physics import event_shape, ttbar
from skimflow.physics.fourvectors import P4
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.network import score

Array = np.ndarray
Settings = Mapping[str, Any]
WORKSHOP, TAGGED, UNTAGGED, CR1, CR2 = "CMS_WORKSHOP", "SR_tag", "SR_notag", "CR1", "CR2"
_KINEMATICS = ("pt", "eta", "phi", "mass")
_OF_CHI2 = ("mtt", "chi2", "leptonic_mass", "hadronic_mass")
_OF_FAT_JET = ("fat_jet_pt", "fat_jet_mass")
_FAILED = -1.0
"""Score of events that the classifier is not for."""
_FEWEST = 2
"""Baseline: so many jets."""


class _Particles(NamedTuple):
    """Selected objects of a collection in n events, by falling pT within each event."""

    counts: Array
    """Of each event, shape (n,)."""
    event: Array
    p4: PtEtaPhiM
    other: Columns

    def padded(self, values: Array, slots: int, fill: float = np.nan) -> Array:
        """The leading ones of each event, shape (n, slots)."""
        place = np.arange(len(self.event)) - (np.cumsum(self.counts) - self.counts)[self.event]
        kept = place < slots
        result = np.full((len(self.counts), slots), fill)
        result[self.event[kept], place[kept]] = values[kept]
        return result

    def leading(self, slots: int) -> P4:
        """Four-vectors of the leading ones, shape (n, slots), NaN where there are fewer."""
        return P4.of(PtEtaPhiM(*(self.padded(values, slots) for values in self.p4)))

    def first(self) -> P4:
        return self.leading(1).at((slice(None), 0))


class _Found(NamedTuple):
    """Objects of n events, and the missing momentum."""

    muons: _Particles
    jets: _Particles
    """All of them, as the observables of the event's shape see them."""
    b_jets: _Particles
    good: _Particles
    """Those that tops are made of."""
    fat_jets: _Particles
    met: Array
    px: Array
    py: Array

    @property
    def one_muon(self) -> Array:
        return self.muons.counts == 1


def branches(settings: Settings) -> list[str]:
    return ["PuppiMET_pt", *settings["paths"], *settings["filters"]]


def keep(settings: Settings, kind: str) -> Kept:
    muons = [f"Muon_{name}" for name in (*_KINEMATICS, "charge", settings["muon_id"], "miniIsoId")]
    jets = [f"Jet_{name}" for name in (*_KINEMATICS, "jetId", settings["btag"])]
    fat_jets = [f"FatJet_{name}" for name in (*_KINEMATICS, settings["top_tag"])]
    events = ["PuppiMET_pt", "PuppiMET_phi", *settings["paths"], *settings["filters"]]
    return Kept([*muons, *jets, *fat_jets, *events, *(["Pileup_nTrueInt"] if kind == "mc" else [])])


def select(columns: Columns, settings: Settings) -> Selection:
    """One candidate an event, loose enough for all variations."""
    steps = [
        ("trigger", _fired(columns, settings)),
        *((name, columns[name].astype(bool)) for name in settings["filters"]),
        ("met", columns["PuppiMET_pt"] > settings["margin"] * settings["met"]),
    ]
    return Selection(steps, {}, [])


def observe(columns: Columns, settings: Settings, models: Sequence[Settings] = ()) -> Observed:
    """Regions and observables, from objects as they are corrected.

    Args:
        models: one of `learning.classifier`, with `networks` for events of even and of odd number, each learnt from the
            others. Without it the signal regions have no cut on the score, and there are no control regions.
    """
    found = _objects(columns, settings)
    shapes = _shapes(found)
    scores = _scores(columns, found, shapes, models)
    muon, jet, fat_jet = found.muons.first(), _workshop_jet(found, settings), found.fat_jets.first()
    missing = P4.massless(found.px, found.py, np.zeros(len(found.px)))
    observables = {
        "workshop_mtt": muon.plus(fat_jet, jet, missing).mass,
        **{"fat_jet_pt": fat_jet.pt, "fat_jet_mass": fat_jet.mass, "muon_pt": muon.pt, "muon_eta": muon.eta},
        "met": found.met,
        **shapes,
        **({"nn": scores} if models else {}),
    }
    common = _fired(columns, settings) & found.one_muon & _missing(found, settings)
    workshop = common & (found.b_jets.counts >= _FEWEST) & (found.fat_jets.counts == 1) & ~np.isnan(jet.px)
    paper = common & _of_paper(found, shapes, settings)
    observables |= _tops(found, paper, settings)
    paper &= observables["chi2"] < settings["chi2"]
    regions = {WORKSHOP: workshop, **_of_score(paper, found.fat_jets.counts, scores, settings, bool(models))}
    leading = found.muons.event[found.one_muon[found.muons.event]]
    legs = {name: values[found.one_muon[found.muons.event]] for name, values in _pt_eta(found.muons).items()}
    return Observed(regions, observables, {"Muon": Objects(leading, legs)}, _shown(regions, observables))


def features(columns: Columns, settings: Settings) -> tuple[Array, Columns]:
    """Who passes the baseline that the classifier is for, shape (n,), and the observables that it may learn from."""
    found = _objects(columns, settings)
    return _classified(columns, found, settings), _shapes(found)


def _classified(columns: Columns, found: _Found, settings: Settings) -> Array:
    return _fired(columns, settings) & found.one_muon & (found.jets.counts >= _FEWEST) & _missing(found, settings)


def _shown(regions: Mapping[str, Array], observables: Columns) -> dict[str, list[str]]:
    """χ² is for the regions of the paper, the workshop's mass for its own, fat jets for regions that have one."""
    others = [name for name in observables if name not in (*_OF_CHI2, *_OF_FAT_JET, "workshop_mtt")]
    shown = {name: [*_OF_CHI2, *others] for name in regions}
    shown[WORKSHOP] = ["workshop_mtt", *_OF_FAT_JET, *others]
    shown[TAGGED] = [*shown[TAGGED], *_OF_FAT_JET]
    return shown


def _of_score(paper: Array, tagged: Array, scores: Array, settings: Settings, scored: bool) -> dict[str, Array]:
    """The regions of the paper; no event is in two of them."""
    signal = paper & (scores >= settings["nn_signal"]) if scored else paper
    regions = {TAGGED: signal & (tagged == 1), UNTAGGED: signal & (tagged == 0)}
    if scored:
        low, high = settings["nn_cr2"]
        regions |= {CR1: paper & (scores < settings["nn_cr1"]), CR2: paper & (scores > low) & (scores < high)}
    return regions


def _of_paper(found: _Found, shapes: Columns, settings: Settings) -> Array:
    """What signal and control regions have in common, but the χ²."""
    passed = (found.good.counts >= _FEWEST) & (found.b_jets.counts >= 1) & (found.fat_jets.counts < 2)
    if settings["jet_pts"] is not None:
        passed &= (found.good.padded(found.good.p4.pt, 2, 0.0) > np.array(settings["jet_pts"])).all(axis=1)
    if settings["isolation_2d"] is not None:
        distance, pt_rel = settings["isolation_2d"]
        passed &= (shapes["delta_r"] > distance) | (shapes["pt_rel"] > pt_rel)
    return passed


def _missing(found: _Found, settings: Settings) -> Array:
    pt = found.muons.padded(found.muons.p4.pt, 1, 0.0)[:, 0]
    return (found.met > settings["met"]) & (pt + found.met > settings["muon_met"])


def _workshop_jet(found: _Found, settings: Settings) -> P4:
    """The leading b jet, or the leading one away from the fat jet; NaN without any. Shape (n,)."""
    if settings["overlap"] is None:
        return found.b_jets.first()
    jets = found.b_jets.leading(max(1, int(found.b_jets.counts.max(initial=0))))
    away = event_shape.distance(found.fat_jets.first(), jets) > settings["overlap"]
    place = away.argmax(axis=1)[:, None]
    there = np.take_along_axis(away, place, 1)[:, 0]
    return P4(*(np.where(there, np.take_along_axis(values, place, 1)[:, 0], np.nan) for values in jets))


def _tops(found: _Found, asked: Array, settings: Settings) -> Columns:
    """Observables of the χ² reconstruction for the events that are asked for, NaN (χ²: infinite) for others."""
    events = len(found.px)
    result = {name: np.full(events, np.nan) for name in _OF_CHI2} | {"chi2": np.full(events, np.inf)}
    jets = found.good.leading(settings["reconstructed_jets"])
    muon, fat_jet = found.muons.first(), found.fat_jets.first()
    merged = found.fat_jets.counts > 0
    for where in (np.flatnonzero(asked & merged), np.flatnonzero(asked & ~merged)):
        own = muon.at(where), found.px[where], found.py[where]
        if len(where) and merged[where[0]]:
            best = ttbar.with_fat_jet(*own, fat_jet.at(where), jets.at(where))
        else:
            best = ttbar.with_jets(*own, jets.at(where))
        for name, values in zip(_OF_CHI2, (best.mass, *best[:3]), strict=True):
            result[name][where] = values
    return result


def _shapes(found: _Found) -> Columns:
    """Observables of the event's shape, of events with one muon; NaN for others, and where jets are missing."""
    jets = found.jets
    four = jets.leading(max(1, int(jets.counts.max(initial=0))))
    mass, btag = (jets.padded(v, 2) for v in (jets.p4.mass, jets.other["btag"]))
    muon = P4(*(np.where(found.one_muon, values, np.nan) for values in found.muons.first()))
    delta_r, near = event_shape.nearest(muon, four)
    return {
        "n_jet": jets.counts.astype(float),
        "leading_jet_mass": np.nan_to_num(mass[:, 0]),
        "subleading_jet_mass": np.nan_to_num(mass[:, 1]),
        "st": np.bincount(jets.event, jets.p4.pt, len(jets.counts)) + muon.pt,
        "leading_jet_btag": btag[:, 0],
        "subleading_jet_btag": btag[:, 1],
        "s_zz": event_shape.longitudinal_sphericity(four),
        "delta_r": delta_r,
        "pt_rel": event_shape.transverse_to(muon, near),
        "delta_r_times_pt": delta_r * near.pt,
    }


def _scores(columns: Columns, found: _Found, shapes: Columns, models: Sequence[Settings]) -> Array:
    """In [-1, 1], shape (n,)."""
    result = np.full(len(found.px), _FAILED)
    asked = found.one_muon & (found.jets.counts >= _FEWEST)
    for parity, model in enumerate(models[0]["networks"] if models else ()):
        mine = np.flatnonzero(asked & (columns["event"] % 2 == parity))
        inputs = np.stack([shapes[name][mine] / divisor for name, divisor in model["features"].items()], axis=1)
        result[mine] = score(model, inputs)
    return result


def _objects(columns: Columns, settings: Settings) -> _Found:
    jets, fat_jets = _jet_masks(columns, settings)
    good = (columns["Jet_pt"] > settings["reconstructed_pt"]) & (
        np.abs(columns["Jet_eta"]) < settings["reconstructed_eta"]
    )
    btag = columns[f"Jet_{settings['btag']}"]
    every = np.ones(len(btag), bool)
    met, phi = (columns[f"PuppiMET_{name}"].astype(float) for name in ("pt", "phi"))
    return _Found(
        _particles(columns, "Muon", _good_muons(columns, settings)),
        _particles(columns, "Jet", every, btag=btag),
        _particles(columns, "Jet", jets & (btag > settings["min_btag"])),
        _particles(columns, "Jet", jets & good),
        _particles(columns, "FatJet", fat_jets),
        met,
        met * np.cos(phi),
        met * np.sin(phi),
    )


def _good_muons(columns: Columns, settings: Settings) -> Array:
    good = (columns["Muon_pt"] > settings["muon_pt"]) & (np.abs(columns["Muon_eta"]) < settings["muon_eta"])
    good &= columns[f"Muon_{settings['muon_id']}"] == 1
    return good & (columns["Muon_miniIsoId"] > settings["muon_isolation"])


def _jet_masks(columns: Columns, settings: Settings) -> tuple[Array, Array]:
    """Jets with identification, top-tagged fat jets."""
    tagged = columns[f"FatJet_{settings['top_tag']}"] > settings["min_top_tag"]
    return columns["Jet_jetId"] >= settings["jet_id"], tagged & (columns["FatJet_pt"] > settings["fat_jet_pt"])


def _particles(columns: Columns, collection: str, mask: Array, **other: Array) -> _Particles:
    counts = columns[f"n{collection}"]
    event = np.repeat(np.arange(len(counts)), counts)[mask]
    pt = columns[f"{collection}_pt"][mask]
    order = np.lexsort((-pt, event))
    p4 = PtEtaPhiM(*(columns[f"{collection}_{name}"][mask][order].astype(float) for name in _KINEMATICS))
    return _Particles(
        np.bincount(event, minlength=len(counts)),
        event[order],
        p4,
        {name: values[mask][order].astype(float) for name, values in other.items()},
    )


def _pt_eta(muons: _Particles) -> Columns:
    return {"pt": muons.p4.pt, "eta": muons.p4.eta}


def _fired(columns: Columns, settings: Settings) -> Array:
    return np.logical_or.reduce([columns[path].astype(bool) for path in settings["paths"]])
