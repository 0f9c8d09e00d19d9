"""The jobs of a measurement: its skims, from the files of its datasets, and what they depend on."""

import abc
import glob
from pathlib import Path
from typing import Any, ClassVar

from skimflow import paths
from skimflow.config import Config, Dataset, Measurement
from skimflow.errors import ConfigError, NotLockedError
from skimflow.provenance import fingerprint
from skimflow.targets.common import data_samples
from skimflow.targets.inputs import InputFile, resolve


class Targets(abc.ABC):
    """The files of one measurement, resolved from its configuration; what it measures is known to its subclass."""

    config: Config

    def __init__(self, measurement: Measurement):
        self.config, self.datasets, self.site = measurement
        self.results = paths.Results(self.config.name)
        self.unlocked: list[str] = []
        self.jobs: dict[tuple[str, str], list[InputFile]] = {}
        self._failures = {
            (marker.parent.name, marker.name): _failures(marker)
            for marker in map(Path, glob.glob(self.results.failed.format(dataset="*", file="*")))
        }
        self._settings = {name: self.settings(name, dataset) for name, dataset in self.datasets.items()}
        self._code = {analysis: _skim_code(analysis) for analysis in self.config.analyses}
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
            {
                "id": f.id,
                "lfn": f.lfn,
                "locked": None if f.entries is None else {"uuid": f.uuid or None, "entries": f.entries},
            }
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

    def need_files(self) -> None:
        """Raises ConfigError while a local file that the configuration names is not there."""
        named = [source.path for source in self.sources() if source is not None and source.path]
        absent = [path for path in dict.fromkeys(named) if not Path(path).is_file()]
        if absent:
            raise ConfigError(
                "\nerror: ".join(f"{path}: the configuration names this file, but it is not there" for path in absent)
            )

    def certified(self, dataset: str | None = None) -> list[str]:
        """Path of the certified-luminosity file; empty for simulation."""
        source = self.config.certified_luminosity
        chosen = self.datasets.values() if dataset is None else [self.datasets[dataset]]
        if source is None or all(d.kind == "mc" for d in chosen):
            return []
        if source.toy:
            return [self.results.toy_certified]
        return [source.path or paths.fetched(str(source.url), str(source.sha256))]

    def luminosity(self) -> list[str]:
        """Path of the table of recorded luminosity, if there is one."""
        source = self.config.luminosity
        if source is None:
            return []
        return [self.results.toy_luminosity if source.toy else str(source.table)]

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

    rules: ClassVar[tuple[str, ...]]
    """Files of `workflow/rules/` that only measurements of this kind have."""
    front: ClassVar[str]
    """The report's front page, in `workflow/report/`."""

    @property
    def fetched(self) -> dict[str, dict[str, str]]:
        """Files that are fetched once, by their name in `results/inputs/`: `url` and `sha256`."""
        sources = [source for source in self.sources() if source and source.url]
        return {
            paths.fetched(str(s.url), str(s.sha256)).rsplit("/", 1)[1]: {"url": str(s.url), "sha256": str(s.sha256)}
            for s in sources
        }

    def sources(self) -> list[Any]:
        """Files that the configuration names, with `path`, `url` and `sha256`."""
        return [self.config.certified_luminosity]

    def pages(self) -> list[str]:
        """Names of the report's pages, in its order."""
        return ["result"]

    @abc.abstractmethod
    def tables(self) -> list[str]:
        """Tables that the report shows beside those of every measurement."""

    @abc.abstractmethod
    def settings(self, name: str, dataset: Dataset) -> dict[str, Any]:
        """Everything that the counts and events of a file depend on, as plain values for `params`."""

    @abc.abstractmethod
    def figures(self) -> list[str]:
        """Every figure of the measurement."""


def _skim_code(analysis: str) -> str:
    """Fingerprint of a skim; how a file is reached changes no result."""
    modules = ("skimflow.skim.run", f"skimflow.analyses.{analysis}")
    return fingerprint(*modules, without=("skimflow.io.remote",))


def _failures(marker: Path) -> tuple[int, bool]:
    """How often a job recorded a failure, and whether the last attempt was one (`3`, or `3 mended`)."""
    words = marker.read_text(encoding="utf-8").split()
    number = int(words[0]) if words and words[0].isdigit() else 0
    return number, number > 0 and "mended" not in words
