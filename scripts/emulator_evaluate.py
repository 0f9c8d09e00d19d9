"""Rule `emulator_evaluate`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, params, output, wildcards = snakemake.input, snakemake.params, snakemake.output, snakemake.wildcards
    settings = {**params.settings, "sections": steps.processed_sections(files.completeness)}
    found, about = Tables(files.pairs, files.events), stamp(params.settings, params.code)
    steps.evaluate(found, files.scores, settings, wildcards.label, wildcards.split, output.facts, output.oof, about)
