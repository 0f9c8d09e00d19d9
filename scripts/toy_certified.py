"""Rule `toy_certified`."""

import json
from pathlib import Path

from skimflow.io.outputs import write_json
from skimflow.logs import reporting
from skimflow.toy import certified_sections

with reporting(snakemake.log[0]):
    truths = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input]
    write_json(certified_sections(truths), snakemake.output[0])
