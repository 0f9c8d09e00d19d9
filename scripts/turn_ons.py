"""Rule `turn_ons`."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.efficiency.turnon import turn_ons
from skimflow.io.outputs import read_stamp, write_csv, write_table
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.counts, snakemake.params.settings
    table = turn_ons(pq.read_table(source), pd.read_parquet(snakemake.input.efficiency), settings)
    counts = read_stamp(source)
    provenance = stamp(settings, snakemake.params.code, completeness=counts["completeness"], counts=counts)
    write_table(pa.Table.from_pandas(table, preserve_index=False), snakemake.output.parquet, provenance)
    write_csv(table, snakemake.output.csv)
