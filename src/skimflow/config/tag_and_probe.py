"""What a configuration may say of tag and probe."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import TINY, Map, Model, Name, RegularBins, Variable, among, known_variables, one_is_a_list
from skimflow.errors import ConfigError
from skimflow.filter_bits import bit_of


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
        if abs(centres[0] + centres[2] - 2 * centres[1]) > TINY or abs(widths[0] - widths[1]) > TINY:
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

    _list = field_validator("datasets", "simulation", mode="before")(one_is_a_list)

    @model_validator(mode="after")
    def _names(self) -> "TagAndProbeReference":
        known_variables(self.variables, self.maps, self.selection.QUANTITIES, "tag_and_probe")
        return self

    @model_validator(mode="after")
    def _mass(self) -> "TagAndProbeReference":
        low, high = self.selection.mass
        if self.mass.low < low - TINY or self.mass.high > high + TINY:
            raise ValueError(f"mass: its bins go beyond selection.mass, {low:g} to {high:g} GeV")
        windows = self.fit.windows
        off = [e for e in (*windows.below, *windows.signal, *windows.above) if not among(e, self.mass.edges)]
        if off:
            raise ValueError(f"fit: windows: {off} are not among the edges of mass")
        return self
