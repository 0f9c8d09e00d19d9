"""Rule `emulator_collect`."""

from skimflow.emulator import steps
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    about = stamp(settings, snakemake.params.code)
    steps.collect(snakemake.input, settings, output.folds, output.events, output.thresholds, output.config, about)
