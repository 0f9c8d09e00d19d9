"""Rule `report`."""

from skimflow.logs import reporting
from skimflow.report import build

with reporting(snakemake.log[0]):
    params, source = snakemake.params, snakemake.input
    shown = [path for path in source if not path.endswith((".pdf", ".css"))]
    build(snakemake.output[0], params.snakefile, source.config, source.style, shown)
