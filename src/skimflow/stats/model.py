"""What is fitted: regions, samples, normalisation factors and systematic uncertainties, read from plain settings.

```yaml
measurement: CMS_ttbar
poi: ttbar_norm                     # parameter of interest: one of norm_factors
data: pseudodata                    # the process that is the data; absent: Asimov data, the expectation itself
stat_errors: true                   # one parameter for each bin for the finite simulation (Barlow-Beeston light)
regions:
  4j2b SR:                          # name in results and figures
    templates: 4j2b                 # first part of the templates' names, {templates}_{process}[_{variation}]
    edges: [110, 150, 190]          # absent: the bins that are filled; flow bins are not fitted
samples:
  W+jets: {process: wjets}
norm_factors:                       # free parameters that multiply samples
  ttbar_norm: {samples: [ttbar], nominal: 1, bounds: [0, 10]}
systematics:                        # parameters with a Gaussian constraint, 0 ± 1
  Luminosity: {type: normalization, up: 0.03}
  b-tag NP 1: {type: norm_plus_shape, up: btag_var_0_up, down: btag_var_0_down}
  JES: {type: norm_plus_shape, up: pt_scale_up}
```

A factor or systematic acts on all samples and in all regions unless `samples` or `regions` name some. So a factor that
control regions determine is one that acts there and in the signal region. `constant: true` holds a factor at `nominal`.
`normalization` takes relative changes (`down` is -`up` by default), `norm_plus_shape` names of variations (without
`down` the up variation is mirrored). `parameter` gives several systematics one common parameter.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, TypeVar

from skimflow.errors import ConfigError

Chosen = tuple[str, ...] | None
"""Names of samples or regions; None is all of them."""


@dataclass(frozen=True)
class Region:
    templates: str
    edges: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Sample:
    process: str


@dataclass(frozen=True)
class NormFactor:
    samples: Chosen = None
    regions: Chosen = None
    nominal: float = 1.0
    bounds: tuple[float, float] = (0.0, 10.0)
    constant: bool = False


@dataclass(frozen=True)
class Systematic:
    type: Literal["normalization", "norm_plus_shape"]
    up: float | str
    down: float | str | None = None
    samples: Chosen = None
    regions: Chosen = None
    parameter: str | None = None


@dataclass(frozen=True)
class Model:
    """Names map to their declarations, in the order in which they were declared."""

    measurement: str
    regions: Mapping[str, Region]
    samples: Mapping[str, Sample]
    norm_factors: Mapping[str, NormFactor]
    systematics: Mapping[str, Systematic]
    poi: str | None = None
    data: str | None = None
    stat_errors: bool = True


Declared = TypeVar("Declared", Region, Sample, NormFactor, Systematic, Model)
_PARTS = {"regions": Region, "samples": Sample, "norm_factors": NormFactor, "systematics": Systematic}


def acts(declared: NormFactor | Systematic, region: str, sample: str) -> bool:
    """Whether a factor or systematic acts on this sample in this region."""
    chosen = (declared.regions, region), (declared.samples, sample)
    return all(names is None or name in names for names, name in chosen)


def from_settings(settings: Mapping[str, Any]) -> Model:
    """The model of settings like those above.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong kind, or a name stands for nothing.
    """
    parts = {}
    for part, kind in _PARTS.items():
        content = settings.get(part) or {}
        if not isinstance(content, Mapping):
            raise ConfigError(f"model: {part} must give a declaration for each name")
        parts[part] = {name: _declared(kind, one, f"model: {part}: {name}") for name, one in content.items()}
    model = _declared(Model, {**settings, **parts}, "model")
    _check(model)
    return model


def _declared(kind: type[Declared], content: Any, where: str) -> Declared:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: expected keys and values, not {content!r}")
    known = {field.name: field for field in fields(kind)}
    unknown = content.keys() - known.keys()
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(sorted(map(str, unknown)))}; known are {', '.join(known)}")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in content]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} is missing")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in content.items()})


def _check(model: Model) -> None:
    for part in ("regions", "samples"):
        if not getattr(model, part):
            raise ConfigError(f"model: there must be some {part}")
    if model.poi is not None and model.poi not in model.norm_factors:
        raise ConfigError(f"model: poi {model.poi} is no norm factor; there are {_listed(model.norm_factors)}")
    both = model.norm_factors.keys() & {one.parameter or name for name, one in model.systematics.items()}
    if both:
        raise ConfigError(f"model: {_listed(both)} is both a norm factor and a systematic")
    for part, check in (("norm_factors", _check_factor), ("systematics", _check_systematic)):
        for name, one in getattr(model, part).items():
            _check_names(one, model, f"model: {part}: {name}")
            check(one, f"model: {part}: {name}")


def _check_names(one: NormFactor | Systematic, model: Model, where: str) -> None:
    for part, chosen, known in (("samples", one.samples, model.samples), ("regions", one.regions, model.regions)):
        if isinstance(chosen, str):
            raise ConfigError(f"{where}: {part} must be a list")
        unknown = set(chosen or ()) - known.keys()
        if unknown:
            raise ConfigError(f"{where}: {part}: {_listed(unknown)} is not declared; there are {_listed(known)}")


def _check_factor(factor: NormFactor, where: str) -> None:
    low, high = factor.bounds
    if not low <= factor.nominal <= high or low >= high:
        raise ConfigError(f"{where}: nominal {factor.nominal:g} must be between the bounds {low:g} and {high:g}")


def _check_systematic(systematic: Systematic, where: str) -> None:
    kinds = {"normalization": (int, float), "norm_plus_shape": str}
    if systematic.type not in kinds:
        raise ConfigError(f"{where}: type {systematic.type!r} is unknown; known are {_listed(kinds)}")
    given: Sequence[Any] = [side for side in (systematic.up, systematic.down) if side is not None]
    if not all(isinstance(side, kinds[systematic.type]) for side in given):
        what = "relative changes, such as 0.03" if systematic.type == "normalization" else "names of variations"
        raise ConfigError(f"{where}: up and down of {systematic.type} must be {what}, not {given}")
    if systematic.type == "normalization" and not all(-1 < side < 10 for side in given):
        raise ConfigError(f"{where}: relative changes must be above -1 (3 % is 0.03), not {given}")


def _listed(names: Collection[Any]) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
