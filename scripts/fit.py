"""Rule `fit`."""

from skimflow.histograms.files import read
from skimflow.io.outputs import write_json
from skimflow.logs import reporting
from skimflow.provenance import stamp
from skimflow.stats.measure import measure, to_json

with reporting(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    found = measure(read(snakemake.input[0]), settings)
    about = stamp(settings, snakemake.params.code, fit=snakemake.wildcards.fit)
    write_json(found.workspace, output.workspace)
    write_json({**to_json(found), "provenance": about}, output.result)
