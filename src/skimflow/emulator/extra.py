"""Packages of the extra `ml`, imported when they are needed."""

import importlib
from typing import Any

from skimflow.errors import ConfigError


def need(module: str) -> Any:
    """A module of LightGBM, scikit-learn or joblib.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ConfigError(
            f'the emulator needs {package}, which cannot be imported ({error}): pip install "skimflow[ml]"'
        ) from None
