"""Each source of files: against a portal on this machine, and recorded answers of Rucio's and DAS's formats."""

import json
import os
import subprocess
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skimflow.catalog import Found, das, discover, opendata, proxy, rucio
from skimflow.catalog.base import CatalogFile
from skimflow.catalog.lists import read_lists
from skimflow.config.datasets import Dataset, Site, Toy
from skimflow.errors import InputError
from tests.portal import portal, serving_records

EOS = "root://eospublic.cern.ch//eos/opendata/cms"
INDEXES = f"{EOS}/Run2016G/MuonEG/NANOAOD/UL/file-indexes"
DATA = {"kind": "data", "primary_dataset": "MuonEG"}


def reason(error: pytest.ExceptionInfo[InputError]) -> str:
    return error.value.reason


# Lists


def test_a_list_keeps_its_order_and_loses_its_comments(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"\xef\xbb\xbf# a comment\r\n\r\nroot://a.ch//store/b.root   # best server\r\nlocal/z#1.root\r\n")
    two.write_text("https://c.ch/store/a.root\n/data/x.root")
    locations = ["root://a.ch//store/b.root", "local/z#1.root", "https://c.ch/store/a.root", "/data/x.root"]
    assert read_lists([str(one), str(two)]) == [CatalogFile(location) for location in locations]


@pytest.mark.parametrize(
    ("first", "second", "places"),
    [
        ("/a.root\n\n/a.root\n", "/b.root\n", ("one.txt:1", "one.txt:3")),
        ("/a.root\nroot://a.ch//store/x.root\n", "# servers\nhttps://b.ch/store/x.root\n", ("one.txt:2", "two.txt:2")),
    ],
)
def test_a_duplicate_is_refused_with_both_places(
    first: str, second: str, places: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(first)
    (tmp_path / "two.txt").write_text(second)
    with pytest.raises(InputError) as error:
        read_lists([str(tmp_path / "one.txt"), str(tmp_path / "two.txt")])
    assert reason(error) == "duplicate"
    assert str(error.value).startswith(f"{tmp_path / places[0]} and {tmp_path / places[1]}: both list /")


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (None, "missing", "list.txt: this list of files cannot be read: No such file"),
        (b"# nothing\n\n", "empty_list", "list.txt: lists no file"),
        (b"\xff\xfe\x00", "not_text", "list.txt: is no text file"),
        (b"/a.root\n/b.rot\n", "not_a_file", r"list.txt:2: '/b.rot' is not one path or URL ending in \.root"),
        (b"/a.root /b.root\n", "not_a_file", r"list.txt:1: '/a.root /b.root' is not one path"),
        (b"root:/a.ch/b.root\n", "not_a_file", "list.txt:1: root:/a.ch/b.root: a URL needs two slashes"),
    ],
)
def test_a_bad_list_is_refused(content: bytes | None, why: str, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        read_lists([str(tmp_path / "list.txt")])
    assert reason(error) == why


# CERN Open Data portal


def unpadded(content: bytes) -> str:
    """A checksum as the portal writes it, without leading zeros."""
    return f"adler32:{zlib.adler32(content):x}"


def index_entry(name: str, content: bytes) -> dict[str, Any]:
    ending = name.rsplit(".", 1)[1]
    return {"checksum": unpadded(content), "size": len(content), "type": f"index.{ending}", "uri": f"{INDEXES}/{name}"}


def data_entry(name: str, size: int, checksum: str) -> dict[str, Any]:
    return {"checksum": f"adler32:{checksum}", "size": size, "uri": f"{EOS}/{name}", "filename": name}


def document(files: list[dict], **changes: Any) -> dict[str, Any]:
    """A record as the API gives it; `changes` go to its distribution."""
    totals = {"formats": ["nanoaod", "root"], "number_events": 7, "number_files": 2, "size": 30, **changes}
    metadata = {"recid": "1", "title": "/MuonEG/Run2016G-UL/NANOAOD", "distribution": totals, "files": files}
    return {"id": "1", "metadata": metadata}


def pages(record: dict[str, Any], **indexes: bytes) -> dict[str, bytes]:
    served = {f"/record/1/files/{name.replace('__', '.')}": content for name, content in indexes.items()}
    return {"/api/records/1": json.dumps(record).encode(), **served}


INDEX = [data_entry("a.root", 10, "1234567"), data_entry("b.root", 20, "abcdef01")]
JSON = json.dumps(INDEX).encode()
TEXT = f"{EOS}/a.root\n{EOS}/b.root\n".encode()
BOTH = [index_entry("i.txt", TEXT), index_entry("i.json", JSON)]
WITH_CHECKSUMS = [CatalogFile(f"{EOS}/a.root", 10, "01234567"), CatalogFile(f"{EOS}/b.root", 20, "abcdef01")]


def test_the_json_index_is_preferred_and_gives_sizes_and_full_checksums() -> None:
    with portal(pages(document(BOTH), i__json=JSON, i__txt=TEXT)) as url:
        [record] = opendata.discover([1], url + "/")
    assert record == (1, "/MuonEG/Run2016G-UL/NANOAOD", 7, WITH_CHECKSUMS, 2, 30)


def test_the_text_index_gives_urls_where_there_is_no_json() -> None:
    with portal(pages(document(BOTH), i__txt=TEXT)) as url:
        [record] = opendata.discover([1], url)
    assert record.files == [CatalogFile(f"{EOS}/a.root"), CatalogFile(f"{EOS}/b.root")]
    assert (record.events, record.number_files, record.bytes) == (7, 2, 30)


@pytest.mark.parametrize("listed", [[], [index_entry("gone.json", JSON)]])
def test_todays_portal_lists_the_files_in_the_record_itself(listed: list[dict]) -> None:
    record = document(listed)
    record["metadata"]["_file_indices"] = [
        {"key": f"i{i}.json", "number_files": 1, "size": entry["size"], "files": [entry], "bucket": "5"}
        for i, entry in enumerate(INDEX)
    ]
    with portal(pages(record)) as url:
        assert opendata.discover([1], url)[0].files == WITH_CHECKSUMS


def test_files_named_by_the_record_itself() -> None:
    readme = {**data_entry("readme.txt", 1, "1"), "type": "document"}
    with portal(pages(document([*INDEX, readme]))) as url:
        assert opendata.discover([1], url)[0].files == WITH_CHECKSUMS


@pytest.mark.parametrize(("name", "content"), [("i__json", JSON), ("i__txt", TEXT)])
@pytest.mark.parametrize("tamper", [lambda text: text.replace(b"a.root", b"c.root"), lambda text: text + b"\n"])
def test_a_tampered_index_is_refused_with_both_values(name: str, content: bytes, tamper: Callable) -> None:
    changed = tamper(content)
    values = [f"{len(text)} bytes with (adler32 )?{zlib.adler32(text):08x}" for text in (changed, content)]
    with portal(pages(document(BOTH), **{name: changed})) as url:
        with pytest.raises(InputError, match=" where the record says ".join(values)) as error:
            opendata.discover([1], url)
        assert f"{url}/record/1/files/{name.replace('__', '.')}: refused" in str(error.value)
    assert reason(error) == "checksum"


@pytest.mark.parametrize(
    ("record", "why", "words"),
    [
        (document(BOTH, number_files=3), "incomplete", "its indexes list 2 files where the record says 3"),
        (document(BOTH, size=31), "incomplete", "its files have 30 bytes together where the record says 31"),
        (document([]), "incomplete", "the record lists no file"),
        (document([index_entry("i.json", JSON) | {"size": 1}]), "checksum", "where the record says 1 bytes"),
        (document([index_entry("no.json", b"")]), "incomplete", "does not serve the file index no.json"),
        (
            document([*INDEX, INDEX[1]], number_files=3, size=50),
            "duplicate",
            "1 files twice, the first is /eos/.*/b.root",
        ),
        (
            document(BOTH, formats=["aod", "root"]),
            "not_nanoaod",
            r"'/MuonEG/.*' is not a NanoAOD .*\(formats: aod, root\)",
        ),
        (document([{"uri": f"{EOS}/a.root", "size": 10}]), "bad_answer", "without uri, size or checksum"),
        ({"hits": []}, "bad_answer", "no record of the portal"),
        ([1], "bad_answer", "no record of the portal"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused(record: Any, why: str, words: str) -> None:
    with portal(pages(record, i__json=JSON)) as url, pytest.raises(InputError, match=words) as error:
        opendata.discover([1], url)
    assert reason(error) == why


def test_an_unknown_record_and_an_answer_that_is_not_json_are_refused() -> None:
    with portal({"/api/records/1": b"<html>"}) as url:
        with pytest.raises(InputError, match=f"^{url}/api/records/2: the portal has no record 2") as error:
            opendata.discover([2], f"{url}/")
        assert reason(error) == "no_such_record"
        with pytest.raises(InputError, match="/api/records/1: the answer is not JSON") as error:
            opendata.discover([1], url)
        assert reason(error) == "bad_answer"


def test_a_portal_that_is_down_is_unreachable() -> None:
    with portal({}) as url:
        pass
    with pytest.raises(InputError, match=f"{url}/api/records/1: cannot be fetched .*refused") as error:
        opendata.discover([1], url)
    assert reason(error) == "unreachable"


@pytest.fixture(scope="module")
def records(data: Path) -> Iterator[str]:
    with serving_records(data) as url:
        yield url


@pytest.mark.real
@pytest.mark.parametrize(
    ("recid", "files", "events", "size"), [(30528, 29, 33_854_612, 35596555653), (30561, 19, 29_236_516, 32122335193)]
)
def test_the_records_of_muoneg(recid: int, files: int, events: int, size: int, records: str, data: Path) -> None:
    era = "Run2016G" if recid == 30528 else "Run2016H"
    [record] = opendata.discover([recid], records)
    assert record._replace(files=[]) == (recid, record.title, events, [], files, size)
    assert record.title == f"/MuonEG/{era}-UL2016_MiniAODv2_NanoAODv9-v1/NANOAOD"
    urls = (data / "filelists/MuonEG_Run2016GH_urls.txt").read_text().split()
    assert sorted(file.location for file in record.files) == sorted(url for url in urls if f"/{era}/" in url)
    assert len(record.files) == files


@pytest.mark.real
def test_the_record_of_doublemuon(records: str, data: Path) -> None:
    [record] = opendata.discover([30522], records)
    title = "/DoubleMuon/Run2016G-UL2016_MiniAODv2_NanoAODv9-v2/NANOAOD"
    assert record._replace(files=[]) == (30522, title, 45_235_604, [], 29, 42_213_844_893)
    index = "CMS_Run2016G_DoubleMuon_NANOAOD_UL2016_MiniAODv2_NanoAODv9-v2_2430000_file_index.txt"
    assert [file.location for file in record.files] == (data / "filelists" / index).read_text().split()


@pytest.mark.real
def test_a_record_whose_indexes_are_not_served_is_refused(records: str) -> None:
    with pytest.raises(
        InputError, match=r"does not serve the file index .*DoubleMuon.*_2510000_file_index.json and .*txt"
    ):
        opendata.discover([30555], records)


@pytest.mark.real
def test_totals_of_several_records_are_added(records: str) -> None:
    found = discover(Dataset(**DATA, recid=(30528, 30561)), Site(portal=records))
    assert found.stated == {"files": 48, "events": 63_091_128, "bytes": 67718890846}
    assert len(found.files) == 48


# Grid proxy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that is valid for a day."""
    path = tmp_path_factory.mktemp("proxy") / "x509"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", os.devnull]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-days", "1", "-subj", "/CN=me", "-out", path],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def valid_proxy(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_USER_PROXY", str(certificate))


def test_a_valid_proxy_is_accepted_until_it_expires(
    certificate: Path, valid_proxy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.check_proxy()
    later = certificate.stat().st_mtime + 2 * 86400
    monkeypatch.setattr(proxy.time, "time", lambda: later)
    with pytest.raises(
        InputError, match=r"expired at 20\d\d-.* UTC; run: voms-proxy-init --voms cms --valid 192:00"
    ) as error:
        proxy.check_proxy()
    assert reason(error) == "authentication"
    monkeypatch.setenv("PATH", "")  # without openssl nobody knows, and the service decides
    proxy.check_proxy()


def test_no_proxy_and_one_that_is_no_certificate_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "x509"))
    with pytest.raises(InputError, match="x509: there is no grid proxy; run: voms-proxy-init"):
        proxy.check_proxy()
    (tmp_path / "x509").write_text("nonsense")
    with pytest.raises(InputError, match=r"x509: holds no certificate .*; run: voms-proxy-init"):
        proxy.check_proxy()


def test_the_usual_place_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X509_USER_PROXY", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987654321)
    with pytest.raises(InputError, match=r"^/tmp/x509up_u987654321: there is no grid proxy"):
        proxy.check_proxy()


# DAS

STORE = "/store/data/Run2016G/MuonEG/NANOAOD/UL2016_MiniAODv2_NanoAODv9-v1"
NANO_G = "/MuonEG/Run2016G-UL2016_MiniAODv2_NanoAODv9-v1/NANOAOD"
NANO_H = "/MuonEG/Run2016H-UL2016_MiniAODv2_NanoAODv9-v1/NANOAOD"
XRD = "root://cms-xrd-global.cern.ch/"


def das_row(name: str, **changes: Any) -> dict[str, Any]:
    """A file as DAS gives it; most fields left out."""
    row = {"adler32": "85bc697", "block_id": 24151964, "check_sum": "3566413521", "is_file_valid": 1, "md5": None}
    return {**row, "name": f"{STORE}/{name}", "nevents": 162072, "size": 3776716506, "type": "EDM", **changes}


def das_answer(key: str, *rows: dict[str, Any]) -> str:
    """Standard output of `dasgoclient -json`."""
    header = {"expire": 1744035502, "instance": "prod/global", "primary_key": f"{key}.name", "services": ["dbs3:files"]}
    records = [json.dumps({"das": header, key: [row], "qhash": "60f0caf6"}) for row in rows]
    return "[\n" + " ,\n".join(records) + "\n]\n"


@pytest.fixture
def client(tmp_path: Path, valid_proxy: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`client({query: output}, status)`: a dasgoclient that knows these queries only."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def install(answers: dict[str, str], status: int = 0, seconds: float = 0) -> None:
        script = (
            f"#!{sys.executable}\nimport sys, time\n_, flag, query, form = sys.argv\ntime.sleep({seconds})\n"
            f"assert (flag, form) == ('-query', '-json')\nsys.stdout.write({answers!r}[query])\nsys.exit({status})\n"
        )
        (tmp_path / "dasgoclient").write_text(script)
        (tmp_path / "dasgoclient").chmod(0o755)

    return install


def test_das_lists_the_valid_files_of_a_dataset(client: Callable) -> None:
    rows = [
        das_row("b.root", size=2.063019163e09, nevents=None, adler32="NOTSET"),
        das_row("a.root"),
        das_row("bad.root", is_file_valid=0),
        das_row("a.root"),
    ]
    client({f"file dataset={NANO_G}": das_answer("file", *rows)})
    files = das.discover(NANO_G)
    assert files == [
        CatalogFile(f"{XRD}{STORE}/a.root", 3776716506, "085bc697", 162072),
        CatalogFile(f"{XRD}{STORE}/b.root", 2063019163, None, None),
    ]
    assert isinstance(files[1].bytes, int)


def test_das_resolves_a_pattern_first(client: Callable) -> None:
    client(
        {
            "dataset=/MuonEG/Run2016*/NANOAOD": das_answer(
                "dataset", {"name": NANO_H}, {"name": NANO_G}, {"name": NANO_G}
            ),
            f"file dataset={NANO_G}": das_answer("file", das_row("g.root")),
            f"file dataset={NANO_H}": das_answer("file", das_row("h.root")),
            "dataset=/MuonEG/Run2031*/NANOAOD": das_answer("dataset"),
        }
    )
    names = [file.location.rsplit("/", 1)[1] for file in das.discover("/MuonEG/Run2016*/NANOAOD")]
    assert names == ["g.root", "h.root"]
    with pytest.raises(InputError, match=r"no valid dataset that matches /MuonEG/Run2031\*/NANOAOD") as error:
        das.discover("/MuonEG/Run2031*/NANOAOD")
    assert reason(error) == "no_such_dataset"


NO_PROXY = 'Neither X509_USER_PROXY or X509_USER_KEY/X509_USER_CERT are set\nobtain valid proxy via "voms-proxy-init"\n'


@pytest.mark.parametrize(
    ("output", "status", "why", "words"),
    [
        (
            NO_PROXY,
            1,
            "authentication",
            r"failed \(exit status 1\): .*Neither X509_USER_PROXY.*voms-proxy-init --voms cms",
        ),
        (
            "ERROR: das exit with code: 2, error: DBS\n",
            2,
            "unreachable",
            r"failed \(exit status 2\): .*exit with code: 2",
        ),
        (
            das_answer("file", {"error": "502 Proxy Error"}),
            0,
            "unreachable",
            "failed: 502 Proxy Error; try again later",
        ),
        (
            das_answer("file", {"error": "Authorisation required"}),
            0,
            "authentication",
            "failed: Authorisation required",
        ),
        (das_answer("file", {"size": 1}), 0, "bad_answer", "a row has no name"),
        (das_answer("dataset", {"name": NANO_G}), 0, "bad_answer", "not the expected JSON"),
        ("[\n/store/a.root 12\n]\n", 0, "bad_answer", r"not the expected JSON: \[ /store/a.root 12 \]"),
        ("null", 0, "bad_answer", "not the expected JSON"),
        (das_answer("file"), 0, "no_such_dataset", "DAS knows no valid file of /MuonEG"),
        (das_answer("file", das_row("a.root", is_file_valid=0)), 0, "no_such_dataset", "DAS knows no valid file"),
    ],
)
def test_das_trouble_is_told(output: str, status: int, why: str, words: str, client: Callable) -> None:
    client({f"file dataset={NANO_G}": output}, status)
    with pytest.raises(InputError, match=words) as error:
        das.discover(NANO_G)
    assert reason(error) == why


def test_das_without_an_answer(client: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    client({}, seconds=30)
    monkeypatch.setattr(das, "TIMEOUT", 0.2)
    with pytest.raises(InputError, match=r"no answer within 0.2 s") as error:
        das.discover(NANO_G)
    assert reason(error) == "timeout"


def test_das_needs_its_client_and_a_proxy(
    valid_proxy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Callable
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"dasgoclient is not on PATH; .*cvmfs") as error:
        das.discover(NANO_G)
    assert reason(error) == "no_client"
    client({f"file dataset={NANO_G}": das_answer("file", das_row("a.root"))})
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "none"))
    with pytest.raises(InputError, match="there is no grid proxy"):
        das.discover(NANO_G)


# Rucio

FNAL, CERN, TAPE = "T1_US_FNAL_Disk", "T2_CH_CERN", "T1_US_FNAL_Tape"


def replica_row(name: str, *rses: str, **changes: Any) -> dict[str, Any]:
    """A file's replicas as Rucio gives them; `changes` go to each replica."""
    pfns = {}
    for rank, rse in enumerate(rses, start=1):
        kind = "TAPE" if rse.endswith("_Tape") else "DISK"
        replica = {"rse": rse, "rse_id": "f7d61f9d", "type": kind, "volatile": False, "domain": "wan", "priority": rank}
        pfns[f"root://{rse}:1094/{STORE}/{name}"] = {**replica, "client_extract": False, **changes}
    at = {rse: [pfn] for rse, pfn in zip(rses, pfns, strict=True)}
    states = dict.fromkeys(rses, "AVAILABLE")
    sizes = {"bytes": 3531471567, "adler32": "af3a4456", "md5": None}
    return {"scope": "cms", "name": f"{STORE}/{name}", **sizes, "rses": at, "pfns": pfns, "states": states}


def file_row(name: str, **changes: Any) -> dict[str, Any]:
    """A file of a dataset as Rucio gives it."""
    row = {"scope": "cms", "name": f"{STORE}/{name}", "bytes": 3531471567, "adler32": "af3a4456", "guid": None}
    return {**row, "events": None, **changes}


class RucioException(Exception):  # noqa: N818
    pass


class DataIdentifierNotFound(RucioException):
    pass


class CannotAuthenticate(RucioException):
    pass


@pytest.fixture
def server(valid_proxy: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple]]:
    """`server(files, replicas)`: a Rucio client with these answers; `files` may be an exception. Returns its calls."""

    def install(files: list[dict] | Exception, *replicas: dict) -> list[tuple]:
        calls: list[tuple] = []

        class Client:
            def list_files(self, scope: str, name: str) -> Iterator[dict]:
                calls.append((scope, name))
                if isinstance(files, Exception):
                    raise files
                yield from files

            def list_replicas(self, dids: list[dict], schemes: list[str], ignore_availability: bool) -> Iterator[dict]:
                calls.append((dids, schemes, ignore_availability))
                yield from replicas

        errors = {error.__name__: error for error in (RucioException, DataIdentifierNotFound, CannotAuthenticate)}
        contents = {"": {}, ".client": {"Client": Client}, ".common": {}, ".common.exception": errors}
        for name, content in contents.items():
            module = types.ModuleType(f"rucio{name}")
            module.__dict__.update(content)
            monkeypatch.setitem(sys.modules, f"rucio{name}", module)
        return calls

    return install


def test_rucio_takes_the_preferred_replica(server: Callable) -> None:
    rows = [replica_row("b.root", TAPE, CERN, FNAL), replica_row("a.root", CERN)]
    calls = server([file_row("b.root", events=12), file_row("a.root", adler32="3a4456")], *rows)
    files = rucio.discover(f"cms:{NANO_G}", ["T2_DE_DESY", FNAL, CERN])
    assert files == [
        CatalogFile(f"root://{CERN}:1094/{STORE}/a.root", 3531471567, "003a4456", None, f"{STORE}/a.root"),
        CatalogFile(f"root://{FNAL}:1094/{STORE}/b.root", 3531471567, "af3a4456", 12, f"{STORE}/b.root"),
    ]
    assert calls == [("cms", NANO_G), ([{"scope": "cms", "name": NANO_G}], ["root"], False)]


def test_rucio_takes_the_first_replica_on_disk_without_preference(server: Callable) -> None:
    server([file_row("a.root")], replica_row("a.root", TAPE, FNAL, CERN))
    assert rucio.discover(f"cms:{NANO_G}", [])[0].location.startswith(f"root://{FNAL}")


@pytest.mark.parametrize(
    "row",
    [
        replica_row("b.root", TAPE),
        replica_row("b.root", TAPE, type="DISK"),
        replica_row("b.root", "T1_XX_Archive", type="TAPE"),
        replica_row("b.root", CERN, volatile=True),
        replica_row("b.root", CERN) | {"states": {CERN: "COPYING"}},
        replica_row("b.root"),
        replica_row("c.root", CERN),
    ],
)
def test_a_file_without_a_replica_that_can_be_read_is_an_error(row: dict, server: Callable) -> None:
    server([file_row("a.root"), file_row("b.root")], replica_row("a.root", CERN), row)
    with pytest.raises(InputError, match=f"1 of 2 files have no replica on disk .* first is {STORE}/b.root") as error:
        rucio.discover(f"cms:{NANO_G}", [TAPE])
    assert reason(error) == "no_replica"


@pytest.mark.parametrize(
    ("answer", "why", "words"),
    [
        (DataIdentifierNotFound("Data identifier not found."), "no_such_dataset", f"Rucio knows no cms:{NANO_G}; Data"),
        (CannotAuthenticate("no account"), "authentication", "no account; run: voms-proxy-init .*RUCIO_ACCOUNT"),
        (RucioException("Could not load configuration"), "unreachable", "RucioException: Could not load .*RUCIO_HOME"),
        (ConnectionError("no route"), "unreachable", "ConnectionError: no route"),
        ([], "no_such_dataset", f"Rucio has no file in cms:{NANO_G}"),
    ],
)
def test_rucio_trouble_is_told(answer: Any, why: str, words: str, server: Callable) -> None:
    server(answer)
    with pytest.raises(InputError, match=words) as error:
        rucio.discover(f"cms:{NANO_G}", [])
    assert reason(error) == why


def test_rucio_needs_its_client_and_a_proxy(server: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server([file_row("a.root")], replica_row("a.root", CERN))
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "none"))
    with pytest.raises(InputError, match="there is no grid proxy"):
        rucio.discover(f"cms:{NANO_G}", [])
    monkeypatch.setitem(sys.modules, "rucio.client", None)
    with pytest.raises(InputError, match=r"pip install 'skimflow\[rucio\]'") as error:
        rucio.discover(f"cms:{NANO_G}", [])
    assert reason(error) == "no_client"


# All sources


def test_files_are_expanded_sorted_and_unique(tmp_path: Path) -> None:
    for name in ("b.root", "a.root", "c.txt"):
        (tmp_path / name).touch()
    here = [CatalogFile(str(tmp_path / name)) for name in ("a.root", "b.root")]
    far = CatalogFile("root://a.ch//store/x[1].root")
    found = discover(Dataset(**DATA, files=(far.location, f"{tmp_path}/*.root", "absent.root")), Site())
    assert found == Found([far, *here, CatalogFile("absent.root")], {})
    with pytest.raises(InputError, match=r"\*\.rot: no file matches") as error:
        discover(Dataset(**DATA, files=(f"{tmp_path}/*.rot",)), Site())
    assert reason(error) == "missing"
    twice = Dataset(**DATA, files=("root://a.ch//store/x.root", "https://b.ch/store/x.root"))
    with pytest.raises(
        InputError, match=r"/store/x.root is named twice, as root://a.ch.* and as https://b.ch"
    ) as error:
        discover(twice, Site())
    assert reason(error) == "duplicate"


def test_each_source_is_asked_in_its_own_way(tmp_path: Path, server: Callable, client: Callable) -> None:
    (tmp_path / "list.txt").write_text("/a.root\n")
    assert discover(Dataset(**DATA, lists=(f"{tmp_path}/list.txt",)), Site()) == Found([CatalogFile("/a.root")], {})
    server([file_row("a.root")], replica_row("a.root", FNAL, CERN))
    [file] = discover(Dataset(**DATA, rucio=f"cms:{NANO_G}"), Site(prefer=(CERN,))).files
    assert file.location == f"root://{CERN}:1094/{STORE}/a.root"
    client({f"file dataset={NANO_G}": das_answer("file", das_row("a.root"))})
    assert discover(Dataset(**DATA, das=NANO_G), Site()).files[0].location == f"{XRD}{STORE}/a.root"
    record = document(BOTH)
    del record["metadata"]["distribution"]["number_events"]
    with portal(pages(record, i__json=JSON)) as url:
        found = discover(Dataset(**DATA, recid=(1,)), Site(portal=url))
    assert found == Found(WITH_CHECKSUMS, {"files": 2, "bytes": 30})
    with pytest.raises(InputError, match="toy files are made by the workflow"):
        discover(Dataset(**DATA, toy=Toy(files=1, events=1, seed=1)), Site())


def test_a_file_in_two_records_is_a_duplicate() -> None:
    served = pages(document(INDEX))
    served["/api/records/2"] = served["/api/records/1"]
    with portal(served) as url, pytest.raises(InputError, match=r"a.root is named twice"):
        discover(Dataset(**DATA, recid=(1, 2)), Site(portal=url))


def test_the_catalogue_is_light_to_import() -> None:
    program = (
        "import sys, skimflow.catalog.lists; print(sorted({'numpy', 'uproot', 'requests', 'pooch'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert loaded.stdout == "[]\n"
