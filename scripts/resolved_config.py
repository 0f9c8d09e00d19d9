"""Rule `resolved_config`."""

from skimflow.io.outputs import write_json
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    write_json(snakemake.params.config, snakemake.output[0])
