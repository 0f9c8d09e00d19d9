"""Files that appear under their name whole, or not at all."""

import contextlib
import glob
import os
import platform
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` when the block ends well, and is removed otherwise.

    The name holds host and process, so two writers of one output do not meet; what a killed one left is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{platform.node()}"
    for left in path.parent.glob(f"{glob.escape(mine)}.*.partial"):
        if not _alive(int(left.name.split(".")[-2])):
            left.unlink(missing_ok=True)
    partial = path.with_name(f"{mine}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
