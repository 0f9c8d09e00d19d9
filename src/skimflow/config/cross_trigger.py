"""What a configuration may say of a cross trigger: from the legs that tag and probe measures to its efficiency."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from skimflow.config.base import Model, Name, Variable
from skimflow.config.tag_and_probe import TagAndProbeReference


class CrossLegs(Model):
    """The two legs of one lepton, of which the tighter one implies the looser one."""

    QUANTITIES: ClassVar[tuple[str, ...]] = ("probe_pt", "probe_eta", "probe_abs_eta", "npv")
    """What `variables` may name: those of the probe that an event's lepton has too."""

    reference: Name = Field(description="Reference of tag and probe that measures the legs.")
    loose: Name = Field(description="The leg of the lower threshold.")
    tight: Name = Field(description="The leg of the higher threshold.")
    variables: tuple[Name, ...] = Field(
        ("probe_pt",),
        min_length=1,
        max_length=2,
        description="What the legs depend on: one variable of the reference with report edges, or the two of a map. "
        "What is left out is averaged over, as it is in Z decays.",
    )
    sample: Name | None = Field(None, description="Sample of data, if the reference has several.")
    simulation: Name | None = Field(None, description="Simulated process, if the reference has several.")


class CrossTrigger(Model):
    """The OR of two paths with a muon leg and an electron leg, from its legs: the tighter leg of one lepton with the
    looser one of the other, and the other way round."""

    muon: CrossLegs = Field(description="Legs of the muon.")
    electron: CrossLegs = Field(description="Legs of the electron.")
    dz: Name | None = Field(
        None, description="Reference whose `dz` is the vertex-distance filter; null if the paths have none."
    )
    against: tuple[Name, ...] = Field((), description="Variables with report edges that it is shown against.")

    def check(self, references: Mapping[str, TagAndProbeReference], variables: Mapping[str, Variable]) -> None:
        """Raises ValueError, saying where, if something that is named does not exist."""
        for flavour, legs in (("muon", self.muon), ("electron", self.electron)):
            _known_legs(flavour, legs, references)
        if self.dz is not None and (self.dz not in references or not references[self.dz].selection.dz):
            having = ", ".join(name for name, reference in references.items() if reference.selection.dz)
            raise ValueError(f"dz: {self.dz} is not a reference with selection.dz ({having or 'there is none'})")
        for name in self.against:
            if name not in variables or not variables[name].report:
                raise ValueError(f"against: {name} is not among the variables with report edges")


def _known_legs(flavour: str, legs: CrossLegs, references: Mapping[str, TagAndProbeReference]) -> None:
    source = references.get(legs.reference)
    if source is None or source.selection.flavour != flavour:
        having = ", ".join(name for name, reference in references.items() if reference.selection.flavour == flavour)
        raise ValueError(
            f"{flavour}: {legs.reference} is not a tag_and_probe reference of {flavour}s ({having or 'there is none'})"
        )
    for key in ("loose", "tight"):
        if getattr(legs, key) not in source.selection.legs:
            known = ", ".join(source.selection.legs)
            raise ValueError(f"{flavour}: {key}: {getattr(legs, key)} is not a leg of {legs.reference} ({known})")
    loose, tight = (source.selection.legs[name].min_pt for name in (legs.loose, legs.tight))
    if tight < loose:
        raise ValueError(f"{flavour}: the tight leg {legs.tight} has a lower min_pt than the loose one {legs.loose}")
    _known_map(flavour, legs, source)


def _known_map(flavour: str, legs: CrossLegs, source: TagAndProbeReference) -> None:
    for name in legs.variables:
        if name not in legs.QUANTITIES:
            raise ValueError(f"{flavour}: variables: {name}: an event has {', '.join(legs.QUANTITIES)}")
        if name not in source.variables or not source.variables[name].report:
            raise ValueError(f"{flavour}: variables: {name} is no variable of {legs.reference} with report edges")
    if len(legs.variables) == 2 and legs.variables not in [(map_.x, map_.y) for map_ in source.maps]:
        raise ValueError(f"{flavour}: variables: {legs.reference} has no map of {' and '.join(legs.variables)}")
