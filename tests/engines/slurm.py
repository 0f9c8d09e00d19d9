"""A real one-node Slurm on loopback, without munge and accounting, started and stopped by its pids.

By hand: `python -m tests.engines.slurm up DIR`, then what it prints; `python -m tests.engines.slurm down DIR`.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engines.cluster import GUARD, free_ports, wait

_CONFIG = """\
ClusterName=skimflow
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.pid
SlurmctldLogFile={run}/slurmctld.log
SlurmdLogFile={run}/slurmd.log
StateSaveLocation={run}/state
SlurmdSpoolDir={run}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# Without control groups: memory is looked at each second, and a job over its limit is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={run}/jobs.txt
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=600
MaxArraySize=1001
MaxJobCount=10000
OverTimeLimit=0
KillWait=2
InactiveLimit=0
MessageTimeout=5
SlurmctldTimeout=30
SlurmdTimeout=300
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=500
"""
# The job step removes SLURM_* from its environment before srun, which then looks in /etc/slurm, as it should at a site.
_SRUN = """\
#!/bin/sh
SLURM_CONF={config} exec {srun} "$@"
"""
_SBIN = "/usr/sbin:/sbin"


def missing() -> str:
    """What is not installed; empty when a cluster can be started."""
    names = ["slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol"]
    return ", ".join(name for name in names if not _which(name))


@dataclass(frozen=True)
class Ended:
    """A job that has left the queue.

    Attributes:
        number: its id.
        state: COMPLETED, FAILED, CANCELLED, TIMEOUT, OUT_OF_MEMORY.
        memory, minutes: what it was given, as Slurm writes it (1500M, 60).
        folder: where it was submitted.
    """

    number: str
    state: str
    memory: str
    minutes: str
    folder: str


class Cluster:
    """One node, with more CPUs than the machine has, because toy jobs mostly wait.

    Args:
        run: folder for its configuration, logs and state.
    """

    def __init__(self, run: Path, cpus: int = 4, memory: int = 16000):
        self.run = run.resolve()
        self.config = self.run / "slurm.conf"
        self.cpus, self.memory = cpus, memory

    @property
    def environment(self) -> dict[str, str]:
        """What a shell needs in order to use this cluster."""
        return {"SLURM_CONF": str(self.config), "PATH": f"{self.run}/bin:{os.environ['PATH']}"}

    def start(self) -> None:
        """Start, and come back when the node is idle."""
        for folder in ("bin", "state", "spool"):
            (self.run / folder).mkdir(parents=True, exist_ok=True)
        controller, daemon = free_ports(2)
        self.config.write_text(
            _CONFIG.format(
                host=socket.gethostname().split(".")[0],
                user=_user(),
                controller=controller,
                daemon=daemon,
                run=self.run,
                cpus=self.cpus,
                memory=self.memory,
            ),
            encoding="utf-8",
        )
        srun = self.run / "bin/srun"
        srun.write_text(_SRUN.format(config=self.config, srun=_which("srun")), encoding="utf-8")
        srun.chmod(0o755)
        self.start_daemon("slurmctld")
        self.start_daemon("slurmd")
        wait(lambda: self.node() == "idle", f"the node is not idle: see {self.run}")

    def start_daemon(self, name: str) -> None:
        """Start slurmctld or slurmd; it forks, and writes its pid when it is ready to."""
        program = _which(name)
        assert program, f"{name} is not installed"
        subprocess.run(
            [program, "-f", str(self.config)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait(lambda: self.pid(name) is not None, f"{name} did not start: see {self.run}")

    def pid(self, name: str) -> int | None:
        """Of a daemon that is alive."""
        with contextlib.suppress(OSError, ValueError):
            number = int((self.run / f"{name}.pid").read_text(encoding="utf-8"))
            if Path(f"/proc/{number}/comm").read_text(encoding="utf-8").strip() == name:
                return number
        return None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a daemon; after a deadly one, come back when it is gone."""
        pid = self.pid(name)
        if pid is None:
            return
        os.kill(pid, number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            wait(lambda: self.pid(name) is None, f"{name} does not end: see {self.run}")

    def stop(self) -> None:
        """Cancel what is left, stop the daemons."""
        if self.pid("slurmctld"):
            self.signal("slurmctld", signal.SIGCONT)
            self.command("scancel", "--user", _user(), check=False)
            wait(lambda: not self.queue(), f"cancelled jobs stay: see {self.run}")
        for name in ("slurmd", "slurmctld"):
            self.signal(name, signal.SIGTERM)
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def command(self, *words: str, check: bool = True) -> str:
        """Output of one of Slurm's commands."""
        done = subprocess.run(
            words, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False, timeout=GUARD
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def node(self) -> str:
        """State of the node: idle, mixed, allocated, down."""
        return self.command("sinfo", "-h", "-o", "%T", check=False).strip()

    def queue(self, *states: str, folder: Path | None = None) -> list[str]:
        """Ids of jobs in the queue, in these states or any, of one folder or all."""
        which = ["--states", ",".join(states)] if states else []
        rows = self.command("squeue", "--noheader", "-o", "%i %Z", *which, check=False).splitlines()
        jobs = [row.split(" ", 1) for row in rows]
        return [number for number, where in jobs if folder is None or where == str(folder.resolve())]

    def ended(self, folder: Path | None = None) -> list[Ended]:
        """Jobs that have left the queue, in the order in which they did; of one folder, or all."""
        path = self.run / "jobs.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        jobs = [_ended(line) for line in lines]
        return [job for job in jobs if folder is None or job.folder == str(folder.resolve())]

    def _left(self) -> list[int]:
        """Processes of jobs whose daemon went away before them."""
        mark, found = f"SLURM_CONF={self.config}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if mark in words and any(word.startswith(b"SLURM_JOB_ID=") for word in words):
                    found.append(int(path.parent.name))
        return found


@contextlib.contextmanager
def running(run: Path) -> Iterator[Cluster]:
    cluster = Cluster(run)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _ended(line: str) -> Ended:
    fields = dict(re.findall(r"(\w+)=(\S*)", line))
    memory = re.search(r"mem=(\w+)", line)
    return Ended(
        fields["JobId"],
        fields["JobState"],
        memory[1] if memory else "",
        fields["TimeLimit"],
        fields["WorkDir"],
    )


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:{_SBIN}")


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def main(action: str, folder: str) -> None:
    cluster = Cluster(Path(folder))
    if action == "up":
        cluster.start()
        print("\n".join(f"export {name}={value}" for name, value in cluster.environment.items()))
    else:
        cluster.stop()


if __name__ == "__main__":
    main(*sys.argv[1:3])
