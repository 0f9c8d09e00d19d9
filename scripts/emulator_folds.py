"""Rule `emulator_folds`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings = snakemake.input, snakemake.params.settings
    about = stamp(settings, snakemake.params.code)
    steps.folds(Tables(files.pairs, files.events), settings, snakemake.output[0], about)
