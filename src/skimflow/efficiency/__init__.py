"""Efficiencies with honest intervals."""

from skimflow.efficiency.intervals import interval, weighted_interval
from skimflow.efficiency.table import efficiencies

__all__ = ["efficiencies", "interval", "weighted_interval"]
