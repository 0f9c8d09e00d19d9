"""Skims over a real XRootD server and over HTTP, while things go wrong: right once, or an error with its reason."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uproot

from skimflow.errors import InputError
from skimflow.io import nanoaod
from skimflow.io.remote import Site, prepare, read
from skimflow.skim import Task, skim_files
from skimflow.toy import Sample, write_file, writing
from tests.engines import http
from tests.engines.conftest import need
from tests.engines.xrootd import Server, available, serving

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("xrootd")]

QUICK = Site(attempts=2, pause=0, timeout=3, deadline=30)
prepare(QUICK)  # before the client is imported
TTBAR = Sample(11, 0, process="TTTo2L2Nu")


@pytest.fixture(scope="module", autouse=True)
def xrootd() -> None:
    need("fsspec_xrootd", "make remote", "" if available() else "xrootd (Debian: xrootd-server)")


@pytest.fixture(scope="module")
def served() -> Iterator[Path]:
    """Files of several baskets a branch, so that not all is read at once."""
    with tempfile.TemporaryDirectory(prefix="sf-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_BASKET", 500)
        path = Path(folder) / "store"
        path.mkdir()
        write_file(path / "a.root", TTBAR, 4000)
        content = (path / "a.root").read_bytes()
        (path / "cut.root").write_bytes(content[: len(content) // 2])
        write_file(path / "zeroed.root", TTBAR, 4000, codec="LZMA")
        (path / "zeroed.root").write_bytes(zeroed(path / "zeroed.root"))
        yield Path(folder)


def zeroed(path: Path) -> bytes:
    """The file with a hole in a compressed basket that is needed."""
    with uproot.open(path) as file:
        key = file["Events"]["nMuon"].basket_key(0)
    content, middle = bytearray(path.read_bytes()), key.fSeekKey + (key.fKeylen + key.fNbytes) // 2
    content[middle : middle + 8] = bytes(8)
    return bytes(content)


@pytest.fixture
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sf-") as folder:  # short: sockets have short names
        yield Path(folder)


@pytest.fixture
def server(served: Path, run: Path) -> Iterator[Server]:
    with serving(served, run) as running:
        yield running


@pytest.fixture
def job(settings: Callable, tmp_path: Path) -> Callable[..., list[bytes]]:
    """`job(location, site)`: the bytes of the two outputs of a skim."""

    def make(location: str | Path, site: Site = QUICK) -> list[bytes]:
        outputs = [tmp_path / "x.counts.parquet", tmp_path / "x.events.parquet"]
        task = Task("ds", "x", "/store/a.root", str(location), None, settings("mc"), {})
        assert skim_files([task], site, False, *outputs)
        return [path.read_bytes() for path in outputs]

    return make


@pytest.fixture
def right(job: Callable, served: Path) -> list[bytes]:
    return job(served / "store/a.root")


def disturb(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Call `action` once, when a quarter of a file was read; small pieces make the client ask again after it."""
    original, calls = nanoaod.NanoAOD.chunks, []

    def chunks(self: nanoaod.NanoAOD, branches: list[str]) -> Iterator[Any]:
        for count, columns in enumerate(original(self, branches)):
            if count == 1 and not calls:
                calls.append(1)
                action()
            yield columns

    monkeypatch.setattr(nanoaod, "_STEP", 1000)
    monkeypatch.setattr(nanoaod.NanoAOD, "chunks", chunks)


def test_the_same_bytes_as_locally(server: Server, job: Callable, right: list[bytes]) -> None:
    assert job(f"{server.url}/store/a.root") == right
    assert job("root://nowhere.invalid//store/a.root", QUICK._replace(redirectors=[server.url])) == right


def test_staged_copies_are_read_and_removed(server: Server, job: Callable, right: list[bytes], run: Path) -> None:
    (run / "scratch").mkdir()
    site = QUICK._replace(stage=True, scratch=str(run / "scratch"))
    assert job(f"{server.url}/store/a.root", site) == right
    assert list((run / "scratch").iterdir()) == []
    with pytest.raises(InputError, match="cannot be copied") as caught:
        job(f"{server.url}/store/absent.root", site)
    assert caught.value.reason == "missing"


def test_second_server_has_the_file(server: Server, job: Callable, right: list[bytes], run: Path) -> None:
    (run / "empty").mkdir()
    with serving(run / "empty", run / "second") as without:
        site = QUICK._replace(redirectors=[without.url, server.url])
        assert job("root://listed.invalid//store/a.root", site) == right


def test_mirror_folder_before_the_server(server: Server, job: Callable, right: list[bytes], served: Path) -> None:
    site = QUICK._replace(redirectors=[f"file://{served}/nothing", f"file://{served}", server.url])
    assert job("root://listed.invalid//store/a.root", site) == right


def test_missing_fails_at_once(server: Server) -> None:
    slept: list[float] = []
    site = QUICK._replace(attempts=5, pause=1000)
    with pytest.raises(InputError, match="the server has no such file") as caught:
        read(f"{server.url}/store/absent.root", site, nanoaod.NanoAOD, sleep=slept.append)
    assert caught.value.reason == "missing"
    assert not slept


def test_nobody_listens(server: Server, job: Callable) -> None:
    server.kill()
    with pytest.raises(InputError, match=r"\[2 attempts: \w+, \w+\]$") as caught:
        job(f"{server.url}/store/a.root")
    assert caught.value.reason in ("unreachable", "timeout")


def test_killed_in_the_middle_and_restarted(
    server: Server, job: Callable, right: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt has counted events when the server goes; they must not be counted again."""
    expected = pieces(job, server, monkeypatch)

    def restart() -> None:
        server.kill()
        server.start()

    disturb(monkeypatch, restart)
    assert job(f"{server.url}/store/a.root", QUICK._replace(attempts=4)) == expected


def test_killed_in_the_middle_for_good(
    server: Server, job: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disturb(monkeypatch, server.kill)
    with pytest.raises(InputError) as caught:
        job(f"{server.url}/store/a.root")
    assert caught.value.reason in ("unreachable", "timeout")
    assert "2 attempts" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_hanging_server_ends_at_the_timeout(server: Server, job: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    disturb(monkeypatch, lambda: server.signal(signal.SIGSTOP))
    with pytest.raises(InputError) as caught:
        job(f"{server.url}/store/a.root", QUICK._replace(attempts=1))
    assert caught.value.reason == "timeout"


def test_hanging_server_that_wakes_up(
    server: Server, job: Callable, right: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pieces(job, server, monkeypatch)
    disturb(monkeypatch, lambda: server.signal(signal.SIGSTOP))
    original = nanoaod.NanoAOD.__init__

    def wake(self: nanoaod.NanoAOD, *arguments: Any) -> None:
        server.signal(signal.SIGCONT)
        original(self, *arguments)

    monkeypatch.setattr(nanoaod.NanoAOD, "__init__", wake)
    assert job(f"{server.url}/store/a.root", QUICK._replace(attempts=3)) == expected


def test_truncated_on_the_server(server: Server, job: Callable, right: list[bytes], served: Path) -> None:
    with pytest.raises(InputError) as caught:
        job(f"{server.url}/store/cut.root")
    assert caught.value.reason == "corrupt"
    assert f"{server.url}/store/cut.root: is truncated" in str(caught.value)


def test_corrupted_on_the_server(server: Server, job: Callable) -> None:
    with pytest.raises(InputError, match="what the server sends is truncated or damaged") as caught:
        job(f"{server.url}/store/zeroed.root")
    assert caught.value.reason == "corrupt"


def pieces(job: Callable, server: Server, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The outputs when the file is read in the small pieces that `disturb` makes."""
    with monkeypatch.context() as context:
        context.setattr(nanoaod, "_STEP", 1000)
        return job(f"{server.url}/store/a.root")


def test_https_and_http(served: Path, job: Callable, right: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library's server knows no ranges; this one does, as every data server must."""
    with http.serving(served) as web:
        url = f"http://127.0.0.1:{web.server_port}"
        assert job(f"{url}/store/a.root") == right
        with pytest.raises(InputError) as caught:
            job(f"{url}/store/absent.root")
        assert caught.value.reason == "missing"
