"""First on the PYTHONPATH of a run that benchmarks/cluster.py makes: each of its Python processes imports this.

SKIMFLOW_BENCHMARK names a folder. If ready-made outputs are there, a skim job puts them in place and ends before
Snakemake is imported: the null worker. Else the processes of a job write there when, and after how much CPU time, they
got how far.
"""

import atexit
import json
import os
import re
import shutil
import sys
import time

FOLDER = os.environ.get("SKIMFLOW_BENCHMARK", "")
WORDS = sys.orig_argv


def role() -> str:
    """What this process is in a job; empty outside of one."""
    if " --mode remote" in " ".join(WORDS):
        return "jobstep" if "slurm-jobstep" in WORDS else "snakemake"
    return "script" if WORDS[1:] and WORDS[1].endswith(".skim.py") else ""


def mark(name: str) -> None:
    """Write down that this process got so far."""
    times = os.times()
    # Slurm's job step waits for srun, which is its own; Snakemake waits for the script, which has marks of its own.
    children = times.children_user + times.children_system if role() == "jobstep" else 0
    with open(f"{FOLDER}/marks/{os.getpid()}", "a", encoding="utf-8") as file:
        file.write(json.dumps([role(), name, time.time(), time.process_time() + children]) + "\n")


def do_nothing(ready: dict[str, str]) -> None:
    """Be the null worker: copy what is `ready`, by the pattern of its name, for this job."""
    if role() == "jobstep":
        step = ["srun", "-n1", "--cpu-bind=q", "--cpus-per-task=1", "--nodes=1"]
        os.execvp("srun", [*step, *("local" if word == "slurm-jobstep" else word for word in WORDS)])
    wildcards = dict(re.findall(r"(\w+)=([^,]+)", WORDS[WORDS.index("--target-jobs") + 1]))
    for pattern, source in ready.items():
        path = pattern.format(**wildcards)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path + ".new")
        os.rename(path + ".new", path)
    os._exit(0)


def begin() -> None:
    if not FOLDER or not role():
        return
    if os.path.exists(f"{FOLDER}/ready.json"):
        with open(f"{FOLDER}/ready.json", encoding="utf-8") as file:
            do_nothing(json.load(file))
    mark("start")
    atexit.register(mark, "end")


begin()
