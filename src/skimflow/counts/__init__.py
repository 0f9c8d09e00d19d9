"""Additive counts: how they are made, merged and rebinned."""

from skimflow.counts.axes import Axis
from skimflow.counts.table import KEYS, SCHEMA, assemble, merge, read, tally
from skimflow.counts.views import Binned, binned, cutflow, lumi_sections

__all__ = [
    "KEYS",
    "SCHEMA",
    "Axis",
    "Binned",
    "assemble",
    "binned",
    "cutflow",
    "lumi_sections",
    "merge",
    "read",
    "tally",
]
