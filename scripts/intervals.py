"""Rule `intervals`."""

import pandas as pd
import pyarrow as pa

from skimflow.efficiency.comparison import compare
from skimflow.io.outputs import read_stamp, write_csv, write_table
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    table = compare(pd.read_parquet(source), settings)
    before = read_stamp(source)
    says = {name: before[name] for name in ("completeness", "luminosity")}
    provenance = stamp(settings, snakemake.params.code, **says, efficiency=before)
    write_table(pa.Table.from_pandas(table, preserve_index=False), snakemake.output.parquet, provenance)
    write_csv(table, snakemake.output.csv)
