"""From YAML to models, with one readable line for each thing that is wrong."""

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from skimflow.config.base import dataset_name
from skimflow.config.datasets import Dataset, Site
from skimflow.config.efficiency import EfficiencyConfig
from skimflow.config.emulation import EmulationConfig
from skimflow.config.measurement import Config
from skimflow.config.templates import DATA, AgcTtbarConfig, TemplatesConfig, ZmumuConfig
from skimflow.config.zprime import ZprimeConfig
from skimflow.errors import ConfigError

DATASETS = Path("config/datasets")
SITES = Path("config/sites")
MODELS: dict[str, type[Config]] = {
    "hww_emu": EfficiencyConfig,
    "zmumu": ZmumuConfig,
    "agc_ttbar": AgcTtbarConfig,
    "zprime": ZprimeConfig,
    "dimuon": EmulationConfig,
}
"""What a configuration may say, by its `analysis`."""
M = TypeVar("M", bound=BaseModel)


class Measurement(NamedTuple):
    """A configuration and the datasets that it names."""

    config: Config
    datasets: dict[str, Dataset]
    site: Site


# The parser in C, where PyYAML has it: the same documents, ten times faster.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SafeLoader):
    """YAML that refuses a key written twice (YAML itself keeps the last in silence)."""


_MERGE = "tag:yaml.org,2002:merge"


def _mapping(loader: _StrictLoader, node: yaml.MappingNode, deep: bool = False) -> dict:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:  # `<<`, of which only PyYAML's own constructor knows what to make
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, dict | list):
            raise ConfigError(f"{loader.name}: a key must be a word (line {key_node.start_mark.line + 1})")
        if key in seen:
            line = key_node.start_mark.line + 1
            raise ConfigError(f"{loader.name}: {key}: written twice (line {line})")
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


_StrictLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: _mapping(loader, node, deep=True)
)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, has a key twice, or is not a mapping.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8") as stream:
            loader = _StrictLoader(stream)
            loader.name = str(path)
            content = loader.get_single_data()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold `key: value` lines")
    return content


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def load(raw: Mapping[str, Any], files: Iterable[str | Path] = ()) -> Measurement:
    """Validate a configuration as Snakemake merged it.

    Args:
        raw: the merged mapping (configuration files, then `--config`). `extends: FILE` starts from another file,
            named relative to the first of `files`.
        files: the files it came from, to name the right one in messages.

    Raises:
        ConfigError: one line for each thing that is wrong.
    """
    paths = [_shown(path) for path in files]
    sources = [(str(path), read_yaml(path)) for path in paths]
    folder = paths[0].parent if paths else Path(".")
    content = dict(raw)
    while "extends" in content:
        extended = content.pop("extends")
        if not isinstance(extended, str):
            raise ConfigError(
                f"{sources[0][0] if sources else '--config'}: extends: must name a file, not {extended!r}"
            )
        base = _shown(folder / extended)
        if any(str(base) == name for name, _ in sources):
            raise ConfigError(f"{base}: extends: goes round in a circle")
        sources.insert(0, (str(base), read_yaml(base)))
        content = merge(sources[0][1], content)
        folder = base.parent
    config = validate(_model(content, sources), content, sources)
    datasets = _datasets(config, sources)
    if isinstance(config, TemplatesConfig):
        _processes(config, datasets, sources)
    if isinstance(config, EfficiencyConfig):
        _counted_somewhere(config, datasets, sources)
        _scale_factors(config, datasets, sources)
        _cross_trigger(config, datasets, sources)
    return Measurement(config, datasets, _site(config, sources))


def _model(content: Mapping[str, Any], sources: list[tuple[str, dict]]) -> type[Config]:
    """The model of a configuration. One without an analysis is told so by any of them."""
    analysis = content.get("analysis", next(iter(MODELS)))
    if analysis not in MODELS:
        where = _origin(("analysis",), sources) or "--config"
        known = f"must be one of {', '.join(MODELS)}"
        raise ConfigError(f"{where}: analysis: {known}, not {analysis!r}{_guess(str(analysis), MODELS)}")
    return MODELS[analysis]


def validate(model: type[M], content: Mapping[str, Any], sources: list[tuple[str, dict]]) -> M:
    """`content` as a `model`; errors name the file of `sources` that says it last, or `--config`."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        every = error.errors()
        problems = [p for p in every if not (_other_branch(p) or _follows(p, every))]
        lines = [_line(model, content, problem, sources) for problem in problems]
        raise ConfigError("\nerror: ".join(dict.fromkeys(lines))) from None


def _shown(path: str | Path) -> Path:
    """A path as people write it: relative to where they stand, where that is shorter."""
    path = Path(path)
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _site(config: Config, sources: list[tuple[str, dict]]) -> Site:
    if config.site is None:
        return Site()
    path = SITES / f"{config.site}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in SITES.glob("*.yaml"))
        where = _origin(("site",), sources) or "--config"
        raise ConfigError(f"{where}: site: there is no {path}{_guess(config.site, known)}")
    content = read_yaml(path)
    return validate(Site, content, [(str(path), content)])


def _datasets(config: Config, sources: list[tuple[str, dict]]) -> dict[str, Dataset]:
    """Those of all lists, each read once."""
    datasets: dict[str, Dataset] = {}
    for keys, entries in config.dataset_lists.items():
        where = f"{_origin(keys, sources) or '--config'}: {'.'.join(keys)}"
        names = [dataset_name(entry) for entry in entries]
        for name, entry in zip(names, entries, strict=True):
            if names.count(name) > 1:
                raise ConfigError(f"{where}: {name} is listed twice")
            if name not in datasets:
                datasets[name] = _dataset(entry, name, where, config, sources)
            _suits(name, datasets[name], where, keys)
    return datasets


def _dataset(entry: str, name: str, where: str, config: Config, sources: list[tuple[str, dict]]) -> Dataset:
    path = Path(entry) if entry.endswith((".yaml", ".yml")) else DATASETS / f"{entry}.yaml"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == "all":
        raise ConfigError(f"{path}: a dataset cannot have this name; letters, digits, _ . - (and not `all`)")
    if not path.is_file():
        known = sorted(p.stem for p in DATASETS.glob("*.yaml"))
        raise ConfigError(f"{where}: there is no {path}{_guess(entry, known)}")
    content = read_yaml(path)
    dataset = validate(Dataset, content, [(str(path), content)])
    file = where.split(": ")[0]
    if dataset.kind == "data" and config.certified_luminosity is None:
        raise ConfigError(f"{file}: certified_luminosity: missing, but dataset {name} is collision data")
    if dataset.kind == "data" and config.eras and dataset.era not in config.eras:
        guess = _guess(str(dataset.era), config.eras)
        raise ConfigError(f"{path}: era: {dataset.era} has no run window in eras of {file}{guess}")
    return dataset


def _suits(name: str, dataset: Dataset, where: str, keys: tuple[str, ...]) -> None:
    """A reference has a list for collision data, and one for simulation."""
    wanted = {"datasets": "data", "simulation": "mc"}[keys[-1]]
    if len(keys) > 1 and dataset.kind != wanted:
        other = {"data": "collision data (list it under datasets)", "mc": "simulation (list it under simulation)"}
        raise ConfigError(f"{where}: {name} is {other[dataset.kind]}")


def _counted_somewhere(config: EfficiencyConfig, datasets: dict[str, Dataset], sources: list[tuple[str, dict]]) -> None:
    """Each dataset is counted, by references that select its events alike: it is skimmed once."""
    where = _origin(("references",), sources) or _origin(("datasets",), sources) or "--config"
    for name, dataset in datasets.items():
        used = config.references_of(name, dataset.kind)
        if not used:
            raise ConfigError(f"{where}: references: none counts dataset {name} (add `none: {{method: none}}`)")
        if len(used) > 1 and any(reference.analysis for reference in used.values()):
            raise ConfigError(
                f"{where}: references: {' and '.join(used)} select the events of dataset {name} differently "
                "(give one of them a dataset of its own, of another name)"
            )


def _processes(config: TemplatesConfig, datasets: Mapping[str, Dataset], sources: list[tuple[str, dict]]) -> None:
    """Each dataset belongs to a process, data to none with simulation; simulation has a cross-section."""
    where = _origin(("processes",), sources) or "--config"
    places = {
        sample: (name, process)
        for name, process in config.processes.items()
        for sample in itertools.chain(process.samples, *process.variations.values())
    }
    for name, dataset in datasets.items():
        if dataset.sample not in places:
            raise ConfigError(f"{where}: processes: none has the sample {dataset.sample} of dataset {name}")
        if (places[dataset.sample][0] == DATA) != (dataset.kind == "data"):
            raise ConfigError(f"{where}: processes: {DATA} is for collision data, the others for simulation: {name}")
        if dataset.kind == "mc" and dataset.cross_section is None:
            raise ConfigError(f"dataset {name}: cross_section: missing (pb), so it cannot be scaled to the luminosity")
    for sample in places.keys() - {dataset.sample for dataset in datasets.values()}:
        raise ConfigError(f"{where}: processes: no dataset has the sample {sample}")


def _scale_factors(config: EfficiencyConfig, datasets: Mapping[str, Dataset], sources: list[tuple[str, dict]]) -> None:
    for name, factor in config.scale_factors.items():
        for key, kind in (("data", "data"), ("simulation", "mc")):
            known = sorted({dataset.sample for dataset in datasets.values() if dataset.kind == kind})
            sample = getattr(factor, key)
            if sample not in known:
                where = _origin(("scale_factors", name), sources) or "--config"
                found = f"no dataset has the sample {sample} (known: {', '.join(known)})"
                raise ConfigError(f"{where}: scale_factors.{name}.{key}: {found}{_guess(sample, known)}")


def _cross_trigger(config: EfficiencyConfig, datasets: Mapping[str, Dataset], sources: list[tuple[str, dict]]) -> None:
    """Legs are those of one sample."""
    for flavour in ("muon", "electron") if config.cross_trigger else ():
        legs = getattr(config.cross_trigger, flavour)
        names = [n for n, d in datasets.items() if config.selection_of(n, d.kind) == legs.reference]
        for key, kind in (("sample", "data"), ("simulation", "mc")):
            known = sorted({datasets[name].sample for name in names if datasets[name].kind == kind})
            chosen = getattr(legs, key)
            if (chosen is None and len(known) > 1) or (chosen is not None and chosen not in known):
                where = _origin(("cross_trigger",), sources) or "--config"
                what = "several samples; name one" if chosen is None else f"no sample {chosen}"
                found = f"reference {legs.reference} has {what} (known: {', '.join(known)})"
                raise ConfigError(f"{where}: cross_trigger.{flavour}.{key}: {found}")


def _line(model: type[BaseModel], content: Any, problem: Mapping, sources: list[tuple[str, dict]]) -> str:
    keys = _keys(problem["loc"], content, missing=problem["type"] == "missing")
    key = ".".join(map(str, keys))
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown key{_guess(str(keys[-1]), _fields(model, keys[:-1]))}"
    elif problem["type"] == "missing":
        message = "missing" if isinstance(problem["loc"][-1], str) else "needs more values"
    elif problem["type"].startswith("union_tag"):
        message = _which(problem)
    elif problem["type"] == "string_pattern_mismatch":
        message = f"{problem['input']!r} does not match {problem['ctx']['pattern']}"
    elif keys:
        message = f"{message[0].lower()}{message[1:]}, not {problem['input']!r}" if _short(problem) else message
    absent = keys[:-1] if problem["type"] == "missing" else keys
    where = _origin(absent, sources, content) or "--config"
    return ": ".join(part for part in (where, key, message) if part)


def _which(problem: Mapping) -> str:
    """What is wrong with the key that says which of several models is meant."""
    context = problem["ctx"]
    if problem["type"] == "union_tag_not_found":
        return f"{context['discriminator']} is missing"
    known, word = context["expected_tags"], context["tag"]
    guess = _guess(word, known.strip("'").split("', '"))
    return f"{context['discriminator']} must be one of {known}, not {word!r}{guess}"


def _other_branch(problem: Mapping) -> bool:
    """Whether this is the complaint of the `"word"` half of a union about a mapping meant for the other half."""
    return problem["type"] == "literal_error" and isinstance(problem["input"], Mapping)


def _follows(problem: Mapping, every: list) -> bool:
    """Whether a list is only too short because its items were refused, which is said already."""
    here = problem["loc"]
    return problem["type"] == "too_short" and any(other["loc"][: len(here)] == here != other["loc"] for other in every)


def _short(problem: Mapping) -> bool:
    return problem["type"] != "value_error" and len(repr(problem["input"])) < 60


def _keys(loc: tuple, content: Any, missing: bool) -> tuple:
    """The part of a pydantic location that the user wrote (branches of unions are left out), and the missing key."""
    keys = []
    for step in loc:
        below = content.get(step, _ABSENT) if isinstance(content, Mapping) else _item(content, step)
        if below is not _ABSENT:
            keys.append(step)
            content = below
    if missing and isinstance(loc[-1], str):
        keys.append(loc[-1])
    return tuple(keys)


def _origin(keys: tuple, sources: list[tuple[str, dict]], merged: Any = None) -> str | None:
    """The last file that holds these keys, if one does; with the value of `merged`, unless that is a mapping."""
    said = _at(merged, keys)
    for name, content in reversed(sources):
        value = _at(content, keys)
        if value is not _ABSENT and (merged is None or isinstance(said, Mapping) or repr(value) == repr(said)):
            return name
    return None


def _at(node: Any, keys: tuple) -> Any:
    for key in keys:
        node = node.get(key, _ABSENT) if isinstance(node, Mapping) else _item(node, key)
    return node


_ABSENT = object()


def _item(node: Any, key: Any) -> Any:
    inside = isinstance(node, list | tuple) and isinstance(key, int) and key < len(node)
    return node[key] if inside else _ABSENT


def _guess(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _fields(model: type[BaseModel], keys: Iterable) -> list[str]:
    """Names of the fields of the model found by following `keys` down from `model`."""
    here: list[Any] = [model]
    for key in keys:
        nested = []
        for annotation in here:
            if isinstance(annotation, type) and issubclass(annotation, BaseModel) and key in annotation.model_fields:
                nested.append(annotation.model_fields[key].annotation)
            else:
                nested.extend(get_args(annotation))
        here = [leaf for annotation in nested for leaf in (annotation, *get_args(annotation))]
    models = [a for a in here if isinstance(a, type) and issubclass(a, BaseModel)]
    return [name for found in models for name in found.model_fields]
