"""What a configuration may say of scale factors."""

from pydantic import Field, model_validator

from skimflow.config.base import Model, Name


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
