"""Rule `fetch`."""

from skimflow.catalog.fetch import fetch
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    source = snakemake.params.source
    fetch(source["url"], source["sha256"], snakemake.output[0])
