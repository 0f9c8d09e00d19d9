"""What a configuration may say. Each field's description is its documentation: `make schema` writes it out."""

import itertools
import re
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from skimflow.errors import ConfigError
from skimflow.filter_bits import bit_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Edges = Annotated[tuple[float, ...], Field(min_length=2)]
HltPath = Annotated[str, Field(pattern=r"^HLT_\w+$")]
_TINY = 1e-9


class Model(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _increasing(edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if edges and any(b <= a for a, b in itertools.pairwise(edges)):
        raise ValueError("bin edges must increase")
    return edges


def _one_is_a_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


def _among(value: float, edges: tuple[float, ...]) -> bool:
    return any(abs(value - edge) < _TINY * max(1, abs(edge)) for edge in edges)


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


def dataset_name(entry: str) -> str:
    """Name of a dataset that is listed by its name or by the path of its file."""
    return re.sub(r"^.*/|\.ya?ml$", "", entry) if entry.endswith((".yaml", ".yml")) else entry


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
            off = [e for e in self.report if not _among(e, fine)]
            if off:
                raise ValueError(f"report edges {off} are not among the fine edges, so counts cannot be merged to them")
        return self


class Map(Model):
    """A two-dimensional efficiency map of two variables, in their report bins."""

    x: Name = Field(description="Variable on the horizontal axis.")
    y: Name = Field(description="Variable on the vertical axis.")


def _known_variables(
    variables: dict[str, Variable], maps: tuple[Map, ...], quantities: tuple[str, ...], analysis: str
) -> None:
    """Raises ValueError if a variable is none of the analysis, or a map has none with report edges."""
    for name in variables:
        if name not in quantities:
            raise ValueError(f"variables: {name}: {analysis} has {', '.join(quantities)}")
    for map_ in maps:
        for axis in (map_.x, map_.y):
            if axis not in variables:
                raise ValueError(f"maps: {axis} is not among the variables")
            if not variables[axis].report:
                raise ValueError(f"maps: variable {axis} needs report edges")


class TurnOn(Model):
    """A turn-on curve, fitted to every path in the fine bins of a variable."""

    variable: Name = Field(description="Variable that it is a function of.")
    model: Literal["erf", "step"] = Field(
        "erf",
        description="`erf`: error function, width in units of the variable; `step`: step at the threshold with a "
        "Gaussian resolution relative to the variable. The figure shows the first one of a variable.",
    )
    range: tuple[float, float] = Field(description="Where it is fitted: two fine edges.")
    floor: bool = Field(False, description="Fit the efficiency far below the threshold, instead of taking it as 0.")

    _check = field_validator("range")(_increasing)


class Stability(Model):
    """Whether efficiencies are constant: χ² and trend, over runs and what else is named here."""

    variable: Name = Field("run", description="Integer variable, a point for each value in the figure.")
    block_events: int | None = Field(
        None, ge=1, description="Put neighbouring runs together until a block has so many events of the denominator."
    )
    against: tuple[Name, ...] = Field((), description="Variables to test too, in their report bins, such as npv.")


class Probe(Model):
    """The trigger whose efficiency is measured: each path, and the OR or the AND of all."""

    any_of: tuple[HltPath, ...] = Field(
        (), description="Trigger paths (branch names). Each is measured, and their OR as `any`."
    )
    all_of: tuple[HltPath, ...] = Field(
        (), description="The same with their AND, as `every`. Give one of any_of and all_of."
    )
    on_missing: Literal["exclude", "error", "false"] = Field(
        "exclude",
        description="A path absent from a file's menu: `exclude` the events from that path's denominator and count "
        "them, stop with an `error`, or take it as not fired (`false`).",
    )
    prescales: dict[HltPath, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Prescale of each path in the collision data, where it is not 1 (simulation has none): the path "
        "accepts one of so many events, and that is no inefficiency.",
    )
    on_prescale: Literal["refuse", "weight"] = Field(
        "refuse",
        description="A prescaled path: `refuse` to measure it, or count each of its fired events prescale times "
        "(`weight`).",
    )

    @field_validator("on_missing", mode="before")
    @classmethod
    def _yaml_false(cls, value: object) -> object:
        return "false" if value is False else value

    @model_validator(mode="after")
    def _one_list(self) -> "Probe":
        if bool(self.any_of) == bool(self.all_of):
            raise ValueError("give either any_of or all_of")
        if len(set(self.paths)) < len(self.paths):
            raise ValueError("a path is listed twice")
        return self

    @model_validator(mode="after")
    def _prescaled(self) -> "Probe":
        for path, prescale in self.prescales.items():
            if path not in self.paths:
                raise ValueError(f"prescales: {path} is not among the paths")
            if prescale > 1 and self.on_prescale == "refuse":
                raise ValueError(
                    f"{path} has a prescale of {prescale}, which would be taken for an inefficiency "
                    "(leave it out, or set on_prescale: weight)"
                )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        return self.any_of or self.all_of

    @property
    def combination(self) -> Literal["any", "every"]:
        """Name of all paths together."""
        return "any" if self.any_of else "every"


class NoReference(Model):
    """The ratio in the datasets of the measurement, biased upwards where the probe helped to select their events."""

    analysis: ClassVar[str | None] = None
    datasets: ClassVar[tuple[str, ...]] = ()
    simulation: ClassVar[tuple[str, ...]] = ()
    paths: ClassVar[tuple[str, ...]] = ()

    method: Literal["none"] = Field(description="No condition beside the offline selection; uses `datasets`.")


class Orthogonal(Model):
    """Events of another primary dataset that were selected by paths independent of the probe."""

    analysis: ClassVar[str | None] = None
    """Module of `skimflow.analyses` that selects the events of a reference, where it is not that of the measurement."""

    method: Literal["orthogonal"] = Field(description="Events that another trigger selected, as of a MET dataset.")
    datasets: tuple[str, ...] = Field(
        min_length=1, description="Collision data that the reference paths selected; named as in `datasets`."
    )
    paths: tuple[HltPath, ...] = Field(
        min_length=1, description="Reference paths: the denominator is the offline selection and their OR."
    )
    simulation: tuple[str, ...] = Field(
        (), description="Simulation beside that of `datasets`, all of which is counted with this reference too."
    )

    _list = field_validator("datasets", "simulation", mode="before")(_one_is_a_list)


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

    bit: str = Field(description="Filter bit by name, such as TrkIsoVVL (`filter_bits.py` lists them).")
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
        if "twins" in self.legs:
            raise ValueError("legs: a leg cannot be named twins")
        return self

    @model_validator(mode="after")
    def _known_bits(self) -> "TagAndProbe":
        for where, wanted in (("tag.object", self.tag.object), *((f"legs.{n}", leg) for n, leg in self.legs.items())):
            try:
                bit_of(wanted.bit, self.flavour, self.nanoaod, self.year)
            except ConfigError as error:
                raise ValueError(f"{where}: {error}") from None
        return self


class Windows(Model):
    """Where probes are counted, in GeV; the sidebands are symmetric about the signal."""

    signal: tuple[float, float] = Field((81, 101), description="Window of the signal, from and to.")
    below: tuple[float, float] = Field((71, 81), description="Lower sideband.")
    above: tuple[float, float] = Field((101, 111), description="Upper sideband.")

    @model_validator(mode="after")
    def _symmetric(self) -> "Windows":
        for name in ("below", "signal", "above"):
            low, high = getattr(self, name)
            if high <= low:
                raise ValueError(f"{name}: the second value must be larger than the first")
        centres = [sum(window) for window in (self.below, self.signal, self.above)]
        widths = [high - low for low, high in (self.below, self.above)]
        if abs(centres[0] + centres[2] - 2 * centres[1]) > _TINY or abs(widths[0] - widths[1]) > _TINY:
            raise ValueError("the sidebands must have one width and lie symmetric about the signal")
        if self.below[1] > self.signal[0]:
            raise ValueError("the sidebands must lie outside the signal")
        return self


class MassFit(Model):
    """From mass spectra to efficiencies. Both ways are in the table; changing anything never skims again."""

    method: Literal["fit", "counting"] = Field(
        "fit", description="Which of the two is the efficiency: the mass fit, or counts less those of sidebands."
    )
    signal: Literal["crystal_ball", "voigt"] = Field("crystal_ball", description="Shape of the signal.")
    background: Literal["exponential", "cms"] = Field(
        "exponential", description="Shape of the background; `cms`: erfc × exp, for a shoulder below the peak."
    )
    windows: Windows = Field(default_factory=Windows, description="Windows of the counting.")


class TagAndProbeReference(Model):
    """Leptons from Z decays: the efficiency of trigger legs, without bias from the trigger that selected the events."""

    analysis: ClassVar[str | None] = "tag_and_probe"
    paths: ClassVar[tuple[str, ...]] = ()

    method: Literal["tag_and_probe"] = Field(description="Pairs of a tag and a probe from Z decays.")
    datasets: tuple[str, ...] = Field(
        min_length=1, description="Collision data that the tag selected, counted with this reference only."
    )
    simulation: tuple[str, ...] = Field((), description="Simulation of Z decays, counted with this reference only.")
    selection: TagAndProbe = Field(description="Tag, probe and legs.")
    mass: RegularBins = Field(
        RegularBins(bins=60, low=60, high=120), description="Bins of the mass that the skim counts in, GeV."
    )
    variables: dict[Name, Variable] = Field(
        min_length=1, description="What legs are measured against; integer variables by counting only."
    )
    maps: tuple[Map, ...] = Field((), description="Two-dimensional maps of the legs.")
    fit: MassFit = Field(default_factory=MassFit, description="From mass spectra to efficiencies.")

    _list = field_validator("datasets", "simulation", mode="before")(_one_is_a_list)

    @model_validator(mode="after")
    def _names(self) -> "TagAndProbeReference":
        _known_variables(self.variables, self.maps, self.selection.QUANTITIES, "tag_and_probe")
        return self

    @model_validator(mode="after")
    def _mass(self) -> "TagAndProbeReference":
        low, high = self.selection.mass
        if self.mass.low < low - _TINY or self.mass.high > high + _TINY:
            raise ValueError(f"mass: its bins go beyond selection.mass, {low:g} to {high:g} GeV")
        windows = self.fit.windows
        off = [e for e in (*windows.below, *windows.signal, *windows.above) if not _among(e, self.mass.edges)]
        if off:
            raise ValueError(f"fit: windows: {off} are not among the edges of mass")
        return self


Reference = Annotated[NoReference | Orthogonal | TagAndProbeReference, Field(discriminator="method")]


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


IntervalMethod = Literal["clopper_pearson", "wilson", "jeffreys", "bayes_uniform"]


class Interval(Model):
    """How the uncertainty of an efficiency is stated."""

    method: IntervalMethod = Field(
        "clopper_pearson", description="Interval for unweighted counts; weighted counts use it on effective counts."
    )
    level: float = Field(0.682689492137086, gt=0, lt=1, description="Confidence level (0.6827 is one sigma).")
    compare: Literal["all"] | tuple[IntervalMethod, ...] = Field(
        (), description="Methods to show side by side in a table and a figure of their own, `all` or a list."
    )

    @property
    def compared(self) -> tuple[str, ...]:
        """Methods that are shown side by side, beginning with `method`; none unless asked for."""
        others = get_args(IntervalMethod) if self.compare == "all" else self.compare
        return tuple(dict.fromkeys((self.method, *others))) if others else ()


class Alternative(Model):
    """Another way to the same scale factor: what it does not say is as in the nominal one."""

    measurement: Name | None = Field(
        None,
        description="Another measurement whose efficiencies are used: another tag selection, mass window, binning of "
        "the fit. Its results must be there, in the same bins.",
    )
    data: Name | None = Field(None, description="Another sample of data.")
    simulation: Name | None = Field(None, description="Another simulated process.")
    trigger: Name | None = Field(None, description="Another path.")
    reference: Name | None = Field(None, description="Another reference, for data and simulation.")
    simulation_reference: Name | None = Field(
        None,
        description="Another reference for simulation only; `none` beside an orthogonal reference in data is the "
        "effect of α, the correlation of reference and probe.",
    )


class Systematic(Model):
    """A source of systematic uncertainty: one alternative or two."""

    up: Alternative = Field(description="The alternative, or the upper one of two.")
    down: Alternative | None = Field(None, description="The lower one; by default the mirror image of `up`.")
    one_sided: bool = Field(
        False, description="Without `down`: the down variation is the nominal value, not the mirror image."
    )


class ScaleFactor(Model):
    """Efficiency in data over efficiency in simulation."""

    data: Name = Field(description="Sample of data: a primary dataset.")
    simulation: Name = Field(description="Simulated process.")
    trigger: Name | None = Field(None, description="One of the paths (default: all of them combined).")
    variables: tuple[Name, ...] = Field(
        min_length=1, max_length=2, description="One variable with report edges, or the two of a map."
    )
    reference: Name = Field("none", description="Reference of both efficiencies.")
    simulation_reference: Name | None = Field(None, description="Reference in simulation, if it is another one.")
    clamp: tuple[Name, ...] | None = Field(
        None,
        description="Variables whose last bin holds for larger values too; of others they are an error (default: "
        "variables whose first edge is not negative, such as momenta). Smaller values are always an error.",
    )
    systematics: dict[Name, Systematic] = Field(default_factory=dict, description="Sources of uncertainty.")
    version: int = Field(1, ge=1, description="Number of this version, for those who use the file.")

    @model_validator(mode="after")
    def _sound(self) -> "ScaleFactor":
        taken = {"nominal", "stat", "up", "down"} & self.systematics.keys()
        if taken:
            raise ValueError(f"systematics: {', '.join(sorted(taken))}: this name is taken")
        unknown = set(self.clamp or ()) - set(self.variables)
        if unknown:
            raise ValueError(f"clamp: {', '.join(sorted(unknown))}: not among its variables")
        return self


class Luminosity(Model):
    """Recorded luminosity, as brilcalc tells it, for the processed sections."""

    table: str = Field(
        description="Output of `brilcalc lumi`, per run (text or CSV) or per section (`--byls`), for the golden JSON."
    )
    unit: Literal["/b", "/mb", "/ub", "/nb", "/pb", "/fb"] | None = Field(
        None, description="Unit of its column `recorded`, if the head of the table does not say it."
    )


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
        min_length=1,
        description="Names in `config/datasets/` (without .yaml), or paths of dataset files; references may add some.",
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
    probe: Probe = Field(description="The trigger that is measured.")
    references: dict[Name, Reference] = Field(
        default_factory=lambda: {"none": NoReference(method="none")},
        min_length=1,
        description="Which events it is measured on, by name; each is a measurement of its own beside the others "
        "(without the key: `none: {method: none}`).",
    )
    variables: dict[Name, Variable] = Field(min_length=1, description="What it is measured against.")
    maps: tuple[Map, ...] = Field((), description="Two-dimensional maps.")
    turn_ons: tuple[TurnOn, ...] = Field((), description="Turn-on curves to fit.")
    stability: Stability | None = Field(
        default_factory=Stability, description="Tests of constancy, and their figure; null for none."
    )
    on_unreadable: Literal["fail", "record"] = Field(
        "fail", description="A file that cannot be read: its job fails, or the reason is recorded and the rest goes on."
    )
    checksums: bool = Field(False, description="Let `snakemake check_inputs` read whole files and compare checksums.")
    completeness: float = Field(
        1.0, gt=0, le=1, description="Least fraction of files that must have been processed for a result."
    )
    luminosity: Luminosity | None = Field(None, description="How much luminosity the processed sections are.")
    scale_factors: dict[Name, ScaleFactor] = Field(
        default_factory=dict,
        description="Scale factors, each a correction in `scalefactors.json.gz`; `null` leaves out those of a "
        "file that this one extends.",
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

    _list = field_validator("datasets", mode="before")(_one_is_a_list)

    @model_validator(mode="after")
    def _names(self) -> "Config":
        _known_variables(self.variables, self.maps, self.selection.QUANTITIES, self.analysis)
        return self

    @model_validator(mode="after")
    def _turn_ons(self) -> "Config":
        seen = set()
        for wanted in self.turn_ons:
            variable = self.variables.get(wanted.variable)
            if variable is None or variable.fine == "integer":
                raise ValueError(f"turn_ons: {wanted.variable} is not among the variables with fine bins")
            off = [edge for edge in wanted.range if not any(abs(edge - fine) < 1e-9 for fine in variable.fine.edges)]
            if off:
                raise ValueError(f"turn_ons: range of {wanted.variable}: {off} are not among its fine edges")
            if wanted.model == "step" and wanted.range[0] < 0:
                raise ValueError(f"turn_ons: {wanted.variable}: a step has a relative resolution: no range below 0")
            if (wanted.variable, wanted.model) in seen:
                raise ValueError(f"turn_ons: {wanted.variable} with model {wanted.model} is listed twice")
            seen.add((wanted.variable, wanted.model))
        return self

    @model_validator(mode="after")
    def _stability(self) -> "Config":
        if self.stability:
            variable = self.variables.get(self.stability.variable)
            if variable is None or variable.fine != "integer":
                raise ValueError(f"stability: {self.stability.variable} is not among the integer variables")
            for name in self.stability.against:
                if name not in self.variables or not self.variables[name].report:
                    raise ValueError(f"stability: against: {name} is not among the variables with report edges")
        return self

    @model_validator(mode="after")
    def _independent(self) -> "Config":
        for name, reference in self.references.items():
            for path in reference.paths:
                if path in self.probe.paths:
                    raise ValueError(
                        f"references: {name}: {path} is what is measured, so it cannot be its reference "
                        "(name paths that are independent of the probe)"
                    )
        return self

    @property
    def dataset_lists(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Every list of datasets, by the keys that lead to it."""
        lists: dict[tuple[str, ...], tuple[str, ...]] = {("datasets",): self.datasets}
        for name, reference in self.references.items():
            lists["references", name, "datasets"] = reference.datasets
            lists["references", name, "simulation"] = reference.simulation
        return lists

    def references_of(self, dataset: str, kind: str) -> dict[str, NoReference | Orthogonal | TagAndProbeReference]:
        """The references that a dataset is counted with: data, and simulation of Z decays, by those that list it, the
        simulation of the measurement by all that select its events alike."""
        found = {}
        simulation = [self.datasets, *(r.simulation for r in self.references.values() if r.analysis is None)]
        for name, reference in self.references.items():
            if reference.analysis:
                lists = [reference.datasets, reference.simulation]
            elif kind == "mc":
                lists = simulation
            else:
                lists = [self.datasets if reference.method == "none" else reference.datasets]
            if dataset in map(dataset_name, itertools.chain(*lists)):
                found[name] = reference
        return found

    @property
    def tag_and_probe(self) -> dict[str, TagAndProbeReference]:
        """The references that measure legs."""
        return {name: r for name, r in self.references.items() if r.method == "tag_and_probe"}

    @field_validator("scale_factors", mode="before")
    @classmethod
    def _null_is_none(cls, value: object) -> object:
        """A file that extends another leaves its scale factors out with `scale_factors: null`."""
        return {} if value is None else value

    @model_validator(mode="after")
    def _scale_factors_are_measured(self) -> "Config":
        for name, factor in self.scale_factors.items():
            source = self.tag_and_probe.get(factor.reference, self)
            if len(factor.variables) == 2 and factor.variables not in [(map_.x, map_.y) for map_ in source.maps]:
                raise ValueError(f"scale_factors: {name}: there is no map of {' and '.join(factor.variables)}")
            for variable in factor.variables:
                if variable not in source.variables or not source.variables[variable].report:
                    raise ValueError(f"scale_factors: {name}: {variable} is not a variable with report edges")
            if source is not self and factor.trigger not in source.selection.legs:
                legs = ", ".join(source.selection.legs)
                raise ValueError(f"scale_factors: {name}: trigger must be a leg of {factor.reference} ({legs})")
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

    _list = field_validator("files", "lists", "recid", mode="before")(_one_is_a_list)

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
