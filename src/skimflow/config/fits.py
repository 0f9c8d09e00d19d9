"""What a configuration may say of fits: what `stats.model` declares, and what is worked out with it."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import Edges, Model, Name, increasing


class FitRegion(Model):
    """A region as it is fitted."""

    templates: str = Field(
        description="First part of the templates' names: the region, or `{region}_{observable}` where it has several."
    )
    edges: Edges | None = Field(
        None, description="Bin edges of the fit, among those that are filled (default: all of them)."
    )
    title: str | None = Field(None, description="Axis title of its figures (default: that of its observable).")

    _check = field_validator("edges")(increasing)


class FitSample(Model):
    """A process as it is fitted."""

    process: Name = Field(description="Name among `processes`.")


class NormFactor(Model):
    """A free parameter that multiplies samples."""

    samples: tuple[str, ...] | None = Field(None, description="The samples that it multiplies (default: all).")
    regions: tuple[str, ...] | None = Field(None, description="The regions in which it acts (default: all).")
    nominal: float = Field(1.0, description="Its value before the fit.")
    bounds: tuple[float, float] = Field((0.0, 10.0), description="Its least and largest value.")
    constant: bool = Field(False, description="Held at its nominal value.")


class FitSystematic(Model):
    """A parameter with a Gaussian constraint."""

    type: Literal["normalization", "norm_plus_shape"] = Field(
        description="Changes yields by a fraction, or takes variations of templates."
    )
    up: float | str = Field(description="Relative change, or name of the variation.")
    down: float | str | None = Field(None, description="The other way (default: the mirror image of `up`).")
    samples: tuple[str, ...] | None = Field(None, description="The samples that it changes (default: all).")
    regions: tuple[str, ...] | None = Field(None, description="The regions in which it acts (default: all).")
    parameter: str | None = Field(None, description="Name of a parameter that several systematics share.")


class FitModel(Model):
    """A fit of templates, and what is worked out with it."""

    poi: str = Field(description="Parameter of interest: one of `norm_factors`.")
    data: Name | None = Field(None, description="Process that is the data (default: the expectation itself, Asimov).")
    stat_errors: bool = Field(True, description="A parameter for the finite simulation in each bin.")
    regions: dict[str, FitRegion] = Field(min_length=1, description="Regions, by the name that results show.")
    samples: dict[str, FitSample] = Field(min_length=1, description="Samples, by the name that results show.")
    norm_factors: dict[str, NormFactor] = Field(min_length=1, description="Free normalisations.")
    systematics: dict[str, FitSystematic] = Field(default_factory=dict, description="Systematic uncertainties.")
    ranking: bool = Field(True, description="Say what each parameter does to the parameter of interest.")
    limit: bool = Field(False, description="Upper limit (CLs) on the parameter of interest.")
    significance: bool = Field(False, description="Significance of its being above zero.")
    signal: float | None = Field(
        None, description="Value of the signal, such as its mass: limits of all fits with one are drawn against it."
    )

    @model_validator(mode="after")
    def _sound(self) -> "FitModel":
        if self.poi not in self.norm_factors:
            raise ValueError(f"poi: {self.poi} is not among the norm_factors ({', '.join(self.norm_factors)})")
        for part in ("norm_factors", "systematics"):
            for name, one in getattr(self, part).items():
                for what, known in (("samples", self.samples), ("regions", self.regions)):
                    unknown = set(getattr(one, what) or ()) - known.keys()
                    if unknown:
                        raise ValueError(f"{part}: {name}: {what}: {', '.join(sorted(unknown))}: not among the {what}")
        return self
