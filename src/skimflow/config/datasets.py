"""What a file of `config/datasets/` or `config/sites/` may say: where files are, and how they are reached."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from skimflow.config.base import Model, Name, one_is_a_list, one_or_many


class Toy(Model):
    """Files made by `skimflow.toy` instead of files that exist."""

    files: int = Field(ge=1, description="Number of files.")
    events: int = Field(ge=0, description="Events in each file.")
    seed: int = Field(ge=0, description="Datasets with one seed hold the same collisions, seen by other triggers.")
    codec: Literal["ZSTD", "LZMA", "ZLIB", "LZ4"] = Field("ZSTD", description="Compression.")
    filler: int = Field(0, ge=0, le=3000, description="Number of branches to fill up to (1380 in real files).")
    physics: Literal["mixed", "dimuon", "lepton_jets", "boosted"] = Field(
        "mixed",
        description="What collides: `mixed` processes; `dimuon`, data with a trigger of its own; `lepton_jets`, "
        "simulated decays of tops and W; `boosted`, Z′ → tt̄ (ZprimeToTT_M…_W…), tt̄ and W+jets with fat jets.",
    )
    mixture: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="What boosted collision data is made of: fraction of each process."
    )
    muon_scale: float = Field(
        1.0, gt=0.5, lt=2, description="Muon momenta are measured as so many times the true ones."
    )
    muon_smear: float = Field(0.0, ge=0, lt=0.5, description="Relative width that they are smeared with on top.")

    @model_validator(mode="after")
    def _of_boosted(self) -> "Toy":
        if self.mixture and (self.physics != "boosted" or abs(sum(self.mixture.values()) - 1) > 1e-6):
            raise ValueError("mixture: fractions for boosted physics, which add up to 1")
        return self


SOURCES = ("files", "lists", "recid", "rucio", "das", "toy")


class Site(Model):
    """How files are reached from where the jobs run. Nothing here changes a result, so nothing here reruns a job."""

    redirectors: tuple[Annotated[str, Field(pattern=r"^(root|https?|file)://")], ...] = Field(
        (), description="Servers to try for remote files, in this order, instead of the one in the URL."
    )
    attempts: int = Field(3, ge=1, le=20, description="Rounds through all servers, for errors that may pass.")
    pause: float = Field(10, ge=0, description="Seconds before the second round; doubled for each further one.")
    deadline: float = Field(1800, gt=0, description="Seconds that one attempt to read a file may take.")
    timeout: float = Field(60, gt=0, description="Seconds without an answer from a server that end an attempt.")
    stage: bool = Field(False, description="Copy each remote file to local scratch first, then read the copy.")
    scratch: str | None = Field(None, description="Folder for the copies (default: $TMPDIR).")
    threads: int = Field(
        1, ge=1, le=64, description="Threads of a skim job: how many baskets are decompressed at a time."
    )
    portal: str = Field("https://opendata.cern.ch", description="CERN Open Data portal, for `recid`.")
    prefer: tuple[str, ...] = Field((), description="Rucio storage elements whose replicas come first.")


class Dataset(Model):
    """One dataset: where its files are, and what they are."""

    kind: Literal["data", "mc"] = Field(description="Collision data, or simulation.")
    primary_dataset: Name | None = Field(None, description="Primary dataset (data only), such as MuonEG.")
    process: Name | None = Field(None, description="Simulated process (simulation only), such as TTTo2L2Nu.")
    era: Name | None = Field(None, description="Era; its run window applies when `eras` names it.")
    nanoaod: str | None = Field(
        None, pattern=r"^v\d+$", description="NanoAOD version, such as v9 (for the record; nothing depends on it yet)."
    )
    cross_section: float | None = Field(
        None, gt=0, description="Cross-section in pb (simulation only; for the record, nothing depends on it yet)."
    )
    max_files: int | None = Field(None, ge=1, description="Use at most so many files; overrides the measurement's.")
    files_per_job: int = Field(1, ge=1, description="Files that one skim job reads, for many small files.")
    files: tuple[str, ...] = Field(
        (), json_schema_extra=one_or_many, description="Local paths, globs, or URLs (root://, https://)."
    )
    lists: tuple[str, ...] = Field(
        (), json_schema_extra=one_or_many, description="Text files with one path or URL a line; `#` begins a comment."
    )
    recid: tuple[int, ...] = Field(
        (), json_schema_extra=one_or_many, description="CERN Open Data records. Needs a lock."
    )
    rucio: str | None = Field(None, pattern=r"^\w+:/.+", description="Rucio dataset, `cms:/MuonEG/…`. Needs a lock.")
    das: str | None = Field(None, pattern=r"^/[^/]+/[^/]+/[^/]+$", description="DAS dataset or pattern. Needs a lock.")
    toy: Toy | None = Field(None, description="Make the files with the toy generator.")

    _list = field_validator("files", "lists", "recid", mode="before")(one_is_a_list)

    @field_validator("files")
    @classmethod
    def _locations(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for name in files:
            if name.startswith("file:"):
                raise ValueError(f"{name}: write a local file as a path, without file:")
            if re.match(r"^[a-z]+:/[^/]", name):
                raise ValueError(f"{name}: a URL needs two slashes")
        return files

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SOURCES)}" + (f", not {' and '.join(given)}" if given else ""))
        if self.toy and self.files_per_job > 1:
            raise ValueError("files_per_job is not for toy files")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "Dataset":
        if self.kind == "data" and (not self.primary_dataset or self.process):
            raise ValueError("data needs primary_dataset (and no process)")
        if self.kind == "data" and self.cross_section:
            raise ValueError("cross_section is for simulation")
        if self.kind == "mc" and (not self.process or self.primary_dataset):
            raise ValueError("mc needs process (and no primary_dataset)")
        return self

    @property
    def sample(self) -> str:
        """What results are quoted for: the primary dataset, or the process."""
        return self.primary_dataset or self.process or ""
