"""Corrections as a configuration declares them, in order: those of objects, then weights of events.

Corrections of objects change what a selection sees; weights look at what it has selected. A systematic source of
objects is varied by applying all of them again, with this one moved. Functions take and return flat NanoAOD columns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from skimflow.analyses.base import Columns, Objects
from skimflow.errors import ConfigError
from skimflow.physics.corrections import factors, jets, met, seeds
from skimflow.physics.corrections import rochester as muons
from skimflow.physics.corrections.factors import Factor
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.corrections.weights import DOWN, UP, Weights

Settings = Mapping[str, Any]
_SHIFT = {UP: 1.0, DOWN: -1.0, "": 0.0}


class Varied(NamedTuple):
    """A systematic source moved `up` or `down`; empty for the nominal corrections."""

    source: str = ""
    direction: str = ""

    @property
    def name(self) -> str:
        return f"{self.source}_{self.direction}"


NOTHING = Varied()


class Chain:
    """The corrections of one dataset.

    Args:
        corrections: of `targets.templates`, in order.
        kind: `data` or `mc`.
    """

    def __init__(self, corrections: Sequence[Settings], kind: str):
        self._kind = kind
        self._objects = [how for how in corrections if how["kind"] in _OBJECTS]
        self._weights = [how for how in corrections if how["kind"] in _WEIGHTS]

    @property
    def changes_objects(self) -> bool:
        """Whether the nominal objects are others than those of the file."""
        return any(how["kind"] not in _ONLY_VARIED for how in self._objects)

    def variations(self) -> list[Varied]:
        """Variations of objects, each with all the other corrections nominal."""
        return [
            Varied(source, direction)
            for how in self._objects
            if how["systematic"]
            for source, directions in _sources(how)
            for direction in directions
        ]

    def corrected(self, columns: Columns, varied: Varied = NOTHING) -> Columns:
        """Columns with the corrections of objects applied in order, one of them moved if asked."""
        for how in self._objects:
            columns = {**columns, **_OBJECTS[how["kind"]](columns, how, self._kind, varied)}
        return columns

    def weights(self, columns: Columns, objects: Mapping[str, Objects]) -> Weights:
        """Weights of events by the name of the correction, each its own source; none in collision data."""
        weights = Weights(len(columns["run"]))
        for how in self._weights:
            factor = _WEIGHTS[how["kind"]](columns, objects, how)
            if factor is not None:
                # A correction file knows its variations by one name; the configuration has another.
                source = how["varies_with"] or how["name"]
                named = dict.fromkeys([source], *factor.variations.values()) if how["systematic"] else {}
                weights.add_factor(how["name"], factor._replace(variations=named))
        return weights


def _sources(how: Settings) -> list[tuple[str, tuple[str, ...]]]:
    """Sources of a correction of objects, and the directions of each."""
    if how["kind"] == "rochester":
        return [(how["name"], (UP, DOWN))]
    if how["kind"] == "jets":
        scale = [(f"{how['name']}_{source}", (UP, DOWN)) for source in how["sources"]]
        return [*scale, *([(f"{how['name']}_resolution", (UP, DOWN))] if how["resolution"] else [])]
    return [(how["name"], (UP,))] if how["kind"] in ("scale", "smear") else []


def _rochester(columns: Columns, how: Settings, kind: str, varied: Varied) -> Columns:
    # Momenta are stored in single precision; that of NanoAOD is no better.
    pt = columns["Muon_pt"].astype(float)
    shift = _SHIFT[varied.direction] if varied.source == how["name"] else 0.0
    table = muons.Rochester(muons.read(how["file"]["path"], how["file"]["sha256"]))
    stored = muons.Muons(pt, columns["Muon_eta"], columns["Muon_phi"], columns["Muon_charge"])
    if kind == "data":
        found = table.data(stored, errors=shift != 0)
    else:
        counts = columns["nMuon"]
        identity = seeds.Identity.of(columns).at(np.repeat(np.arange(len(counts)), counts))
        uniform = seeds.uniform("rochester", identity, seeds.index_in_event(counts))
        gen_pt = columns.get("Muon_genPt", np.zeros(len(pt)))
        found = table.simulation(stored, gen_pt, columns["Muon_nTrackerLayers"], uniform, errors=shift != 0)
    return _moved(columns, "Muon", found.pt(pt, shift), how["met"])


def _jets(columns: Columns, how: Settings, kind: str, varied: Varied) -> Columns:
    tag = how["scale_data"] if kind == "data" else how["scale"]
    if tag is None:
        raise ConfigError(f"corrections: {how['name']}: scale_data is missing, but a dataset is collision data")
    resolution = how["resolution"] if kind == "mc" else None
    energy = jets.JetEnergy(_file(how), tag, resolution, how["algorithm"])
    stored = jets.jets(columns, columns["fixedGridRhoFastjetAll"])
    measured = jets.raw(stored, columns["Jet_rawFactor"])
    corrected = measured.scaled(energy.scale(measured).values)
    mine = varied.source.removeprefix(f"{how['name']}_") if varied.source.startswith(f"{how['name']}_") else ""
    if mine in how["sources"]:
        corrected = corrected.scaled(energy.shift(corrected, mine, varied.direction))
    if resolution:
        direction = varied.direction if mine == "resolution" else jets.NOMINAL
        corrected = corrected.scaled(_smearing(columns, energy, corrected, direction))
    changed = _moved(columns, "Jet", corrected.pt, how["met"])
    return {**changed, "Jet_mass": corrected.mass.astype(np.float32)}


def _smearing(columns: Columns, energy: jets.JetEnergy, corrected: jets.Jets, direction: str) -> np.ndarray:
    events = len(columns["nJet"])
    counts = columns["nGenJet"]
    generated = jets.GeneratedJets(
        np.repeat(np.arange(events), counts), *(columns[f"GenJet_{name}"] for name in ("pt", "eta", "phi"))
    )
    identity = seeds.Identity.of(columns).at(corrected.event)
    normal = seeds.normal("jer", identity, seeds.index_in_event(columns["nJet"]))
    return energy.smear(corrected, generated, events, normal, direction).factor


def _met_xy(columns: Columns, how: Settings, kind: str, varied: Varied) -> Columns:
    name = how["met"]
    modulation = met.Modulation(_file(how), how["era"], kind == "data", f"{'puppi' if 'Puppi' in name else 'pf'}met")
    before = met.MissingMomentum(columns[f"{name}_pt"], columns[f"{name}_phi"])
    after = modulation.correct(before, columns["PV_npvsGood"], seeds.Identity.of(columns)).met
    return {f"{name}_pt": after.pt, f"{name}_phi": after.phi}


def _scale(columns: Columns, how: Settings, kind: str, varied: Varied) -> Columns:
    name = f"{how['collection']}_pt"
    return {name: columns[name] * how["factor"]} if varied.source == how["name"] else {}


def _smear(columns: Columns, how: Settings, kind: str, varied: Varied) -> Columns:
    if varied.source != how["name"]:
        return {}
    name, counts = f"{how['collection']}_pt", columns[f"n{how['collection']}"]
    identity = seeds.Identity.of(columns).at(np.repeat(np.arange(len(counts)), counts))
    normal = seeds.normal(how["name"], identity, seeds.index_in_event(counts))
    return {name: columns[name] * (1 + how["width"] * normal)}


def _moved(columns: Columns, collection: str, pt: np.ndarray, missing: str | None) -> Columns:
    """The new momenta of a collection, and the missing momentum that follows."""
    changed: Columns = {f"{collection}_pt": pt}
    if missing:
        counts = columns[f"n{collection}"]
        event = np.repeat(np.arange(len(counts)), counts)
        gain = met.Change(event, columns[f"{collection}_pt"], pt, columns[f"{collection}_phi"])
        before = met.MissingMomentum(columns[f"{missing}_pt"], columns[f"{missing}_phi"])
        after = met.propagate(before, [gain])
        changed |= {f"{missing}_pt": after.pt, f"{missing}_phi": after.phi}
    return changed


def _pileup(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    return factors.pileup(_file(how).correction(how["key"], "clamp"), columns["Pileup_nTrueInt"])


def _lepton(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    chosen = _legs(objects, how)
    return factors.product(_factors(chosen, how), chosen.event, len(columns["run"]))


def _trigger(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    """That of the leading lepton of each event."""
    chosen = _legs(objects, how)
    order = np.lexsort((-chosen.columns["pt"], chosen.event))
    first = np.sort(order[np.diff(chosen.event[order], prepend=-1) > 0])
    leading = Objects(chosen.event[first], {name: values[first] for name, values in chosen.columns.items()})
    return factors.product(_factors(leading, how), leading.event, len(columns["run"]))


def _legs(objects: Mapping[str, Objects], how: Settings) -> Objects:
    if how["collection"] not in objects:
        raise ConfigError(
            f"corrections: {how['name']}: the selection has no {how['collection']} (it has {', '.join(objects)})"
        )
    return objects[how["collection"]]


def _factors(chosen: Objects, how: Settings) -> Factor:
    correction = _file(how).correction(how["key"], how["outside"], how["eta"])
    keys = factors.muon_keys if how["collection"] == "Muon" else factors.electron_keys
    return factors.from_file(correction, chosen.columns, keys(how["name"]))


def _prefiring(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor | None:
    return factors.prefiring(columns)


def _file(how: Settings) -> CorrectionFile:
    return CorrectionFile.read(how["file"]["path"], how["file"]["sha256"])


_OBJECTS: dict[str, Callable[[Columns, Settings, str, Varied], Columns]] = {
    "rochester": _rochester,
    "jets": _jets,
    "met_xy": _met_xy,
    "scale": _scale,
    "smear": _smear,
}
_ONLY_VARIED = ("scale", "smear")
"""Corrections that leave nominal objects as they are."""
_WEIGHTS: dict[str, Callable[[Columns, Mapping[str, Objects], Settings], Factor | None]] = {
    "pileup": _pileup,
    "lepton": _lepton,
    "trigger": _trigger,
    "prefiring": _prefiring,
}
