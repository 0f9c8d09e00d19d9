"""One module per analysis. What a module offers is written down in `base`."""

import importlib
from typing import cast

from skimflow.analyses.base import Analysis


def get(name: str) -> Analysis:
    """The analysis module of this name."""
    return cast(Analysis, importlib.import_module(f"skimflow.analyses.{name}"))
