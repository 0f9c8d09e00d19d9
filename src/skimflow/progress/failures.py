"""The table that ends a run: each failed job, why, and where its log is."""

import re
import signal
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from skimflow.files import whole
from skimflow.logs import Told

SHOWN = 20
"""Rows on the terminal; the file has all."""
_WIDTH = 100
_LONGEST = 400
"""Letters of a reason on the terminal."""
_SILENT = "nothing is in its log"
_SUFFIX = re.compile(r"\s*For further error details see the cluster/cloud log .*", re.DOTALL)
_PLACE = re.compile(r"^\w+ in (?:rule \w+ in )?file .*?, line \d+:\n")
_EXIT = re.compile(r"returned non-zero exit status (\d+)|died with <Signals\.(\w+)")


class Failure(NamedTuple):
    """A job that failed, or that recorded a failure and went on (`on_unreadable: record`).

    `what`: the dataset and the files of a skim, else the rule and its wildcards.
    """

    what: str
    reason: str
    log: str
    recorded: bool = False


def reason(told: Told | None, said: str) -> str:
    """Why a job failed.

    Args:
        told: what its log holds; None if it wrote none.
        said: what Snakemake or its executor said of the job.
    """
    if told and told.errors:
        return told.errors[-1]
    text = _PLACE.sub("", _SUFFIX.sub("", said))
    ended = _EXIT.search(text)
    if ended:
        text = _killed(ended)
    return " ".join(text.split()) or _SILENT


def _killed(ended: re.Match[str]) -> str:
    """How a process on this machine ended; a shell says 128 + signal."""
    code, name = ended.groups()
    if code:
        name = {int(sign): sign.name for sign in signal.Signals}.get(int(code) - 128)
    if name == "SIGINT":
        return "was interrupted"
    memory = " (too little memory?)" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}" if name else f"ended with exit status {code}; {_SILENT}"


def table(failures: Sequence[Failure], undone: int, path: str) -> str:
    """What is shown at the end of a run; empty when all went well.

    Args:
        failures: one for each job.
        undone: skims of the run that were neither done nor failed.
        path: where the whole table is.
    """
    ordered = sorted(failures, key=lambda row: (row.recorded, row.what))
    blocks = []
    heads = {False: "{} failed:", True: "{} could not read all input (on_unreadable: record):"}
    for recorded, head in heads.items():
        rows = [_row(row) for row in ordered[:SHOWN] if row.recorded == recorded]
        if rows:
            blocks += [head.format(_jobs(sum(row.recorded == recorded for row in ordered))), *rows]
    if len(ordered) > SHOWN:
        blocks.append(f"and {len(ordered) - SHOWN} more: {path} has all {len(ordered)}")
    if ordered or undone:
        blocks.append(textwrap.fill(_advice(len(ordered), undone), _WIDTH))
    return "\n\n".join(blocks)


def write(failures: Sequence[Failure], path: str | Path) -> None:
    """The whole table, one line a job, columns separated by tabs; without failures, the file of an earlier run goes."""
    if not failures:
        Path(path).unlink(missing_ok=True)
        return
    lines = ["state\tjob\treason\tlog"]
    for row in sorted(failures):
        lines.append("\t".join(["recorded" if row.recorded else "failed", row.what, row.reason, row.log]))
    with whole(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(row: Failure) -> str:
    """Three entries, in lines of 100 letters; names of files are never broken, so that they can be copied."""
    file = row.what.rsplit(": ", 1)[-1]
    why = textwrap.shorten(row.reason.removeprefix(f"{file}: "), _LONGEST, placeholder=" …")
    lines = [f"  {row.what}"]
    for name, text in (("reason", why), ("log", row.log)):
        lines += textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=f"    {name:8s}",
            subsequent_indent=" " * 12,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _advice(failed: int, undone: int) -> str:
    """What to do next."""
    rest = f"{undone} skim{'s' if undone > 1 else ''} that the run did not come to"
    if not failed:
        return f"Run the same command again for the {rest}."
    again = f"does exactly {'this one' if failed == 1 else f'these {failed}'} again"
    also = f"the {rest}, " if undone else ""
    return f"Mend it and run the same command: it {again}, {also}and what depends on them."
