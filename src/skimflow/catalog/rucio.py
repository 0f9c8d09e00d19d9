"""CMS datasets through Rucio, with its own client (optional: `pip install 'skimflow[rucio]'`)."""

from collections.abc import Callable, Sequence
from typing import Any

from skimflow.catalog.base import CatalogFile, adler32
from skimflow.catalog.proxy import RENEW, check_proxy
from skimflow.errors import InputError

NO_CLIENT = "the Rucio client is not installed; run: pip install 'skimflow[rucio]' (or name the dataset by `das`)"
SETUP = "see that RUCIO_HOME (on CVMFS: /cvmfs/cms.cern.ch/rucio/current) and RUCIO_ACCOUNT are set"


def discover(did: str, prefer: Sequence[str]) -> list[CatalogFile]:
    """The files of a Rucio dataset or container, each at one replica that XRootD can read now, by LFN.

    Args:
        did: `scope:name`, such as `cms:/MuonEG/…/NANOAOD`.
        prefer: storage elements (RSEs) to take first, in this order; then the order that Rucio gives.

    Raises:
        InputError: there is no client or no valid proxy, Rucio fails, it knows no such dataset or no file of it, or
            a file has no readable replica.
    """
    scope, _, name = did.partition(":")
    known, replicas = _ask(did, lambda client: _fetch(client, scope, name))
    if not known:
        raise InputError("no_such_dataset", f"Rucio has no file in {did}")
    chosen = {lfn: _choose(replicas.get(lfn, {}), prefer) for lfn in known}
    lost = sorted(lfn for lfn, location in chosen.items() if location is None)
    if lost:
        what = f"{len(lost)} of {len(known)} files have no replica on disk that XRootD can read, the first is {lost[0]}"
        raise InputError(
            "no_replica", f"{did}: {what}; ask for a disk copy (a Rucio rule), or name the dataset by `das`"
        )
    return [_file(known[lfn], str(chosen[lfn])) for lfn in sorted(known)]


def _fetch(client: Any, scope: str, name: str) -> tuple[dict[str, dict], dict[str, dict]]:
    """By LFN: what Rucio states of each file, and its replicas. Only the first is sure to name every file."""
    known = {row["name"]: row for row in client.list_files(scope, name)}
    # By default Rucio also names replicas at elements that are out of service.
    dids = [{"scope": scope, "name": name}]
    found = client.list_replicas(dids, schemes=["root"], ignore_availability=False)
    return known, {row["name"]: row for row in found}


def _ask(did: str, question: Callable[[Any], Any]) -> Any:
    """Put a question to a new client, and turn its exceptions into errors for people."""
    try:
        from rucio.client import Client
        from rucio.common.exception import CannotAuthenticate, DataIdentifierNotFound, RucioException
    except ImportError as error:
        raise InputError("no_client", NO_CLIENT) from error
    check_proxy()
    try:
        return question(Client())
    except DataIdentifierNotFound as error:
        raise InputError("no_such_dataset", f"Rucio knows no {did}; {_short(error)}") from error
    except CannotAuthenticate as error:
        raise InputError(
            "authentication", f"Rucio refuses the grid proxy: {_short(error)}; {RENEW}; {SETUP}"
        ) from error
    except (RucioException, OSError) as error:
        raise InputError("unreachable", f"Rucio, {did}: {type(error).__name__}: {_short(error)}; {SETUP}") from error


def _choose(row: dict[str, Any], prefer: Sequence[str]) -> str | None:
    """The best location of a file, None where no replica can be read now."""
    pfns: dict[str, dict] = row.get("pfns") or {}
    ranks = {rse: rank for rank, rse in enumerate(prefer)}
    usable = [pfn for pfn, replica in pfns.items() if _usable(replica, row.get("states") or {})]
    return min(
        usable, key=lambda pfn: (ranks.get(pfns[pfn]["rse"], len(ranks)), pfns[pfn].get("priority", 0)), default=None
    )


def _usable(replica: dict[str, Any], states: dict[str, str]) -> bool:
    """Not on tape, available, and not in a cache that may forget it before the jobs run."""
    rse = replica["rse"]
    # CMS's tape elements end in _Tape; some servers state the wrong type (rucio issue 4225).
    tape = replica.get("type") == "TAPE" or rse.lower().endswith("_tape")
    return not tape and states.get(rse, "AVAILABLE") == "AVAILABLE" and not replica.get("volatile")


def _file(row: dict[str, Any], location: str) -> CatalogFile:
    checksum = row.get("adler32")
    return CatalogFile(
        location, row.get("bytes"), adler32(checksum) if checksum else None, row.get("events"), row["name"]
    )


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
