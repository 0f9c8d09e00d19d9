"""What a person is told of a run: the line of progress, why jobs failed, and the table at the end."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skimflow.errors import InputError
from skimflow.logs import Told, account, reporting, told
from skimflow.progress import Follower, Skim, Skims, failures
from skimflow.progress.failures import SHOWN, Failure
from skimflow.progress.skims import duration, number
from tests.conftest import ROOT


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def skims(sizes: list[int | None], local: bool = True, before: int = 0) -> tuple[Skims, Clock]:
    clock = Clock()
    planned = {job: Skim.of("ds", [(f"/store/{job}.root", size)]) for job, size in enumerate(sizes)}
    return Skims(planned, before, local, clock), clock


def test_nothing_has_ended_yet() -> None:
    run, clock = skims([100] * 48)
    assert run.line() == "skims: 0 of 48 done"
    for job in range(8):
        run.started(job)
    clock.now += 60
    assert run.line() == "skims: 0 of 48 done, 8 running"


def on_the_way(local: bool = True):
    """48 skims after a minute: 11 done, 8 at work, one failed."""
    run, clock = skims([1_000_000] * 48, local=local)
    for job in range(20):
        run.started(job)
    clock.now += 60
    for job in range(11):
        run.finished(job, 1_000_000)
    run.failed(11)
    return run, clock


def test_a_run_on_the_way() -> None:
    run, clock = on_the_way()
    # 11 M events in a minute, 36 M to do: those of the failed one are not waited for.
    assert run.line() == "skims: 11 of 48 done, 8 running, 1 failed; 11 M events, 183 k/s; about 3 min left"
    # Time that has passed since is time that need not be waited for; the rate is that of the clock.
    clock.now += 60
    assert run.line() == "skims: 11 of 48 done, 8 running, 1 failed; 11 M events, 91.7 k/s; about 2 min left"
    # Nothing has ended for longer than it should have taken: as slow as it has been so far.
    clock.now += 360
    assert run.line().endswith("11 M events, 22.9 k/s; about 26 min left")


def test_on_a_cluster_a_job_that_was_submitted_may_wait_in_the_queue() -> None:
    run, _ = skims([None] * 3, local=False)
    run.started(0)
    assert run.line() == "skims: 0 of 3 done, 1 submitted or running"


def test_no_time_is_foretold_from_the_first_of_many() -> None:
    """Of 12 that began together the first has ended: the others will not take eleven times as long."""
    run, clock = skims([None] * 40)
    for job in range(12):
        run.started(job)
    for job in range(6):
        clock.now += 60
        assert "left" not in run.line()
        run.finished(job, 10)
    assert run.line() == "skims: 6 of 40 done, 6 running; 60 events, 0.167/s; about 34 min left"


def test_a_failed_skim_that_is_tried_again_is_not_failed() -> None:
    run, clock = skims([None, None])
    run.started(0)
    run.started(1)
    clock.now += 10
    run.finished(0, 500)
    run.failed(1)
    assert run.over
    assert run.line() == "skims: 1 of 2 done, 1 failed; 500 events, 50/s"
    run.started(1)
    assert not run.over
    assert run.line().startswith("skims: 1 of 2 done, 1 running; ")
    clock.now += 10
    run.finished(1, 500)
    assert (run.over, run.undone) == (True, 0)
    clock.now += 1000  # what comes after the skims does not slow them down
    assert run.line() == "skims: 2 of 2 done; 1 k events, 50/s"


def test_a_run_that_was_stopped_foretells_nothing() -> None:
    run, clock = skims([None] * 3, local=False)
    run.started(0)
    run.started(1)
    clock.now += 10
    run.finished(0, 500)
    assert run.line() == "skims: 1 of 3 done, 1 submitted or running; 500 events, 50/s; less than a minute left"
    clock.now += 10
    run.stop()
    assert (run.line(), run.undone) == ("skims: 1 of 3 done; 500 events, 50/s", 2)


def test_events_come_from_the_lock_when_the_log_does_not_tell() -> None:
    run, clock = skims([700, None], before=46)
    run.started(0)
    clock.now += 1
    run.finished(0, None)
    assert run.line() == "skims: 1 of 2 done (46 were done before); 700 events, 700/s; less than a minute left"


def test_entries_of_a_job_are_known_when_all_of_its_files_are_locked() -> None:
    assert Skim.of("ds", [("/a", 1), ("/b", 2)]).entries == 3
    assert Skim.of("ds", [("/a", 1), ("/b", None)]).entries is None
    assert str(Skim.of("ds", [("/a", 1)])) == "ds: /a"
    assert str(Skim.of("ds", [("/a", 1), ("/b", 2), ("/c", 2)])) == "ds: /a and 2 more"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (940, "940"), (999.7, "1 k"), (21_540, "21.5 k"), (63_100_000, "63.1 M"), (1.234e12, "1234 G")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (59, "less than a minute"),
        (60, "about 1 min"),
        (89 * 60, "about 89 min"),
        (2 * 3600, "about 2 h"),
        (4 * 86400, "about 4 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_a_log_tells(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert told(log) is None
    with reporting(log):
        logging.getLogger("asyncio").error("Unclosed client session\nclient_session: x")
        account([{"status": "ok", "entries": 400}, {"status": "failed", "entries": 9, "message": "b.root: is lost"}])
    assert told(log) == Told(400, ["b.root: is lost"])
    with pytest.raises(SystemExit), reporting(log):
        raise InputError("corrupt", "x.root:\nis truncated")
    assert told(log) == Told(None, ["x.root"])
    with pytest.raises(SystemExit), reporting(log):
        1 / 0  # noqa: B018
    assert told(log) == Told(
        None, ["ZeroDivisionError: division by zero (a defect of skimflow; the traceback is in the log)"]
    )
    logging.basicConfig(force=True)  # leaves the file


ADVICE = "For further error details see the cluster/cloud log and the log files of the involved rule(s)."


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            f"Job 5 with HTCondor Cluster ID 12 was removed/aborted.{ADVICE}",
            "Job 5 with HTCondor Cluster ID 12 was removed/aborted.",
        ),
        (
            "Job 5 with HTCondor Cluster ID 12 has been held for 0.0 hours (timeout: 0.0 hours). "
            f"Hold reason: Job has gone over cgroup memory limit of 1500 megabytes.{ADVICE}",
            "Job 5 with HTCondor Cluster ID 12 has been held for 0.0 hours (timeout: 0.0 hours). "
            "Hold reason: Job has gone over cgroup memory limit of 1500 megabytes.",
        ),
        (
            f"SLURM-job '17' failed, SLURM status is: 'OUT_OF_MEMORY'. Reason: Unknown.{ADVICE}",
            "SLURM-job '17' failed, SLURM status is: 'OUT_OF_MEMORY'. Reason: Unknown.",
        ),
        (
            'RuleException:\nCalledProcessError in file "/x/workflow/rules/skim.smk", line 32:\n'
            "Command 'set -euo pipefail;  python x.py' died with <Signals.SIGKILL: 9>.",
            "was ended by SIGKILL (too little memory?)",
        ),
        ("Command 'x' returned non-zero exit status 143.", "was ended by SIGTERM"),
        ("Command 'x' died with <Signals.SIGINT: 2>.", "was interrupted"),
        ("Command 'x' returned non-zero exit status 3.", "ended with exit status 3; nothing is in its log"),
        ("Command 'x' returned non-zero exit status 255.", "ended with exit status 255; nothing is in its log"),
        ("", "nothing is in its log"),
    ],
    ids=["removed", "held", "memory", "killed", "terminated", "interrupted", "status", "no signal", "silent"],
)
def test_why_a_job_failed_that_could_not_say_so(said: str, reason: str) -> None:
    for log in (None, Told(None, [])):
        assert failures.reason(log, said) == reason
    assert failures.reason(Told(None, ["first", "x.root: is truncated"]), said) == "x.root: is truncated"


def test_a_table() -> None:
    rows = [
        Failure("ds: /store/data/b.root", "cannot be read: " + "word " * 30, "logs/skim/ds/b.log"),
        Failure("ds: /store/data/a.root", "/store/data/a.root: is truncated", "logs/skim/ds/a.log"),
        Failure("ds: /store/data/c.root", "no server has it", "logs/skim/ds/c.log", recorded=True),
    ]
    words = " ".join(["word"] * 14)
    assert failures.table(rows, 2, "logs/failed.tsv").splitlines() == [
        "2 jobs failed:",
        "",
        "  ds: /store/data/a.root",
        "    reason  is truncated",
        "    log     logs/skim/ds/a.log",
        "",
        "  ds: /store/data/b.root",
        f"    reason  cannot be read: {words}",
        f"            {' '.join(['word'] * 16)}",
        "    log     logs/skim/ds/b.log",
        "",
        "1 job could not read all input (on_unreadable: record):",
        "",
        "  ds: /store/data/c.root",
        "    reason  no server has it",
        "    log     logs/skim/ds/c.log",
        "",
        "Mend it and run the same command: it does exactly these 3 again, the 2 skims that the run did not",
        "come to, and what depends on them.",
    ]


def test_the_pages_show_what_is_printed() -> None:
    name, small = "/store/data/Run2016G/MuonEG/NANOAOD", "results/toy/small_{}.root"
    shown = {
        "docs/cluster.md": [
            Failure(
                f"MuonEG_2016G: {name}/a.root",
                f"{name}/a.root: is truncated: 20000 bytes, its header says 175354",
                "logs/hww_emu/skim/MuonEG_2016G/a-aee1d128.log",
            ),
            Failure(
                f"MuonEG_2016G: {name}/b.root",
                "Job 11 with HTCondor Cluster ID 17 was removed/aborted.",
                ".snakemake/htcondor/skim/skim-11_17.err",
            ),
        ],
        "README.md": [
            Failure(
                f"small_{dataset}: {small.format(file)}",
                f"is truncated: 20000 bytes, its header says {size}",
                f"logs/small/skim/small_{dataset}/small_{log}.log",
            )
            for dataset, file, size, log in (
                ("G", "G/small_G_0001", 175354, "G_0001-aee1d128"),
                ("tt", "tt/small_tt_0000", 188472, "tt_0000-22998363"),
            )
        ],
    }
    for page, rows in shown.items():
        assert failures.table(rows, 0, "") in (ROOT / page).read_text(encoding="utf-8"), page
    run, _ = on_the_way(local=False)
    assert f"\n{run.line()}\n" in (ROOT / "docs/cluster.md").read_text(encoding="utf-8")


def test_a_long_table_is_in_a_file(tmp_path: Path) -> None:
    rows = [Failure(f"ds: /{job:02d}.root", "x" * 500, f"{job}.log") for job in range(SHOWN + 13)]
    path = tmp_path / "logs/failed.tsv"
    failures.write(rows, path)
    text = failures.table(rows, 0, str(path))
    assert text.count("    log  ") == SHOWN
    assert f"and 13 more: {path} has all 33" in text
    lines = path.read_text().splitlines()
    assert lines[0].split("\t") == ["state", "job", "reason", "log"]
    assert lines[33].split("\t") == ["failed", "ds: /32.root", "x" * 500, "32.log"]
    failures.write([], path)
    assert not path.exists()


def test_a_run_without_failures_ends_without_a_table() -> None:
    assert failures.table([], 0, "") == ""
    assert failures.table([], 1, "") == "Run the same command again for the 1 skim that the run did not come to."


class Run:
    """A run whose events are made up as Snakemake logs them: skims 1 and 2, and job 7 of another rule."""

    def __init__(self, folder: Path, local: bool):
        self.clock, self.lines = Clock(), list[str]()
        planned = {job: Skim.of("ds", [(f"/{job}.root", None)]) for job in (1, 2)}
        self.table = str(folder / "logs/failed.tsv")
        self.logger = logging.Logger("snakemake")
        self.follower = Follower(Skims(planned, 0, local, self.clock), self.lines.append, self.table)
        self.follower.start(self.logger)
        self.log = folder / "logs/{}.log"
        self.log.parent.mkdir()

    def write(self, job: int, text: str) -> None:
        Path(str(self.log).format(job)).write_text(text)

    def event(self, event: str, job: int = 0, message: str = "", **facts: Any) -> None:
        facts = {"jobid": job, "job_id": job, "log": [str(self.log).format(job)], "aux": {}, "rule_msg": None} | facts
        rule = {"rule_name": "skim" if job < 7 else "aggregate", "wildcards": {"a": "x", "b": "y"} if job > 7 else {}}
        self.logger.error(message, extra={"event": event, **rule, **facts})

    def end(self, finished: tuple = (), failed: tuple = ()) -> str:
        return self.follower.end(self.logger, finished, failed)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.chdir(tmp_path)
    return lambda local=True: Run(tmp_path, local)


def test_the_events_of_a_local_run(run: Callable[..., Run]) -> None:
    here = run()
    here.event("job_info", 1)
    here.event("job_info", 2)
    here.event("shellcmd", 2)
    here.clock.now += 4
    here.write(1, "INFO 400 events read\nINFO done\n")
    here.event("job_finished", 1)
    assert here.lines == []
    here.write(2, "ERROR /2.root: is truncated\n")
    here.event("error", message="RuleException: Command 'x' returned non-zero exit status 1.")
    here.event("job_error", 2)
    text = here.end(finished=(1,), failed=(2,))
    assert here.lines == ["skims: 1 of 2 done, 1 failed; 400 events, 100/s"]
    assert "  ds: /2.root\n    reason  is truncated\n" in text
    assert "exactly this one again" in text
    assert Path(here.table).exists()
    assert here.logger.handlers == []


def test_a_job_that_succeeds_at_its_second_attempt_is_not_in_the_table(run: Callable[..., Run]) -> None:
    here = run()
    for job in (1, 2, 2):
        here.event("job_info", job)
        here.write(job, "ERROR /x.root: a server is away\n")
        here.event("job_error", job)
    here.write(2, "INFO 7 events read\nINFO done\n")
    here.event("job_info", 1)
    here.event("job_finished", 2)
    here.write(1, "INFO 7 events read\nINFO done\n")
    here.event("job_finished", 1)
    assert here.lines == ["skims: 2 of 2 done; 14 events"]
    assert here.end(finished=(1, 2)) == ""
    assert len(here.lines) == 1
    assert not Path(here.table).exists()


def test_a_log_of_an_earlier_attempt_does_not_explain_this_one(run: Callable[..., Run]) -> None:
    there = run(local=False)
    there.write(1, "ERROR /1.root: is truncated\n")
    there.event("job_info", 1)
    said = f"Job 1 with HTCondor Cluster ID 12 was removed/aborted.{ADVICE}"
    there.event("job_error", 1, rule_msg=said, aux={"external_jobid": 12})
    text = there.end(failed=(1,))
    assert "reason  Job 1 with HTCondor Cluster ID 12 was removed/aborted." in text
    assert "is truncated" not in text
    assert "log     none (it would be" in text
    assert "it does exactly this one again, the 1 skim that the run did not\ncome to, and" in text
    assert there.lines == ["skims: 0 of 2 done, 1 failed"]


def test_what_the_batch_system_kept_of_a_job_is_named(run: Callable[..., Run], tmp_path: Path) -> None:
    there = run(local=False)
    condor = tmp_path / ".snakemake/htcondor/skim/skim-1_12.err"
    slurm = tmp_path / ".snakemake/slurm_logs/rule_skim/17.log"
    for path in (condor, slurm):
        path.parent.mkdir(parents=True)
        path.touch()
    there.event("job_info", 1)
    there.event("job_info", 2)
    there.event("job_error", 1, rule_msg="Job 1 failed with ExitCode 1.", aux={"external_jobid": 12})
    own = str(there.log).format(2)
    there.event("job_error", 2, rule_msg="SLURM status is: 'TIMEOUT'.", log=[own, str(slurm), None], aux={})
    text = there.end(failed=(1, 2))
    assert "    log     .snakemake/htcondor/skim/skim-1_12.err" in text
    assert f"    log     {slurm}" in text


def test_other_rules_fail_too_and_some_failures_are_not_events(run: Callable[..., Run]) -> None:
    here = run()
    for job in (1, 2, 7, 8):
        here.event("job_info", job)
        here.write(job, "INFO 1 events read\nINFO done\n")
    missing = "MissingOutputException in rule skim in file x, line 4:\nJob 2  completed successfully, but some output "
    here.event("error", message=f"{missing}files are missing.")
    here.event("error", message="unheard of")
    here.write(7, "ERROR only 3 of 4 files were processed:\n  a\n")
    here.event("job_error", 7)
    text = here.end(finished=(1,), failed=(2, 7, 8))
    assert "  aggregate\n    reason  only 3 of 4 files were processed\n" in text
    assert "reason  Job 2 completed successfully, but some output files are missing." in text
    assert "  aggregate x y\n    reason  nothing is in its log\n" in text
    assert here.lines == ["skims: 1 of 2 done, 1 failed; 1 events"]


def test_a_recorded_failure_is_in_the_table(run: Callable[..., Run]) -> None:
    here = run()
    here.event("job_info", 1)
    here.write(1, "ERROR /1.root: is truncated\nINFO 0 events read\nINFO done\n")
    here.event("job_finished", 1)
    text = here.end(finished=(1,))
    assert "1 job could not read all input (on_unreadable: record):\n\n  ds: /1.root\n    reason  is truncated" in text
    assert here.lines == ["skims: 0 of 2 done, 1 failed"]


def test_no_lines_are_shown_when_none_are_wanted(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIMFLOW_PROGRESS", "0")
    here = run()
    here.event("job_info", 1)
    here.event("job_error", 1, rule_msg="lost")
    assert "lost" in here.end(failed=(1,))
    assert here.lines == []


def test_a_line_is_shown_from_time_to_time_when_something_changed(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIMFLOW_PROGRESS", "0.01")
    here = run()
    here.event("job_info", 1)
    deadline = time.monotonic() + 60
    while not here.lines and time.monotonic() < deadline:
        time.sleep(0.01)
    here.follower.show()
    assert here.lines == ["skims: 0 of 2 done, 1 running"]
    here.end()
    assert here.lines[1:] == ["skims: 0 of 2 done"]


def test_a_defect_in_here_does_not_end_the_run(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    here, seen = run(), list[logging.LogRecord]()
    monkeypatch.setattr(here.follower, "handleError", seen.append)
    here.event("job_info", 1, log=None)
    assert len(seen) == 1
