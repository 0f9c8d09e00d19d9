"""How a job speaks: into its log, and to the terminal when it fails; and what its log tells."""

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from skimflow.errors import SkimflowError

_ENTRY = re.compile(r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL) ", re.MULTILINE)
_READ = re.compile(r"(\d+) events read")


class _Lines(logging.Formatter):
    """Says where a line comes from when it is another package's: its errors are not why a job fails."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.split(".")[0] in ("root", "skimflow")
        record.origin = "" if ours else f"[{record.name}] "
        return super().format(record)


class Told(NamedTuple):
    """What a job's log tells: the events that a skim read (None if it does not say), its errors in one line each."""

    events: int | None
    errors: list[str]


@contextlib.contextmanager
def reporting(log: str | Path) -> Iterator[None]:
    """Log to a file; end the process with `error: …` when the user can mend it, with a traceback in the log otherwise.

    Args:
        log: the job's log file; it is written anew.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    handler.setFormatter(_Lines("%(levelname)s %(origin)s%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    try:
        yield
    except SkimflowError as error:
        logging.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception as error:
        logging.error("%s", traceback.format_exc())
        sys.exit(f"error: {type(error).__name__}: {error} (a defect of skimflow; the traceback is in {log})")
    logging.info("done")


def account(inputs: Sequence[Mapping[str, Any]]) -> None:
    """Log what a skim read, and each file that it could not read but went on without.

    Args:
        inputs: the facts of its files, as in the stamp of its outputs.
    """
    for facts in inputs:
        if facts["status"] != "ok":
            logging.error("%s", facts["message"])
    logging.info("%d events read", sum(facts["entries"] for facts in inputs if facts["status"] == "ok"))


def told(log: str | Path) -> Told | None:
    """What a log tells; None if there is none."""
    try:
        text = Path(log).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    words = _ENTRY.split(text)[1:]
    entries = [(level, message.strip()) for level, message in zip(words[::2], words[1::2], strict=True)]
    read = [match for level, message in entries if (match := _READ.fullmatch(message))]
    errors = [_in_one_line(message) for level, message in entries if level == "ERROR" and message[:1] != "["]
    return Told(int(read[-1][1]) if read else None, errors)


def _in_one_line(message: str) -> str:
    """The first line of an error message; of a traceback the last one."""
    if message.startswith("Traceback "):
        return f"{message.splitlines()[-1]} (a defect of skimflow; the traceback is in the log)"
    return " ".join(message.split("\n", 1)[0].removesuffix(":").split())
