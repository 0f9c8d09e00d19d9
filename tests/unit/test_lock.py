"""The data lock: made in pieces, kept, compared, verified; jobs of several files; attempts and deadlines."""

import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import uproot

from skimflow import lock, paths
from skimflow.catalog.base import CatalogFile
from skimflow.catalog.locking import check, make
from skimflow.config import Dataset
from skimflow.counts import merge
from skimflow.errors import ConfigError, InputError, NotLockedError
from skimflow.io.outputs import read_stamp
from skimflow.io.remote import Site, locations, read, reason
from skimflow.skim import Task, skim_files
from skimflow.targets import resolve
from skimflow.toy import Sample

SITE = Site(attempts=1, pause=0)


@pytest.fixture
def files(toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CatalogFile]:
    """Four files, in a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    for index in range(4):
        content = toy(Sample(21, index, primary_dataset="MuonEG", era="Run2016G"), 100 + index).read_bytes()
        (tmp_path / f"f{index}.root").write_bytes(content)
    return [CatalogFile(f"f{index}.root") for index in range(4)]


def lock_them(files: list[CatalogFile], per_job: int = 1, **stated: int) -> list[lock.Row]:
    told: list[str] = []
    described = dataset(files_per_job=per_job)
    text = make("ds", files, stated, described, SITE, Path("progress.jsonl"), 2, told.append)
    path = lock.path_of("ds")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    locked = lock.read(path)
    assert locked is not None
    assert (locked.stated, locked.source, locked.files_per_job) == (stated, "list", per_job)
    return locked.rows


def test_a_lock_holds_what_the_files_are(files: list[CatalogFile]) -> None:
    rows = lock_them(files, events=406)
    assert [row.entries for row in rows] == [100, 101, 102, 103]
    assert [row.lfn for row in rows] == [f"f{i}.root" for i in range(4)]
    for row in rows:
        with uproot.open(row.location) as file:
            assert row.uuid == str(file.file.uuid)
            runs = file["Events"]["run"].array(library="np")
        assert (row.first_run, row.last_run) == (runs.min(), runs.max())
        assert row.bytes == Path(row.location).stat().st_size
        assert row.file == row.job == paths.file_id(row.lfn)


def test_locking_again_opens_only_what_is_new(files: list[CatalogFile]) -> None:
    before = lock_them(files[:3])
    for file in files[:3]:
        Path(file.location).unlink()  # would fail if opened
    after = lock_them(files)
    assert after[:3] == before
    assert after[3].entries == 103
    assert lock_them(files[1:3]) == before[1:3]


def published(files: list[CatalogFile], *entries: int) -> None:
    """A lock with the numbers of events that somebody published, and no UUIDs."""
    keys = [paths.file_id(file.lfn) for file in files]
    rows = [
        lock.Row(key, key, file.lfn, file.location, number, None, "", "", None, None)
        for key, file, number in zip(keys, files, entries, strict=True)
    ]
    path = lock.path_of("ds")
    path.parent.mkdir(parents=True)
    path.write_text(lock.text(rows, {}, "list", 1))


def test_a_lock_of_published_entries_is_completed_by_locking(files: list[CatalogFile]) -> None:
    published(files[:2], 100, 101)
    assert [finding.status for finding in check("ds", lock.read(lock.path_of("ds")).rows, SITE, False, 1)] == ["ok"] * 2
    rows = lock_them(files[:2])
    with uproot.open("f1.root") as file:
        assert rows[1].uuid == str(file.file.uuid)
    assert [row.entries for row in rows] == [100, 101]


def test_a_file_with_other_entries_than_published_is_refused(files: list[CatalogFile]) -> None:
    published(files[:2], 100, 5)
    (finding,) = list(check("ds", lock.read(lock.path_of("ds")).rows[1:], SITE, False, 1))
    assert finding.detail == "entries is 101, locked as 5"
    with pytest.raises(InputError, match=r"f1\.root: has 101 events, its catalogue says 5"):
        lock_them(files[:2])
    (first, second) = resolve("ds", Dataset(kind="mc", process="x", files=("f0.root", "f1.root")))
    assert (first.entries, first.uuid, second.entries) == (100, "", 5)


def test_interrupted_locking_goes_on_where_it_stopped(files: list[CatalogFile]) -> None:
    Path("f2.root").rename("elsewhere")
    with pytest.raises(InputError, match="ds: 1 files cannot be locked") as caught:
        lock_them(files)
    assert "f2.root: no such file" in str(caught.value)
    with Path("progress.jsonl").open("a") as stream:
        stream.write('["half a li')  # killed while writing
    for index in (0, 1, 3):
        Path(f"f{index}.root").unlink()
    Path("elsewhere").rename("f2.root")
    assert [row.entries for row in lock_them(files)] == [100, 101, 102, 103]


def test_a_catalogue_that_knows_better_is_believed(files: list[CatalogFile]) -> None:
    with pytest.raises(InputError, match=r"f0\.root: has 100 events, its catalogue says 99"):
        lock_them([CatalogFile("f0.root", events=99)])
    with pytest.raises(InputError, match=r"f0\.root: has \d+ bytes, its catalogue says 7"):
        lock_them([CatalogFile("f0.root", bytes=7)])


def test_files_keep_their_jobs_when_others_come(files: list[CatalogFile]) -> None:
    three = lock_them([files[0], files[2], files[3]], per_job=2)
    assert [row.job for row in three] == [three[0].file, three[0].file, three[2].file]
    four = {row.lfn: row.job for row in lock_them(files, per_job=2)}
    assert {row.lfn: row.job for row in three}.items() <= four.items()
    assert four["f1.root"] == paths.file_id("f1.root")
    assert len({row.job for row in lock_them(files, per_job=4)}) == 1


def dataset(**changes: object) -> Dataset:
    return Dataset(kind="mc", process="tt", **{"files": ("*.root",), **changes})


def test_targets_follow_the_lock(files: list[CatalogFile]) -> None:
    assert [file.uuid for file in resolve("ds", dataset())] == [None] * 4
    rows = lock_them(files)
    found = resolve("ds", dataset())
    assert [(file.id, file.uuid, file.entries) for file in found] == [(r.file, r.uuid, r.entries) for r in rows]
    assert len(resolve("ds", dataset(max_files=3), 1)) == 3
    Path("f9.root").touch()
    with pytest.raises(ConfigError, match=r"dataset ds: f9\.root: not in the lock config/locks/ds\.tsv"):
        resolve("ds", dataset())
    Path("f9.root").unlink()
    Path("f3.root").unlink()
    with pytest.raises(ConfigError, match=r"f3\.root: locked, but not in the list"):
        resolve("ds", dataset())


def test_a_catalogue_needs_a_lock(files: list[CatalogFile]) -> None:
    from_record = Dataset(kind="data", primary_dataset="MuonEG", recid=(30528,))
    with pytest.raises(NotLockedError, match="dataset ds: not locked yet"):
        resolve("ds", from_record)
    lock_them(files)
    with pytest.raises(NotLockedError, match=r"source is recid:30528, but config/locks/ds\.tsv was made with list"):
        resolve("ds", from_record)
    path = lock.path_of("ds")
    path.write_text(path.read_text().replace("source=list", "source=recid:30528"))
    assert len(resolve("ds", from_record)) == 4
    with pytest.raises(NotLockedError, match=r"files_per_job is 2, but .* was made with 1"):
        resolve("ds", from_record.model_copy(update={"files_per_job": 2}))
    with pytest.raises(ConfigError, match="files_per_job needs a lock"):
        resolve("other", dataset(files_per_job=5))


@pytest.mark.parametrize("text", ["\xff", "# a=1\n", "# a=1\nno\theader\n", "# a=x\n" + "\t".join(lock.Row._fields)])
def test_a_damaged_lock_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"x\.tsv: not a data lock"):
        lock.read(tmp_path / "x.tsv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:2], "locks no file"),
        (lambda lines: [*lines, lines[-1]], "f3.root: locked twice, so its events would count twice"),
        (lambda lines: [*lines[:-1], lines[-1].replace("f3_root", "f4", 1).replace("f3", "f4", 1)], "changed by hand"),
    ],
)
def test_a_lock_that_was_edited_is_refused(change: Callable, message: str, files: list[CatalogFile]) -> None:
    lock_them(files)
    path = lock.path_of("ds")
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(ConfigError, match=message):
        lock.read(path)


def test_another_server_in_the_list_is_used_at_once(files: list[CatalogFile]) -> None:
    lock_them(files)
    path = lock.path_of("ds")
    path.write_text(path.read_text().replace("\tf0.root\tf0.root", "\tf0.root\told/f0.root"))
    assert resolve("ds", dataset())[0].location == "f0.root"
    assert lock_them(files)[0].location == "f0.root"


def statuses(rows: list[lock.Row], checksums: bool = False) -> dict[str, str]:
    return {finding.lfn: finding.status for finding in check("ds", rows, SITE, checksums, 2)}


def test_check_finds_what_is_wrong(files: list[CatalogFile]) -> None:
    content = Path("f3.root").read_bytes()
    files[3] = CatalogFile("f3.root", adler32=f"{zlib.adler32(content):08x}")
    rows = lock_them(files)
    assert set(statuses(rows, checksums=True).values()) == {"ok"}
    Path("f0.root").unlink()
    Path("f1.root").write_bytes(Path("f2.root").read_bytes())
    Path("f2.root").write_bytes(Path("f2.root").read_bytes()[:1000])
    Path("f3.root").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert statuses(rows) == {"f0.root": "missing", "f1.root": "changed", "f2.root": "corrupt", "f3.root": "ok"}
    assert statuses(rows, checksums=True)["f3.root"] == "changed"
    findings = {finding.lfn: finding.detail for finding in check("ds", rows, SITE, False, 2)}
    assert "entries is 102, locked as 101" in findings["f1.root"]
    assert f"locked as {rows[1].uuid}" in findings["f1.root"]


def task(name: str, settings: Callable, locked: dict | None = None) -> Task:
    everything = Path("golden.json")
    everything.write_text('{"278820": [[1, 99999]], "278873": [[1, 99999]], "279588": [[1, 99999]]}')
    return Task("ds", paths.file_id(name), name, name, str(everything), settings("data"), {"a": 1}, locked)


def test_a_changed_file_names_both_versions(files: list[CatalogFile], settings: Callable) -> None:
    locked = {"uuid": "11111111-2222", "entries": 100}
    with pytest.raises(InputError, match=r"changed since it was locked: uuid is .*, config/locks says 11111111-2222"):
        skim_files([task("f0.root", settings, locked)], SITE, False, "c.parquet", "e.parquet")


def test_a_job_of_several_files_is_the_sum_of_theirs(files: list[CatalogFile], settings: Callable) -> None:
    single = []
    for file in files:
        skim_files([task(file.location, settings)], SITE, False, f"{file.location}.c", f"{file.location}.e")
        single.append(file.location)
    skim_files([task(file.location, settings) for file in files], SITE, False, "c.parquet", "e.parquet")
    assert pq.read_table("c.parquet").equals(merge(pq.read_table(f"{name}.c") for name in single))
    together = [row for name in single for row in pq.read_table(f"{name}.e").to_pylist()]
    assert pq.read_table("e.parquet").to_pylist() == together
    assert len(together) > 50
    assert [facts["entries"] for facts in read_stamp("c.parquet")["inputs"]] == [100, 101, 102, 103]


def test_one_bad_file_of_a_job_is_recorded_alone(files: list[CatalogFile], settings: Callable) -> None:
    Path("f1.root").write_bytes(Path("f1.root").read_bytes()[:5000])
    tasks = [task(file.location, settings, {"uuid": None, "entries": 101}) for file in files]
    tasks = [t._replace(locked=t.locked if "f1" in t.lfn else None) for t in tasks]
    assert not skim_files(tasks, SITE, True, "c.parquet", "e.parquet")
    facts = read_stamp("c.parquet")["inputs"]
    assert [f["status"] for f in facts] == ["ok", "failed", "ok", "ok"]
    assert facts[1]["entries"] == 101
    skim_files([t for t in tasks if "f1" not in t.lfn], SITE, False, "c3.parquet", "e3.parquet")
    assert pq.read_table("c.parquet").equals(pq.read_table("c3.parquet"))
    assert pq.read_table("e.parquet").equals(pq.read_table("e3.parquet"))
    with pytest.raises(InputError, match=r"f1\.root: is truncated"):
        skim_files(tasks, SITE, False, "c4.parquet", "e4.parquet")
    assert not Path("c4.parquet").exists()
    with pytest.raises(InputError, match="nowhere: no scratch folder can be made there"):
        skim_files(tasks, SITE._replace(scratch="nowhere"), False, "c4.parquet", "e4.parquet")


# Attempts.


def test_where_a_file_is_looked_for() -> None:
    url = "root://a.example//store/x.root"
    assert locations(url, []) == [url]
    assert locations("local/x.root", ["root://b.example/"]) == ["local/x.root"]
    servers = ["root://b.example/", "https://c.example", "file:///mirror"]
    expected = ["root://b.example//store/x.root", "https://c.example//store/x.root", "/mirror//store/x.root"]
    assert locations(url, servers) == expected
    assert locations(url, servers[:1], "/store/y.root") == ["root://b.example//store/y.root"]


class Server:
    """Answers each location with the next of its outcomes."""

    def __init__(self, **outcomes: list[str]):
        self.outcomes, self.asked = outcomes, []

    def __call__(self, location: str) -> str:
        name = location.split("//")[1]
        self.asked.append(name)
        outcome = self.outcomes[name].pop(0)
        if outcome != "ok":
            raise InputError(outcome, f"{location}: {outcome}")
        return name


@pytest.mark.parametrize(
    ("outcomes", "asked", "pauses", "result"),
    [
        ({"a": ["ok"]}, "a", [], "a"),
        ({"a": ["missing"], "b": ["ok"]}, "ab", [], "b"),
        ({"a": ["missing"], "b": ["missing"]}, "ab", [], "missing"),
        ({"a": ["timeout", "timeout", "ok"], "b": ["unreachable", "missing"]}, "ababa", [5, 10], "a"),
        ({"a": ["timeout"] * 3, "b": ["missing"] * 3}, "ababab", [5, 10], "missing"),
        ({"a": ["corrupt"], "b": ["ok"]}, "ab", [], "b"),
        ({"a": ["corrupt"], "b": ["missing"]}, "ab", [], "missing"),
        ({"a": ["authentication"], "b": ["ok"]}, "a", [], "authentication"),
        ({"a": ["missing_branch"], "b": ["ok"]}, "a", [], "missing_branch"),
    ],
)
def test_servers_attempts_and_pauses(outcomes: dict, asked: str, pauses: list, result: str) -> None:
    server, slept = Server(**{name: list(values) for name, values in outcomes.items()}), []
    site = Site(redirectors=[f"root://{name}//" for name in outcomes], attempts=3, pause=5)
    url = "root://x//store/f.root"
    if result in outcomes:
        assert read(url, site, server, sleep=slept.append) == result
    else:
        with pytest.raises(InputError) as caught:
            read(url, site, server, sleep=slept.append)
        assert caught.value.reason == result
    assert ("".join(server.asked), slept) == (asked, pauses)


def test_a_hanging_attempt_ends_at_the_deadline() -> None:
    """Here it waits for something that never comes. The signal handler of before is back in place afterwards."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(InputError, match=r"not read within the deadline of 0\.2 s") as caught:
        read("root://a//x.root", Site(attempts=1, deadline=0.2), lambda _: threading.Event().wait())
    assert caught.value.reason == "timeout"
    assert signal.getsignal(signal.SIGALRM) == before


def test_code_that_no_signal_interrupts_ends_with_the_process() -> None:
    code = """
import signal
from skimflow.io import remote
remote._GRACE = 0.3
remote.read("root://a//x.root", remote.Site(deadline=0.2), lambda _: signal.sigwait([signal.SIGUSR1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Timeout" in done.stderr


class HttpError(Exception):
    """As aiohttp raises them."""

    def __init__(self, status: int):
        super().__init__(f"{status}, message='…'")
        self.status = status


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("Failed to open file: [ERROR] Server responded with an error: [3011] no such file"), "missing"),
        (OSError("Failed to open file: [FATAL] Auth failed: No protocols left to try"), "authentication"),
        (OSError("Failed to open file: [ERROR] Operation expired"), "timeout"),
        (OSError("Failed to open file: [FATAL] Connection error"), "unreachable"),
        (TimeoutError(), "timeout"),
        (FileNotFoundError("https://x/a.root"), "missing"),
        (ValueError("not enough bytes"), "corrupt"),
        (ValueError("I/O operation on closed file."), "unreachable"),
        (OSError("Cannot connect to host squid-proxy.example:1094 [Connection refused]"), "unreachable"),
        (OSError("root://x//certificate/401.root: [FATAL] Connection error"), "unreachable"),
        (HttpError(503), "unreachable"),
        (HttpError(403), "authentication"),
        (HttpError(404), "missing"),
    ],
)
def test_reasons(error: Exception, expected: str) -> None:
    assert reason(error) == expected
