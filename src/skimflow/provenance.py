"""Which code, which settings, which packages: what a result depends on, and what it is stamped with."""

import ast
import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import skimflow

_ROOT = Path(skimflow.__file__).parent
_PACKAGES = ("awkward", "numpy", "pyarrow", "scipy", "uproot")


@functools.cache
def fingerprint(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Hash of the code that a step runs: the modules and all of skimflow that they import, directly or not.

    Comments, docstrings and layout do not count. Nothing is imported: sources are parsed.

    Args:
        modules: names such as `skimflow.skim.job`.
        without: modules that change no result, and what they import.
    """
    digest = hashlib.sha256()
    for module in sorted(_closure(modules, without)):
        digest.update(f"{module}\n{_code(_source(module))}\n".encode())
    return digest.hexdigest()[:16]


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


def _closure(modules: tuple[str, ...], without: tuple[str, ...] = ()) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and module not in without:
            found.add(module)
            waiting.extend(_imports(module))
    return found


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    names = set()
    for node in ast.walk(ast.parse(_source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(name for name in names if name.startswith("skimflow.") and _exists(name))


def _source(module: str) -> Path:
    path = _ROOT.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(module: str) -> bool:
    return _source(module).is_file()


@functools.cache
def _code(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _documented(tree):
        node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _documented(tree: ast.AST) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield node
