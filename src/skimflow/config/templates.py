"""What a configuration may say of histograms: processes, observables, corrections."""

from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import Edges, Model, Name, RegularBins, increasing, one_is_a_list
from skimflow.config.corrections import OBJECTS, Correction
from skimflow.config.measurement import Config


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

    samples: tuple[Name, ...] = Field(min_length=1, description="Primary datasets, or simulated processes.")
    label: str | None = Field(None, description="Name in figures (matplotlib math is allowed).")
    variations: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict,
        description="By variation, samples of another simulation that take the place of the nominal ones.",
    )

    _list = field_validator("samples", mode="before")(one_is_a_list)

    @field_validator("variations", mode="before")
    @classmethod
    def _lists(cls, variations: object) -> object:
        return {k: one_is_a_list(v) for k, v in variations.items()} if isinstance(variations, dict) else variations


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

    paths: tuple[Annotated[str, Field(pattern=r"^HLT_\w+$")], ...] = Field(
        min_length=1, description="Trigger paths, one of which the event fired, in data and simulation."
    )
    id: str = Field("tightId", description="Identification flag, a branch `Muon_…`.")
    isolation: str = Field("pfRelIso04_all", description="Relative isolation, a branch `Muon_…`.")
    max_isolation: float = Field(0.15, gt=0, description="Muons are isolated better than this.")
    lead_pt: float = Field(26, ge=0, description="pT of the leading muon of the pair above this, GeV.")
    min_pt: float = Field(20, ge=0, description="Muon pT above this, GeV.")
    max_eta: float = Field(2.4, gt=0, description="Muon |η| below this.")
    max_dxy: float | None = Field(0.2, gt=0, description="Transverse impact parameter below this, cm; null for any.")
    max_dz: float | None = Field(0.5, gt=0, description="Longitudinal impact parameter below this, cm; null for any.")
    pair: Literal["nearest_z", "leading"] = Field(
        "nearest_z",
        description="Which pair of an event with more than two muons: that nearest to the Z mass, or leading.",
    )
    mass: tuple[float, float] = Field((60, 120), description="Mass of the pair from and to, GeV.")
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
