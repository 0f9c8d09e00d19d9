"""Rule `toy_probabilities`."""

from skimflow.logs import reporting
from skimflow.toy import Sample, write_probabilities

with reporting(snakemake.log[0]):
    toy = snakemake.params.toy
    write_probabilities(snakemake.output[0], Sample(**toy["sample"]), toy["events"])
