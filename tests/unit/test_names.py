"""Names of files and jobs, lists of files, fingerprints, and what the Snakefile imports."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimflow import paths, provenance
from skimflow.config import Dataset
from skimflow.errors import ConfigError
from skimflow.targets import resolve

HEAVY = ["numpy", "awkward", "uproot", "pandas", "matplotlib", "pyarrow", "scipy"]


def test_lfn_leaves_out_how_a_file_is_reached() -> None:
    one = paths.lfn("root://eospublic.cern.ch//eos/opendata/cms/a.root")
    assert one == paths.lfn("root://xcache.example:1094//eos/opendata/cms/a.root") == "/eos/opendata/cms/a.root"
    assert paths.lfn("https://host/store/a.root") == "/store/a.root"
    assert paths.lfn("data/./a.root") == "data/a.root"


@given(st.text(min_size=1).filter(lambda s: "\0" not in s), st.text(min_size=1).filter(lambda s: "\0" not in s))
def test_file_ids_are_safe_and_differ(one: str, other: str) -> None:
    ids = paths.file_id(one), paths.file_id(other)
    assert all(all(c.isalnum() or c in "_-" for c in name) and name.isascii() for name in ids)
    assert (ids[0] == ids[1]) == (one == other)


def test_file_id_does_not_depend_on_the_list(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.root").touch()
    both = resolve("ds", dataset(f"{tmp_path}/[ac].root"))
    all_three = resolve("ds", dataset(f"{tmp_path}/*.root"))
    assert set(both) < set(all_three)
    assert [file.lfn[-6:] for file in all_three] == ["a.root", "b.root", "c.root"]


def test_max_files_takes_the_first(tmp_path: Path) -> None:
    assert len(resolve("ds", dataset("root://h//b.root", "root://h//a.root"), 1)) == 1
    assert resolve("ds", dataset("root://h//b.root", "root://h//a.root"), 1)[0].lfn == "/a.root"


def test_a_file_listed_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dataset ds: /a\.root is named twice"):
        resolve("ds", dataset("root://one//a.root", "root://two//a.root"))


def test_a_glob_without_match_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dataset ds: nowhere/\*\.root: no file matches"):
        resolve("ds", dataset("nowhere/*.root"))


def dataset(*files: str) -> Dataset:
    return Dataset(kind="mc", process="tt", files=files)


def test_the_snakefile_imports_nothing_heavy() -> None:
    code = (
        "import sys; from skimflow import config, paths, progress, provenance, session, targets;"
        " provenance.fingerprint('skimflow.skim.job');"
        f" print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `skimflow` of two modules, one of which imports the other."""
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    monkeypatch.setattr(provenance, "_REMEMBERED", tmp_path / "remembered.json")
    forget()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "job.py").write_text(
        '"""A job."""\nfrom skimflow.physics import cut\n\ndef run(x):\n    return cut(x)\n'
    )
    (tmp_path / "physics.py").write_text("def cut(x):\n    return x > 25\n")
    (tmp_path / "plots.py").write_text("COLOUR = 'red'\n")
    yield tmp_path
    forget()


def forget() -> None:
    for name in ("fingerprint", "_module", "_learnt", "_remembered", "_exists"):
        getattr(provenance, name).cache_clear()


def fingerprint_after(path: Path, text: str) -> tuple[str, str]:
    forget()
    before = provenance.fingerprint("skimflow.job")
    path.write_text(text)
    forget()
    return before, provenance.fingerprint("skimflow.job")


def test_fingerprint_sees_an_imported_module_change(package: Path) -> None:
    before, after = fingerprint_after(package / "physics.py", "def cut(x):\n    return x > 30\n")
    assert before != after


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("physics.py", '"""Cuts."""\n# why\ndef cut(x):\n    """Cut."""\n    return (x > 25)\n'),
        ("plots.py", "COLOUR = 'blue'\n"),
    ],
    ids=["comments and layout", "a module that is not imported"],
)
def test_fingerprint_ignores(package: Path, module: str, text: str) -> None:
    before, after = fingerprint_after(package / module, text)
    assert before == after


def test_fingerprint_parses_no_module_that_was_remembered(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = provenance.fingerprint("skimflow.job")
    provenance.remember()
    forget()
    monkeypatch.setattr(provenance.ast, "parse", lambda source: pytest.fail(f"parsed again: {source[:40]!r}"))
    assert provenance.fingerprint("skimflow.job") == before
    assert provenance.fingerprint("skimflow.physics") != before


def test_fingerprint_sees_a_change_that_keeps_time_and_size(package: Path) -> None:
    before, path = provenance.fingerprint("skimflow.job"), package / "physics.py"
    provenance.remember()
    times = path.stat()
    path.write_text("def cut(x):\n    return x > 30\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    forget()
    assert path.stat().st_size == times.st_size
    assert provenance.fingerprint("skimflow.job") != before


def test_fingerprint_sees_a_name_become_a_module(package: Path) -> None:
    before = provenance.fingerprint("skimflow.job")
    provenance.remember()
    (package / "physics.py").unlink()
    (package / "physics").mkdir()
    (package / "physics/__init__.py").write_text("def cut(x):\n    return x > 25\n")
    forget()
    assert provenance.fingerprint("skimflow.job") == before
    (package / "physics/cut.py").write_text("LIMIT = 25\n")
    forget()
    assert provenance.fingerprint("skimflow.job") != before


@pytest.mark.parametrize("text", ["", "[", "{}"])
def test_fingerprint_does_without_what_was_remembered(text: str, package: Path) -> None:
    before = provenance.fingerprint("skimflow.job")
    (package / "remembered.json").write_text(text)
    forget()
    assert provenance.fingerprint("skimflow.job") == before


def test_fingerprint_opens_each_module_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[Path] = Counter()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.update([path]) or read(path))
    for modules in (["skimflow.job"], ["skimflow.physics"], ["skimflow.job", "skimflow.plots"]):
        provenance.fingerprint(*modules)
    assert {path: opened[path] for path in opened if path.parent == package} == {
        package / name: 1 for name in ("job.py", "physics.py", "plots.py")
    }


def test_fingerprint_leaves_out_what_changes_no_result(package: Path) -> None:
    before = provenance.fingerprint("skimflow.job", without=("skimflow.physics",))
    (package / "physics.py").write_text("def cut(x):\n    return x > 30\n")
    forget()
    assert provenance.fingerprint("skimflow.job", without=("skimflow.physics",)) == before


def test_fingerprint_of_a_skim_covers_its_physics_and_not_the_figures() -> None:
    closure = provenance._closure(("skimflow.skim.job", "skimflow.analyses.hww_emu"))
    assert {"skimflow.physics.kinematics", "skimflow.physics.luminosity", "skimflow.io.nanoaod"} <= closure
    assert not [name for name in closure if name.startswith(("skimflow.plots", "skimflow.efficiency"))]
