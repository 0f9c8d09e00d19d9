"""Which files a measurement reads, and which it makes: the lists behind the rules."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from skimflow import lock, paths
from skimflow.catalog import discover
from skimflow.catalog.base import CatalogFile
from skimflow.config import Config, Dataset, Measurement, Site, dataset_name
from skimflow.config.models import Alternative, RegularBins, ScaleFactor, TagAndProbeReference, Variable
from skimflow.errors import ConfigError, InputError, NotLockedError
from skimflow.filter_bits import bit_of
from skimflow.provenance import fingerprint

NO_PROBE = {"paths": [], "prescales": {}, "combination": "any", "on_missing": "exclude"}
"""Settings of the probe where legs are measured and no paths."""


class InputFile(NamedTuple):
    """One NanoAOD file of a dataset; `uuid` and `entries` are known when it is locked. `job` reads it."""

    dataset: str
    id: str
    lfn: str
    location: str
    job: str
    uuid: str | None = None
    entries: int | None = None

    @property
    def local(self) -> bool:
        """Whether it is an input of a rule; a remote file is streamed and is none."""
        return not paths.is_remote(self.location)


class Targets:
    """The files of one measurement, resolved from its configuration."""

    def __init__(self, measurement: Measurement):
        self.config, self.datasets, self.site = measurement
        self.results = paths.Results(self.config.name)
        self.unlocked: list[str] = []
        self.jobs: dict[tuple[str, str], list[InputFile]] = {}
        self._failures = {
            (marker.parent.name, marker.name): _failures(marker)
            for marker in map(Path, glob.glob(self.results.failed.format(dataset="*", file="*")))
        }
        self._settings = {name: skim_settings(self.config, name, dataset) for name, dataset in self.datasets.items()}
        self._code = {analysis: _skim_code(analysis) for analysis in analyses(self.config)}
        for name, dataset in self.datasets.items():
            try:
                files = resolve(name, dataset, self.config.max_files)
            except NotLockedError as error:  # not yet fatal: this may be the run that makes the lock
                self.unlocked.append(str(error))
                continue
            for file in files:
                self.jobs.setdefault((name, file.job), []).append(file)

    def skims(self, pattern: str) -> list[str]:
        return [pattern.format(dataset=dataset, file=job) for dataset, job in self.jobs]

    def task(self, dataset: str, job: str) -> dict[str, Any]:
        """Everything that a skim depends on: its files (not where they are), settings, code, and past failures.

        `failures` counts how often the job recorded one. A job that did has outputs, and is tried again because this
        number has grown; once it succeeds the number stays, and so do its outputs.
        """
        files = [
            {"id": f.id, "lfn": f.lfn, "locked": {"uuid": f.uuid, "entries": f.entries} if f.uuid else None}
            for f in self.jobs[dataset, job]
        ]
        failures, _ = self._failures.get((dataset, job), (0, False))
        settings = self._settings[dataset]
        return {"files": files, "settings": settings, "failures": failures, "code": self._code[settings["analysis"]]}

    def inputs(self, dataset: str, job: str) -> list[str]:
        """Local files of a skim that Snakemake shall look at.

        A file that is gone is left out of a job that has still to run, so that the job says so, and can record it. It
        stays with a finished one: Snakemake then leaves the outputs alone, where another set of inputs would make them
        anew, from a file that is not there.
        """
        local = [file.location for file in self.jobs[dataset, job] if file.local]
        _, failing = self._failures.get((dataset, job), (0, False))
        finished = Path(self.results.skim_counts.format(dataset=dataset, file=job)).exists() and not failing
        return [path for path in local if finished or path.startswith(paths.TOY) or Path(path).exists()]

    def need_locks(self) -> None:
        """Raises ConfigError while a dataset needs a lock that it has not."""
        if self.unlocked:
            advice = "run once, with the same configuration: snakemake lock --cores 4"
            raise ConfigError("\nerror: ".join([*self.unlocked, advice]))

    def certified(self, dataset: str | None = None) -> list[str]:
        """Path of the certified-luminosity file; empty for simulation."""
        source = self.config.certified_luminosity
        chosen = self.datasets.values() if dataset is None else [self.datasets[dataset]]
        if source is None or all(d.kind == "mc" for d in chosen):
            return []
        if source.toy:
            return [self.results.toy_certified]
        return [source.path or paths.fetched(str(source.url), str(source.sha256))]

    def toy_files(self, kind: str | None = None) -> list[InputFile]:
        """The files that the toy generator makes, of all datasets or of those of a kind."""
        toys = {name for name, d in self.datasets.items() if d.toy and kind in (None, d.kind)}
        return [file for files in self.jobs.values() for file in files if file.dataset in toys]

    def lumi_files(self) -> list[str]:
        """Where the processed sections of each data dataset, and of each sample of data, are written."""
        samples = data_samples(self.datasets)
        names = [("datasets", name) for name in samples] + [
            ("samples", name) for name in dict.fromkeys(samples.values())
        ]
        return [self.results.lumis_of.format(kind=kind, name=name) for kind, name in names]

    def figures(self) -> list[str]:
        """Every figure of the measurement."""
        wanted = [("efficiency", name) for name in reported(self.config)]
        wanted += [("maps", name) for name in maps(self.config)]
        wanted += [("overview", figure) for figure in overview(self.config)]
        wanted += [("scale_factors", name) for name in self.config.scale_factors]
        wanted += [("tag_and_probe", name) for name in leg_figures(self.config, self.datasets)]
        return [path for folder, figure in wanted for path in self.results.figure(folder, figure)]


def tables(config: Config) -> list[str]:
    """Tables that exist only where the configuration asks for them."""
    results = paths.Results(config.name)
    wanted = {
        results.intervals: config.interval.compared,
        results.turn_ons_csv: config.turn_ons,
        results.tag_and_probe_csv: config.tag_and_probe,
        results.stability_csv: config.stability,
        results.scale_factors_csv: config.scale_factors,
        results.scale_factors: config.scale_factors,
    }
    return [table for table, asked in wanted.items() if asked]


def pages(config: Config) -> list[str]:
    """Names of the report's pages, in its order; those of tables exist where the tables do."""
    asked = {
        "intervals": config.interval.compared,
        "turn_ons": config.turn_ons,
        "stability": config.stability,
        "tag_and_probe": config.tag_and_probe,
        "scale_factors": config.scale_factors,
    }
    return ["result", "measurement", "cutflow", "efficiencies", *(p for p, some in asked.items() if some), "provenance"]


def page_tables(config: Config) -> dict[str, str]:
    """Tables behind the pages that not every measurement has."""
    results = paths.Results(config.name)
    tables = {
        "intervals": results.intervals,
        "turn_ons": results.turn_ons,
        "stability": results.stability_csv,
        "tag_and_probe": results.tag_and_probe,
        "scale_factors": results.scale_factors_csv,
    }
    return {name: table for name, table in tables.items() if name in pages(config)}


def page_settings(config: Config, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that the report's pages depend on beside the tables they show."""
    names = selections(config, datasets)
    legs = [reference.variables for reference in config.tag_and_probe.values()]
    labelled = {name: v for variables in (*legs, config.variables) for name, v in variables.items()}
    return {
        "title": config.title,
        "analysis": config.analysis,
        "selection": config.selection.model_dump(mode="json"),
        "probe": config.probe.model_dump(mode="json"),
        "references": {name: r.model_dump(mode="json") for name, r in config.references.items()},
        "interval": _interval(config),
        "methods": list(config.interval.compared),
        "labels": {name: [v.label, v.unit] for name, v in labelled.items()},
        "datasets": {
            name: {
                "kind": d.kind,
                "sample": d.sample,
                "era": d.era or "",
                "reference": names[name],
                "source": _origin(d),
            }
            for name, d in datasets.items()
        },
    }


def _origin(dataset: Dataset) -> str:
    """Where the files of a dataset come from, in words, without the servers that they are reached by."""
    if dataset.toy:
        return f"toy: {dataset.toy.files} files of {dataset.toy.events:,} events, seed {dataset.toy.seed}"
    if dataset.recid:
        return f"CERN Open Data, record {', '.join(map(str, dataset.recid))}"
    if dataset.rucio or dataset.das:
        return dataset.rucio or dataset.das or ""
    first, *others = [*map(paths.lfn, dataset.files), *dataset.lists]
    return f"{first} and {len(others)} more" if others else first


def reported(config: Config) -> list[str]:
    """Variables that efficiencies are shown against."""
    return [name for name, variable in config.variables.items() if variable.report]


def maps(config: Config) -> list[str]:
    """Names of the maps: their two variables."""
    return [f"{map_.x}-{map_.y}" for map_ in config.maps]


def overview(config: Config) -> list[str]:
    """Figures that exist once."""
    wanted = {paths.STABILITY: config.stability, paths.INTERVALS: config.interval.compared}
    return [paths.CUTFLOW, paths.N_MINUS_ONE, *(figure for figure, asked in wanted.items() if asked)]


def _skim_code(analysis: str) -> str:
    """Fingerprint of a skim; how a file is reached changes no result."""
    modules = ("skimflow.skim.run", f"skimflow.analyses.{analysis}")
    return fingerprint(*modules, without=("skimflow.io.remote",))


def _failures(marker: Path) -> tuple[int, bool]:
    """How often a job recorded a failure, and whether the last attempt was one (`3`, or `3 mended`)."""
    words = marker.read_text(encoding="utf-8").split()
    number = int(words[0]) if words and words[0].isdigit() else 0
    return number, number > 0 and "mended" not in words


def skim_settings(config: Config, name: str, dataset: Dataset) -> dict[str, Any]:
    """Everything that the counts and events of a file depend on, as plain values for `params`.

    `references` holds the paths of each reference that the dataset `name` is counted with, none for the ratio without
    and for tag and probe, which adds the bins of the `mass`.
    """
    references = config.references_of(name, dataset.kind)
    legs = next((r for r in references.values() if r.method == "tag_and_probe"), None)
    source = legs or config
    own = {"mass": axis(legs.mass)} if legs else {}
    return {
        "analysis": analysis_of(config, name, dataset),
        "kind": dataset.kind,
        "run_window": _window(config, dataset),
        "certified_sha256": _certified_sha256(config, dataset),
        "selection": source.selection.model_dump(mode="json"),
        "probe": NO_PROBE if legs else probe_settings(config, dataset.kind),
        "references": {name: list(reference.paths) for name, reference in references.items()},
        "axes": axes(source.variables),
        "maps": [[map_.x, map_.y] for map_ in source.maps],
        **own,
    }


def analysis_of(config: Config, name: str, dataset: Dataset) -> str:
    """Module of `skimflow.analyses` that selects the events of a dataset."""
    return next((r.analysis for r in config.references_of(name, dataset.kind).values() if r.analysis), config.analysis)


def main_datasets(config: Config, datasets: dict[str, Dataset]) -> dict[str, Dataset]:
    """Those of the measurement's own selection, without those of tag and probe."""
    return {name: d for name, d in datasets.items() if analysis_of(config, name, d) == config.analysis}


def analyses(config: Config) -> list[str]:
    """Modules of `skimflow.analyses` that select events."""
    return list(dict.fromkeys([config.analysis, *(r.analysis for r in config.references.values() if r.analysis)]))


def selections(config: Config, datasets: dict[str, Dataset]) -> dict[str, str]:
    """What selects the events of each dataset: the reference of tag and probe, or `` for the measurement itself."""
    main = main_datasets(config, datasets)
    return {
        name: "" if name in main else next(iter(config.references_of(name, d.kind))) for name, d in datasets.items()
    }


def distinct_samples(config: Config, datasets: dict[str, Dataset]) -> dict[str, str]:
    """Samples within which no event may be twice; each reference of tag and probe has samples of its own."""
    return {
        name: f"{datasets[name].sample} ({reference})" if reference else datasets[name].sample
        for name, reference in selections(config, datasets).items()
    }


def main_references(config: Config) -> dict[str, Any]:
    """The references of the measurement's own selection."""
    return {name: reference for name, reference in config.references.items() if not reference.analysis}


def probe_settings(config: Config, kind: str) -> dict[str, Any]:
    """What is measured: `paths`, and their `combination`; simulation has no prescales."""
    probe = config.probe
    prescales = {path: p for path, p in probe.prescales.items() if p > 1 and kind == "data"}
    combined = {"combination": probe.combination, "on_missing": probe.on_missing}
    return {"paths": list(probe.paths), "prescales": prescales, **combined}


def _interval(config: Config) -> dict[str, Any]:
    """Method and level; what it is compared with changes no efficiency."""
    return {"method": config.interval.method, "level": config.interval.level}


def comparison_settings(config: Config) -> dict[str, Any]:
    """Everything that intervals side by side depend on beside the efficiencies."""
    methods = list(config.interval.compared)
    return {"methods": methods, "level": config.interval.level, "probe": probe_settings(config, "data")}


def efficiency_settings(config: Config, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that efficiencies depend on beside the counts."""
    return {
        "interval": _interval(config),
        "report": {name: list(v.report) for name, v in config.variables.items() if v.report},
        "axes": axes(config.variables),
        "maps": [[map_.x, map_.y] for map_ in config.maps],
        "probe": probe_settings(config, "data"),
        "references": {name: reference.method for name, reference in main_references(config).items()},
        "datasets": {
            name: {"kind": d.kind, "sample": d.sample, "references": list(config.references_of(name, d.kind))}
            for name, d in main_datasets(config, datasets).items()
        },
        "selection": f"offline selection {config.analysis}",
    }


def tag_and_probe_settings(config: Config, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that efficiencies of legs depend on beside the counts."""
    names = selections(config, datasets)
    return {
        "interval": _interval(config),
        "references": {
            name: {
                "flavour": reference.selection.flavour,
                "legs": _legs(reference),
                "dz": reference.selection.dz.model_dump() if reference.selection.dz else None,
                "axes": axes(reference.variables),
                "report": {n: list(v.report) for n, v in reference.variables.items() if v.report},
                "maps": [[map_.x, map_.y] for map_ in reference.maps],
                "mass": axis(reference.mass),
                "fit": reference.fit.model_dump(mode="json"),
                "datasets": {n: {"kind": d.kind, "sample": d.sample} for n, d in datasets.items() if names[n] == name},
            }
            for name, reference in config.tag_and_probe.items()
        },
    }


def _legs(reference: TagAndProbeReference) -> list[str]:
    return [*reference.selection.legs, *(["dz"] if reference.selection.dz else [])]


def leg_figures(config: Config, datasets: dict[str, Dataset]) -> dict[str, dict[str, str]]:
    """Figures of legs by name, and what each shows: `figure`, `reference`, and where it has one `leg`, `sample`,
    `variable`. Mass spectra are shown for all probes of a sample, and in the bins of each variable."""
    found = {}
    for name, settings in tag_and_probe_settings(config, datasets)["references"].items():
        about = {"reference": name}
        found |= {f"{name}-{v}": {"figure": "efficiency", **about, "variable": v} for v in settings["report"]}
        for leg in config.references[name].selection.legs:
            of_leg = {**about, "leg": leg}
            for x, y in settings["maps"]:
                found[f"{name}-{leg}-{x}-{y}"] = {"figure": "map", **of_leg, "variable": f"{x}:{y}"}
            for sample in dict.fromkeys(d["sample"] for d in settings["datasets"].values()):
                for variable in ("all", *settings["report"]):
                    shown = {"figure": "mass", **of_leg, "sample": sample, "variable": variable}
                    found[f"{name}-{leg}-{sample}-mass-{variable}"] = shown
    return found


def turn_on_settings(config: Config, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that turn-ons depend on beside counts and efficiencies."""
    return {
        "turn_ons": [wanted.model_dump(mode="json") for wanted in config.turn_ons],
        "axes": axes(config.variables),
        "level": config.interval.level,
        "datasets": {name: {"sample": d.sample} for name, d in main_datasets(config, datasets).items()},
        "prescaled": prescaled(config),
    }


def prescaled(config: Config) -> list[str]:
    """Paths, and perhaps their combination, that count with a prescale in collision data."""
    paths_ = list(probe_settings(config, "data")["prescales"])
    return [*paths_, config.probe.combination] if paths_ else []


def stability_settings(config: Config) -> dict[str, Any]:
    """Everything that tests of stability depend on beside the efficiencies."""
    stability = config.stability.model_dump(mode="json") if config.stability else {}
    eras = {name: list(window) for name, window in config.eras.items()}
    interval = _interval(config)
    return {**stability, "eras": eras, "interval": interval, "prescaled": prescaled(config)}


def windows(config: Config, datasets: dict[str, Dataset]) -> dict[str, list[int] | None]:
    """Run window of each data dataset."""
    return {name: _window(config, dataset) for name, dataset in datasets.items() if dataset.kind == "data"}


def data_samples(datasets: dict[str, Dataset]) -> dict[str, str]:
    """Sample of each data dataset."""
    return {name: dataset.sample for name, dataset in datasets.items() if dataset.kind == "data"}


def _certified_sha256(config: Config, dataset: Dataset) -> str | None:
    source = config.certified_luminosity
    return source.sha256 if source and dataset.kind == "data" else None


def _window(config: Config, dataset: Dataset) -> list[int] | None:
    window = config.eras.get(dataset.era) if dataset.era and dataset.kind == "data" else None
    return list(window) if window else None


def axes(variables: Mapping[str, Variable]) -> dict[str, Any]:
    """For `counts.Axis`, by variable."""
    return {name: axis(variable.fine) for name, variable in variables.items()}


def axis(fine: RegularBins | Literal["integer"]) -> Any:
    """For `counts.Axis`: `integer`, or number of bins, lower and upper end."""
    return fine if isinstance(fine, str) else [fine.bins, fine.low, fine.high]


def one_kind(config: Config, datasets: dict[str, Dataset]) -> list[str]:
    """Collision data where the measurement's `datasets` have any, simulation otherwise: what may be shown in one
    unweighted histogram."""
    main = [dataset_name(entry) for entry in config.datasets]
    return [name for name in main if datasets[name].kind == "data"] or main


def leg_plot_settings(config: Config) -> dict[str, Any]:
    """Those of figures, with the variables of each reference of tag and probe."""
    return {name: plot_settings(config, reference.variables) for name, reference in config.tag_and_probe.items()}


def plot_settings(config: Config, variables: Mapping[str, Variable] | None = None) -> dict[str, Any]:
    """Everything that figures depend on beside the tables they show."""
    variables = config.variables if variables is None else variables
    return {
        "style": config.style.model_dump(mode="json"),
        "labels": {name: [v.label, v.unit] for name, v in variables.items()},
        "stability": config.stability.variable if config.stability else None,
        "eras": {name: list(window) for name, window in config.eras.items()},
        "level": config.interval.level,
    }


def scale_factor_settings(config: Config) -> dict[str, Any]:
    """Everything that scale factors depend on beside the efficiencies, alternatives with nothing left out."""
    legs = [reference.variables for reference in config.tag_and_probe.values()]
    labelled = {name: v for variables in (*legs, config.variables) for name, v in variables.items()}
    return {
        "title": config.title,
        "energy": config.style.energy,
        "paths": list(config.probe.paths),
        "labels": {name: [v.label, v.unit] for name, v in labelled.items()},
        "entries": {name: _scale_factor(config, factor) for name, factor in config.scale_factors.items()},
    }


def other_tables(config: Config) -> dict[str, str]:
    """Tables of efficiencies that scale factors use, and the measurement that each is of, `` for this one."""
    with_legs = any(factor.reference in config.tag_and_probe for factor in config.scale_factors.values())
    found = {}
    for name in ("", *other_measurements(config)):
        results = paths.Results(name or config.name)
        found |= dict.fromkeys((results.efficiency, *([results.tag_and_probe] if with_legs else [])), name)
    return found


def other_measurements(config: Config) -> list[str]:
    """Names of the measurements whose efficiencies are alternatives for scale factors."""
    choices = [
        choice
        for factor in config.scale_factors.values()
        for source in factor.systematics.values()
        for choice in (source.up, source.down)
    ]
    return sorted({choice.measurement for choice in choices if choice and choice.measurement})


def _scale_factor(config: Config, factor: ScaleFactor) -> dict[str, Any]:
    source = config.tag_and_probe.get(factor.reference, config)
    first = {name: (source.variables[name].report or (0.0,))[0] for name in factor.variables}
    nominal = {key: getattr(factor, key) for key in ("data", "simulation", "reference")}
    nominal |= {
        "trigger": factor.trigger or config.probe.combination,
        "simulation_reference": factor.simulation_reference or factor.reference,
        "measurement": "",
    }
    return {
        "variables": list(factor.variables),
        "clamp": [n for n in factor.variables if (first[n] >= 0 if factor.clamp is None else n in factor.clamp)],
        "version": factor.version,
        "level": config.interval.level,
        "nominal": nominal,
        "systematics": {
            name: {
                "up": _alternative(nominal, source.up),
                "down": _alternative(nominal, source.down) if source.down else None,
                "one_sided": source.one_sided,
            }
            for name, source in factor.systematics.items()
        },
    }


def _alternative(nominal: dict[str, str], choice: Alternative) -> dict[str, str]:
    said = {key: value for key, value in choice.model_dump().items() if value is not None}
    if choice.reference:
        said.setdefault("simulation_reference", choice.reference)
    return nominal | said


def toy_settings(dataset: Dataset, file: str) -> dict[str, Any]:
    """Arguments of `toy.write_file` for a file of a toy dataset."""
    toy = dataset.toy
    assert toy is not None
    sample = _sample(dataset, int(file.rsplit("_", 1)[1]))
    return {"sample": sample, "events": toy.events, "codec": toy.codec, "filler": toy.filler}


def truth_settings(config: Config, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """What the true efficiencies depend on; `samples`: arguments of `toy.Sample` for each toy file, by sample."""
    samples: dict[str, list[dict[str, Any]]] = {}
    for dataset in main_datasets(config, datasets).values():
        files = dataset.toy.files if dataset.toy else 0
        samples.setdefault(dataset.sample, []).extend(_sample(dataset, index) for index in range(files))
    probe = probe_settings(config, "data")
    del probe["on_missing"]  # the toy has every path
    return {
        "samples": {name: files for name, files in samples.items() if files},
        "analysis": config.analysis,
        "selection": config.selection.model_dump(mode="json"),
        "probe": probe,
        "references": {name: list(reference.paths) for name, reference in main_references(config).items()},
        "legs": {name: _leg_truth(config, name, datasets) for name in config.tag_and_probe},
    }


def _leg_truth(config: Config, name: str, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """What the true efficiencies of legs depend on: those of Z decays with the seed of the reference's first toy."""
    reference = config.tag_and_probe[name]
    chosen = reference.selection
    selected = selections(config, datasets)
    toys = [dataset.toy for n, dataset in datasets.items() if selected[n] == name and dataset.toy]
    bits = {leg: bit_of(wanted.bit, chosen.flavour, chosen.nanoaod, chosen.year) for leg, wanted in chosen.legs.items()}
    return {
        "seed": toys[0].seed if toys else None,
        "selection": chosen.model_dump(mode="json"),
        "window": list(reference.fit.windows.signal),
        "legs": {leg: [bits[leg], wanted.min_pt] for leg, wanted in chosen.legs.items()},
    }


def _sample(dataset: Dataset, index: int) -> dict[str, Any]:
    assert dataset.toy is not None
    what = {"primary_dataset": dataset.primary_dataset, "process": dataset.process, "era": dataset.era}
    return {"seed": dataset.toy.seed, "index": index, **what}


def resolve(name: str, dataset: Dataset, max_files: int | None = None) -> list[InputFile]:
    """The files of a dataset, in the order of their LFN: those of its lock, or of its list while it has no lock.

    Raises:
        NotLockedError: the dataset comes from a catalogue and was not locked yet, its list and its lock differ, or it
            asks for several files a job without a lock.
        ConfigError: a glob matches nothing, or one file is named twice.
    """
    locked = None if dataset.toy else lock.read(lock.path_of(name))
    if dataset.recid or dataset.rucio or dataset.das:
        if locked is None:
            raise NotLockedError(f"dataset {name}: not locked yet, so its files are not known")
        at: dict[str, str] = {}
    else:
        files = _listed(name, dataset)
        if locked is not None:
            _same_files(name, files, locked)
        elif dataset.files_per_job > 1:
            raise NotLockedError(f"dataset {name}: files_per_job needs a lock, so that jobs keep their files")
        at = {file.lfn: file.location for file in files}
    if locked is not None:
        _same_settings(name, dataset, locked)
        files = [
            InputFile(name, r.file, r.lfn, at.get(r.lfn, r.location), r.job, r.uuid, r.entries) for r in locked.rows
        ]
    return files[: dataset.max_files or max_files]


def _listed(name: str, dataset: Dataset) -> list[InputFile]:
    """The files that the dataset itself names."""
    if dataset.toy:
        paths_of_toys = (paths.TOY_FILE.format(dataset=name, file=f"{name}_{i:04d}") for i in range(dataset.toy.files))
        found = [CatalogFile(path) for path in paths_of_toys]
    else:
        try:
            found = discover(dataset, Site()).files
        except InputError as error:
            raise ConfigError(f"dataset {name}: {error}") from error
    ids = {file.lfn: paths.file_id(file.lfn) for file in found}
    files = [InputFile(name, ids[file.lfn], file.lfn, file.location, ids[file.lfn]) for file in found]
    return sorted(files, key=lambda file: file.lfn)


def _same_settings(name: str, dataset: Dataset, locked: lock.Lock) -> None:
    now = {"source": lock.source_of(dataset), "files_per_job": dataset.files_per_job}
    for what, value in now.items():
        then = getattr(locked, what)
        if then != value:
            raise NotLockedError(f"dataset {name}: {what} is {value}, but {lock.path_of(name)} was made with {then}")


def _same_files(name: str, files: list[InputFile], locked: lock.Lock) -> None:
    listed, known = {file.lfn for file in files}, {row.lfn for row in locked.rows}
    for lfns, what in ((listed - known, "not in the lock"), (known - listed, "locked, but not in the list")):
        if lfns:
            more = f" and {len(lfns) - 1} more" if len(lfns) > 1 else ""
            raise NotLockedError(f"dataset {name}: {min(lfns)}{more}: {what} {lock.path_of(name)}")
