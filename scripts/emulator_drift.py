"""Rule `emulator_drift`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    found, about = Tables(files.pairs, files.events), stamp(settings, snakemake.params.code)
    steps.drift(found, files.oof, settings, snakemake.wildcards.label, output.table, output.verdict, about)
