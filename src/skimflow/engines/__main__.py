"""`python -m skimflow.engines slurm [folder]`: the jobs of this folder, or why the batch system does not answer."""

import os
import sys

from skimflow.engines import ENGINES
from skimflow.errors import EngineError

try:
    for job in ENGINES[sys.argv[1]].jobs(sys.argv[2] if sys.argv[2:] else os.getcwd()):
        print(job)
except EngineError as error:
    sys.exit(f"error: {error}")
