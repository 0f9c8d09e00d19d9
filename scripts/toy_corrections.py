"""Rule `toy_corrections`."""

from pathlib import Path

from skimflow.io.outputs import write_text
from skimflow.logs import reporting
from skimflow.toy.corrections import corrections

with reporting(snakemake.log[0]):
    texts = corrections()
    for path in snakemake.output:
        write_text(texts[Path(path).name], path)
