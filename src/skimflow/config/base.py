"""What the models of a configuration have in common, and the smallest of them."""

import itertools
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Edges = Annotated[tuple[float, ...], Field(min_length=2)]
HltPath = Annotated[str, Field(pattern=r"^HLT_\w+$")]
TINY = 1e-9

_T = TypeVar("_T")
_AFTER_SKIM = {"x-after-skim": True}
AfterSkim = Annotated[_T, Field(json_schema_extra=_AFTER_SKIM)]
"""A setting of a selection that no skim depends on: when it changes, only histograms are filled again."""


class Model(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def settings_of_skim(selection: Model) -> dict[str, Any]:
    """The settings of a selection that its skims depend on; the others are not there, so that no skim can use them.

    A block of settings, such as `jets`, is there as a whole: marks inside of it are not looked at.
    """
    after = {name for name, field in type(selection).model_fields.items() if field.json_schema_extra == _AFTER_SKIM}
    return selection.model_dump(mode="json", exclude=after)


def increasing(edges: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if edges and any(b <= a for a, b in itertools.pairwise(edges)):
        raise ValueError("bin edges must increase")
    return edges


def one_is_a_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


def one_or_many(schema: dict[str, Any]) -> None:
    """The JSON schema of a list, of which one item may stand alone."""
    many = {key: schema.pop(key) for key in ("type", "items", "minItems") if key in schema}
    schema["anyOf"] = [many["items"], many]


Names = Annotated[tuple[Name, ...], BeforeValidator(one_is_a_list), Field(min_length=1, json_schema_extra=one_or_many)]
"""One name or more; a single one need not be a list."""


def among(value: float, edges: tuple[float, ...]) -> bool:
    return any(abs(value - edge) < TINY * max(1, abs(edge)) for edge in edges)


class RegularBins(Model):
    """Bins of equal width, with underflow and overflow kept beside them."""

    bins: int = Field(ge=1, le=10_000, description="Number of bins.")
    low: float = Field(description="Lower edge of the first bin.")
    high: float = Field(description="Upper edge of the last bin.")

    @model_validator(mode="after")
    def _order(self) -> "RegularBins":
        if self.high <= self.low:
            raise ValueError("high must be larger than low")
        return self

    @property
    def edges(self) -> tuple[float, ...]:
        step = (self.high - self.low) / self.bins
        return (*(round(self.low + i * step, 10) for i in range(self.bins)), self.high)


def dataset_name(entry: str) -> str:
    """Name of a dataset that is listed by its name or by the path of its file."""
    return re.sub(r"^.*/|\.ya?ml$", "", entry) if entry.endswith((".yaml", ".yml")) else entry


class Variable(Model):
    """A quantity of the selected events that efficiencies are shown against."""

    label: str = Field(description="Axis title (matplotlib math is allowed).")
    unit: str = Field("", description="Unit, shown in brackets.")
    fine: RegularBins | Literal["integer"] = Field(
        description="Bins that the skim counts in; `integer` counts each value by itself (run numbers). "
        "Changing them skims again."
    )
    report: Edges | None = Field(
        None, description="Bin edges shown in tables and plots, each one a fine edge. Changing them never skims again."
    )

    _check = field_validator("report")(increasing)

    @model_validator(mode="after")
    def _report_on_fine_edges(self) -> "Variable":
        if self.report and self.fine == "integer":
            raise ValueError("report needs fine bins: an integer variable shows each value by itself")
        if self.report and self.fine != "integer":
            fine = self.fine.edges
            off = [e for e in self.report if not among(e, fine)]
            if off:
                raise ValueError(f"report edges {off} are not among the fine edges, so counts cannot be merged to them")
        return self


class Map(Model):
    """A two-dimensional efficiency map of two variables, in their report bins."""

    x: Name = Field(description="Variable on the horizontal axis.")
    y: Name = Field(description="Variable on the vertical axis.")


def known_variables(
    variables: dict[str, Variable], maps: tuple[Map, ...], quantities: tuple[str, ...], analysis: str
) -> None:
    """Raises ValueError if a variable is none of the analysis, or a map has none with report edges."""
    for name in variables:
        if name not in quantities:
            raise ValueError(f"variables: {name}: {analysis} has {', '.join(quantities)}")
    for map_ in maps:
        for axis in (map_.x, map_.y):
            if axis not in variables:
                raise ValueError(f"maps: {axis} is not among the variables")
            if not variables[axis].report:
                raise ValueError(f"maps: variable {axis} needs report edges")
