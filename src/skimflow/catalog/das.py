"""CMS datasets through the Data Aggregation System (DAS), with CMS's own `dasgoclient`."""

import json
import re
import subprocess
from typing import Any

from skimflow.catalog.base import CatalogFile, adler32
from skimflow.catalog.proxy import RENEW, check_proxy
from skimflow.errors import InputError

# Finds a file at whatever site has it.
REDIRECTOR = "root://cms-xrd-global.cern.ch/"
TIMEOUT = 600  # seconds
CLIENT = "dasgoclient"
NO_CLIENT = (
    f"{CLIENT} is not on PATH; on machines with CVMFS: export PATH=$PATH:/cvmfs/cms.cern.ch/common, elsewhere: "
    "install it from https://github.com/dmwm/dasgoclient/releases"
)
PROXY_TROUBLE = re.compile(r"X509|voms-proxy|proxy.*(expired|valid)|authori[sz]ation|unauthori[sz]ed|\b40[13]\b", re.I)


def discover(query: str) -> list[CatalogFile]:
    """The valid files of a dataset, or of all datasets that match a pattern with `*`, by LFN.

    Raises:
        InputError: there is no client or no valid proxy, DAS fails, or it knows no such dataset or no file of it.
    """
    check_proxy()
    files = {file.location: file for dataset in _datasets(query) for file in _files(dataset)}
    return [files[location] for location in sorted(files)]


def _datasets(query: str) -> list[str]:
    if "*" not in query:
        return [query]
    names = sorted({str(row["name"]) for row in _ask(f"dataset={query}", "dataset")})
    if not names:
        raise InputError("no_such_dataset", f"DAS knows no valid dataset that matches {query}")
    return names


def _files(dataset: str) -> list[CatalogFile]:
    rows = [row for row in _ask(f"file dataset={dataset}", "file") if row.get("is_file_valid", 1)]
    if not rows:
        raise InputError(
            "no_such_dataset", f"DAS knows no valid file of {dataset}; check its name in https://cmsweb.cern.ch/das"
        )
    return [_file(row) for row in rows]


def _file(row: dict[str, Any]) -> CatalogFile:
    checksum = str(row.get("adler32"))
    return CatalogFile(
        REDIRECTOR + row["name"],
        _whole(row.get("size")),
        # `NOTSET` and null do occur in old records.
        adler32(checksum) if re.fullmatch(r"[0-9a-fA-F]{1,8}", checksum) else None,
        _whole(row.get("nevents")),
    )


def _whole(number: float | None) -> int | None:
    """DAS writes some whole numbers as 2.063019163e+09."""
    return None if number is None else int(number)


def _ask(query: str, key: str) -> list[dict[str, Any]]:
    """What DAS says under `key`, row by row.

    There is no `| grep file.name, …` in the query: with it, `-json` prints plain text in brackets.
    """
    answer = _run(query)
    try:
        records = json.loads(answer)
        rows = [row for record in records for row in record[key]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("bad_answer", f"DAS, query '{query}': not the expected JSON: {_short(answer)}") from error
    for row in rows:
        # Trouble behind DAS comes as a row, with exit status 0.
        if "error" in row:
            raise _failure(query, str(row["error"]))
        if "name" not in row:
            raise InputError("bad_answer", f"DAS, query '{query}': a row has no name: {_short(json.dumps(row))}")
    return rows


def _run(query: str) -> str:
    try:
        answer = subprocess.run([CLIENT, "-query", query, "-json"], capture_output=True, text=True, timeout=TIMEOUT)
    except FileNotFoundError as error:
        raise InputError("no_client", NO_CLIENT) from error
    except subprocess.TimeoutExpired as error:
        raise InputError("timeout", f"DAS, query '{query}': no answer within {TIMEOUT} s; try again later") from error
    if answer.returncode != 0:
        # Some complaints go to standard output.
        raise _failure(query, f"{answer.stderr} {answer.stdout}", f" (exit status {answer.returncode})")
    return answer.stdout


def _failure(query: str, words: str, status: str = "") -> InputError:
    message = f"DAS, query '{query}': failed{status}: {_short(words)}"
    if PROXY_TROUBLE.search(words):
        return InputError("authentication", f"{message}; if the grid proxy is to blame, {RENEW}")
    return InputError("unreachable", f"{message}; try again later")


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
