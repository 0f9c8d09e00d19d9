"""Rule `emulator_table`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    about = stamp(settings, snakemake.params.code)
    steps.table(snakemake.input, settings, Tables(output.pairs, output.events), output.summary, about)
