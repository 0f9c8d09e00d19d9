"""From merged counts to templates of processes: normalised, with the samples that stand for a variation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from skimflow.arrow import values
from skimflow.counts import Axis
from skimflow.counts.views import select
from skimflow.errors import ConfigError, IncompleteError
from skimflow.histograms.filling import GENERATED, NOMINAL, TEMPLATE
from skimflow.histograms.template import Template

_SHOWN = 5


class Key(NamedTuple):
    """What a template is of."""

    region: str
    observable: str
    process: str
    variation: str = NOMINAL


class Sample(NamedTuple):
    """What a dataset stands for.

    Args:
        process: its name in the templates; several datasets of one process add up.
        cross_section: in pb, branching fractions and filter efficiency included; None for data.
        variation: a two-point variation. The *nominal* template of this dataset then takes the place of the process's
            in that variation; its other templates are not used.
        replaces: the datasets whose place it takes; all nominal ones of its process by default.
    """

    process: str
    cross_section: float | None = None
    variation: str = NOMINAL
    replaces: tuple[str, ...] = ()


Found = dict[tuple[str, str, str], dict[str, Template]]
"""Unnormalised templates by region, observable and variation, then by dataset."""


def collect(
    counts: pa.Table,
    axes: Mapping[str, Any],
    samples: Mapping[str, Sample],
    luminosity: float,
    by: Literal["weights", "events"] = "weights",
) -> dict[Key, Template]:
    """Templates of all processes, as yields.

    A process in a variation is the sum over its datasets of the template in that variation, or of the nominal one where
    a dataset has no such variation.

    Args:
        counts: merged counts (`counts.merge`) with rows of `filling.fill` and `filling.generated`.
        axes: for `counts.Axis`, by observable.
        samples: by dataset.
        luminosity: in pb⁻¹.
        by: simulation is divided by its sum of weights; by its number of events to reproduce those who did so (right
            only where all weights are +1).

    Raises:
        ConfigError: datasets and samples do not fit together, or a bin is not on its axis.
        IncompleteError: a dataset was not processed at all, a file was counted twice, or Σ genWeight is not positive.
    """
    found = _found(counts, axes)
    present = {dataset for group in found.values() for dataset in group}
    _same("has templates but is no sample", present - samples.keys(), ConfigError)
    _same("was not processed: it has no template", samples.keys() - present, IncompleteError)
    factors = {name: factor(counts, name, sample, luminosity, by) for name, sample in samples.items()}
    result: dict[Key, Template] = {}
    for (region, observable), variations in _variations(found, samples).items():
        for process, variation in variations:
            place = Key(region, observable, process, variation)
            parts = {dataset: _part(found, place, dataset) for dataset in _contributing(samples, process, variation)}
            result[place] = _sum(part.scaled(factors[dataset]) for dataset, part in parts.items())
    return dict(sorted(result.items()))


def mixture(
    templates: Mapping[Key, Template], process: str, parts: Sequence[tuple[str, str, float]]
) -> dict[Key, Template]:
    """Pseudodata: a process made of others, in each region and observable.

    Args:
        process: name of the result.
        parts: process, variation and factor of each part.

    Raises:
        IncompleteError: a part is missing in some region. (It is not left out: the pseudodata would be another.)
    """
    result = {}
    for region, observable in dict.fromkeys((key.region, key.observable) for key in templates):
        keys = [Key(region, observable, name, variation) for name, variation, _ in parts]
        missing = [" ".join(key) for key in keys if key not in templates]
        if missing:
            raise IncompleteError(f"{process} cannot be made: there is no template {', '.join(missing)}")
        scaled = [templates[key].scaled(factor) for key, (_, _, factor) in zip(keys, parts, strict=True)]
        result[Key(region, observable, process)] = _sum(scaled)
    return result


def name_of(region: str, process: str, variation: str = NOMINAL) -> str:
    """`{region}_{process}[_{variation}]`, the name of a template in a file."""
    return "_".join((region, process) if variation == NOMINAL else (region, process, variation))


def named(templates: Mapping[Key, Template]) -> dict[str, Template]:
    """Templates by the names they have in files.

    Where a region has several observables, `{region}_{observable}` stands in place of the region.

    Raises:
        ConfigError: two templates would have one name.
    """
    observables: dict[str, set[str]] = {}
    for key in templates:
        observables.setdefault(key.region, set()).add(key.observable)
    result: dict[str, Template] = {}
    for key, template in templates.items():
        region = key.region if len(observables[key.region]) == 1 else f"{key.region}_{key.observable}"
        name = name_of(region, key.process, key.variation)
        if name in result:
            raise ConfigError(f"two templates would be called {name}; rename a region, a process or a variation")
        result[name] = template
    return result


def _found(counts: pa.Table, axes: Mapping[str, Any]) -> Found:
    rows = select(counts, TEMPLATE)
    keys = zip(*(rows[key].to_pylist() for key in ("name", "variable", "reference", "dataset")), strict=True)
    content = (values(rows[name]) for name in ("x", "passed_sumw", "passed_sumw2", "passed_n"))
    found: Found = {}
    for (*group, dataset), x, *sums in zip(keys, *content, strict=True):
        template = found.setdefault(tuple(group), {}).get(dataset) or _empty(group[1], axes)
        if not 0 <= x < len(template.values):
            raise ConfigError(f"{dataset}: bin {x} of {group[1]} is not on its axis; was it changed after filling?")
        template.values[x] += sums[0]
        template.variances[x] += sums[1]
        found[tuple(group)][dataset] = template._replace(entries=template.entries + int(sums[2]))
    return found


def _empty(observable: str, axes: Mapping[str, Any]) -> Template:
    if observable not in axes:
        raise ConfigError(f"observable {observable} was filled but has no axis")
    edges = Axis(axes[observable]).edges
    return Template(edges, np.zeros(len(edges) + 1), np.zeros(len(edges) + 1))


def _variations(found: Found, samples: Mapping[str, Sample]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """For each region and observable, the processes and variations that it has."""
    result: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    for region, observable, variation in sorted(found):
        pairs = result.setdefault((region, observable), {})
        for dataset in found[region, observable, variation]:
            sample = samples[dataset]
            if sample.variation == NOMINAL:
                pairs[sample.process, variation] = None
            elif variation == NOMINAL:
                pairs[sample.process, sample.variation] = None
    return {place: list(pairs) for place, pairs in result.items()}


def _part(found: Found, key: Key, dataset: str) -> Template:
    """The template of a dataset in a variation, or its nominal one."""
    for variation in (key.variation, NOMINAL):
        template = found.get((key.region, key.observable, variation), {}).get(dataset)
        if template is not None:
            return template
    raise IncompleteError(f"dataset {dataset} was not filled: {key.observable} in region {key.region}")


def _contributing(samples: Mapping[str, Sample], process: str, variation: str) -> list[str]:
    """The datasets that make up a process in a variation."""
    mine = {name: sample for name, sample in samples.items() if sample.process == process}
    nominal = [name for name, sample in mine.items() if sample.variation == NOMINAL]
    instead = [name for name, sample in mine.items() if variation == sample.variation != NOMINAL]
    replaced = {old for name in instead for old in (mine[name].replaces or nominal)}
    wrong = replaced - set(nominal)
    if wrong:
        what = f"{', '.join(sorted(wrong))}, which is no nominal sample of {process}"
        raise ConfigError(f"sample {', '.join(instead)} replaces {what}")
    return [name for name in nominal if name not in replaced] + instead


def factor(counts: pa.Table, dataset: str, sample: Sample, luminosity: float, by: str = "weights") -> float:
    """What turns a sum of weights of this dataset into a yield; arguments and errors as those of `collect`."""
    if sample.cross_section is None:
        return 1.0
    rows = select(counts, GENERATED, [dataset])
    twice = [file for file, times in zip(rows["name"].to_pylist(), values(rows["passed_n"]), strict=True) if times > 1]
    if twice:
        raise IncompleteError(f"{dataset}: counted more than once: file {', '.join(twice[:_SHOWN])}")
    total = float(values(rows["total_sumw" if by == "weights" else "total_n"]).sum())
    if not total > 0:
        what = "Σ genWeight" if by == "weights" else "number of generated events"
        raise IncompleteError(f"{dataset}: the {what} of its files is {total:g}, nothing can be normalised to it")
    return sample.cross_section * luminosity / total


def _sum(templates: Iterable[Template]) -> Template:
    first, *more = templates
    for template in more:
        first = first.plus(template)
    return first


def _same(what: str, names: set[str], kind: type[Exception]) -> None:
    if names:
        raise kind(f"dataset {', '.join(sorted(names)[:_SHOWN])} {what}")
