"""Rule `emulator_train`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings, wildcards = snakemake.input, snakemake.params.settings, snakemake.wildcards
    place = steps.Place(wildcards.label, wildcards.split, int(wildcards.fold))
    about = stamp(settings, snakemake.params.code)
    steps.train(Tables(files.pairs, files.events), files.folds, settings, place, snakemake.output[0], None, about)
