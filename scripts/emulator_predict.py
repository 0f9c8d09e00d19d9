"""Rule `emulator_predict`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings = snakemake.input, snakemake.params.settings
    about = stamp(settings, snakemake.params.code)
    steps.predict(Tables(files.pairs, files.events), files.folds, settings, files.model, snakemake.output[0], about)
