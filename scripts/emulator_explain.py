"""Rule `emulator_explain`."""

from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    found, about = Tables(files.pairs, files.events), stamp(settings, snakemake.params.code)
    steps.explanation(found, files.folds, settings, files.model, output.importance, output.shap, about)
