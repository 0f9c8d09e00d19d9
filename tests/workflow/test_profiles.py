"""The profiles are found under the names that a user types, and say what they mean."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.checkout import Checkout
from tests.conftest import ROOT

ENGINES = {"condor": "htcondor", "condor-transfer": "htcondor", "lxplus": "htcondor", "slurm": "slurm"}
PATHS = [f"profiles/{name}" for name in ENGINES]
CLUSTER = "Using profiles {} and workflow specific profile profiles/default"


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("profiles"))
    for name in ("condor", "slurm"):
        os.symlink(os.readlink(ROOT / name), made.folder / name)
    return made


@pytest.mark.xdist_group("profiles")
@pytest.mark.parametrize("typed", ["condor", "slurm", *PATHS])
def test_a_name_or_a_path(typed: str, checkout: Checkout) -> None:
    """As typed at the top of the repository: the links are what makes the bare names work."""
    pytest.importorskip(f"snakemake_executor_plugin_{ENGINES[Path(typed).name]}")
    text = checkout.run("--profile", typed, "-n", "results/small/counts.parquet")
    assert CLUSTER.format(typed) in text
    asked = resources(text)
    assert asked["mem_mb"] == asked["request_memory"] == "1500"
    assert int(asked["allowed_job_duration"]) == 60 * int(asked["runtime"])


@pytest.mark.xdist_group("profiles")
def test_links_for_every_folder(checkout: Checkout, tmp_path: Path) -> None:
    """`make profiles`, then a bare name in a folder that has no such link; a profile of one's own is left alone."""
    settings = tmp_path / "snakemake"
    (settings / "slurm").mkdir(parents=True)
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["make", "--assume-old=.venv/run.stamp", "profiles", f"BIN={programs}"],
        cwd=ROOT,
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (settings / "condor").resolve() == ROOT / "profiles/condor"
    assert (settings / "lxplus").resolve() == ROOT / "profiles/lxplus"
    assert not (settings / "slurm").is_symlink()
    assert f"left alone: {settings}/slurm is your own profile" in done.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        text = checkout.run("--profile", "lxplus", "-n", "results/small/counts.parquet")
    assert CLUSTER.format("lxplus") in text
    assert "classad_JobFlavour=microcentury" in text


def test_the_default_profile_takes_nothing_from_the_others() -> None:
    """Its keys would replace those of --profile, whole."""
    for name in ENGINES:
        assert not profile("default").keys() & profile(name).keys()


@pytest.mark.parametrize("name", ENGINES)
def test_a_failed_job_is_submitted_again(name: str) -> None:
    """`retries` in a rule would multiply inside the job."""
    assert profile(name)["executor"] == ENGINES[name]
    assert profile(name)["retries"] >= 1
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not re.search(r"^\s+retries:", rules, flags=re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if engine == "htcondor"])
def test_a_held_job_leaves_the_queue_after_it_was_given_up(name: str) -> None:
    """Else, released by somebody, it would run beside its second try."""
    (removal,) = [text for text in profile(name)["default-resources"] if "periodic_remove" in text]
    seconds = re.search(r"EnteredCurrentStatus > (\d+)", removal)
    assert seconds
    given_up = profile(name)["htcondor-held-timeout"]
    assert given_up < int(seconds[1]) <= given_up + 60


def resources(text: str) -> dict[str, str]:
    """Those of the first skim in a dry run."""
    found = re.search(r"^rule skim:\n(?: {4}.*\n)*? {4}resources: (.*)$", text, flags=re.MULTILINE)
    assert found, text
    return dict(item.split("=", 1) for item in found[1].split(", ") if "=" in item)
