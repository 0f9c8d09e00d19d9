"""What a configuration may say of Z′ → tt̄ with one muon: its selection and its classifier."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import AfterSkim, Model, Name, Names
from skimflow.config.templates import TemplatesConfig

WORKSHOP, TAGGED, UNTAGGED, CR1, CR2 = "CMS_WORKSHOP", "SR_tag", "SR_notag", "CR1", "CR2"
SHAPES = (
    *("n_jet", "leading_jet_mass", "subleading_jet_mass", "st", "leading_jet_btag", "subleading_jet_btag"),
    *("s_zz", "delta_r", "pt_rel", "delta_r_times_pt"),
)
"""Observables of the event's shape, which a classifier may learn from."""
_EVENT = ("muon_pt", "muon_eta", "met")
_OF_CHI2 = ("mtt", "chi2", "leptonic_mass", "hadronic_mass")


class Classifier(Model):
    """A small neural network that tells tt̄ from W+jets, learnt from the simulation of this measurement."""

    signal: Names = Field(description="Processes that get a score near 1.")
    background: Names = Field(description="Processes that get a score near -1.")
    features: dict[Name, float] = Field(
        {"n_jet": 10.0, "leading_jet_mass": 20.0, "subleading_jet_mass": 20.0},
        min_length=1,
        description="Observables that it sees, and what each is divided by.",
    )
    hidden: tuple[int, ...] = Field((16, 16), description="Neurons of each hidden layer.")
    learning_rate: float = Field(0.01, gt=0, description="Step of the first epoch.")
    epochs: int = Field(500, ge=1, description="At most so many passes over the events.")
    validation: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Fraction of events not learnt from: learning ends when they gain no more.",
    )
    seed: int = Field(42, ge=0, description="Seed of everything random.")

    @field_validator("features")
    @classmethod
    def _divisors(cls, features: dict[str, float]) -> dict[str, float]:
        for name, divisor in features.items():
            if name not in SHAPES:
                raise ValueError(f"{name}: is no observable of the event's shape ({', '.join(SHAPES)})")
            if not divisor > 0:
                raise ValueError(f"{name}: is divided by {divisor}, which must be above 0")
        return features


class Zprime(Model):
    """Selection of `zprime`: one energetic muon, b jets, missing momentum, a top quark in one fat jet or in three."""

    OBSERVABLES: ClassVar[dict[str, tuple[str, ...]]] = {
        WORKSHOP: ("workshop_mtt", "fat_jet_pt", "fat_jet_mass", *_EVENT, *SHAPES),
        TAGGED: (*_OF_CHI2, "fat_jet_pt", "fat_jet_mass", *_EVENT, *SHAPES),
        UNTAGGED: (*_OF_CHI2, *_EVENT, *SHAPES),
        CR1: (*_OF_CHI2, *_EVENT, *SHAPES),
        CR2: (*_OF_CHI2, *_EVENT, *SHAPES),
    }
    """The regions, and the observables that each has; those of a classifier also `nn`."""

    paths: tuple[Annotated[str, Field(pattern=r"^HLT_\w+$")], ...] = Field(
        ("HLT_TkMu50",), min_length=1, description="Trigger paths, one of which the event fired."
    )
    filters: tuple[str, ...] = Field((), description="Event filters, branches such as Flag_goodVertices.")
    muon_pt: AfterSkim[float] = Field(55, ge=0, description="Muon pT above this, GeV.")
    muon_eta: AfterSkim[float] = Field(2.4, gt=0, description="Muon |η| below this.")
    muon_id: str = Field("tightId", description="Identification flag, a branch `Muon_…`.")
    muon_isolation: AfterSkim[int] = Field(1, ge=0, description="Muon_miniIsoId above this: 1 for medium and tighter.")
    jet_id: AfterSkim[int] = Field(
        4, ge=0, description="Jet_jetId at least this: 4 and 6 have the bit of tight with lepton veto."
    )
    btag: str = Field("btagDeepB", description="b-tag discriminant, a branch `Jet_…`.")
    min_btag: AfterSkim[float] = Field(0.5, description="b jets have a discriminant above this.")
    fat_jet_pt: AfterSkim[float] = Field(500, ge=0, description="pT of top-tagged fat jets above this, GeV.")
    top_tag: str = Field("particleNet_TvsQCD", description="Top-tag discriminant, a branch `FatJet_…`.")
    min_top_tag: AfterSkim[float] = Field(0.5, description="Top-tagged fat jets have a discriminant above this.")
    met: float = Field(50, ge=0, description="PuppiMET above this, GeV.")
    muon_met: AfterSkim[float] = Field(150, ge=0, description="Sum of the muon's pT and PuppiMET above this, GeV.")
    overlap: AfterSkim[float | None] = Field(
        None,
        gt=0,
        description="The jet of `workshop_mtt` is farther than this ΔR from the fat jet, whose energy it would count "
        "twice; null for any jet, as in the original.",
    )
    reconstructed_pt: AfterSkim[float] = Field(
        30, ge=0, description="pT of jets that tops are made of above this, GeV."
    )
    reconstructed_eta: AfterSkim[float] = Field(2.4, gt=0, description="|η| of jets that tops are made of below this.")
    reconstructed_jets: AfterSkim[int] = Field(8, ge=4, le=12, description="The leading so many of them are combined.")
    chi2: AfterSkim[float] = Field(
        30, gt=0, description="χ² of the reconstruction below this, in signal and control regions."
    )
    jet_pts: AfterSkim[tuple[float, float] | None] = Field(
        None,
        description="In these regions, pT of the two leading jets above these, GeV; the paper: 150 and 50.",
    )
    isolation_2d: AfterSkim[tuple[float, float] | None] = Field(
        None,
        description="In signal and control regions, ΔR of the muon to the nearest jet above the first, or its pT "
        "transverse to that jet above the second; the paper: 0.4 and 25 GeV.",
    )
    nn_signal: AfterSkim[float] = Field(
        0.5, ge=-1, le=1, description="Signal regions: the classifier's score at least this."
    )
    nn_cr1: AfterSkim[float] = Field(-0.75, ge=-1, le=1, description="CR1, W+jets: the score below this.")
    nn_cr2: AfterSkim[tuple[float, float]] = Field((0.0, 0.5), description="CR2, tt̄: the score between these.")
    margin: float = Field(
        0.9,
        gt=0,
        le=1,
        description="The skim keeps events above so much of the missing momentum that is asked for, so that variations "
        "find all of theirs.",
    )

    @model_validator(mode="after")
    def _apart(self) -> "Zprime":
        if not self.nn_cr1 <= self.nn_cr2[0] < self.nn_cr2[1] <= self.nn_signal:
            raise ValueError("nn_cr1, nn_cr2 and nn_signal must not overlap: no event may be in two of these regions")
        return self


class ZprimeConfig(TemplatesConfig):
    """Z′ → tt̄ with one muon: the mass of the pair, in the regions of a workshop and of a paper."""

    analysis: Literal["zprime"] = Field(description="Module of `skimflow.analyses` that selects the events.")
    selection: Zprime = Field(default_factory=Zprime, description="Cuts.")
    classifier: Classifier | None = Field(
        None,
        description="Learnt from the skims. Without it the signal regions have no cut on its score, and there are no "
        "control regions.",
    )

    @property
    def regions(self) -> dict[str, tuple[str, ...]]:
        every = self.selection.OBSERVABLES
        if self.classifier is None:
            return {name: every[name] for name in (WORKSHOP, TAGGED, UNTAGGED)}
        return {name: (*own, "nn") for name, own in every.items()}

    @model_validator(mode="after")
    def _known(self) -> "ZprimeConfig":
        known = dict.fromkeys(name for own in self.regions.values() for name in own)
        for name in self.observables:
            if name not in known:
                raise ValueError(f"observables: {name}: zprime has {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _learns_from_simulation(self) -> "ZprimeConfig":
        if self.classifier is None:
            return self
        both = set(self.classifier.signal) & set(self.classifier.background)
        for name in (*self.classifier.signal, *self.classifier.background):
            if name not in self.processes or name == "data" or name in both:
                raise ValueError(f"classifier: {name}: must be a process of simulation, on one side only")
        return self
