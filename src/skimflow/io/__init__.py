"""Reading NanoAOD, writing Parquet.

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


if "awkward" not in sys.modules:
    sys.modules["awkward"] = _Awkward("awkward")
    try:
        import uproot  # noqa: F401
    finally:
        # For everybody else `import awkward` stays what it is.
        del sys.modules["awkward"]
