"""One NanoAOD file in, its counts and its selected events out."""

from skimflow.skim.job import Task, record_failure, skim_file

__all__ = ["Task", "record_failure", "skim_file"]
