"""A real XRootD server on loopback, anonymous and read-only, started and stopped by its pid."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.engines.cluster import free_ports

_CONFIG = """\
all.role server
all.export / r/o
oss.localroot {served}
xrd.port {port}
xrd.network norpipa nodnr cache 0
all.adminpath {run}/admin
all.pidpath {run}/run
xrootd.async off
"""


def available() -> bool:
    return shutil.which("xrootd") is not None


class Server:
    """Serves a folder as `root://localhost:<port>//<path>`.

    Args:
        served: the folder.
        run: folder for its configuration, logs and sockets; a short path, as sockets need.
    """

    def __init__(self, served: Path, run: Path):
        self.served, self.run = served, run
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"root://localhost:{self.port}/"

    def start(self) -> None:
        """Start, and come back when it answers."""
        for folder in ("admin", "run"):
            (self.run / folder).mkdir(parents=True, exist_ok=True)
        config = self.run / "xrootd.cfg"
        config.write_text(_CONFIG.format(served=self.served.resolve(), port=self.port, run=self.run))
        # xrootd refuses to run as root; a user namespace shows it another uid and keeps root's access to the files.
        as_user = ["unshare", "--user", "--map-user=65533", "--map-group=65533"] if os.getuid() == 0 else []
        command = [*as_user, "xrootd", "-I", "v4", "-n", "ci", "-c", str(config), "-l", str(self.run / "log")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self._process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
        logs = [path.read_text(errors="replace") for path in self.run.glob("**/log") if path.is_file()]
        raise RuntimeError(f"xrootd did not start: {''.join(logs)[-2000:]}")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def serving(served: Path, run: Path) -> Iterator[Server]:
    server = Server(served, run)
    try:
        server.start()
    except RuntimeError:  # somebody took the port in between
        server.kill()
        server = Server(served, run)
        server.start()
    try:
        yield server
    finally:
        server.kill()
