"""Which code, which settings, which packages: what a result depends on, and what it is stamped with."""

import ast
import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import skimflow
from skimflow.files import whole

_ROOT = Path(skimflow.__file__).parent
_PACKAGES = ("awkward", "iminuit", "numpy", "pyarrow", "scipy", "uproot")
_REMEMBERED = Path(".snakemake/skimflow-fingerprints.json")


@functools.cache
def fingerprint(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Hash of the code that a step runs: the modules and all of skimflow that they import, directly or not.

    Comments, docstrings and layout do not count. Nothing is imported: sources are parsed, and those that `remember` saw
    need not be parsed again.

    Args:
        modules: names such as `skimflow.skim.job`.
        without: modules that change no result, and what they import.
    """
    digest = hashlib.sha256()
    for module in sorted(_closure(modules, without)):
        digest.update(f"{module}\n{_module(module).code}\n".encode())
    return digest.hexdigest()[:16]


def remember() -> None:
    """Keep what was learnt of the modules in the folder of the run: each job of a cluster reads the Snakefile again.

    It is found again by the content of a module, so it cannot be out of date.
    """
    if _learnt().keys() - _remembered().keys():
        with whole(_REMEMBERED) as partial:
            partial.write_text(json.dumps(_learnt()), encoding="utf-8")


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash of settings, independent of the order of keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of skimflow, Python and the packages that numbers pass through."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"skimflow": skimflow.__version__, "python": platform.python_version(), **packages}


def stamp(settings: Mapping[str, Any], code: str, **facts: Any) -> dict[str, Any]:
    """What every output carries: versions, hash of the settings, fingerprint of the code, and `facts`."""
    return {"versions": versions(), "settings": settings_hash(settings), "code": code, **facts}


class _Module(NamedTuple):
    """Hash of a module's code, and names within skimflow that it may import."""

    code: str
    imports: list[str]


def _closure(modules: tuple[str, ...], without: tuple[str, ...] = ()) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and module not in without:
            found.add(module)
            waiting.extend(name for name in _module(module).imports if _exists(name))
    return found


@functools.cache
def _module(name: str) -> _Module:
    source = _source(name).read_bytes()
    key = hashlib.sha256(_reader() + source).hexdigest()
    module = _remembered().get(key) or _parse(source)
    _learnt()[key] = module
    return _Module(*module)


@functools.cache
def _learnt() -> dict[str, _Module]:
    """The modules that this process looked at, by the hash of their source."""
    return {}


@functools.cache
def _remembered() -> dict[str, list]:
    """Those that an earlier process looked at."""
    try:
        return json.loads(_REMEMBERED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@functools.cache
def _reader() -> bytes:
    """What is read in a source depends on this module and on Python's parser."""
    return platform.python_version().encode() + Path(__file__).read_bytes()


def _parse(source: bytes) -> _Module:
    tree = ast.parse(source)
    imports = sorted(_imports(tree))
    for node in _documented(tree):
        node.body = node.body[1:] or [ast.Pass()]
    return _Module(hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), imports)


def _imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("skimflow.")}


def _source(module: str) -> Path:
    path = _ROOT.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _exists(module: str) -> bool:
    return _source(module).is_file()


def _documented(tree: ast.AST) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield node
