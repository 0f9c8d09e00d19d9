"""What a configuration may say of an efficiency: probe, references, variables, fits, scale factors."""

import itertools
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import (
    HltPath,
    Map,
    Model,
    Name,
    Variable,
    dataset_name,
    increasing,
    known_variables,
    one_is_a_list,
)
from skimflow.config.cross_trigger import CrossTrigger
from skimflow.config.measurement import Config
from skimflow.config.scale_factors import ScaleFactor
from skimflow.config.tag_and_probe import TagAndProbeReference


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

    _check = field_validator("range")(increasing)


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

    _list = field_validator("datasets", "simulation", mode="before")(one_is_a_list)


Reference = Annotated[NoReference | Orthogonal | TagAndProbeReference, Field(discriminator="method")]


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


class EfficiencyConfig(Config):
    """An efficiency: what is measured, on which data, and how it is shown."""

    analysis: Literal["hww_emu"] = Field(description="Module of `skimflow.analyses` that selects the events.")
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
    scale_factors: dict[Name, ScaleFactor] = Field(
        default_factory=dict,
        description="Scale factors, each a correction in `scalefactors.json.gz`; `null` leaves out those of a "
        "file that this one extends.",
    )
    cross_trigger: CrossTrigger | None = Field(
        None, description="The efficiency of the probe, an OR of two cross triggers, from its legs; null for none."
    )
    interval: Interval = Field(default_factory=Interval, description="Uncertainty of efficiencies.")

    @model_validator(mode="after")
    def _names(self) -> "EfficiencyConfig":
        known_variables(self.variables, self.maps, self.selection.QUANTITIES, self.analysis)
        return self

    @model_validator(mode="after")
    def _turn_ons(self) -> "EfficiencyConfig":
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
    def _stability(self) -> "EfficiencyConfig":
        if self.stability:
            variable = self.variables.get(self.stability.variable)
            if variable is None or variable.fine != "integer":
                raise ValueError(f"stability: {self.stability.variable} is not among the integer variables")
            for name in self.stability.against:
                if name not in self.variables or not self.variables[name].report:
                    raise ValueError(f"stability: against: {name} is not among the variables with report edges")
        return self

    @model_validator(mode="after")
    def _independent(self) -> "EfficiencyConfig":
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
    def analyses(self) -> tuple[str, ...]:
        own = [reference.analysis for reference in self.references.values() if reference.analysis]
        return tuple(dict.fromkeys([self.analysis, *own]))

    def analysis_of(self, dataset: str, kind: str) -> str:
        used = self.references_of(dataset, kind).values()
        return next((reference.analysis for reference in used if reference.analysis), self.analysis)

    def selection_of(self, dataset: str, kind: str) -> str:
        """The reference of tag and probe that a dataset is for, or `` for the measurement's own selection."""
        used = self.references_of(dataset, kind)
        return next((name for name, reference in used.items() if reference.analysis), "")

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
    def _scale_factors_are_measured(self) -> "EfficiencyConfig":
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

    @model_validator(mode="after")
    def _cross_trigger_is_measured(self) -> "EfficiencyConfig":
        if self.cross_trigger is None:
            return self
        if len(self.probe.any_of) != 2:
            raise ValueError("cross_trigger: is the OR of two paths, so probe must have these two as any_of")
        if any(prescale > 1 for prescale in self.probe.prescales.values()):
            raise ValueError("cross_trigger: a path of the probe is prescaled, and legs know nothing of that")
        try:
            self.cross_trigger.check(self.tag_and_probe, self.variables)
        except ValueError as error:
            raise ValueError(f"cross_trigger: {error}") from None
        return self
