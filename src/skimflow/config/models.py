"""What a configuration may say. Each field's description is its documentation: `make schema` writes it out."""

import itertools
import re
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Edges = Annotated[tuple[float, ...], Field(min_length=2)]


class Model(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _increasing(edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if edges and any(b <= a for a, b in itertools.pairwise(edges)):
        raise ValueError("bin edges must increase")
    return edges


class RegularBins(Model):
    """Bins of equal width, with underflow and overflow kept beside them."""

    bins: int = Field(ge=1, le=10_000, description="Number of bins.")
    low: float = Field(description="Lower edge of the first bin.")
    high: float = Field(description="Upper edge of the last bin.")

    @model_validator(mode="after")
    def _order(self) -> "RegularBins":
        if self.high <= self.low:
            raise ValueError("high must be larger than low")
        return self

    @property
    def edges(self) -> tuple[float, ...]:
        step = (self.high - self.low) / self.bins
        return (*(round(self.low + i * step, 10) for i in range(self.bins)), self.high)


class Variable(Model):
    """A quantity of the selected events that efficiencies are shown against."""

    label: str = Field(description="Axis title (matplotlib math is allowed).")
    unit: str = Field("", description="Unit, shown in brackets.")
    fine: RegularBins | Literal["integer"] = Field(
        description="Bins that the skim counts in; `integer` counts each value by itself (run numbers). "
        "Changing them skims again."
    )
    report: Edges | None = Field(
        None, description="Bin edges shown in tables and plots, each one a fine edge. Changing them never skims again."
    )

    _check = field_validator("report")(_increasing)

    @model_validator(mode="after")
    def _report_on_fine_edges(self) -> "Variable":
        if self.report and self.fine == "integer":
            raise ValueError("report needs fine bins: an integer variable shows each value by itself")
        if self.report and self.fine != "integer":
            fine = self.fine.edges
            off = [e for e in self.report if not any(abs(e - f) < 1e-9 * max(1, abs(f)) for f in fine)]
            if off:
                raise ValueError(f"report edges {off} are not among the fine edges, so counts cannot be merged to them")
        return self


class Map(Model):
    """A two-dimensional efficiency map of two variables, in their report bins."""

    x: Name = Field(description="Variable on the horizontal axis.")
    y: Name = Field(description="Variable on the vertical axis.")


class Triggers(Model):
    """The trigger whose efficiency is measured: each path, and the OR of all."""

    any_of: tuple[Annotated[str, Field(pattern=r"^HLT_\w+$")], ...] = Field(
        min_length=1, description="Trigger paths (branch names). Each is measured, and their OR."
    )
    on_missing: Literal["exclude", "error", "false"] = Field(
        "exclude",
        description="A path absent from a file's menu: `exclude` the events from that path's denominator and count "
        "them, stop with an `error`, or take it as not fired (`false`).",
    )

    @field_validator("on_missing", mode="before")
    @classmethod
    def _yaml_false(cls, value: object) -> object:
        return "false" if value is False else value

    @field_validator("any_of")
    @classmethod
    def _unique(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a path is listed twice")
        return value


class CertifiedLuminosity(Model):
    """The golden JSON: `{"run": [[first, last], ...]}`, both ends inclusive."""

    path: str | None = Field(None, description="A file on this machine.")
    toy: bool = Field(False, description="Made for the toy files of this measurement.")
    url: str | None = Field(None, description="Where to fetch it from, once; needs `sha256`.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Checksum of the file; another content is refused."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CertifiedLuminosity":
        if sum([self.path is not None, self.url is not None, self.toy]) != 1:
            raise ValueError("give either path, url or toy")
        if self.url and not self.sha256:
            raise ValueError("url needs sha256: files of the same name with other content do circulate")
        return self


class HwwEmu(Model):
    """Offline selection of `hww_emu`: exactly two tight leptons, an electron and a muon of opposite charge."""

    QUANTITIES: ClassVar[tuple[str, ...]] = (
        *("lead_pt", "lead_eta", "sublead_pt", "sublead_eta", "electron_pt", "electron_eta", "muon_pt", "muon_eta"),
        *("mll", "ptll", "mt_higgs", "mt_l2_met", "met", "npv", "run"),
    )
    """What `variables` may name."""

    electron_id: str = Field("mvaFall17V2Iso_WP90", description="Boolean identification flag, a branch `Electron_…`.")
    muon_id: str = Field("tightId", description="Boolean identification flag, a branch `Muon_…`.")
    muon_isolation: str = Field("pfRelIso04_all", description="Relative isolation, a branch `Muon_…`.")
    muon_max_isolation: float = Field(0.15, gt=0, description="Tight muons are isolated better than this.")
    lead_pt: float = Field(25, ge=0, description="Leading lepton pT above this, GeV.")
    sublead_pt: float = Field(15, ge=0, description="Subleading lepton pT above this, GeV.")
    electron_max_eta: float = Field(2.5, gt=0, description="Electron |η| below this.")
    muon_max_eta: float = Field(2.4, gt=0, description="Muon |η| below this.")
    min_mll: float = Field(12, ge=0, description="Dilepton mass above this, GeV.")
    min_mt_higgs: float = Field(60, ge=0, description="Transverse mass of dilepton and MET above this, GeV.")
    min_mt_l2_met: float = Field(30, ge=0, description="Transverse mass of subleading lepton and MET above this, GeV.")
    min_ptll: float = Field(30, ge=0, description="Dilepton pT above this, GeV.")
    min_met: float = Field(20, ge=0, description="PUPPI missing transverse momentum above this, GeV.")


class ProbeLepton(Model):
    """Offline requirements on a lepton of tag and probe: for the probe, best those of the main selection."""

    id: str = Field(description="Identification flag, a branch `Electron_…` or `Muon_…`.")
    min_id: int = Field(1, description="Its least value: 1 for flags, a working point such as 4 for `cutBased`.")
    isolation: str | None = Field(None, description="Relative isolation, a branch of the lepton.")
    max_isolation: float = Field(0.15, gt=0, description="Isolated better than this, where `isolation` names a branch.")
    min_pt: float = Field(ge=0, description="pT above this, GeV.")
    max_eta: float = Field(gt=0, description="|η| below this.")
    gap: tuple[float, float] | None = Field(None, description="|η| from and to which none is taken (1.4442, 1.566).")


class TriggerObject(Model):
    """A trigger object that a lepton is matched to."""

    bit: str = Field(description="Filter bit by name, such as TrkIsoVVL (`physics/trigger_objects.py` lists them).")
    min_pt: float = Field(0, ge=0, description="Online pT at least this, GeV: the threshold of the leg.")


class TagLepton(ProbeLepton):
    """The tag: also matched to an object of a single-lepton path that the event fired."""

    paths: tuple[Annotated[str, Field(pattern=r"^HLT_\w+$")], ...] = Field(
        min_length=1, description="Single-lepton paths, one of which the event fired."
    )
    object: TriggerObject = Field(description="What the tag is matched to.")


class DzFilter(Model):
    """The vertex-distance filter of a path with two legs, relative to the path without it; neither may be prescaled."""

    path: Annotated[str, Field(pattern=r"^HLT_\w+$")] = Field(description="The path with the filter.")
    reference: Annotated[str, Field(pattern=r"^HLT_\w+$")] = Field(description="The same path without it.")


class TagAndProbe(Model):
    """Selection of `tag_and_probe`: pairs of a tag and a probe from Z→ee or Z→μμ."""

    QUANTITIES: ClassVar[tuple[str, ...]] = (
        *("probe_pt", "probe_eta", "probe_abs_eta", "probe_phi", "tag_pt", "mass", "npv", "run"),
    )
    """What `variables` may name."""

    flavour: Literal["electron", "muon"] = Field(description="Which leptons.")
    nanoaod: str = Field(pattern=r"^v\d+$", description="NanoAOD version, which numbers the filter bits.")
    year: int = Field(ge=2015, le=2026, description="Year of the HLT menu: 2016 has muon filter bits of its own.")
    tag: TagLepton = Field(description="The tag.")
    probe: ProbeLepton = Field(description="The probe, before any trigger.")
    max_delta_r: float = Field(0.1, gt=0, description="A lepton and its trigger object are closer than this.")
    opposite_charge: bool = Field(True, description="Tag and probe have opposite charge.")
    mass: tuple[float, float] = Field((60, 120), description="Mass of the pair from and to, GeV.")
    legs: dict[Name, TriggerObject] = Field(
        min_length=1, description="What is measured: the legs, by name, as objects that the probe is matched to."
    )
    dz: DzFilter | None = Field(None, description="Also measure a vertex-distance filter, as `dz`.")

    @model_validator(mode="after")
    def _order(self) -> "TagAndProbe":
        if self.mass[1] <= self.mass[0]:
            raise ValueError("mass: the second value must be larger than the first")
        if "dz" in self.legs:
            raise ValueError("legs: dz is the name of the vertex-distance filter")
        return self


class Interval(Model):
    """How the uncertainty of an efficiency is stated."""

    method: Literal["clopper_pearson", "wilson", "jeffreys", "bayes_uniform"] = Field(
        "clopper_pearson", description="Interval for unweighted counts; weighted counts use it on effective counts."
    )
    level: float = Field(0.682689492137086, gt=0, lt=1, description="Confidence level (0.6827 is one sigma).")


class Style(Model):
    """How figures look. Changing it redraws figures and nothing else."""

    status: str = Field("Open Data", description="Words after the experiment's name: Open Data, Preliminary, Toy, …")
    experiment: str = Field("CMS", description="The experiment's name on each figure; empty for none.")
    energy: float | None = Field(13, gt=0, description="Centre-of-mass energy in TeV, shown top right.")
    colours: tuple[Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")], ...] = Field(
        ("#3f90da", "#bd1f01", "#ffa90e", "#832db6", "#94a4a2"),
        min_length=1,
        description="Line colours `#rrggbb`, one per path and then the OR (default: the palette CMS recommends).",
    )


class Config(Model):
    """One measurement: what is measured, on which data, and how it is shown."""

    name: Name = Field(description="Results go to `results/<name>/`.")
    title: str = Field(description="Heading of the report and of tables.")
    analysis: Literal["hww_emu"] = Field(description="Module of `skimflow.analyses` that selects the events.")
    datasets: tuple[str, ...] = Field(
        min_length=1, description="Names in `config/datasets/` (without .yaml), or paths of dataset files."
    )
    max_files: int | None = Field(None, ge=1, description="Use at most so many files of each dataset.")
    site: str | None = Field(None, description="Name in `config/sites/` (without .yaml): how files are reached.")
    certified_luminosity: CertifiedLuminosity | None = Field(
        None, description="Golden JSON for collision data. Needed as soon as one dataset is data."
    )
    eras: dict[Name, tuple[int, int]] = Field(
        default_factory=dict, description="First and last run of each era, both inclusive."
    )
    selection: HwwEmu = Field(default_factory=HwwEmu, description="Cuts.")
    triggers: Triggers = Field(description="What is measured.")
    variables: dict[Name, Variable] = Field(min_length=1, description="What it is measured against.")
    maps: tuple[Map, ...] = Field((), description="Two-dimensional maps.")
    stability: Name | None = Field("run", description="Variable of the stability plot.")
    on_unreadable: Literal["fail", "record"] = Field(
        "fail", description="A file that cannot be read: its job fails, or the reason is recorded and the rest goes on."
    )
    checksums: bool = Field(False, description="Let `snakemake check_inputs` read whole files and compare checksums.")
    completeness: float = Field(
        1.0, gt=0, le=1, description="Least fraction of files that must have been processed for a result."
    )
    interval: Interval = Field(default_factory=Interval, description="Uncertainty of efficiencies.")
    style: Style = Field(default_factory=Style, description="Look of the figures.")

    @field_validator("eras")
    @classmethod
    def _windows(cls, eras: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for era, (first, last) in eras.items():
            if last < first:
                raise ValueError(f"{era}: last run {last} is before first run {first}")
        return eras

    @field_validator("datasets", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names(self) -> "Config":
        for name in self.variables:
            if name not in self.selection.QUANTITIES:
                raise ValueError(f"variables: {name}: {self.analysis} has {', '.join(self.selection.QUANTITIES)}")
        for map_ in self.maps:
            for axis in (map_.x, map_.y):
                if axis not in self.variables:
                    raise ValueError(f"maps: {axis} is not among the variables")
                if not self.variables[axis].report:
                    raise ValueError(f"maps: variable {axis} needs report edges")
        if self.stability and self.stability not in self.variables:
            raise ValueError(f"stability: {self.stability} is not among the variables")
        return self


class Toy(Model):
    """Files made by `skimflow.toy` instead of files that exist."""

    files: int = Field(ge=1, description="Number of files.")
    events: int = Field(ge=0, description="Events in each file.")
    seed: int = Field(ge=0, description="Datasets with one seed hold the same collisions, seen by other triggers.")
    codec: Literal["ZSTD", "LZMA", "ZLIB", "LZ4"] = Field("ZSTD", description="Compression.")
    filler: int = Field(0, ge=0, le=3000, description="Number of branches to fill up to (1380 in real files).")


SOURCES = ("files", "lists", "recid", "rucio", "das", "toy")


class Site(Model):
    """How files are reached from where the jobs run. Nothing here changes a result, so nothing here reruns a job."""

    redirectors: tuple[Annotated[str, Field(pattern=r"^(root|https?|file)://")], ...] = Field(
        (), description="Servers to try for remote files, in this order, instead of the one in the URL."
    )
    attempts: int = Field(3, ge=1, le=20, description="Rounds through all servers, for errors that may pass.")
    pause: float = Field(10, ge=0, description="Seconds before the second round; doubled for each further one.")
    deadline: float = Field(1800, gt=0, description="Seconds that one attempt to read a file may take.")
    timeout: float = Field(60, gt=0, description="Seconds without an answer from a server that end an attempt.")
    stage: bool = Field(False, description="Copy each remote file to local scratch first, then read the copy.")
    scratch: str | None = Field(None, description="Folder for the copies (default: $TMPDIR).")
    threads: int = Field(
        1, ge=1, le=64, description="Threads of a skim job: how many baskets are decompressed at a time."
    )
    portal: str = Field("https://opendata.cern.ch", description="CERN Open Data portal, for `recid`.")
    prefer: tuple[str, ...] = Field((), description="Rucio storage elements whose replicas come first.")


class Dataset(Model):
    """One dataset: where its files are, and what they are."""

    kind: Literal["data", "mc"] = Field(description="Collision data, or simulation.")
    primary_dataset: Name | None = Field(None, description="Primary dataset (data only), such as MuonEG.")
    process: Name | None = Field(None, description="Simulated process (simulation only), such as TTTo2L2Nu.")
    era: Name | None = Field(None, description="Era; its run window applies when `eras` names it.")
    nanoaod: str | None = Field(
        None, pattern=r"^v\d+$", description="NanoAOD version, such as v9 (for the record; nothing depends on it yet)."
    )
    cross_section: float | None = Field(
        None, gt=0, description="Cross-section in pb (simulation only; for the record, nothing depends on it yet)."
    )
    max_files: int | None = Field(None, ge=1, description="Use at most so many files; overrides the measurement's.")
    files_per_job: int = Field(1, ge=1, description="Files that one skim job reads, for many small files.")
    files: tuple[str, ...] = Field((), description="Local paths, globs, or URLs (root://, https://).")
    lists: tuple[str, ...] = Field((), description="Text files with one path or URL a line; `#` begins a comment.")
    recid: tuple[int, ...] = Field((), description="CERN Open Data records. Needs a lock.")
    rucio: str | None = Field(None, pattern=r"^\w+:/.+", description="Rucio dataset, `cms:/MuonEG/…`. Needs a lock.")
    das: str | None = Field(None, pattern=r"^/[^/]+/[^/]+/[^/]+$", description="DAS dataset or pattern. Needs a lock.")
    toy: Toy | None = Field(None, description="Make the files with the toy generator.")

    @field_validator("files", "lists", "recid", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str | int) else value

    @field_validator("files")
    @classmethod
    def _locations(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for name in files:
            if name.startswith("file:"):
                raise ValueError(f"{name}: write a local file as a path, without file:")
            if re.match(r"^[a-z]+:/[^/]", name):
                raise ValueError(f"{name}: a URL needs two slashes")
        return files

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SOURCES)}" + (f", not {' and '.join(given)}" if given else ""))
        if self.toy and self.files_per_job > 1:
            raise ValueError("files_per_job is not for toy files")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "Dataset":
        if self.kind == "data" and (not self.primary_dataset or self.process):
            raise ValueError("data needs primary_dataset (and no process)")
        if self.kind == "data" and self.cross_section:
            raise ValueError("cross_section is for simulation")
        if self.kind == "mc" and (not self.process or self.primary_dataset):
            raise ValueError("mc needs process (and no primary_dataset)")
        return self

    @property
    def sample(self) -> str:
        """What results are quoted for: the primary dataset, or the process."""
        return self.primary_dataset or self.process or ""
