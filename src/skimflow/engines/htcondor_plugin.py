"""A fault of snakemake-executor-plugin-htcondor 0.3, mended in the process that submits the jobs.

It takes all quotes out of a job's command, and HTCondor then cuts the rest at each space: with
`--config 'selection={lead_pt: 30}'` every job fails. Here the words of the command stay what they were.
"""

import functools
import shlex
from collections.abc import Callable
from typing import Any


def mend() -> None:
    """Change the plugin, once in a process."""
    from snakemake_executor_plugin_htcondor import Executor

    Executor._sanitize_job_args = _as_it_is
    Executor._get_exec_args_and_transfer_files = with_quotes(Executor._get_exec_args_and_transfer_files)


def arguments(command: str) -> str:
    """A shell's words as HTCondor's: all between double quotes, a word with spaces between single ones, quotes doubled.

    ("New syntax" of `arguments` in HTCondor's manual, condor_submit.)

    >>> arguments("--config 'selection={lead_pt: 30}' -n")
    '"--config \\'selection={lead_pt: 30}\\' -n"'
    """
    text = " ".join(map(_quoted, shlex.split(command))).replace('"', '""').replace("$", "$(DOLLAR)")
    return f'"{text}"'


def with_quotes(prepare: Callable[..., tuple]) -> Callable[..., tuple]:
    """The plugin's function that finds a job's program and arguments, with arguments as HTCondor reads them."""

    @functools.wraps(prepare)
    def prepared(self: Any, *what: Any, **more: Any) -> tuple:
        program, command, *transfer = prepare(self, *what, **more)
        return program, arguments(command), *transfer

    return prepared


def _as_it_is(_executor: Any, command: str) -> str:
    return command


def _quoted(word: str) -> str:
    if word and not any(letter.isspace() or letter == "'" for letter in word):
        return word
    doubled = word.replace("'", "''")
    return f"'{doubled}'"
