"""Toy NanoAOD whose trigger efficiencies are known: the embedded demo, the tests and the benchmarks run on it."""

from skimflow.toy.collisions import Sample, certified_sections, collisions, recorded_luminosity
from skimflow.toy.probabilities import path_probabilities
from skimflow.toy.truth import leg_truth, truth
from skimflow.toy.writing import write_file, write_probabilities

__all__ = [
    "Sample",
    "certified_sections",
    "collisions",
    "leg_truth",
    "path_probabilities",
    "recorded_luminosity",
    "truth",
    "write_file",
    "write_probabilities",
]
