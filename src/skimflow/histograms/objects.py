"""Corrections of objects, one function each: flat NanoAOD columns in, the columns that are new out.

Momenta are stored in single precision and corrected in double precision, as is all that is worked out from them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from skimflow.analyses.base import Columns
from skimflow.errors import ConfigError
from skimflow.physics.corrections import jets, met, muon_scale, seeds
from skimflow.physics.corrections import rochester as muons
from skimflow.physics.corrections.files import CorrectionFile
from skimflow.physics.corrections.weights import DOWN, UP
from skimflow.physics.jagged import event_of

Settings = Mapping[str, Any]
_SIGN = {UP: 1.0, DOWN: -1.0, "": 0.0}
_TYPE1_PT, _TYPE1_EM = 15.0, 0.9


class Varied(NamedTuple):
    """A systematic source moved `up` or `down`; empty for the nominal corrections."""

    source: str = ""
    direction: str = ""

    @property
    def name(self) -> str:
        return f"{self.source}_{self.direction}"

    def of(self, source: str) -> str:
        """The direction that this source is moved in, empty if it is another one that is."""
        return self.direction if source == self.source else ""


NOTHING = Varied()


class At(NamedTuple):
    """What a correction is applied to."""

    kind: str
    """`data` or `mc`."""
    varied: Varied
    stored: Columns
    """Columns before any correction."""


class Changed(NamedTuple):
    """What a correction made."""

    columns: Columns
    outside: np.ndarray | None = None
    """Events with an object outside the bins of the correction, shape (events,), bool."""


def rochester(columns: Columns, how: Settings, at: At) -> Changed:
    pt = columns["Muon_pt"].astype(float)
    shift = _SIGN[at.varied.of(how["name"])]
    table = muons.Rochester(muons.read(how["file"]["path"], how["file"]["sha256"]))
    stored = muons.Muons(pt, columns["Muon_eta"], columns["Muon_phi"], columns["Muon_charge"])
    if at.kind == "data":
        found = table.data(stored, errors=shift != 0)
    else:
        uniform = seeds.uniform("rochester", *_muon_identity(columns))
        gen_pt = columns.get("Muon_genPt", np.zeros(len(pt)))
        found = table.simulation(stored, gen_pt, columns["Muon_nTrackerLayers"], uniform, errors=shift != 0)
    return Changed(moved(columns, "Muon", found.pt(pt, shift), how["met"]), _events(columns, "Muon", found.outside))


def run3_muons(columns: Columns, how: Settings, at: At) -> Changed:
    """The scale, then in simulation the resolution; the error of the scale is that of the momentum it ends with."""
    table = muon_scale.ScaleAndResolution(file_of(how))
    pt = columns["Muon_pt"].astype(float)
    stored = muons.Muons(pt, columns["Muon_eta"], columns["Muon_phi"], columns["Muon_charge"])
    found = table.scaled(stored, at.kind == "data")
    outside = found.outside
    if at.kind == "mc":
        uniform = seeds.uniform("muon_scale", *_muon_identity(columns))
        shift = at.varied.of(f"{how['name']}_resolution") or None
        found = table.smeared(stored._replace(pt=found.pt), columns["Muon_nTrackerLayers"], uniform, shift)
        outside = outside | found.outside
    new = found.pt
    if sign := _SIGN[at.varied.of(f"{how['name']}_scale")]:
        new = new + sign * table.scale_error(stored._replace(pt=new))
    return Changed(moved(columns, "Muon", new, how["met"]), _events(columns, "Muon", outside))


def _muon_identity(columns: Columns) -> tuple[seeds.Identity, np.ndarray]:
    counts = columns["nMuon"]
    return seeds.Identity.of(columns).at(event_of(counts)), seeds.index_in_event(counts)


def jet_energy(columns: Columns, how: Settings, at: At) -> Changed:
    tag = how["scale_data"] if at.kind == "data" else how["scale"]
    if tag is None:
        raise ConfigError(f"corrections: {how['name']}: scale_data is missing, but a dataset is collision data")
    resolution = how["resolution"] if at.kind == "mc" else None
    energy = jets.JetEnergy(file_of(how), tag, resolution, how["algorithm"])
    stored = jets.jets(columns, columns["fixedGridRhoFastjetAll"])
    measured = jets.raw(stored, columns["Jet_rawFactor"])
    scale = energy.scale(measured)
    corrected, outside = measured.scaled(scale.values), scale.outside
    for source in how["sources"]:
        if direction := at.varied.of(f"{how['name']}_{source}"):
            corrected = corrected.scaled(energy.shift(corrected, source, direction))
    if resolution:
        direction = at.varied.of(f"{how['name']}_resolution") or jets.NOMINAL
        smeared = _smearing(columns, energy, corrected, direction)
        corrected, outside = corrected.scaled(smeared.factor), outside | smeared.outside
    changed = moved(columns, "Jet", corrected.pt, how["met"], _in_type1(columns, corrected.pt))
    return Changed({**changed, "Jet_mass": corrected.mass}, _events(columns, "Jet", outside))


def _smearing(columns: Columns, energy: jets.JetEnergy, corrected: jets.Jets, direction: str) -> jets.Smeared:
    generated = jets.GeneratedJets(
        event_of(columns["nGenJet"]), *(columns[f"GenJet_{name}"] for name in ("pt", "eta", "phi"))
    )
    identity = seeds.Identity.of(columns).at(corrected.event)
    normal = seeds.normal("jer", identity, seeds.index_in_event(columns["nJet"]))
    return energy.smear(corrected, generated, len(columns["nJet"]), normal, direction)


def _in_type1(columns: Columns, pt: np.ndarray) -> np.ndarray:
    """Jets that missing momentum is corrected for (type 1): above 15 GeV and, where the file says it, with less than
    90 % of their energy electromagnetic."""
    kept = pt > _TYPE1_PT
    if all(f"Jet_{name}" in columns for name in ("chEmEF", "neEmEF")):
        kept &= columns["Jet_chEmEF"] + columns["Jet_neEmEF"] < _TYPE1_EM
    return kept


def met_xy(columns: Columns, how: Settings, at: At) -> Changed:
    name = how["met"]
    modulation = met.Modulation(
        file_of(how), how["era"], at.kind == "data", f"{'puppi' if 'Puppi' in name else 'pf'}met"
    )
    before = met.MissingMomentum(columns[f"{name}_pt"], columns[f"{name}_phi"])
    found = modulation.correct(before, columns["PV_npvsGood"], seeds.Identity.of(columns))
    return Changed({f"{name}_pt": found.met.pt, f"{name}_phi": found.met.phi}, found.outside)


def unclustered(columns: Columns, how: Settings, at: At) -> Changed:
    """Missing momentum shifted by the energy outside jets and leptons; as it is where this source is not moved.

    NanoAOD tells the shift of `MET` itself, and of `PuppiMET` what it would be, shifted: less what it was before
    corrections is the shift.
    """
    direction, name = at.varied.of(how["name"]), how["met"]
    if not direction:
        return Changed({})
    if name == "MET":
        x, y = (_SIGN[direction] * columns[f"MET_MetUnclustEnUpDelta{axis}"].astype(float) for axis in "XY")
    else:
        ending = f"Unclustered{direction.capitalize()}"
        there = columns[f"{name}_pt{ending}"].astype(float), columns[f"{name}_phi{ending}"].astype(float)
        here = at.stored[f"{name}_pt"].astype(float), at.stored[f"{name}_phi"].astype(float)
        x, y = (there[0] * turn(there[1]) - here[0] * turn(here[1]) for turn in (np.cos, np.sin))
    after = met.unclustered(met.MissingMomentum(columns[f"{name}_pt"], columns[f"{name}_phi"]), x, y, 1.0)
    return Changed({f"{name}_pt": after.pt, f"{name}_phi": after.phi})


def scale(columns: Columns, how: Settings, at: At) -> Changed:
    return Changed(_times(columns, how, how["factor"]) if at.varied.of(how["name"]) else {})


def smear(columns: Columns, how: Settings, at: At) -> Changed:
    if not at.varied.of(how["name"]):
        return Changed({})
    counts = columns[f"n{how['collection']}"]
    identity = seeds.Identity.of(columns).at(event_of(counts))
    normal = seeds.normal(how["name"], identity, seeds.index_in_event(counts))
    return Changed(_times(columns, how, 1 + how["width"] * normal))


def _times(columns: Columns, how: Settings, factor: np.ndarray | float) -> Columns:
    """Momenta of a collection, and masses if asked, times a factor."""
    names = [f"{how['collection']}_{name}" for name in (("pt", "mass") if how["mass"] else ("pt",))]
    return {name: columns[name].astype(float) * factor for name in names}


def moved(
    columns: Columns, collection: str, pt: np.ndarray, missing: str | None, which: np.ndarray | None = None
) -> Columns:
    """The new momenta of a collection, and the missing momentum that follows: all of them, or those of a mask."""
    changed: Columns = {f"{collection}_pt": pt}
    if missing:
        chosen = slice(None) if which is None else which
        event = event_of(columns[f"n{collection}"])
        of_all = event, columns[f"{collection}_pt"].astype(float), pt, columns[f"{collection}_phi"].astype(float)
        gain = met.Change(*(values[chosen] for values in of_all))
        before = met.MissingMomentum(columns[f"{missing}_pt"], columns[f"{missing}_phi"].astype(float))
        after = met.propagate(before, [gain])
        changed |= {f"{missing}_pt": after.pt, f"{missing}_phi": after.phi}
    return changed


def file_of(how: Settings, key: str = "file") -> CorrectionFile:
    return CorrectionFile.read(how[key]["path"], how[key]["sha256"])


def _events(columns: Columns, collection: str, objects: np.ndarray) -> np.ndarray:
    """Events with an object of a mask, shape (events,), bool."""
    counts = columns[f"n{collection}"]
    return np.bincount(event_of(counts)[objects], minlength=len(counts)) > 0


def sources(how: Settings) -> list[tuple[str, tuple[str, ...]]]:
    """Sources of a correction of objects, and the directions of each; none where it is not varied."""
    name, kind = how["name"], how["kind"]
    if not how["systematic"]:
        return []
    if kind in ("rochester", "unclustered"):
        return [(name, (UP, DOWN))]
    if kind == "muon_scale":
        return [(f"{name}_scale", (UP, DOWN)), (f"{name}_resolution", (UP, DOWN))]
    if kind == "jets":
        every = [*how["sources"], *(["resolution"] if how["resolution"] else [])]
        return [(f"{name}_{source}", (UP, DOWN)) for source in every]
    return [(name, (UP,))] if kind in ("scale", "smear") else []


OBJECTS: dict[str, Callable[[Columns, Settings, At], Changed]] = {
    "rochester": rochester,
    "muon_scale": run3_muons,
    "jets": jet_energy,
    "met_xy": met_xy,
    "unclustered": unclustered,
    "scale": scale,
    "smear": smear,
}
