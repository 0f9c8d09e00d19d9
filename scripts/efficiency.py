"""Rule `efficiency`."""

import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.efficiency import efficiencies
from skimflow.io.outputs import read_stamp, write_csv, write_table
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    counts, settings = snakemake.input.counts, snakemake.params.settings
    table = efficiencies(pq.read_table(counts), settings)
    source = read_stamp(counts)
    says = {name: source[name] for name in ("completeness", "luminosity")}
    provenance = stamp(settings, snakemake.params.code, **says, counts=source)
    write_table(pa.Table.from_pandas(table, preserve_index=False), snakemake.output.parquet, provenance)
    write_csv(table, snakemake.output.csv)
