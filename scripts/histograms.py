"""Rule `histograms`."""

from skimflow.histograms.job import histograms
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings, wildcards = snakemake.params.how["settings"], snakemake.wildcards
    about = stamp(settings, snakemake.params.how["code"], dataset=wildcards.dataset, job=wildcards.file)
    histograms(snakemake.input.events, settings, snakemake.output[0], about, snakemake.input.models)
