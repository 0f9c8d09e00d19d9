"""Rule `stability`."""

import pandas as pd
import pyarrow as pa

from skimflow.efficiency.stability import stability
from skimflow.io.outputs import read_stamp, write_csv, write_table
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    efficiencies, tests = stability(pd.read_parquet(source), settings)
    before = read_stamp(source)
    says = {name: before[name] for name in ("completeness", "luminosity")}
    provenance = stamp(settings, snakemake.params.code, **says, efficiency=before)
    write_table(pa.Table.from_pandas(efficiencies, preserve_index=False), snakemake.output.parquet, provenance)
    write_csv(tests, snakemake.output.csv)
