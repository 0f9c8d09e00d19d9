"""Every path that the workflow reads or writes, as patterns with Snakemake wildcards."""

import hashlib
import re
from pathlib import PurePosixPath

TOY = "results/toy"
TOY_FILE = f"{TOY}/{{dataset}}/{{file}}.root"
TOY_TRUTH = f"{TOY}/{{dataset}}/{{file}}.truth.json"
TOY_CORRECTIONS = {
    name: f"{TOY}/corrections/{name}" for name in ("muons.txt", "pileup.json", "muon_id.json", "event_systematics.json")
}
FETCHED = "results/inputs/{file}"

# Figures of a measurement beside the efficiency against each variable.
CUTFLOW, N_MINUS_ONE, STABILITY, INTERVALS = "cutflow", "n_minus_one", "stability", "intervals"


class Results:
    """The tree below `results/<name>/` and `logs/<name>/` of one measurement."""

    def __init__(self, name: str):
        self.root = f"results/{name}"
        self.logs = f"logs/{name}"
        self.failures = f"{self.logs}/failed.tsv"
        self.config = f"{self.root}/config.json"
        self.skim_counts = f"{self.root}/skim/{{dataset}}/{{file}}.counts.parquet"
        self.skim_events = f"{self.root}/skim/{{dataset}}/{{file}}.events.parquet"
        self.failed = f"{self.root}/failed/{{dataset}}/{{file}}"
        self.inputs_table = f"{self.root}/inputs.tsv"
        self.duplicates = f"{self.root}/duplicates.json"
        self.counts = f"{self.root}/counts.parquet"
        self.completeness = f"{self.root}/completeness.json"
        self.processed_lumis = f"{self.root}/processed_lumis.json"
        self.cutflow = f"{self.root}/cutflow.csv"
        self.efficiency = f"{self.root}/efficiency.parquet"
        self.efficiency_csv = f"{self.root}/efficiency.csv"
        self.intervals = f"{self.root}/intervals.parquet"
        self.intervals_csv = f"{self.root}/intervals.csv"
        self.tag_and_probe = f"{self.root}/tag_and_probe.parquet"
        self.tag_and_probe_csv = f"{self.root}/tag_and_probe.csv"
        self.cross_trigger = f"{self.root}/cross_trigger.parquet"
        self.cross_trigger_csv = f"{self.root}/cross_trigger.csv"
        self.mass_spectra = f"{self.root}/mass_spectra.parquet"
        self.turn_ons = f"{self.root}/turn_ons.parquet"
        self.turn_ons_csv = f"{self.root}/turn_ons.csv"
        self.stability = f"{self.root}/stability.parquet"
        self.stability_csv = f"{self.root}/stability.csv"
        self.scale_factors = f"{self.root}/scalefactors.json.gz"
        self.scale_factors_csv = f"{self.root}/scalefactors.csv"
        self.hepdata = f"{self.root}/hepdata/{{file}}.yaml"
        self.histograms = f"{self.root}/histograms/{{dataset}}/{{file}}.parquet"
        self.classifier = f"{self.root}/classifier.json"
        self.templates = f"{self.root}/templates.parquet"
        self.templates_root = f"{self.root}/templates.root"
        self.templates_json = f"{self.root}/templates.json"
        self.yields = f"{self.root}/yields.csv"
        self.fit = f"{self.root}/fits/{{fit}}/{{file}}"
        self.fit_parameters = f"{self.root}/fit_parameters.csv"
        self.fit_yields = f"{self.root}/fit_yields.csv"
        self.selection = f"{self.root}/selection.parquet"
        self.selection_csv = f"{self.root}/selection.csv"
        self.luminosity = f"{self.root}/luminosity.csv"
        self.lumis_of = f"{self.root}/processed_lumis/{{kind}}/{{name}}.json"
        self.toy_luminosity = f"{self.root}/toy_luminosity.csv"
        self.toy_certified = f"{self.root}/toy_certified.json"
        self.truth = f"{self.root}/truth.json"
        self.pages = f"{self.root}/pages/{{page}}.html"
        self.summary = f"{self.root}/summary.txt"
        self.report = f"{self.root}/report.html"

    def emulator(self, file: str) -> str:
        """A file of the trigger emulator."""
        return f"{self.root}/emulator/{file}"

    def figure(self, folder: str, figure: str) -> list[str]:
        """The two files of a figure; `{…}` in the arguments stay wildcards."""
        return [f"{self.root}/plots/{folder}/{figure}.{ending}" for ending in ("png", "pdf")]

    def log(self, rule: str, *wildcards: str) -> str:
        """Log of a job, one folder a rule and dataset, so that no folder grows without end."""
        return "/".join([self.logs, rule, *wildcards]) + ".log"

    def benchmark(self, rule: str, *wildcards: str) -> str:
        """Time and memory of a job, beside its log."""
        return "/".join([self.logs, rule, *wildcards]) + ".benchmark.tsv"


def lfn(location: str) -> str:
    """What names a file wherever it is read from: a URL without protocol and server, a local path as it is written.

    >>> lfn("root://eospublic.cern.ch//eos/opendata/cms/Run2016G/x.root")
    '/eos/opendata/cms/Run2016G/x.root'
    """
    remote = re.match(r"^[a-z]+://[^/]+(/.*)$", location)
    if not remote:
        return str(PurePosixPath(location))
    return "/" + remote[1].lstrip("/")


def file_id(name: str) -> str:
    """Name of a file's jobs and outputs, made from its LFN alone, so that no other file's jobs change with the list."""
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", PurePosixPath(name).stem)[:60]
    return f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def is_remote(location: str) -> bool:
    return "://" in location


def fetched(url: str, sha256: str) -> str:
    """Where a file that is fetched once is kept; files of one name with other content do not meet."""
    return FETCHED.format(file=f"{sha256[:8]}-{url.rsplit('/', 1)[1]}")
