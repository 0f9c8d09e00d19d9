"""What a configuration may say of corrections: of objects, which change what selections see, and of event weights."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from skimflow.config.base import Model, Name, Names

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Outside = Literal["clamp", "one", "error"]
Missing = Literal["MET", "PuppiMET"]


class CorrectionFile(Model):
    """A file of corrections; another content than that of `sha256` is refused."""

    path: str | None = Field(None, description="A file on this machine.")
    url: str | None = Field(None, description="Where to fetch it from, once.")
    toy: Literal["muons.txt", "pileup.json", "muon_id.json", "event_systematics.json"] | None = Field(
        None, description="Made for toy files."
    )
    sha256: Sha256 | None = Field(None, description="Checksum of the file; those made for the toy need none.")

    @model_validator(mode="after")
    def _one_source(self) -> "CorrectionFile":
        if sum(source is not None for source in (self.path, self.url, self.toy)) != 1:
            raise ValueError("give either path, url or toy")
        if self.sha256 is None and self.toy is None:
            raise ValueError("sha256 is missing: files of the same name with other content do circulate")
        return self


class _Correction(Model):
    name: Name = Field(description="Its name, and that of its systematic source.")
    systematic: bool = Field(True, description="Whether it is varied up and down.")
    only: Literal["data", "mc"] | None = Field(None, description="Only for collision data, or only for simulation.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        """Names of its systematic sources."""
        return (self.name,) if self.systematic else ()

    @property
    def files(self) -> dict[str, CorrectionFile]:
        """The files that it reads, by key."""
        values = ((key, getattr(self, key)) for key in type(self).model_fields)
        return {key: value for key, value in values if isinstance(value, CorrectionFile)}


class Rochester(_Correction):
    """Muon momenta of Run 2, from tables of scale and resolution; missing momentum follows."""

    kind: Literal["rochester"] = Field(description="Rochester corrections.")
    file: CorrectionFile = Field(description="`RoccoR….txt`.")
    met: Missing | None = Field("PuppiMET", description="Missing momentum that follows the muons; null for none.")


class MuonScale(_Correction):
    """Muon momenta of Run 3: scale, and in simulation resolution, varied as `<name>_scale` and `<name>_resolution`."""

    kind: Literal["muon_scale"] = Field(description="Scale and resolution of Run 3.")
    file: CorrectionFile = Field(description="Such as `muon_scalesmearing.json.gz`.")
    met: Missing | None = Field("PuppiMET", description="Missing momentum that follows the muons; null for none.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        return (f"{self.name}_scale", f"{self.name}_resolution") if self.systematic else ()


class Jets(_Correction):
    """Jet energy scale and resolution, from raw momenta, varied as `<name>_<source>` and `<name>_resolution`."""

    kind: Literal["jets"] = Field(description="JERC corrections.")
    file: CorrectionFile = Field(description="`jet_jerc.json.gz`.")
    scale: str = Field(description="Campaign of the scale in simulation, such as Summer19UL16_V7_MC.")
    scale_data: str | None = Field(None, description="That of collision data, such as Summer19UL16_RunFGH_V7_DATA.")
    resolution: str | None = Field(None, description="Campaign of the resolution; null for no smearing.")
    algorithm: str = Field("AK4PFchs", description="Jet algorithm.")
    sources: tuple[Name, ...] = Field(("Total",), description="Sources of the scale's uncertainty, each varied.")
    met: Missing | None = Field("PuppiMET", description="Missing momentum that follows the jets; null for none.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        every = (*self.sources, "resolution") if self.resolution else self.sources
        return tuple(f"{self.name}_{source}" for source in every) if self.systematic else ()


class MetXy(_Correction):
    """Modulation of missing momentum in φ, from the vertices and the run."""

    kind: Literal["met_xy"] = Field(description="MET-xy corrections.")
    file: CorrectionFile = Field(description="`met.json.gz`.")
    era: Literal["2016preVFP", "2016postVFP", "2017", "2018"] = Field(description="Whose runs simulation draws from.")
    met: Missing = Field("PuppiMET", description="Which missing momentum.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        return ()


class Unclustered(_Correction):
    """Missing momentum varied by the energy outside jets and leptons, as NanoAOD stores it; the nominal is left."""

    kind: Literal["unclustered"] = Field(description="Unclustered energy.")
    met: Missing = Field("PuppiMET", description="Which missing momentum.")


class Scale(_Correction):
    """All momenta of a collection times a factor: the nominal is left as it is, `up` has the factor."""

    kind: Literal["scale"] = Field(description="A factor on momenta.")
    collection: Name = Field("Jet", description="Collection, such as Jet.")
    factor: float = Field(gt=0, description="Factor of the up variation.")
    mass: bool = Field(False, description="Masses too, as for a change of energy.")


class Smear(_Correction):
    """Momenta of a collection times a Gaussian of mean 1, in the up variation; seeded by the event."""

    kind: Literal["smear"] = Field(description="Gaussian smearing of momenta.")
    collection: Name = Field("Jet", description="Collection, such as Jet.")
    width: float = Field(gt=0, description="Standard deviation of the factor.")
    mass: bool = Field(False, description="Masses too, as for a change of energy.")


class _Weight(_Correction):
    only: Literal["mc"] = Field("mc", description="Collision data have no weights.")
    varies_with: Name | None = Field(
        None, description="The source of another correction that its variations belong to: both are moved together."
    )

    @property
    def varied_as(self) -> tuple[str, ...]:
        return (self.varies_with or self.name,) if self.systematic else ()


class Pileup(_Weight):
    """Weight by the number of true interactions."""

    kind: Literal["pileup"] = Field(description="Pileup weight.")
    file: CorrectionFile = Field(description="`puWeights.json.gz`.")
    key: str = Field(description="Name of the correction in the file.")


class LeptonFactor(_Weight):
    """Scale factors of selected leptons: the product over those of the event."""

    kind: Literal["lepton"] = Field(description="Reconstruction, identification, isolation of leptons.")
    file: CorrectionFile = Field(description="Such as `muon_Z.json.gz`.")
    key: str = Field(description="Name of the correction in the file.")
    collection: Literal["Muon", "Electron"] = Field("Muon", description="Which leptons.")
    inputs: dict[Name, str] = Field(
        default_factory=dict,
        description="Inputs that are the same for all leptons, such as `year` and `WorkingPoint` of electrons.",
    )
    eta: Literal["absolute", "signed"] = Field(description="Convention of the file; it is compared with its edges.")
    outside: Outside = Field("clamp", description="Leptons outside the bins: take the next bin, 1, or stop.")


class TriggerFactor(LeptonFactor):
    """Scale factor of a single-lepton trigger that any of the selected leptons may have fired.

    With ε of simulation the weight is [1 - Π(1 - sε)]/[1 - Π(1 - ε)], s the scale factors; without it, that of the
    leading lepton, as if no other could have fired.
    """

    kind: Literal["trigger"] = Field(description="Single-lepton trigger.")
    min_pt: float = Field(0, ge=0, description="Leptons above this pT may have fired it, GeV.")
    efficiency: CorrectionFile | float | None = Field(
        None, description="Efficiency of a lepton in simulation: a file for correctionlib, or one number for all."
    )
    efficiency_key: str | None = Field(None, description="Name of the correction in that file.")

    @model_validator(mode="after")
    def _probability(self) -> "TriggerFactor":
        if isinstance(self.efficiency, float) and not 0 < self.efficiency < 1:
            raise ValueError(f"efficiency must be above 0 and below 1, not {self.efficiency:g}")
        if isinstance(self.efficiency, CorrectionFile) != (self.efficiency_key is not None):
            raise ValueError("a file of efficiencies and efficiency_key belong together")
        return self


class Prefiring(_Weight):
    """Weight for the prefiring of the first-level trigger in 2016 and 2017, a branch of the file where it has one."""

    kind: Literal["prefiring"] = Field(description="L1 prefiring.")


class WeightVariation(_Weight):
    """A weight that is 1, and moved up and down as a file says, from one object of each event.

    Inputs of the file that are not named in `inputs` or `direction` are quantities of the object, such as `pt`.
    """

    kind: Literal["variation"] = Field(description="A weight of 1 with variations.")
    file: CorrectionFile = Field(description="A correctionlib file.")
    key: str = Field(description="Name of the correction in the file.")
    inputs: dict[Name, str] = Field(default_factory=dict, description="Inputs of the file that have one text for all.")
    direction: str = Field("direction", description="Input of the file that takes `up` and `down`.")
    collection: Name = Field("Jet", description="Selected objects of the analysis.")
    index: int = Field(
        0, ge=0, description="Which of them, in the order of the file, from 0; without it the weight is 1."
    )
    outside: Outside = Field("clamp", description="Objects outside the bins: take the next bin, 1, or stop.")
    processes: Names = Field((), description="Only for these processes (default: for all of simulation).")


class BTag(_Weight):
    """b tagging with a working point, P(data)/P(MC) of all jets; varied as `<name>_heavy` and `<name>_light`."""

    kind: Literal["btag"] = Field(description="b tagging, working point.")
    varies_with: None = Field(None, description="It has two sources of its own.")
    file: CorrectionFile = Field(description="`btagging.json.gz`.")
    heavy: str = Field("deepJet_comb", description="Correction of b and c jets.")
    light: str = Field("deepJet_incl", description="Correction of light jets.")
    working_point: Literal["L", "M", "T"] = Field(description="Working point that the analysis tags with.")
    efficiency: CorrectionFile = Field(
        description="Tagging efficiency in this simulation, in bins of `flavor`, `abseta` and `pt`, for correctionlib."
    )
    efficiency_key: str = Field(description="Name of the correction in that file.")
    outside: Outside = Field("clamp", description="Jets outside the bins: take the next bin, 1, or stop.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        return (f"{self.name}_heavy", f"{self.name}_light") if self.systematic else ()


class BTagShape(_Weight):
    """Shape of the b-tagging discriminant: the product over all jets; varied as `<name>_<source>`."""

    kind: Literal["btag_shape"] = Field(description="b tagging, shape.")
    varies_with: Name | None = Field(
        None, description="Source of the jet energy scale that the file's variation `jes` belongs to."
    )
    file: CorrectionFile = Field(description="`btagging.json.gz`.")
    key: str = Field("deepJet_shape", description="Name of the correction in the file.")
    sources: tuple[Name, ...] = Field(
        ("hf", "hfstats1", "hfstats2", "lf", "lfstats1", "lfstats2", "cferr1", "cferr2"),
        description="Sources of uncertainty in the file, each varied.",
    )
    outside: Outside = Field("clamp", description="Jets outside the bins: take the next bin, 1, or stop.")

    @property
    def varied_as(self) -> tuple[str, ...]:
        linked = (self.varies_with,) if self.varies_with else ()
        return (*(f"{self.name}_{source}" for source in self.sources), *linked) if self.systematic else ()


Correction = Annotated[
    Rochester
    | MuonScale
    | Jets
    | MetXy
    | Unclustered
    | Scale
    | Smear
    | Pileup
    | LeptonFactor
    | TriggerFactor
    | Prefiring
    | BTag
    | BTagShape
    | WeightVariation,
    Field(discriminator="kind"),
]
OBJECTS = (Rochester, MuonScale, Jets, MetXy, Unclustered, Scale, Smear)
"""Those that change what selections see."""
