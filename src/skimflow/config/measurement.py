"""What every measurement says, whatever it measures."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import Model, Name, one_is_a_list, one_or_many


class CertifiedLuminosity(Model):
    """The golden JSON: `{"run": [[first, last], ...]}`, both ends inclusive."""

    path: str | None = Field(None, description="A file on this machine.")
    toy: bool = Field(False, description="Made for the toy files of this measurement.")
    url: str | None = Field(None, description="Where to fetch it from, once; needs `sha256`.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Checksum of the file; another content is refused."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CertifiedLuminosity":
        if sum([self.path is not None, self.url is not None, self.toy]) != 1:
            raise ValueError("give either path, url or toy")
        if self.url and not self.sha256:
            raise ValueError("url needs sha256: files of the same name with other content do circulate")
        return self


class Luminosity(Model):
    """Recorded luminosity, as brilcalc tells it, for the processed sections."""

    table: str | None = Field(
        None,
        description="Output of `brilcalc lumi`, per run (text or CSV) or per section (`--byls`), for the golden JSON.",
    )
    toy: bool = Field(False, description="Made for the toy files of this measurement: 1 pb⁻¹ a section.")
    unit: Literal["/b", "/mb", "/ub", "/nb", "/pb", "/fb"] | None = Field(
        None, description="Unit of its column `recorded`, if the head of the table does not say it."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Luminosity":
        if (self.table is not None) == self.toy:
            raise ValueError("give either table or toy")
        return self


class Style(Model):
    """How figures look. Changing it redraws figures and nothing else."""

    status: str = Field("Open Data", description="Words after the experiment's name: Open Data, Preliminary, Toy, …")
    experiment: str = Field("CMS", description="The experiment's name on each figure; empty for none.")
    energy: float | None = Field(13, gt=0, description="Centre-of-mass energy in TeV, shown top right.")
    colours: tuple[Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")], ...] = Field(
        ("#3f90da", "#bd1f01", "#ffa90e", "#832db6", "#94a4a2"),
        min_length=1,
        description="Line colours `#rrggbb`, one per path and then the OR (default: the palette CMS recommends).",
    )


class Config(Model):
    """A measurement: on which data, and how it is shown. What is measured is said by the models made from this one."""

    name: Name = Field(description="Results go to `results/<name>/`.")
    title: str = Field(description="Heading of the report and of tables.")
    analysis: str = Field(description="Module of `skimflow.analyses` that selects the events.")
    datasets: tuple[str, ...] = Field(
        min_length=1,
        json_schema_extra=one_or_many,
        description="Names in `config/datasets/` (without .yaml), or paths of dataset files; references may add some.",
    )
    max_files: int | None = Field(None, ge=1, description="Use at most so many files of each dataset.")
    site: str | None = Field(None, description="Name in `config/sites/` (without .yaml): how files are reached.")
    certified_luminosity: CertifiedLuminosity | None = Field(
        None, description="Golden JSON for collision data. Needed as soon as one dataset is data."
    )
    eras: dict[Name, tuple[int, int]] = Field(
        default_factory=dict, description="First and last run of each era, both inclusive."
    )
    on_unreadable: Literal["fail", "record"] = Field(
        "fail", description="A file that cannot be read: its job fails, or the reason is recorded and the rest goes on."
    )
    checksums: bool = Field(False, description="Let `snakemake check_inputs` read whole files and compare checksums.")
    completeness: float = Field(
        1.0, gt=0, le=1, description="Least fraction of files that must have been processed for a result."
    )
    luminosity: Luminosity | None = Field(None, description="How much luminosity the processed sections are.")
    style: Style = Field(default_factory=Style, description="Look of the figures.")

    _list = field_validator("datasets", mode="before")(one_is_a_list)

    @field_validator("eras")
    @classmethod
    def _windows(cls, eras: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for era, (first, last) in eras.items():
            if last < first:
                raise ValueError(f"{era}: last run {last} is before first run {first}")
        return eras

    @property
    def dataset_lists(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Every list of datasets, by the keys that lead to it."""
        return {("datasets",): self.datasets}

    @property
    def analyses(self) -> tuple[str, ...]:
        """Modules of `skimflow.analyses` that select events."""
        return (self.analysis,)

    def analysis_of(self, dataset: str, kind: str) -> str:
        """The one that selects those of a dataset."""
        return self.analysis

    def selection_of(self, dataset: str, kind: str) -> str:
        """What selects the events of a dataset: `` for the measurement itself."""
        return ""
