"""Rule `fit_tables`."""

import json
from pathlib import Path

import pandas as pd

from skimflow.io.outputs import write_text
from skimflow.logs import reporting
from skimflow.stats.measure import tables_of

with reporting(snakemake.log[0]):
    read = [tables_of(json.loads(Path(path).read_text(encoding="utf-8"))) for path in snakemake.input]
    for what, table in (("parameters", "parameters"), ("yields", "totals")):
        parts = [tables[table].assign(name=name) for name, tables in zip(snakemake.params.names, read, strict=True)]
        together = pd.concat(parts, ignore_index=True)
        write_text(together.to_csv(index=False, float_format="%.7g"), snakemake.output[what])
