"""Corrections as a configuration declares them, in order: those of objects, then weights of events.

Corrections of objects change what a selection sees; weights look at what it has selected. A systematic source of
objects is varied by applying all of them again, with this one moved. Functions take and return flat NanoAOD columns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skimflow.analyses.base import Columns, Objects
from skimflow.errors import ConfigError
from skimflow.histograms.objects import NOTHING, OBJECTS, At, Changed, Settings, Varied, file_of, sources
from skimflow.physics.corrections import btag, factors, seeds
from skimflow.physics.corrections.domain import check_key
from skimflow.physics.corrections.factors import Factor
from skimflow.physics.corrections.files import ABSOLUTE, CLAMP
from skimflow.physics.corrections.weights import DIRECTIONS, Pair, Weights

__all__ = ["NOTHING", "Chain", "Varied"]


class Chain:
    """The corrections of one dataset.

    Args:
        corrections: of `targets.templates`, in order.
        kind: `data` or `mc`.
    """

    def __init__(self, corrections: Sequence[Settings], kind: str):
        self._kind = kind
        self._objects = [how for how in corrections if how["kind"] in OBJECTS]
        self._weights = [how for how in corrections if how["kind"] in _WEIGHTS] if kind == "mc" else []

    @property
    def changes_objects(self) -> bool:
        """Whether nominal objects differ from those of the skim."""
        return any(how["kind"] not in _ONLY_VARIED for how in self._objects)

    @property
    def steps(self) -> list[str]:
        """Weights whose nominal value is something, each a step of the table of yields."""
        return [how["name"] for how in self._weights if how["kind"] not in _ONLY_VARIED]

    def variations(self) -> list[Varied]:
        """Variations of objects, each with all the other corrections nominal."""
        return [
            Varied(source, direction)
            for how in self._objects
            for source, directions in sources(how)
            for direction in directions
        ]

    def corrected(self, columns: Columns, varied: Varied = NOTHING) -> Columns:
        """Columns with the corrections of objects applied in order, one of them moved if asked."""
        return self.applied(columns, varied)[0]

    def applied(self, columns: Columns, varied: Varied = NOTHING) -> tuple[Columns, dict[str, np.ndarray]]:
        """The same, and for each correction the events with an object outside its bins, shape (events,), bool."""
        at, outside = At(self._kind, varied, columns), {}
        for how in self._objects:
            changed: Changed = OBJECTS[how["kind"]](_Asked(columns, how["name"]), how, at)
            columns = {**columns, **changed.columns}
            if changed.outside is not None:
                outside[how["name"]] = changed.outside
        return columns, outside

    def weights(self, columns: Columns, objects: Mapping[str, Objects]) -> Weights:
        """Weights of events by the name of the correction, each its own source; none in collision data.

        A weight that the file does not have is 1, so that all datasets of a process have the same weights.
        """
        weights = Weights(len(columns["run"]))
        for how in self._weights:
            factor = _WEIGHTS[how["kind"]](_Asked(columns, how["name"]), objects, how)
            if factor is None:
                weights.add(how["name"], 1.0)
            else:
                weights.add_factor(how["name"], factor if how["systematic"] else factor._replace(variations={}))
        return weights


class _Asked(dict[str, Any]):
    """Columns that a correction asks for; an absent one is an error with its name."""

    def __init__(self, columns: Columns, name: str):
        super().__init__(columns)
        self._name = name

    def __missing__(self, column: str) -> Any:
        raise ConfigError(
            f"corrections: {self._name}: needs the branch {column}, which the skim does not hold: the file lacks it, "
            "or the analysis does not keep it"
        )


def _source(how: Settings) -> str:
    """A correction file knows its variations by one name; the configuration has another."""
    return how["varies_with"] or how["name"]


def _as(how: Settings, factor: Factor) -> Factor:
    """With the one source of variations that it has under its name in the configuration."""
    return factor._replace(variations={_source(how): pair for pair in factor.variations.values()})


def _pileup(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    return _as(how, factors.pileup(file_of(how).correction(how["key"], CLAMP), columns["Pileup_nTrueInt"]))


def _lepton(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    chosen = _legs(objects, how)
    return factors.product(_factors(chosen, how), chosen.event, len(columns["run"]))


def _trigger(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    """From the efficiency in simulation, where it is known; else the factor of the leading lepton of each event."""
    chosen = _legs(objects, how)
    chosen = _at(chosen, chosen.columns["pt"] > how["min_pt"])
    events = len(columns["run"])
    if how["efficiency"] is None:
        order = np.lexsort((-chosen.columns["pt"], chosen.event))
        leading = _at(chosen, np.sort(order[np.diff(chosen.event[order], prepend=-1) > 0]))
        return factors.product(_factors(leading, how), leading.event, events)
    if isinstance(how["efficiency"], float):
        simulated = np.full(len(chosen.event), how["efficiency"])
    else:
        correction = file_of(how, "efficiency").correction(how["efficiency_key"], CLAMP, how["eta"])
        simulated = correction.evaluate(_inputs(chosen, how)).values
    data, simulation = factors.efficiencies(_factors(chosen, how), simulated)
    weight = factors.single_lepton_trigger(data, simulation, chosen.event, events)
    # Events that the selection left out have no lepton, which is no reason to count them as outside the bins.
    return weight._replace(outside=weight.outside & (np.bincount(chosen.event, minlength=events) > 0))


def _legs(objects: Mapping[str, Objects], how: Settings, collection: str | None = None) -> Objects:
    collection = collection or how["collection"]
    if collection not in objects:
        raise ConfigError(
            f"corrections: {how['name']}: the selection has no {collection} (it has {', '.join(objects) or 'none'})"
        )
    return objects[collection]


def _at(chosen: Objects, index: np.ndarray) -> Objects:
    return Objects(chosen.event[index], {name: values[index] for name, values in chosen.columns.items()})


def _factors(chosen: Objects, how: Settings) -> Factor:
    correction = file_of(how).correction(how["key"], how["outside"], how["eta"])
    keys = factors.muon_keys if how["collection"] == "Muon" else factors.electron_keys
    return factors.from_file(correction, _inputs(chosen, how), keys(_source(how)))


def _inputs(chosen: Objects, how: Settings) -> dict[str, Any]:
    """What files of scale factors ask for: those of electrons are in bins of the supercluster's η."""
    values = _Asked(chosen.columns, f"{how['name']}: {how['collection']}")
    eta = values["eta"]
    if how["collection"] == "Electron":
        eta = eta.astype(float) + values["deltaEtaSC"]
    return {**values, "eta": eta, "abseta": eta, **how["inputs"]}


def _variation(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    """1, and the variations that a file has for one object of each event."""
    correction = file_of(how).correction(how["key"], how["outside"])
    for name, value in how["inputs"].items():
        # A file may have a default for names that it does not know, and a slip would then vary nothing.
        check_key(name, value, correction.keys(name), correction.where)
    everyone = _legs(objects, how)
    place = seeds.index_in_event(np.bincount(everyone.event, minlength=len(columns["run"])))
    chosen = _at(everyone, place == how["index"])
    moved = [correction.evaluate({**chosen.columns, **how["inputs"], how["direction"]: way}) for way in DIRECTIONS]
    pairs = {_source(how): Pair(*(found.values for found in moved))}
    factor = Factor(np.ones(len(chosen.event)), pairs, moved[0].outside | moved[1].outside)
    return factors.product(factor, chosen.event, len(columns["run"]))


def _prefiring(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor | None:
    factor = factors.prefiring(columns)
    return _as(how, factor) if factor else None


def _btag(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    found, jets = _taggable(objects, how)
    heavy, light = (file_of(how).correction(how[key], how["outside"], ABSOLUTE) for key in ("heavy", "light"))
    efficiency = file_of(how, "efficiency").correction(how["efficiency_key"], CLAMP, ABSOLUTE)
    values = {"flavor": jets.flavour.astype(np.int64), "eta": jets.eta, "abseta": jets.eta, "pt": jets.pt}
    known = efficiency.evaluate(values).values
    named = {f"{how['name']}_{which}": btag.Source(which) for which in (btag.HEAVY_JETS, btag.LIGHT_JETS)}
    tagged, events = found["tagged"].astype(bool), len(columns["run"])
    return btag.working_point(heavy, light, how["working_point"], jets, tagged, known, events, named)


def _btag_shape(columns: Columns, objects: Mapping[str, Objects], how: Settings) -> Factor:
    found, jets = _taggable(objects, how)
    named = {f"{how['name']}_{source}": source for source in how["sources"]}
    if how["varies_with"]:
        named[how["varies_with"]] = "jes"
    correction = file_of(how).correction(how["key"], how["outside"], ABSOLUTE)
    return btag.shape(correction, jets, found["discriminant"], len(columns["run"]), named)


def _taggable(objects: Mapping[str, Objects], how: Settings) -> tuple[_Asked, btag.TaggableJets]:
    chosen = _legs(objects, how, "Jet")
    values = _Asked(chosen.columns, f"{how['name']}: Jet")
    return values, btag.TaggableJets(chosen.event, values["pt"], values["eta"], values["flavour"])


_WEIGHTS: dict[str, Callable[[Columns, Mapping[str, Objects], Settings], Factor | None]] = {
    "pileup": _pileup,
    "lepton": _lepton,
    "trigger": _trigger,
    "prefiring": _prefiring,
    "btag": _btag,
    "btag_shape": _btag_shape,
    "variation": _variation,
}
_ONLY_VARIED = ("scale", "smear", "unclustered", "variation")
"""Those that leave nominal objects and weights as they are."""
