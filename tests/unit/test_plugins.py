"""What is changed in Snakemake's executor plugins.

HTCondor's keeps the words of a command and waits until it is ready; Slurm's remembers, and gives up jobs that
Slurm does not know any more.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimflow.engines import htcondor_plugin, slurm_plugin
from skimflow.engines.slurm_plugin import Answers, remembered, without_lost

WORDS = st.lists(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"])), min_size=1)


def condors_words(text: str) -> list[str]:
    """How HTCondor reads arguments in its new syntax, after the macros of the submit description."""
    text = text.replace("$(DOLLAR)", "$")
    assert text[0] == text[-1] == '"'
    left, words, quoted = list(text[1:-1].replace('""', '"')), [""], False
    while left:
        letter = left.pop(0)
        if letter == "'" and quoted and left[:1] == ["'"]:
            words[-1] += left.pop(0)
        elif letter == "'":
            quoted = not quoted
        elif letter == " " and not quoted:
            words.append("")
        else:
            words[-1] += letter
    return words


def test_words_of_a_command_by_hand() -> None:
    """Cases of the manual of condor_submit: simple words, spaces, a single quote, a double quote."""
    assert htcondor_plugin.arguments("3 simple arguments") == '"3 simple arguments"'
    assert htcondor_plugin.arguments("one 'two with spaces' 3") == "\"one 'two with spaces' 3\""
    assert htcondor_plugin.arguments('one "it\'s"') == "\"one 'it''s'\""
    assert htcondor_plugin.arguments("'one \"two\"'") == '"\'one ""two""\'"'


@given(WORDS)
def test_words_of_a_command_stay_what_they_are(words: list[str]) -> None:
    assert condors_words(htcondor_plugin.arguments(shlex.join(words))) == words


class Unprepared:
    """Stands for the executor: what asks for the jobs' state is started before the set-up."""

    def __post_init__(self) -> None:
        self._event_logs: dict[int, list] = {}

    async def _wait_for_jobs(self) -> None:
        self.seen = self._event_logs


def test_nobody_asks_for_jobs_before_the_set_up_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htcondor_plugin, "LOOK_AGAIN", 0)
    executor, wait = Unprepared(), htcondor_plugin.once_ready(Unprepared._wait_for_jobs)

    async def thread_first() -> bool:
        asking = asyncio.create_task(wait(executor))
        for _ in range(5):
            await asyncio.sleep(0)
        early = asking.done()
        htcondor_plugin.ready_after(Unprepared.__post_init__)(executor)
        await asking
        return early

    assert not asyncio.run(thread_first())
    assert executor.seen is executor._event_logs


SQUEUE, SACCT = "squeue --noheader", "sacct -X"


def test_what_was_learnt_once_is_remembered_through_an_outage() -> None:
    answers = iter([None, 300, None])
    ask = remembered(lambda: next(answers))
    assert [ask(), ask(), ask()] == [None, 300, 300]


class Plugin:
    """Stands for the executor: yields all its jobs as active, as for states it does not know."""

    next_seconds_between_status_checks = 180

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []

    def report_job_error(self, job: Any, msg: str) -> None:
        self.failed.append((job.external_jobid, msg))

    async def check_active_jobs(self, active: list[Any]) -> AsyncIterator[Any]:
        for job in active:
            yield job


def looks(*answers: dict[str, str] | None, jobs: tuple[str, ...] = ("7", "8"), command: str = SQUEUE) -> list[Any]:
    """The jobs that are still waited for after each answer, and the plugin."""
    heard, plugin, left = Answers(), Plugin(), []
    check = without_lost(Plugin.check_active_jobs, heard)

    async def look(answer: dict[str, str] | None, waiting: list[Any]) -> list[Any]:
        async def query(command: str, logger: None) -> tuple:
            return (answer, 0.1) if answer is not None else (None, None)

        assert (await heard.listen(query)(command, None))[0] == answer
        return [job async for job in check(plugin, waiting)]

    waiting = [SimpleNamespace(external_jobid=number) for number in jobs]
    for answer in answers:
        waiting = asyncio.run(look(answer, waiting))
        left.append([job.external_jobid for job in waiting])
    return [left, plugin]


def test_a_job_that_is_missing_three_times_in_a_row_is_lost() -> None:
    listed = {"8": "RUNNING"}
    left, plugin = looks(listed, listed, listed, listed)
    assert left == [["7", "8"], ["7", "8"], ["8"], ["8"]]
    assert plugin.failed == [("7", "Slurm does not know its job 7 any more. ")]


def test_a_job_that_comes_back_is_not_lost() -> None:
    with_it, without = {"7": "RUNNING", "8": "RUNNING"}, {"8": "RUNNING"}
    left, plugin = looks(without, without, with_it, without, without)
    assert left[-1] == ["7", "8"]
    assert plugin.failed == []


@pytest.mark.parametrize(
    ("answer", "jobs", "command"),
    [(None, ("7",), SQUEUE), ({}, ("7",), SACCT), ({}, ("7_1",), SQUEUE)],
    ids=["no answer", "sacct hears late", "a pending task of an array has no line"],
)
def test_silence_is_not_absence(answer: dict | None, jobs: tuple, command: str) -> None:
    left, plugin = looks(*[answer] * 5, jobs=jobs, command=command)
    assert left[-1] == [*jobs]
    assert plugin.failed == []


def test_it_looks_at_least_once_a_minute() -> None:
    _, plugin = looks({})
    assert plugin.next_seconds_between_status_checks == 60


def test_htcondors_plugin_has_what_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip("snakemake_executor_plugin_htcondor", reason="the HTCondor plugin is not installed")
    wrapped = ("_get_exec_args_and_transfer_files", "__post_init__", "_wait_for_jobs")
    for name in ("_sanitize_job_args", *wrapped):
        monkeypatch.setattr(plugin.Executor, name, getattr(plugin.Executor, name))
    before = [getattr(plugin.Executor, name) for name in wrapped]
    htcondor_plugin.mend()
    assert [getattr(plugin.Executor, name).__wrapped__ for name in wrapped] == before
    executor = SimpleNamespace(_get_base_exec_and_args=lambda job: ("python", "-m snakemake --config 'a=b c'"))
    executor.logger = SimpleNamespace(debug=lambda text: None)
    found = plugin.Executor._get_exec_args_and_transfer_files(executor, None, False)
    assert found == ("python", "\"-m snakemake --config 'a=b c'\"", [], [], [])


def test_slurms_plugin_has_what_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm plugin is not installed")
    for owner, name in (
        (plugin, "get_min_job_age"),
        (plugin, "query_job_status"),
        (plugin.Executor, "check_active_jobs"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    before = plugin.get_min_job_age, plugin.query_job_status, plugin.Executor.check_active_jobs
    slurm_plugin.mend()
    after = plugin.get_min_job_age, plugin.query_job_status, plugin.Executor.check_active_jobs
    assert [new.__wrapped__ for new in after] == list(before)
