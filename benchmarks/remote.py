"""A skim of one file over XRootD and HTTP, with and without latency, against the same file on disk.

Servers run on this machine. Between them and the skim stands a relay that holds each piece back on its way in either
direction, half of the latency each time, and counts what passes: bytes, and requests (of HTTP by the server's own
count, of XRootD by reading the protocol). Beside them stands the least that is needed: the bytes of the wanted baskets.
Each skim is a process of its own; all of them take turns, the median of the rounds is printed.

    python -m benchmarks.remote
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import uproot

from benchmarks import skim
from skimflow.skim.job import _branches
from tests.engines import http, xrootd

EVENTS = 400_000
_HANDSHAKE, _HEADER = 20, struct.Struct(">2xH16xI")  # of XRootD: what a client says first; a request and its length
_READ, _READV = 3013, 3025


class Relay:
    """Passes connections on to a port of this machine, `latency` seconds there and back."""

    def __init__(self, target: int, latency: float):
        self._target, self._delay = target, latency / 2
        self.received, self.reads = 0, 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await server.serve_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pass(reader, back, Requests(self)), self._pass(there, writer, self._count))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 18):
                look(data)
                self._loop.call_later(self._delay, writer.write, data)
        self._loop.call_later(self._delay, writer.close)

    def _count(self, data: bytes) -> None:
        self.received += len(data)


class Requests:
    """Counts the reads in what an XRootD client says."""

    def __init__(self, relay: Relay):
        self._relay, self._waiting, self._skip = relay, b"", _HANDSHAKE

    def __call__(self, data: bytes) -> None:
        self._waiting += data
        while True:
            self._waiting, self._skip = self._waiting[self._skip :], max(0, self._skip - len(self._waiting))
            if self._skip or len(self._waiting) < _HEADER.size:
                return
            kind, self._skip = _HEADER.unpack_from(self._waiting)
            self._skip += _HEADER.size
            self._relay.reads += kind in (_READ, _READV)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a small file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=50, help="milliseconds there and back")
    options = parser.parse_args()
    events, filler, rounds = (EVENTS // 5, 60, 1) if options.quick else (EVENTS, 1380, options.rounds)
    skim.FOLDER.mkdir(parents=True, exist_ok=True)
    skim.prepare()
    path = skim.toy(events, "LZMA", filler)
    with served(path) as servers:
        cases = [(name, latency) for name in servers for latency in (0, options.latency / 1000)]
        found: dict = {("disk", 0): [], **{case: [] for case in cases}}
        for _ in range(rounds):
            for name, latency in found:
                found[name, latency].append(one(path, servers.get(name), latency))
    show(found, least(path), path)


@contextlib.contextmanager
def served(path: Path) -> Iterator[dict]:
    """URL with `{port}`, port, and what counts requests by itself, of each server that can be had."""
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(http.serving(path.parent))
        servers = {"HTTP": (f"http://127.0.0.1:{{port}}/{path.name}", web.server_port, web)}
        if xrootd.available() and skim.has(sys.executable, "fsspec_xrootd"):
            run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sf-")))
            running = stack.enter_context(xrootd.serving(path.parent, run))
            servers["XRootD"] = (f"root://localhost:{{port}}//{path.name}", running.port, None)
        else:
            print("XRootD is left out: xrootd or fsspec-xrootd is not installed (make remote)")
        yield servers


def one(path: Path, server: tuple | None, latency: float) -> dict[str, float]:
    """Skim the file, from disk or from a server behind a relay."""
    command = [sys.executable, str(skim.ONE), "{}", "1"]
    if server is None:
        return {**skim.measure(command, path), "reads": 0, "received": 0}
    url, port, web = server
    relay, before = Relay(port, latency), len(web.asked) if web else 0
    try:
        result = skim.measure(command, url.format(port=relay.port))
    finally:
        relay.stop()
    reads = len(web.asked) - before if web else relay.reads
    return {**result, "reads": reads, "received": relay.received}


def least(path: Path) -> tuple[int, int]:
    """Number of the wanted baskets, and their bytes."""
    settings = json.loads(skim.SETTINGS.read_text(encoding="utf-8"))
    with uproot.open(path) as file:
        wanted = [file["Events"][name] for name in _branches(settings, settings["probe"]["paths"])]
        sizes = [branch.basket_compressed_bytes(i) for branch in wanted for i in range(branch.num_baskets)]
    return len(sizes), sum(sizes)


def show(found: dict, needed: tuple[int, int], path: Path) -> None:
    """A line for each way to read the file."""
    print(f"{path.name}: {needed[0]} wanted baskets of {needed[1] / 1e6:.2f} MB; median of {len(found['disk', 0])}")
    print(f"{'from':8} {'latency ms':>10} {'seconds':>8} {'/ disk':>7} {'requests':>9} {'MB received':>12}")
    disk = [r["seconds"] for r in found["disk", 0]]
    for (name, latency), rounds in found.items():
        middle = {key: statistics.median(r[key] for r in rounds) for key in ("seconds", "reads", "received")}
        ratio = statistics.median(r["seconds"] / d for r, d in zip(rounds, disk, strict=True))
        line = f"{name:8} {1000 * latency:10.0f} {middle['seconds']:8.2f} {ratio:7.2f} {middle['reads']:9.0f}"
        print(line, f"{middle['received'] / 1e6:12.2f}")
    told = {f"{name}, {1000 * latency:.0f} ms": rounds for (name, latency), rounds in found.items()}
    needed_and_found = {"baskets": needed[0], "bytes": needed[1], "file": path.stat().st_size, "rounds": told}
    (skim.FOLDER / "remote.json").write_text(json.dumps(needed_and_found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
