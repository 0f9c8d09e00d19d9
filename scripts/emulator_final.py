"""Rule `emulator_final`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    found, about = Tables(files.pairs, files.events), stamp(params.settings, params.code)
    where = (snakemake.wildcards.label, params.split)
    steps.final(found, files.scores, params.settings, *where, output.model, output.text, about)
