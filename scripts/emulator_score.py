"""Rule `emulator_score`."""

from skimflow.emulator import steps
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files = snakemake.input
    steps.apply(files.model, files.events, snakemake.output[0], stamp({}, snakemake.params.code))
