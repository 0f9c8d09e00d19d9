"""Rule `toy_luminosity`."""

import json
from pathlib import Path

from skimflow.io.outputs import write_text
from skimflow.logs import reporting
from skimflow.toy import recorded_luminosity

with reporting(snakemake.log[0]):
    truths = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input]
    write_text(recorded_luminosity(truths), snakemake.output[0])
