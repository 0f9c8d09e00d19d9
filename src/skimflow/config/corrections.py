"""What a configuration may say of corrections: of objects, which change what selections see, and of event weights."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import Model, Name, one_is_a_list

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Outside = Literal["clamp", "one", "error"]


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


class Rochester(_Correction):
    """Muon momenta of Run 2, from tables of scale and resolution; missing momentum follows."""

    kind: Literal["rochester"] = Field(description="Rochester corrections.")
    file: CorrectionFile = Field(description="`RoccoR….txt`.")
    met: str | None = Field("PuppiMET", description="Missing momentum that follows the muons; null for none.")


class Jets(_Correction):
    """Jet energy scale and resolution, applied to raw momenta; missing momentum follows."""

    kind: Literal["jets"] = Field(description="JERC corrections.")
    file: CorrectionFile = Field(description="`jet_jerc.json.gz`.")
    scale: str = Field(description="Campaign of the scale in simulation, such as Summer19UL16_V7_MC.")
    scale_data: str | None = Field(None, description="That of collision data, such as Summer19UL16_RunFGH_V7_DATA.")
    resolution: str | None = Field(None, description="Campaign of the resolution; null for no smearing.")
    algorithm: str = Field("AK4PFchs", description="Jet algorithm.")
    sources: tuple[Name, ...] = Field(("Total",), description="Sources of the scale's uncertainty, each varied.")
    met: str | None = Field("PuppiMET", description="Missing momentum that follows the jets; null for none.")


class MetXy(_Correction):
    """Modulation of missing momentum in φ, from the vertices and the run."""

    kind: Literal["met_xy"] = Field(description="MET-xy corrections.")
    file: CorrectionFile = Field(description="`met.json.gz`.")
    era: Literal["2016preVFP", "2016postVFP", "2017", "2018"] = Field(description="Whose runs simulation draws from.")
    met: Literal["MET", "PuppiMET"] = Field("PuppiMET", description="Which missing momentum.")


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
    varies_with: Name | None = Field(
        None, description="The source of an object's correction that its variations belong to: both are moved together."
    )


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
    eta: Literal["absolute", "signed"] = Field(description="Convention of the file; it is compared with its edges.")
    outside: Outside = Field("clamp", description="Leptons outside the bins: take the next bin, 1, or stop.")


class TriggerFactor(LeptonFactor):
    """Scale factor of a single-lepton trigger for the leading lepton of each event.

    For an event of several leptons that could fire, the factor needs efficiencies, which the files do not hold: the
    leading one is what fires nearly always.
    """

    kind: Literal["trigger"] = Field(description="Single-lepton trigger.")


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
    processes: tuple[Name, ...] = Field((), description="Only for these processes (default: for all of simulation).")

    _list = field_validator("processes", mode="before")(one_is_a_list)


Correction = Annotated[
    Rochester | Jets | MetXy | Scale | Smear | Pileup | LeptonFactor | TriggerFactor | Prefiring | WeightVariation,
    Field(discriminator="kind"),
]
OBJECTS = (Rochester, Jets, MetXy, Scale, Smear)
"""Those that change what selections see."""
