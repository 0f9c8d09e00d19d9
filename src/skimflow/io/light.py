"""`uproot`, without awkward until it is needed.

uproot imports awkward, which takes longer than the rest of a job's imports, and a skim of plain branches never uses it.
So uproot is given a stand-in here, which imports awkward when something of it is asked for.
"""

import importlib
import sys
from types import ModuleType
from typing import Any


class _Awkward(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("awkward"), name)


def _import() -> Any:
    if "awkward" in sys.modules:
        return importlib.import_module("uproot")
    sys.modules["awkward"] = _Awkward("awkward")
    try:
        return importlib.import_module("uproot")
    finally:
        # For everybody else `import awkward` stays what it is.
        del sys.modules["awkward"]


uproot = _import()
