"""envs/: the locks, the images and the conda environment say the same, and what pyproject.toml asks for."""

import os
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

ENVS = ROOT / "envs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKED = ("condor", "fit", "ml", "remote", "slurm")
"""Extras that have a lock; the others (rucio) are what a user adds."""
LOCKS = ("requirements", *LOCKED, "dev")
IMAGES = ("Dockerfile", "apptainer.def")
INSTALLER = "/opt/skimflow/envs/install.sh"

_PIN = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([0-9][0-9a-z.]*)(?: ; ([A-Za-z_0-9.'<>= ()]+))? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")

Pins = dict[tuple[str, str], tuple[str, tuple[str, ...]]]
"""Version and hashes by package and marker."""


def read(name: str) -> str:
    return (ENVS / name).read_text(encoding="utf-8")


def lock(name: str) -> Pins:
    pins: Pins = {}
    key, version, hashes = ("", ""), "", ()
    for line in read(f"{name}.txt").splitlines():
        if pin := _PIN.fullmatch(line):
            key, version, hashes = (pin[1], pin[3] or ""), pin[2], ()
        else:
            hashes += (line.strip(" \\"),)
        pins[key] = version, hashes
    return pins


def one(pattern: str, name: str) -> str:
    """The group of a pattern that is there exactly once."""
    found = re.findall(pattern, read(name), flags=re.MULTILINE)
    assert len(found) == 1, f"{name}: {pattern} is there {len(found)} times"
    return found[0]


def section(name: str) -> list[str]:
    """Lines of a section of the Apptainer definition, without comments."""
    text = one(rf"^%{name}\n((?:(?: .*)?\n)+)", "apptainer.def")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def copies(image: str) -> dict[str, str]:
    """What goes into an image: path in the image by path in the repository."""
    if image == "apptainer.def":
        return dict(line.split() for line in section("files"))
    found = {}
    for words in re.findall(r"^COPY (.+)$", read(image), flags=re.MULTILINE):
        *sources, target = words.split()
        found |= {source: target + source if target.endswith("/") else target for source in sources}
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_locks_have_packages_versions_and_hashes_only(name: str) -> None:
    lines = read(f"{name}.txt").splitlines()
    assert _PIN.fullmatch(lines[0])
    assert not [line for line in lines if not (_PIN.fullmatch(line) or _HASH.fullmatch(line))]
    assert all(hashes for _, hashes in lock(name).values())


@pytest.mark.parametrize("name", LOCKS[1:])
def test_every_lock_has_the_run_time_pins(name: str) -> None:
    assert lock("requirements").items() <= lock(name).items()


def test_locks_agree_with_each_other() -> None:
    """They are installed one after the other, into one .venv or image."""
    together = lock("dev")
    for name in LOCKED:
        assert lock(name).items() <= together.items(), name


def asked(name: str) -> list[Requirement]:
    """What a lock must satisfy, with what `pip install --no-build-isolation` needs."""
    lines = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    for extra in LOCKED if name == "dev" else {name} & set(LOCKED):
        lines = lines + EXTRAS[extra]
    if name == "dev":
        lines = lines + PROJECT["dependency-groups"]["dev"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_satisfy_pyproject(name: str) -> None:
    pins = lock(name)
    for requirement in asked(name):
        versions = [pin[0] for (package, _), pin in pins.items() if package == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not in {name}.txt"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"


def test_locks_are_those_that_are_made() -> None:
    assert {path.stem for path in ENVS.glob("*.txt")} == set(LOCKS)
    assert set(one(r"^for extra in (.+); do$", "lock.sh").split()) == set(LOCKED) <= set(EXTRAS)


def test_one_version_of_python() -> None:
    """The images and conda have the lowest Python that is supported, the one that the locks are made for."""
    conda = [
        line for line in yaml.safe_load(read("environment.yaml"))["dependencies"] if str(line).startswith("python")
    ]
    assert len(conda) == 1
    versions = {
        "Dockerfile": one(r"^FROM python:([0-9.]+)-slim$", "Dockerfile"),
        "apptainer.def": one(r"^From: python:([0-9.]+)-slim$", "apptainer.def"),
        "environment.yaml": conda[0].removeprefix("python="),
        "lock.sh": one(r"--python-version ([0-9.]+) ", "lock.sh"),
    }
    assert set(versions.values()) == {"3.11"}, versions
    assert SpecifierSet(PROJECT["project"]["requires-python"]) == SpecifierSet(">=3.11")
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_conda_takes_the_lock() -> None:
    """pip reads these as lines of a file beside environment.yaml; options that share a line with -r it does not see."""
    dependencies = yaml.safe_load(read("environment.yaml"))["dependencies"]
    assert "pip" in dependencies
    assert [line["pip"] for line in dependencies if isinstance(line, dict)] == [
        ["--require-hashes", "-r requirements.txt"]
    ]
    assert {"hatchling", "editables"} <= {package for package, _ in lock("requirements")}


def test_images_hold_the_same() -> None:
    docker, apptainer = (copies(image) for image in IMAGES)
    assert docker == apptainer
    assert all((ROOT / path).exists() for path in docker)
    assert {"pyproject.toml", PROJECT["project"]["readme"], "envs", "src"} <= set(docker)
    seen = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in seen
    assert {line[1:] for line in seen if line.startswith("!")} == set(docker)
    assert docker["envs"] + "/install.sh" == INSTALLER


def test_images_install_and_start_alike() -> None:
    assert one(r"^RUN (.+)$", "Dockerfile") == f"sh {INSTALLER} $EXTRAS"
    assert section("post") == [f"sh {INSTALLER} {{{{ EXTRAS }}}}"]
    assert section("arguments") == ["EXTRAS=" + one(r"^ARG EXTRAS=(\w+)$", "Dockerfile")] == ["EXTRAS=remote"]
    for image in IMAGES:
        assert set(one(r"# Locks to install: ([\w, ]+);", image).split(", ")) == set(LOCKED)
    assert one(r'^ENTRYPOINT \["(\w+)"\]$', "Dockerfile") == "snakemake"
    assert section("runscript") == ['exec snakemake "$@"']
    environment = set(one(r"^ENV (.+)$", "Dockerfile").split())
    assert section("environment") == ["export PYTHONPATH=src PYTHONNOUSERSITE=1"]
    assert environment == {"PYTHONPATH=src", "PYTHONNOUSERSITE=1", "USER=skimflow", "HOME=/tmp"}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", one(r"^USER (.+)$", "Dockerfile")), "not as root"


def noted(script: str, arguments: Sequence[str], command: str, folder: Path, **variables: str) -> list[list[str]]:
    """The calls that a script of envs/ makes of a command, with the folder of each; the command only notes them."""
    (folder / command).write_text(f'#!/bin/sh\necho "$PWD" "$@" >> {folder}/calls\n', encoding="utf-8")
    (folder / command).chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **variables}
    subprocess.run([ENVS / script, *arguments], env=environment, cwd=folder, check=True)
    return [line.split() for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]


def test_the_installer_takes_locks_with_hashes(tmp_path: Path) -> None:
    *locks, package = noted("install.sh", LOCKED, "python", tmp_path)
    assert [words[-3:] for words in locks] == [["--require-hashes", "-r", f"envs/{name}.txt"] for name in LOCKED]
    assert package[-3:] == ["--no-deps", "--no-build-isolation", "."]
    for words in [*locks, package]:
        assert words[0] == str(ROOT)
        assert {"pip", "install", "--no-cache-dir"} <= set(words)


@pytest.mark.parametrize("start", [["/submit/.venv/bin/python", "-m", "snakemake"], []], ids=["shared", "not shared"])
def test_a_job_of_htcondor_starts_the_image(tmp_path: Path, start: list[str]) -> None:
    """Both ways in which the executor plugin gives arguments to a job_wrapper."""
    [words] = noted("in_image.sh", [*start, "--snakefile", "python.smk"], "apptainer", tmp_path, SKIMFLOW_IMAGE="x.sif")
    here = str(tmp_path)
    assert words == [
        *[here, "exec", "--bind", here, "x.sif"],
        *["python", "-m", "snakemake", "--snakefile", "python.smk"],
    ]
