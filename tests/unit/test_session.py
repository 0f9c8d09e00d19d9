"""Runs that were killed are noticed; a batch system that went away ends a run with a message."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skimflow import resume, session
from skimflow.engines import ENGINES
from skimflow.errors import EngineError, SkimflowError

HERE = platform.node()


@pytest.fixture
def no_slurm(folder: Path) -> dict[str, str]:
    """An environment without Slurm's commands; its plugin asks `which` for them."""
    (folder / "bin").mkdir()
    (folder / "bin/which").symlink_to(str(shutil.which("which")))
    return {**os.environ, "PATH": str(folder / "bin")}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(
    pid: int, born: float, host: str = HERE, executor: str = "htcondor", command: tuple = ("--cores", "2")
) -> None:
    run = session.Run(host, pid, born, executor, list(command))
    run.path.parent.mkdir(parents=True, exist_ok=True)
    run.path.write_text(json.dumps(run.__dict__), encoding="utf-8")


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def me() -> tuple[int, float]:
    return os.getpid(), session._born(os.getpid())


def test_no_run_no_refusal() -> None:
    session.refuse_after_a_kill(["--cores", "2"])


def test_a_killed_run_is_refused_with_the_command_that_helps() -> None:
    record(dead(), 1.0, command=("--profile", "condor"))
    with pytest.raises(SkimflowError, match=r"(?s)`snakemake --profile condor`.*was killed.*HTCondor.*make resume"):
        session.refuse_after_a_kill(["--profile", "condor"])


@pytest.mark.parametrize("word", ["-n", "-np", "--dry-run", "--dryrun", "--unlock", "--report"])
def test_what_starts_no_job_is_let_through(word: str) -> None:
    record(dead(), 1.0)
    session.refuse_after_a_kill([word, "--cores", "2"])


@pytest.mark.parametrize("word", ["--keep-going", "-j", "name", "--notemp"])
def test_what_starts_jobs_is_not(word: str) -> None:
    record(dead(), 1.0)
    with pytest.raises(SkimflowError):
        session.refuse_after_a_kill([word])


def test_a_killed_run_on_this_machine_is_refused_while_it_left_something(folder: Path) -> None:
    record(dead(), 1.0, executor="local")
    lock = folder / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir()
    lock.touch()
    with pytest.raises(SkimflowError, match="still be at work on this machine"):
        session.refuse_after_a_kill(["--cores", "2"])
    lock.unlink()
    session.refuse_after_a_kill(["--cores", "2"])
    assert session.runs() == []


def test_a_living_run_is_not_refused_here_but_not_resumed_either() -> None:
    """Two measurements may run in one folder: whether they meet is for Snakemake's lock to say."""
    record(*me())
    session.refuse_after_a_kill(["--cores", "2"])
    with pytest.raises(SkimflowError, match=f"at work in this folder; stop it first: kill -INT {os.getpid()}"):
        resume.main([])


def test_a_pid_that_came_again_is_not_the_run() -> None:
    pid, born = me()
    record(pid, born - 1000)
    assert [run.pid for run in session.killed()] == [pid]


def test_a_run_on_another_machine(capsys: pytest.CaptureFixture[str]) -> None:
    record(1, 1.0, host="elsewhere")
    session.refuse_after_a_kill(["--cores", "2"])
    assert "make resume ARGS=--force" in capsys.readouterr().err
    with pytest.raises(SkimflowError, match=r"(?s)cannot be seen.*--force"):
        resume.main([])


def test_nothing_to_resume() -> None:
    with pytest.raises(SkimflowError, match="there is nothing to resume"):
        resume.main([])


def test_the_last_command_is_repeated() -> None:
    record(dead(), 2.0, command=("--cores", "1"))
    record(dead(), 3.0, command=("--cores", "2"))
    assert resume.command_of(session.runs()) == ["--cores", "2"]


class Queue:
    """A batch system whose jobs leave some looks after they were removed."""

    name = "Queue"

    def __init__(self, jobs: list[str], looks: int = 2):
        self.left, self.looks, self.removed = jobs, looks, list[str]()

    def jobs(self, folder: str) -> list[str]:
        assert folder == os.getcwd()
        if self.removed:
            self.looks -= 1
        return self.left if self.looks else []

    def remove(self, jobs: list[str]) -> None:
        self.removed += jobs


def test_orphans_are_removed_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(["1.0", "2.0"])
    monkeypatch.setitem(ENGINES, "queue", queue)
    monkeypatch.setattr(resume.time, "sleep", lambda seconds: None)
    record(dead(), 1.0, executor="queue")
    resume.stop_jobs(session.runs())
    assert queue.removed == ["1.0", "2.0"]
    assert queue.looks == 0


def test_orphans_that_stay_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "queue", Queue(["7"], looks=10**9))
    monkeypatch.setattr(resume, "_GONE", 0.0)
    with pytest.raises(EngineError, match="Queue still has 7"):
        resume.remove_jobs("queue")


def test_only_jobs_of_this_folder_are_stopped(folder: Path) -> None:
    script = folder / ".snakemake/scripts/x.py"
    script.parent.mkdir(parents=True)
    script.write_text("import time; print('up', flush=True); time.sleep(600)")
    (folder / "mine.py").write_text(script.read_text())
    started = [
        subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE) for path in (script, folder / "mine.py")
    ]
    try:
        for process in started:
            assert process.stdout.readline()
        assert [process.pid for process in session.local_jobs(str(folder))] == [started[0].pid]
        resume.stop_jobs([])
        assert started[0].poll() is not None
        assert started[1].poll() is None
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a_batch_system_that_is_gone_ends_the_run(no_slurm: dict[str, str]) -> None:
    """Without Slurm's commands it does not answer; the record stays, because jobs may be left."""
    code = "from skimflow import session; import time; session.begin('slurm', ['--profile', 'slurm']); time.sleep(600)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**no_slurm, "SKIMFLOW_PATIENCE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Jobs that were submitted go on" in done.stderr
    assert "Slurm was away for 1 s, so this run ends here" in done.stderr
    assert "make resume" in done.stderr
    with pytest.raises(SkimflowError, match="was killed"):
        session.refuse_after_a_kill(["--profile", "slurm"])


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "raise KeyboardInterrupt"])
def test_a_run_that_ends_leaves_no_record(end: str) -> None:
    code = f"from skimflow import session; session.begin('local', []); assert session.runs(); {end}"
    subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.DEVNULL)
    assert session.runs() == []


def test_a_run_that_cannot_say_whether_jobs_are_left_says_so(no_slurm: dict[str, str]) -> None:
    code = "from skimflow import session; session.begin('slurm', [])"
    done = subprocess.run([sys.executable, "-c", code], env=no_slurm, capture_output=True, text=True, check=False)
    assert "Jobs of this run may still be there" in done.stderr
    assert "make resume" in done.stderr
    assert len(session.killed()) == 1
