"""From a declared model and templates to a HistFactory workspace, the JSON that pyhf defines.

Modifiers are those that cabinetry makes of the same model: a template variation is split into its effect on the yield
(`normsys`, an exponential interpolation that keeps yields positive) and on the shape at constant yield (`histosys`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skimflow.errors import ConfigError
from skimflow.histograms.checks import UNUSUAL, WRONG
from skimflow.histograms.collecting import name_of
from skimflow.histograms.filling import NOMINAL
from skimflow.histograms.template import Template
from skimflow.stats.model import Model, Region, acts

Array = np.ndarray


class Workspace(NamedTuple):
    """What is fitted.

    Args:
        document: the workspace for pyhf.
        edges: bins by region.
        notes: what was left out or looks unusual, for the report.
        asimov: there are no data; the observations are the expectation.
    """

    document: dict[str, Any]
    edges: dict[str, list[float]]
    notes: tuple[str, ...]
    asimov: bool


def build(model: Model, templates: Mapping[str, Template]) -> Workspace:
    """The workspace of a model.

    A sample without any yield in a region is left out there, with a note.

    Args:
        templates: by name, as `histograms.files.read` gives them.

    Raises:
        ConfigError: a template is missing or has no variances, a variation changes a yield by more than a factor of
            ten, or a bin with data has no prediction.
    """
    builder = _Builder(model, templates)
    channels = [builder.channel(name) for name in model.regions]
    observations = [builder.observation(channel) for channel in channels]
    present = _parameters(channels)
    if model.poi is not None and model.poi not in present:
        raise ConfigError(f"model: {model.poi} acts on no sample with a yield, so it cannot be measured")
    document = {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": model.measurement, "config": _configuration(model, present)}],
        "version": "1.0.0",
    }
    _check_bins(document, builder.notes)
    return Workspace(document, builder.edges, tuple(builder.notes), model.data is None)


def _parameters(channels: list[dict[str, Any]]) -> set[str]:
    """Names of the parameters that act on something.

    Raises:
        ConfigError: there are none, or two systematics of one parameter act on the same sample (pyhf would take one).
    """
    names: set[str] = set()
    for channel in channels:
        for sample in channel["samples"]:
            mine = [(one["name"], one["type"]) for one in sample["modifiers"]]
            twice = sorted({name for name, kind in mine if mine.count((name, kind)) > 1})
            if twice:
                raise ConfigError(
                    f"parameter {', '.join(twice)} acts twice on {sample['name']} in region {channel['name']}; name the"
                    " samples or regions of each systematic"
                )
            names |= {name for name, _ in mine}
    if not names:
        raise ConfigError("model: it has no parameters, so there is nothing to fit")
    return names


def _configuration(model: Model, present: set[str]) -> dict[str, Any]:
    parameters = []
    for name, factor in model.norm_factors.items():
        if name not in present:
            continue
        parameter = {"name": name, "inits": [factor.nominal], "bounds": [list(factor.bounds)]}
        parameters.append({**parameter, "fixed": True} if factor.constant else parameter)
    return {"poi": model.poi or "", "parameters": parameters}


class _Builder:
    def __init__(self, model: Model, templates: Mapping[str, Template]):
        self.model, self.templates = model, templates
        self.notes: list[str] = []
        self.edges: dict[str, list[float]] = {}

    def channel(self, region: str) -> dict[str, Any]:
        samples = [self.sample(region, name) for name in self.model.samples]
        present = [sample for sample in samples if sample is not None]
        if not present:
            raise ConfigError(f"region {region}: no sample has any yield")
        return {"name": region, "samples": present}

    def sample(self, region: str, name: str) -> dict[str, Any] | None:
        process = self.model.samples[name].process
        nominal = self.template(region, process)
        self.edges[region] = nominal.edges.tolist()
        if not nominal.inside.sum() > 0:
            self.notes.append(f"{name} is left out of region {region}: its yield is {nominal.inside.sum():g}")
            return None
        if (nominal.inside < 0).any():
            self.notes.append(f"{name} has a bin below zero in region {region}: {nominal.inside.min():g}")
        modifiers = self.stat_errors(region, name, nominal) if self.model.stat_errors else []
        for factor, declared in self.model.norm_factors.items():
            if acts(declared, region, name):
                modifiers.append({"name": factor, "type": "normfactor", "data": None})
        for source, systematic in self.model.systematics.items():
            if acts(systematic, region, name):
                modifiers += self.systematic(region, name, source, nominal)
        return {"name": name, "data": nominal.inside.tolist(), "modifiers": modifiers}

    def stat_errors(self, region: str, sample: str, nominal: Template) -> list[dict[str, Any]]:
        if nominal.variances is None:
            raise ConfigError(
                f"the template of {sample} in region {region} has no variances; fill it with Σw², or fit with"
                " stat_errors: false, which takes the simulation as exact"
            )
        errors = np.sqrt(nominal.variances[1:-1])
        return [{"name": f"staterror_{region.replace(' ', '-')}", "type": "staterror", "data": errors.tolist()}]

    def systematic(self, region: str, sample: str, source: str, nominal: Template) -> list[dict[str, Any]]:
        declared = self.model.systematics[source]
        name = declared.parameter or source
        if declared.type == "normalization":
            down = -declared.up if declared.down is None else declared.down
            return [{"name": name, "type": "normsys", "data": {"hi": 1 + declared.up, "lo": 1 + down}}]
        process = self.model.samples[sample].process
        sides = [self.template(region, process, side).inside for side in (declared.up, declared.down) if side]
        effects, shapes = norm_and_shape(nominal.inside, *sides)
        mirrored = " (or its mirror image)" if declared.down is None else ""
        self.check_effects(f"{source}{mirrored} of {sample} in region {region}", effects)
        modifiers = [{"name": name, "type": "normsys", "data": dict(zip(("hi", "lo"), effects, strict=True))}]
        if len(nominal.inside) > 1:  # one bin has no shape
            content = {side: shape.tolist() for side, shape in zip(("hi_data", "lo_data"), shapes, strict=True)}
            modifiers.append({"name": name, "type": "histosys", "data": content})
        return modifiers

    def check_effects(self, what: str, effects: tuple[float, float]) -> None:
        for effect in effects:
            if not 1 / WRONG <= effect <= WRONG:
                raise ConfigError(
                    f"{what} multiplies the yield by {effect:.3g}, which is no uncertainty; is it weighted as the"
                    " nominal template is?"
                )
            if not 1 / UNUSUAL <= effect <= UNUSUAL:
                self.notes.append(f"{what} multiplies the yield by {effect:.3g}")

    def template(self, region: str, process: str, variation: str = NOMINAL) -> Template:
        declared: Region = self.model.regions[region]
        name = name_of(declared.templates, process, variation)
        if name not in self.templates:
            raise ConfigError(f"region {region}: there is no template {name}")
        template = self.templates[name]
        try:
            return template if declared.edges is None else template.rebinned(declared.edges)
        except ValueError as error:
            raise ConfigError(f"region {region}: template {name}: {error}") from error

    def observation(self, channel: dict[str, Any]) -> dict[str, Any]:
        region = channel["name"]
        if self.model.data is not None:
            return {"name": region, "data": self.template(region, self.model.data).inside.tolist()}
        total = sum(np.asarray(sample["data"]) * self.factor(sample) for sample in channel["samples"])
        return {"name": region, "data": total.tolist()}

    def factor(self, sample: dict[str, Any]) -> float:
        """What the norm factors multiply a sample with before any fit."""
        names = [one["name"] for one in sample["modifiers"] if one["type"] == "normfactor"]
        return float(np.prod([self.model.norm_factors[name].nominal for name in names]))


def norm_and_shape(
    nominal: Array, up: Array, down: Array | None = None
) -> tuple[tuple[float, float], tuple[Array, Array]]:
    """A variation as two effects on the yield, and two shapes with the nominal yield: up, down.

    Without `down` both are mirrored at the nominal: 2 - effect, 2 · nominal - shape. All arrays of shape (bins,).
    """
    total = nominal.sum()
    effect = float(up.sum() / total)
    # A variation that leaves nothing has no shape; its effect of zero is refused by who asks.
    shape = up / effect if effect else nominal
    if down is None:
        return (effect, 2 - effect), (shape, 2 * nominal - shape)
    opposite = float(down.sum() / total)
    return (effect, opposite), (shape, down / opposite if opposite else nominal)


def _check_bins(document: Mapping[str, Any], notes: list[str]) -> None:
    """Every bin with data needs a prediction, or no parameter can explain it."""
    for channel, observation in zip(document["channels"], document["observations"], strict=True):
        total = np.sum([sample["data"] for sample in channel["samples"]], axis=0)
        data = np.asarray(observation["data"])
        if len(data) != len(total):
            raise ConfigError(f"region {channel['name']}: {len(data)} bins of data, {len(total)} of the prediction")
        bad = np.flatnonzero((total < 0) | ((total == 0) & (data > 0)))
        if len(bad):
            bins = ", ".join(str(place + 1) for place in bad)
            raise ConfigError(
                f"region {channel['name']}: in bin {bins} the prediction is {total[bad].tolist()} and the data are"
                f" {data[bad].tolist()}; merge it with a neighbour (edges)"
            )
        if empty := int((total == 0).sum()):
            notes.append(f"{empty} bins of region {channel['name']} have neither data nor a prediction")
