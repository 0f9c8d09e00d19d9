"""Rule `report`."""

from skimflow.logs import reporting
from skimflow.report import build

with reporting(snakemake.log[0]):
    shown = [path for path in snakemake.input if not path.endswith((".pdf", ".json"))]
    build(snakemake.output[0], snakemake.params.snakefile, snakemake.input.config, shown)
