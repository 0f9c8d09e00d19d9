"""The configuration: models, loading, and the documentation generated from them."""

from skimflow.config.loading import Measurement, load
from skimflow.config.models import Config, Dataset, HwwEmu, Interval, Site, Style, Triggers, Variable

__all__ = ["Config", "Dataset", "HwwEmu", "Interval", "Measurement", "Site", "Style", "Triggers", "Variable", "load"]
