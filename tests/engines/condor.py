"""A real HTCondor pool of one machine on loopback, started and stopped by its pids. The host is not changed.

Debian's packages are unpacked into a folder of their own (SKIMFLOW_CONDOR_PREFIX, or the user's cache), with the C
library they were built with, so it does not matter which one the machine has.

By hand: `python -m tests.engines.condor up DIR`, then what it prints; `python -m tests.engines.condor down DIR`.
"""

import contextlib
import fcntl
import os
import platform
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.engines.cluster import GUARD, free_ports, wait

_SUITE = "trixie"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PACKAGES = (
    *("condor", "libc6", "libgcc-s1", "libgomp1", "libpcre2-8-0", "libssl3t64", "libstdc++6", "libuuid1", "libzstd1"),
    "zlib1g",
)
_USELESS = ("doc", "man", "locale", "lintian", "bug")
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_BORROWED = ("games", "backup", "news", "mail")
"""Users that every Debian has. HTCondor runs no job as root, nor as its own users."""

_CONFIG = """\
RELEASE_DIR = {root}/usr
LOCAL_DIR = {run}
BIN = $(RELEASE_DIR)/bin
SBIN = $(RELEASE_DIR)/sbin
LIB = $(RELEASE_DIR)/lib/condor
LIBEXEC = $(RELEASE_DIR)/libexec/condor
SHARE = $(RELEASE_DIR)/share/condor
LOG = {run}/log
SPOOL = {run}/spool
EXECUTE = {run}/execute
LOCK = {run}/lock
RUN = {run}/run
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
REQUIRE_LOCAL_CONFIG_FILE = False
use ROLE : CentralManager
use ROLE : Submit
use ROLE : Execute

# All daemons behind one port of loopback.
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:{port}
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
USE_SHARED_PORT = True
SHARED_PORT_PORT = {port}
DAEMON_SOCKET_DIR = {run}/lock/s
UID_DOMAIN = skimflow
FILESYSTEM_DOMAIN = skimflow
TRUST_UID_DOMAIN = True
DEFAULT_DOMAIN_NAME = localdomain

# Who owns a file in /tmp is who one is.
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
SEC_CLIENT_AUTHENTICATION_METHODS = FS
SEC_DEFAULT_ENCRYPTION = OPTIONAL
SEC_DEFAULT_INTEGRITY = OPTIONAL
# Clients of 24.12 else refuse the answer of these daemons.
SEC_FS_ENFORCE_CHANNEL_BINDING = False
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = *
ALLOW_CONFIG = *
SEC_TOKEN_DIRECTORY = {run}/tokens.d
SEC_PASSWORD_DIRECTORY = {run}/passwords.d
SEC_TOKEN_POOL_SIGNING_KEY_FILE = {run}/passwords.d/POOL
CREDD_HOST =

# Tests wait for each of these.
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 0
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
STARTER_INITIAL_UPDATE_INTERVAL = 2
STARTER_UPDATE_INTERVAL = 2
SHADOW_QUEUE_UPDATE_INTERVAL = 2
PERIODIC_EXPR_INTERVAL = 2
UPDATE_INTERVAL = 5
PROCD_MAX_SNAPSHOT_INTERVAL = 2
MASTER_BACKOFF_CONSTANT = 1
JOB_START_DELAY = 0
JOB_STOP_DELAY = 0
RUNBENCHMARKS = 0

# More cores than the machine has, as toy jobs mostly wait; one slot that is cut to each job's size.
NUM_CPUS = {cpus}
MEMORY = {memory}
DISK = 20000000
STARTD_RECOMPUTE_DISK_FREE = False
NUM_SLOTS = 1
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
START = True
SUSPEND = False
WANT_SUSPEND = False
PREEMPT = False
KILL = False
WANT_VACATE = False
CLAIM_WORKLIFE = 60
JOB_DEFAULT_LEASE_DURATION = 20
# As sites do: a job that is larger than it said is held.
SYSTEM_PERIODIC_HOLD = JobStatus == 2 && (MemoryUsage ?: 0) > RequestMemory
SYSTEM_PERIODIC_HOLD_REASON = strcat("memory: ", MemoryUsage, " MB used, ", RequestMemory, " MB requested")

# Nothing of the kernel is needed. Without the process daemon, though, these daemons crash when they kill a job.
USE_PROCD = True
BASE_CGROUP =
CGROUP_MEMORY_LIMIT_POLICY = none
MOUNT_UNDER_SCRATCH =
USE_PID_NAMESPACES = False
ENABLE_KERNEL_TUNING = False
DISCARD_SESSION_KEYRING_ON_STARTUP = False
MAX_DEFAULT_LOG = 5 Mb
HAS_DOCKER = False
SINGULARITY =
DOCKER =
"""
_NAME = 15
"""Letters of a process' name that Linux keeps."""
_FOLDERS = ("log", "spool", "execute", "lock", "run", "tokens.d", "passwords.d")


def missing() -> str:
    """What is not there for a pool to be had; empty when it can be had."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "Linux on x86_64"
    if os.getuid() == 0 and subprocess.run([*_as_user(), "true"], check=False, capture_output=True).returncode:
        return "user namespaces (HTCondor runs no job as root)"
    if (prefix() / "ready").exists():
        return ""
    absent = [name for name in ("apt-get", "dpkg-deb", "patchelf") if not shutil.which(name)]
    return ", ".join([*absent, *(str(path) for path in (_SOURCES, _KEYRING) if not path.exists())])


def prefix() -> Path:
    """Where HTCondor is unpacked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SKIMFLOW_CONDOR_PREFIX") or cache / "skimflow" / f"htcondor-{_SUITE}").absolute()


def fetch() -> Path:
    """Download and unpack HTCondor, once; some 60 MB.

    Raises:
        RuntimeError: it cannot be downloaded.
    """
    where = prefix()
    where.mkdir(parents=True, exist_ok=True)
    with open(where / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (where / "ready").exists():
            shutil.rmtree(where / "root", ignore_errors=True)
            _unpack(_download(where / "apt"), where / "root")
            shutil.rmtree(where / "apt")
            (where / "ready").touch()
    return where / "root"


class Pool:
    """One machine that is submit node, worker and central manager.

    Args:
        run: folder for its configuration, logs and sockets; a short path, as sockets need.
    """

    def __init__(self, run: Path, cpus: int = 4, memory: int = 16000):
        self.run = run.resolve()
        self.config = self.run / "condor_config"
        self.cpus, self.memory = cpus, memory

    @property
    def root(self) -> Path:
        return prefix() / "root"

    @property
    def environment(self) -> dict[str, str]:
        """What a shell needs in order to submit jobs with Snakemake."""
        return {"CONDOR_CONFIG": str(self.config)}

    def start(self) -> None:
        """Start, and come back when a job can be submitted and would be run."""
        fetch()
        for folder in _FOLDERS:
            (self.run / folder).mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        text = _CONFIG.format(root=self.root, run=self.run, port=port, cpus=self.cpus, memory=self.memory)
        self.config.write_text(text, encoding="utf-8")
        self._write_shell()
        self.start_master()

    def start_master(self) -> None:
        """Start the daemon that starts the others."""
        self.command("condor_master", "-pidfile", str(self.run / "master.pid"))
        wait(self.answers, f"the pool is not up: see {self.run}/log")

    def answers(self) -> bool:
        """Whether schedd and startd do."""
        slots = self.command("condor_status", "-af", "State", check=False)
        return "Unclaimed" in slots and "jobs" in self.command("condor_q", "-totals", check=False)

    def stop(self) -> None:
        """Stop the daemons, and whatever is left of jobs."""
        for pid in self.pids("master"):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGQUIT)
        with contextlib.suppress(RuntimeError):
            wait(lambda: not self.pids(), "some daemons stay", seconds=20)
        self.signal(signal.SIGKILL)
        for pid in self._processes(b"_CONDOR_SLOT="):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self, daemon: str = "") -> list[int]:
        """Of this pool's daemons, or those of one kind (schedd, shadow)."""
        return [pid for pid in self._processes() if _name(pid).startswith(f"condor_{daemon}"[:_NAME])]

    def signal(self, number: signal.Signals, daemon: str = "") -> None:
        """Send a signal to the daemons of one kind, or all; after a deadly one, come back when they are gone."""
        before = self.pids(daemon)
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL:
            wait(lambda: not set(before) & set(self.pids(daemon)), f"{daemon or 'daemons'} do not end")

    def command(self, *words: str, check: bool = True) -> str:
        """Output of one of HTCondor's commands, as the user that the pool knows."""
        done = subprocess.run(
            [*_as_user(), *words],
            env={**os.environ, **self.environment, "PATH": f"{self._path}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=GUARD,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def queue(self, *attributes: str, where: str = "true") -> list[list[str]]:
        """Attributes of the jobs in the queue, as HTCondor writes them in expressions."""
        return _rows(self.command("condor_q", "-constraint", where, "-af:,r", *attributes))

    def history(self, *attributes: str, where: str = "true") -> list[list[str]]:
        """The same of jobs that have left it, the oldest first."""
        return _rows(self.command("condor_history", "-constraint", where, "-af:,r", *attributes))[::-1]

    def submitted(self, folder: Path, *attributes: str) -> list[list[str]]:
        """Attributes of all jobs that were ever submitted from a folder, in that order."""
        mine = f'Iwd == "{folder.resolve()}"'
        rows = [*self.history("ClusterId", *attributes, where=mine), *self.queue("ClusterId", *attributes, where=mine)]
        return [row[1:] for row in sorted(rows, key=lambda row: int(row[0]))]

    @property
    def _path(self) -> str:
        return f"{self.root}/usr/bin:{self.root}/usr/sbin"

    def _write_shell(self) -> None:
        """`DIR/in condor_q`: HTCondor's commands for people."""
        shell = self.run / "in"
        lines = (f"export CONDOR_CONFIG={self.config} PATH={self._path}:$PATH", f'exec {" ".join(_as_user())} "$@"')
        shell.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
        shell.chmod(0o755)

    def _processes(self, mark: bytes = b"") -> list[int]:
        """Processes that have this pool, and a mark, in their environment."""
        mine, found = f"CONDOR_CONFIG={self.config}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if mine in words and any(word.startswith(mark) for word in words):
                    found.append(int(path.parent.name))
        return found


@contextlib.contextmanager
def running(run: Path) -> Iterator[Pool]:
    pool = Pool(run)
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()


def _as_user() -> list[str]:
    """Words before a command that make root another user, in a namespace, with root's access to files."""
    if os.getuid() != 0:
        return []
    user = next(pwd.getpwnam(name) for name in _BORROWED if name in {entry.pw_name for entry in pwd.getpwall()})
    return ["unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"]


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return ""


def _rows(text: str) -> list[list[str]]:
    return [[word.strip() for word in line.split(",")] for line in text.splitlines() if line.strip()]


def _download(folder: Path) -> list[Path]:
    """The packages, through the mirror that this machine uses already."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    mirror = re.search(r"^URIs:\s*(\S+)", _SOURCES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert mirror, f"{_SOURCES} names no mirror"
    (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror[1]} {_SUITE} main\n", encoding="utf-8")
    (folder / "status").touch()
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    for words in (["update"], ["download", *_PACKAGES]):
        _call([*apt, *words], folder / "archives")
    return sorted((folder / "archives").glob("*.deb"))


def _unpack(packages: Sequence[Path], root: Path) -> None:
    """Unpack, and lead all programs to the libraries beside them."""
    for package in packages:
        _call(["dpkg-deb", "-x", str(package), str(root)], root.parent)
    for name in _USELESS:
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    libraries = root / _LIBRARIES
    loader = next(root.rglob("ld-linux-x86-64.so.2"))
    search = f"{root}/usr/lib:{libraries}:{root}/usr/lib/condor"
    for path in filter(_is_elf, (root / "usr").rglob("*")):
        if libraries in path.parents:
            continue
        # Of what has no interpreter (a library) or no dynamic section (a static program) nothing need be changed.
        for change in (["--set-interpreter", str(loader)], ["--force-rpath", "--set-rpath", search]):
            subprocess.run(["patchelf", *change, str(path)], check=False, capture_output=True)
    subprocess.run([root / "usr/bin/condor_version"], env={"CONDOR_CONFIG": "/dev/null"}, check=True)


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _call(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"HTCondor cannot be fetched: {command[0]}: {done.stderr.strip()[-500:]}")


def main(action: str, folder: str) -> None:
    pool = Pool(Path(folder))
    if action == "up":
        pool.start()
        print("\n".join(f"export {name}={value}" for name, value in pool.environment.items()))
        print(f"# HTCondor's own commands: {pool.run}/in condor_q")
    else:
        pool.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
