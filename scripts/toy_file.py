"""Rule `toy_file`."""

from skimflow.logs import reporting
from skimflow.toy import Sample, write_file

with reporting(snakemake.log[0]):
    toy = dict(snakemake.params.toy)
    write_file(snakemake.output.root, Sample(**toy.pop("sample")), **toy)
