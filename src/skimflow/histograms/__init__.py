"""Templates: regions × processes × variations × observables, from additive counts to files that fits read."""

from skimflow.histograms.collecting import Key, Sample, collect, mixture, named
from skimflow.histograms.filling import NOMINAL, fill, generated
from skimflow.histograms.template import Template, to_hist

__all__ = [
    "NOMINAL",
    "Key",
    "Sample",
    "Template",
    "collect",
    "fill",
    "generated",
    "mixture",
    "named",
    "to_hist",
]
