"""Rule `result_page`."""

from pathlib import Path

from skimflow import pages
from skimflow.io.outputs import write_text
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    write_text(pages.result(Path(snakemake.input[0]).read_text(encoding="utf-8")), snakemake.output[0])
