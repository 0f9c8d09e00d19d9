"""Two faults of snakemake-executor-plugin-htcondor 0.3, mended in the process that submits the jobs.

1. It takes all quotes out of a job's command, and HTCondor then cuts the rest at each space: with
   `--config 'selection={lead_pt: 30}'` every job fails. Here the words of the command stay what they were.
2. Snakemake starts the thread that asks for the jobs' state before the plugin has made what that thread reads.
   On a busy machine the thread is first: it ends with "no attribute '_event_logs'" and the run waits for ever.
   Here the thread waits until the plugin is ready.
"""

import asyncio
import functools
import shlex
from collections.abc import Awaitable, Callable
from typing import Any

READY = "_skimflow_ready"
LOOK_AGAIN = 0.02  # seconds; the plugin needs a few thousandths to be ready


def mend() -> None:
    """Change the plugin, once in a process."""
    from snakemake_executor_plugin_htcondor import Executor

    Executor._sanitize_job_args = _as_it_is
    Executor._get_exec_args_and_transfer_files = with_quotes(Executor._get_exec_args_and_transfer_files)
    Executor.__post_init__ = ready_after(Executor.__post_init__)
    Executor._wait_for_jobs = once_ready(Executor._wait_for_jobs)


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


def ready_after(prepare: Callable[[Any], None]) -> Callable[[Any], None]:
    """The plugin's own set-up, which says when it is done."""

    @functools.wraps(prepare)
    def prepared(self: Any) -> None:
        prepare(self)
        setattr(self, READY, True)

    return prepared


def once_ready(wait_for_jobs: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """The loop that asks for the jobs' state, begun when the plugin's set-up is done."""

    @functools.wraps(wait_for_jobs)
    async def wait(self: Any) -> None:
        while not getattr(self, READY, False):
            await asyncio.sleep(LOOK_AGAIN)
        await wait_for_jobs(self)

    return wait


def _as_it_is(_executor: Any, command: str) -> str:
    return command


def _quoted(word: str) -> str:
    if word and not any(letter.isspace() or letter == "'" for letter in word):
        return word
    doubled = word.replace("'", "''")
    return f"'{doubled}'"
