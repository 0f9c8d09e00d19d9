"""The batch systems: whether one answers, which jobs of a folder it has, and how to remove them.

Submitting and following jobs is Snakemake's business. This is for what Snakemake leaves open: no executor plugin comes
back to jobs that are running when Snakemake is killed, and none notices that its scheduler is gone for good.
"""

from skimflow.engines.base import Engine
from skimflow.engines.htcondor import HTCondor
from skimflow.engines.slurm import Slurm

ENGINES: dict[str, Engine] = {"htcondor": HTCondor(), "slurm": Slurm()}
"""By the name of Snakemake's executor."""

__all__ = ["ENGINES", "Engine"]
