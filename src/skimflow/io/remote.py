"""Reading from servers that may be slow, silent or gone: which to try, how often, how long.

Every attempt reads the file from its beginning, with counters at zero, so a connection lost in the middle can never
count an event twice (SYSTEMS 1e.3).
"""

import contextlib
import faulthandler
import logging
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from skimflow.errors import InputError
from skimflow.paths import is_remote, lfn

T = TypeVar("T")
_log = logging.getLogger(__name__)

# Errors that may pass by themselves. Everything else fails at once, or moves to the next server.
TRANSIENT = frozenset({"timeout", "unreachable"})
# Errors that another server may not have: its copy may be there, or whole.
_ELSEWHERE = TRANSIENT | {"missing", "corrupt", "not_root", "empty_file", "changed"}
# After the deadline, how long the interpreter may hang in code that no signal interrupts.
_GRACE = 60


class Site(NamedTuple):
    """How files are reached; the fields are those of `config.Site`."""

    redirectors: Sequence[str] = ()
    attempts: int = 3
    pause: float = 10
    deadline: float = 1800
    timeout: float = 60
    stage: bool = False
    scratch: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Site":
        """From a mapping that may have more keys."""
        return cls(**{name: settings[name] for name in cls._fields if name in settings})


def locations(url: str, redirectors: Sequence[str], name: str | None = None) -> list[str]:
    """Where to look for a file: itself when local, else its LFN (`name`, or what the URL says) at each redirector.

    A redirector `file:///mirror` is a folder that holds files under their LFN.
    """
    if not is_remote(url) or not redirectors:
        return [url]
    return [f"{server.rstrip('/')}/{name or lfn(url)}".removeprefix("file://") for server in redirectors]


def prepare(site: Site) -> None:
    """Make the XRootD client give up in time. It reads these when it is imported, and waits many minutes without."""
    seconds = str(max(1, round(site.timeout)))
    limits = {
        "XRD_CONNECTIONWINDOW": seconds,
        "XRD_CONNECTIONRETRY": "1",
        "XRD_REQUESTTIMEOUT": seconds,
        "XRD_STREAMTIMEOUT": seconds,
        "XRD_STREAMERRORWINDOW": "0",
        # Without it a timeout is rounded up to 15 s.
        "XRD_TIMEOUTRESOLUTION": "1",
    }
    for name, value in limits.items():
        os.environ.setdefault(name, value)


def read(
    url: str,
    site: Site,
    action: Callable[[str], T],
    name: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `action(location)` until it succeeds: each server in turn, then again after a pause for transient errors.

    Raises:
        InputError: of the last attempt, with what was tried. A missing file, or one that may not be read, is not tried
            again.
    """
    prepare(site)
    tried: list[str] = []
    where: list[str] = []
    error = InputError("unreachable", f"{url}: not tried")
    for attempt in range(site.attempts):
        if attempt:
            sleep(site.pause * 2 ** (attempt - 1))
        passing = False
        for location in locations(url, site.redirectors, name):
            try:
                return _attempt(location, site, action)
            except InputError as failure:
                _log.warning("attempt %d: %s", attempt + 1, failure)
                tried.append(failure.reason)
                where.append(location)
                error, passing = failure, passing or failure.reason in TRANSIENT
                if failure.reason not in _ELSEWHERE:
                    failure.tried = where
                    raise
        if not passing:
            break
    if len(tried) > 1:
        last, error = error, InputError(error.reason, f"{error} [{len(tried)} attempts: {', '.join(tried)}]")
        error.__cause__ = last
    error.tried = where
    raise error


def _attempt(location: str, site: Site, action: Callable[[str], T]) -> T:
    with _deadline(location, site.deadline if is_remote(location) else 0):
        if not (site.stage and is_remote(location)):
            return action(location)
        with _staged(location, site) as copy:
            return action(copy)


@contextlib.contextmanager
def _staged(location: str, site: Site) -> Iterator[str]:
    """A copy on local scratch, removed in the end."""
    import fsspec

    folder = scratch(site)
    try:
        copy = str(Path(folder) / Path(lfn(location)).name)
        try:
            files, path = fsspec.url_to_fs(location)
            files.get_file(path, copy)
        except Exception as error:
            raise InputError(reason(error), f"{location}: cannot be copied to {folder} ({describe(error)})") from error
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch(site: Site) -> str:
    """A new folder on local scratch."""
    try:
        return tempfile.mkdtemp(prefix="skimflow-", dir=site.scratch)
    except OSError as error:
        where = site.scratch or tempfile.gettempdir()
        raise InputError("scratch", f"{where}: no scratch folder can be made there ({error.strerror})") from error


class _DeadlineError(BaseException):
    """Not an Exception, so that no `except Exception` on the way keeps it."""


@contextlib.contextmanager
def _deadline(location: str, seconds: float) -> Iterator[None]:
    """End the block after so many seconds (0: never), with an InputError; after some more, end the process.

    Threads other than the main one have no deadline but the timeouts of the client.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise _DeadlineError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + _GRACE, exit=True)
    try:
        yield
    except _DeadlineError:
        message = f"{location}: not read within the deadline of {seconds:g} s (config/sites: deadline)"
        raise InputError("timeout", message) from None
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


_SIGNS = {
    "timeout": ("timeout", "timed out", "operation expired", "[206]"),
    "unreachable": ("service unavailable", "bad gateway", "too many requests", "server error", "internal error"),
    "authentication": (
        "auth failed",
        "permission denied",
        "[3010]",
        "unauthorized",
        "forbidden",
        "x509",
        "certificate",
    ),
    "missing": ("no such file", "[3011]", "file not found"),
}
# The last are fsspec's words when the client has closed a file whose server went away.
_LOST = (
    "connection",
    "connect",
    "socket",
    "name or service",
    "stream disconnect",
    "[3012]",
    "operation on closed file",
)
_STATUS = {401: "authentication", 403: "authentication", 404: "missing", 410: "missing", 408: "timeout"}
_NAMES = re.compile(r"\w+://\S+|host \S+|/\S+|\S+\.\S+:\d+")


def reason(error: BaseException) -> str:
    """One word for an error of a remote read: authentication, missing, timeout, unreachable, or corrupt."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 400:
        return _STATUS.get(status, "unreachable")
    if isinstance(error, FileNotFoundError):
        return "missing"
    if isinstance(error, TimeoutError):
        return "timeout"
    # Names of hosts and files say nothing about the error, whatever words they hold.
    text = _NAMES.sub("", describe(error)).lower()
    for name, signs in (*_SIGNS.items(), ("unreachable", _LOST)):
        if any(sign in text for sign in signs):
            return name
    return "unreachable" if isinstance(error, OSError) else "corrupt"


ADVICE = {
    "authentication": "the server does not let you in; renew your proxy or token (voms-proxy-init --voms cms)",
    "missing": "the server has no such file",
    "timeout": "the server does not answer",
    "unreachable": "the server cannot be reached",
    "corrupt": "what the server sends is truncated or damaged",
}


def describe(error: BaseException) -> str:
    """Class and text of an error, and of those it came from, in one line."""
    parts, seen = [], error
    while seen is not None and len(parts) < 3:
        parts.append(f"{type(seen).__name__}: {seen}")
        seen = seen.__cause__ or seen.__context__
    return " ".join("; from ".join(parts).split())[:400]
