"""What a configuration may say of histograms: processes, observables, corrections."""

from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import AfterSkim, Edges, Model, Name, Names, RegularBins, increasing
from skimflow.config.corrections import OBJECTS, Correction, Scale, Smear
from skimflow.config.fits import FitModel
from skimflow.config.measurement import Config

DATA, PSEUDODATA = "data", "pseudodata"
"""The process that is collision data, and what stands in its place."""


class Observable(Model):
    """A quantity that is histogrammed."""

    label: str = Field(description="Axis title (matplotlib math is allowed).")
    unit: str = Field("", description="Unit, shown in brackets.")
    bins: RegularBins | Edges = Field(description="Bins of equal width, or edges.")

    @field_validator("bins")
    @classmethod
    def _order(cls, bins: RegularBins | tuple[float, ...]) -> RegularBins | tuple[float, ...]:
        return bins if isinstance(bins, RegularBins) else increasing(bins) or bins

    @property
    def edges(self) -> tuple[float, ...]:
        return self.bins.edges if isinstance(self.bins, RegularBins) else self.bins


class Process(Model):
    """What is shown and fitted as one: the samples of simulation, or those of data."""

    samples: Names = Field(description="Primary datasets, or simulated processes.")
    label: str | None = Field(None, description="Name in figures (matplotlib math is allowed).")
    variations: dict[Name, Names] = Field(
        default_factory=dict,
        description="By variation, samples of another simulation that take the place of the nominal ones.",
    )

    stacked: bool = Field(
        True, description="Part of what is expected; otherwise a signal that is shown as a line, and not added."
    )


class Part(Model):
    """What pseudodata is made of."""

    process: Name = Field(description="A process of simulation.")
    variation: Name = Field("nominal", description="One of its variations that are samples of their own, or nominal.")
    factor: float = Field(1.0, gt=0, description="Its yield times this.")


class Pseudodata(Model):
    """Templates that stand where collision data would: a sum of others."""

    parts: tuple[Part, ...] = Field(min_length=1, description="What is added.")
    label: str = Field("pseudodata", description="Name in figures.")


class TemplatesConfig(Config):
    """Histograms: regions of an analysis, by process and variation, filled from skims."""

    processes: dict[Name, Process] = Field(
        min_length=1, description="What is shown together, in the order of the stack; `data` is collision data."
    )
    observables: dict[Name, Observable] = Field(min_length=1, description="What is histogrammed.")
    corrections: tuple[Correction, ...] = Field(
        (), description="Corrections, in this order: first those of objects, then event weights."
    )
    integrated_luminosity: float | None = Field(
        None,
        gt=0,
        description="What simulation is scaled to, pb⁻¹ (default: what `luminosity` tells of the processed sections).",
    )
    fits: dict[Name, FitModel] = Field(
        default_factory=dict, description="Fits of the templates, by name (they need the extra `fit`)."
    )

    normalisation: Literal["weights", "events"] = Field(
        "weights",
        description="`weights`: events have their generator weight, whose sum simulation is divided by. `events`: each "
        "counts 1 and their number divides, as analyses did that ignored the weights: wrong where some are negative.",
    )
    pseudodata: Pseudodata | None = Field(None, description="Pseudodata, the template `pseudodata` of each region.")

    @model_validator(mode="after")
    def _parts_exist(self) -> "TemplatesConfig":
        if self.pseudodata and PSEUDODATA in self.processes:
            raise ValueError(f"processes: {PSEUDODATA}: this name is taken by the block pseudodata")
        for part in self.pseudodata.parts if self.pseudodata else ():
            if part.process not in self.processes or part.process == DATA:
                known = ", ".join(name for name in self.processes if name != DATA)
                raise ValueError(f"pseudodata: parts: {part.process} is no simulated process ({known})")
            known = ("nominal", *self.processes[part.process].variations)
            if part.variation not in known:
                raise ValueError(f"pseudodata: parts: {part.process} has no {part.variation} ({', '.join(known)})")
        return self

    @model_validator(mode="after")
    def _varied_processes_exist(self) -> "TemplatesConfig":
        for correction in self.corrections:
            for name in getattr(correction, "processes", ()):
                if name not in self.processes or name == DATA:
                    raise ValueError(f"corrections: {correction.name}: processes: {name} is no simulated process")
        return self

    @property
    def regions(self) -> dict[str, tuple[str, ...]]:
        """The regions of the selection, and the observables that each has."""
        return self.selection.REGIONS  # type: ignore[attr-defined]

    n_minus_one: dict[Name, RegularBins] = Field(
        default_factory=dict,
        description="Bins that show what each cut on an observable removes (default: those of the observable).",
    )

    @model_validator(mode="after")
    def _distinct(self) -> "TemplatesConfig":
        for what, number in Counter(c.name for c in self.corrections).items():
            if number > 1 or what in ("nominal", "raw") or what.startswith("stage_"):
                raise ValueError(f"corrections: {what}: this name is taken")
        kinds = [isinstance(correction, OBJECTS) for correction in self.corrections]
        if kinds != sorted(kinds, reverse=True):
            raise ValueError("corrections: those of objects come before event weights, which look at corrected objects")
        return self

    @model_validator(mode="after")
    def _fitted(self) -> "TemplatesConfig":
        for name, fit in self.fits.items():
            wanted = {sample.process for sample in fit.samples.values()} | ({fit.data} if fit.data else set())
            unknown = wanted - set(self.fitted_processes)
            if unknown:
                raise ValueError(f"fits: {name}: {', '.join(sorted(unknown))}: not among the processes")
        return self

    @property
    def learns(self) -> bool:
        """Whether something is learned from the events."""
        return False

    @property
    def fitted_processes(self) -> tuple[str, ...]:
        """Names of the processes that have templates, pseudodata among them."""
        return (*self.processes, *([PSEUDODATA] if self.pseudodata else []))

    @model_validator(mode="after")
    def _linked(self) -> "TemplatesConfig":
        """Sources that a weight varies with are those of another correction."""
        for correction in self.corrections:
            linked = getattr(correction, "varies_with", None)
            known = [source for other in self.corrections if other != correction for source in other.varied_as]
            if linked is not None and linked not in known:
                found = f"no other correction has this source (sources: {', '.join(dict.fromkeys(known)) or 'none'})"
                raise ValueError(f"corrections: {correction.name}: varies_with: {linked}: {found}")
        return self

    @model_validator(mode="after")
    def _samples_once(self) -> "TemplatesConfig":
        named = [s for p in self.processes.values() for group in (p.samples, *p.variations.values()) for s in group]
        for sample, number in Counter(named).items():
            if number > 1:
                raise ValueError(f"processes: sample {sample} is listed twice")
        return self


class Zmumu(Model):
    """Selection of `zmumu`: a pair of muons of opposite charge near the Z mass."""

    OBSERVABLES: ClassVar[tuple[str, ...]] = (
        *("mass", "pt", "rapidity", "lead_pt", "sublead_pt", "lead_eta", "sublead_eta", "npv", "met"),
    )
    """What `observables` may name."""
    REGIONS: ClassVar[dict[str, tuple[str, ...]]] = {"zmumu": OBSERVABLES}
    """The regions, and the observables that each has."""
    FLOWS: ClassVar[tuple[str, ...]] = ("zmumu",)
    """Regions whose cuts are counted one by one."""

    paths: tuple[Annotated[str, Field(pattern=r"^HLT_\w+$")], ...] = Field(
        min_length=1, description="Trigger paths, one of which the event fired, in data and simulation."
    )
    id: str = Field("tightId", description="Identification flag, a branch `Muon_…`.")
    isolation: str = Field("pfRelIso04_all", description="Relative isolation, a branch `Muon_…`.")
    max_isolation: float = Field(0.15, gt=0, description="Muons are isolated better than this.")
    lead_pt: AfterSkim[float] = Field(26, ge=0, description="pT of the leading muon of the pair above this, GeV.")
    min_pt: float = Field(20, ge=0, description="Muon pT above this, GeV.")
    max_eta: float = Field(2.4, gt=0, description="Muon |η| below this.")
    max_dxy: float | None = Field(0.2, gt=0, description="Transverse impact parameter below this, cm; null for any.")
    max_dz: float | None = Field(0.5, gt=0, description="Longitudinal impact parameter below this, cm; null for any.")
    pair: AfterSkim[Literal["nearest_z", "leading"]] = Field(
        "nearest_z",
        description="Which pair of an event with more than two muons: that nearest to the Z mass, or leading.",
    )
    mass: AfterSkim[tuple[float, float]] = Field((60, 120), description="Mass of the pair from and to, GeV.")
    filters: tuple[str, ...] = Field((), description="Event filters, branches such as Flag_goodVertices.")
    margin: float = Field(
        0.9,
        gt=0,
        le=1,
        description="The skim keeps muons above so much of the pT that is asked for, so that corrections "
        "and their variations find all of theirs.",
    )


class ZmumuConfig(TemplatesConfig):
    """Z→μμ: the mass peak, raw and corrected."""

    analysis: Literal["zmumu"] = Field(description="Module of `skimflow.analyses` that selects the events.")
    selection: Zmumu = Field(description="Cuts.")

    @model_validator(mode="after")
    def _known(self) -> "ZmumuConfig":
        for key, names in (("observables", self.observables), ("n_minus_one", self.n_minus_one)):
            for name in names:
                if name not in self.selection.OBSERVABLES:
                    raise ValueError(f"{key}: {name}: zmumu has {', '.join(self.selection.OBSERVABLES)}")
        for correction in self.corrections:
            other = correction.kind in ("jets", "btag", "btag_shape")
            if other or getattr(correction, "collection", "Muon") != "Muon":
                raise ValueError(f"corrections: {correction.name}: zmumu has muons and missing momentum only")
        return self


class AgcElectrons(Model):
    """Electrons of `agc_ttbar`."""

    min_pt: float = Field(30, ge=0, description="pT above this, GeV.")
    max_eta: float = Field(2.1, gt=0, description="|η| below this.")
    cut_based: int = Field(4, ge=0, le=4, description="`Electron_cutBased` is this (4: tight).")
    max_sip3d: float = Field(4, gt=0, description="Significance of the impact parameter below this.")


class AgcMuons(Model):
    """Muons of `agc_ttbar`."""

    min_pt: float = Field(30, ge=0, description="pT above this, GeV.")
    max_eta: float = Field(2.1, gt=0, description="|η| below this.")
    id: str = Field("tightId", description="Identification flag, a branch `Muon_…`.")
    isolation: str = Field("pfRelIso04_all", description="Relative isolation, a branch `Muon_…`.")
    max_isolation: float = Field(0.15, gt=0, description="Muons are isolated better than this.")
    max_sip3d: float = Field(4, gt=0, description="Significance of the impact parameter below this.")


class AgcJets(Model):
    """Jets of `agc_ttbar`."""

    min_pt: float = Field(30, ge=0, description="pT, as varied, above this, GeV.")
    max_eta: float = Field(2.4, gt=0, description="|η| below this.")
    id_bit: Literal[0, 1, 2] = Field(2, description="Bit of `Jet_jetId` that is set (2: tight with lepton veto).")
    btag: str = Field("btagCSVV2", description="b-tag discriminant, a branch `Jet_…`.")
    min_btag: float = Field(0.5, description="A jet is tagged above this.")


class AgcTtbar(Model):
    """Selection of `agc_ttbar`: one lepton, four jets, one or more b tags."""

    OBSERVABLES: ClassVar[tuple[str, ...]] = ("HT", "m_bjj")
    """What `observables` may name."""
    REGIONS: ClassVar[dict[str, tuple[str, ...]]] = {"4j1b": ("HT",), "4j2b": ("m_bjj",)}
    """The regions, and the observables that each has."""

    electrons: AgcElectrons = Field(default_factory=AgcElectrons, description="Electrons.")
    muons: AgcMuons = Field(default_factory=AgcMuons, description="Muons.")
    jets: AgcJets = Field(default_factory=AgcJets, description="Jets.")
    margin: float = Field(
        0.75,
        gt=0,
        le=1,
        description="The skim keeps events with four jets above so much of `jets.min_pt`, so that variations find all "
        "of theirs: 0.75 is beyond six standard deviations of a resolution of 5 %.",
    )
    partons: bool = Field(
        False, description="The skim also says which parton each jet comes from, for the training (reads GenPart)."
    )


class Assignment(Model):
    """Which jet is which quark: boosted trees, one for the events of even number and one for the odd ones."""

    process: Name = Field("ttbar", description="The process whose nominal samples are learned from.")
    trees: int = Field(250, ge=1, description="Number of trees.")
    leaves: int = Field(31, ge=2, description="Leaves of each tree.")
    learning_rate: float = Field(0.1, gt=0, le=1, description="Weight of each tree.")
    max_events: int = Field(20_000, ge=1, description="Train with at most so many events of each half.")
    wrapped: bool = Field(
        True, description="Differences of φ are angles; false subtracts them as the Grand Challenge does."
    )
    seed: int = Field(5, ge=0, description="Of the training.")


class Separation(Model):
    """A process against all others, from m_bjj and the pT of lepton and leading jet."""

    signal: Name = Field("ttbar", description="The process that is to be told from the others.")
    neighbours: tuple[int, ...] = Field(
        (3, 5, 7, 9, 11, 13), min_length=1, description="Numbers of nearest neighbours."
    )
    depths: tuple[int, ...] = Field(
        (5, 10, 15, 20, 25, 30, 35, 40, 45), min_length=1, description="Depths of decision trees."
    )
    test: float = Field(0.2, gt=0, lt=1, description="Fraction of events to judge with.")
    seed: int = Field(5, ge=0, description="Of the split and of the trees.")


_TAIL = 5
"""Standard deviations of a smearing that the margin must leave room for."""


class AgcTtbarConfig(TemplatesConfig):
    """tt̄ in the lepton+jets channel, as in the Analysis Grand Challenge."""

    analysis: Literal["agc_ttbar"] = Field(description="Module of `skimflow.analyses` that selects the events.")
    selection: AgcTtbar = Field(default_factory=AgcTtbar, description="Cuts.")
    assignment: Assignment | None = Field(
        None,
        description="Learn which jet is which quark (target `agc_training`, extra `ml`); needs `selection.partons`.",
    )
    separation: Separation | None = Field(
        None, description="Learn to tell a process from the others (target `agc_training`, extra `ml`)."
    )

    @property
    def learns(self) -> bool:
        return self.assignment is not None or self.separation is not None

    @model_validator(mode="after")
    def _learned_processes_exist(self) -> "AgcTtbarConfig":
        wanted = {"assignment: process": self.assignment and self.assignment.process}
        wanted["separation: signal"] = self.separation and self.separation.signal
        for where, name in wanted.items():
            if name is not None and (name not in self.processes or name == DATA):
                raise ValueError(f"{where}: {name} is no simulated process")
        if self.assignment and not self.selection.partons:
            raise ValueError("assignment: needs selection: partons, so that skims say where jets come from")
        return self

    @model_validator(mode="after")
    def _known(self) -> "AgcTtbarConfig":
        for name in self.observables:
            if name not in self.selection.OBSERVABLES:
                raise ValueError(f"observables: {name}: agc_ttbar has {', '.join(self.selection.OBSERVABLES)}")
        return self

    @model_validator(mode="after")
    def _margin_is_wide_enough(self) -> "AgcTtbarConfig":
        """An event that the skim drops cannot come back under a variation."""
        for correction in self.corrections:
            if isinstance(correction, Scale | Smear) and correction.collection == "Jet":
                rise = correction.factor if isinstance(correction, Scale) else 1 + _TAIL * correction.width
                if rise * self.selection.margin > 1:
                    raise ValueError(
                        f"selection: margin: {correction.name} can raise momenta {rise:g} times, so events that it "
                        f"would select are lost to the skim; at most {1 / rise:.3g}"
                    )
        return self
