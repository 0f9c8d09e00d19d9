"""The configuration: models, loading, and the documentation generated from them."""

from skimflow.config.loading import Measurement, load
from skimflow.config.models import Config, Dataset, HwwEmu, Interval, Probe, Site, Style, Variable, dataset_name

__all__ = [
    "Config",
    "Dataset",
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
