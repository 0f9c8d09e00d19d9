"""What all tests share: the demo's settings, small toy files, and the public files where they are present."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skimflow.config import Dataset, Measurement, load
from skimflow.config.loading import read_yaml
from skimflow.skim import Task, skim_file
from skimflow.targets import skim_settings
from skimflow.toy import Sample, write_file

# No deadline: how long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SKIMFLOW_TEST_DATA", ROOT.parent / "shared" / "data"))
MC = Dataset(kind="mc", process="tt", files=("x",))
COLLISIONS = Dataset(kind="data", primary_dataset="MuonEG", era="Run2016G", files=("x",))


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the public files; absence is an error where CI says that they must be there."""
    if not DATA.is_dir():
        if os.environ.get("SKIMFLOW_REQUIRE_DATA"):
            pytest.fail(f"the public files must be here, but {DATA} is absent")
        pytest.skip(f"public files are absent ({DATA})")
    return DATA


@pytest.fixture(scope="session")
def measurement() -> Measurement:
    os.chdir(ROOT)
    return load(read_yaml("config/hww_emu.yaml"), ["config/hww_emu.yaml"])


@pytest.fixture(scope="session")
def settings(measurement: Measurement) -> Callable[..., dict[str, Any]]:
    """`settings(kind, **changes)`: skim settings of hww_emu with some of them changed."""

    def make(kind: str = "mc", **changes: Any) -> dict[str, Any]:
        chosen = skim_settings(measurement.config, "MuonEG_Run2016G", MC if kind == "mc" else COLLISIONS)
        return {**chosen, "certified_sha256": None, **changes}

    return make


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`toy(Sample(...), events)`: a toy file, made once."""
    folder, made = tmp_path_factory.mktemp("toy"), {}

    def make(sample: Sample, events: int = 2000, **options: Any) -> Path:
        key = (sample, events, *options.items())
        if key not in made:
            made[key] = folder / f"toy_{len(made)}.root"
            write_file(made[key], sample, events, **options)
        return made[key]

    return make


@pytest.fixture
def skim(tmp_path: Path) -> Callable[..., tuple[pa.Table, pa.Table]]:
    """`skim(path, settings, certified)`: counts and events of a file."""

    def run(path: Path | str, settings: dict, certified: Path | str | None = None) -> tuple[pa.Table, pa.Table]:
        counts, events = tmp_path / "x.counts.parquet", tmp_path / "x.events.parquet"
        golden = str(certified) if certified else None
        skim_file(Task("ds", "x", "/store/x.root", str(path), golden, settings, {}), counts, events)
        return pq.read_table(counts), pq.read_table(events)

    return run
