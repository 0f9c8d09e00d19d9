"""Packages that only some steps need: imported when they are needed, with a word on how to get them."""

import importlib
from typing import Any

from skimflow.errors import ConfigError


def extra(module: str, name: str) -> Any:
    """A module of one of the extras of pyproject.toml.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).split(".")[0]
        raise ConfigError(f'{missing} is not installed; run: make {name}, or pip install "skimflow[{name}]"') from error
