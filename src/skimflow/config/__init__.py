"""The configuration: models, loading, and the documentation generated from them."""

from skimflow.config.loading import Measurement, load
from skimflow.config.models import Config, Dataset, HwwEmu, Interval, Style, Triggers, Variable

__all__ = ["Config", "Dataset", "HwwEmu", "Interval", "Measurement", "Style", "Triggers", "Variable", "load"]
