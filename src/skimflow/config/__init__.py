"""The configuration: models, loading, and the documentation generated from them."""

from skimflow.config.base import Variable, dataset_name
from skimflow.config.datasets import Dataset, Site
from skimflow.config.efficiency import EfficiencyConfig, HwwEmu, Interval, Probe
from skimflow.config.loading import Measurement, load
from skimflow.config.measurement import Config, Style

__all__ = [
    "Config",
    "Dataset",
    "EfficiencyConfig",
    "HwwEmu",
    "Interval",
    "Measurement",
    "Probe",
    "Site",
    "Style",
    "Variable",
    "dataset_name",
    "load",
]
