"""NanoAOD files in, their counts and selected events out."""

from skimflow.skim.job import Task, record_failure, skim_file
from skimflow.skim.run import skim_files

__all__ = ["Task", "record_failure", "skim_file", "skim_files"]
