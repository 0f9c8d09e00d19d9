"""Rule `tag_and_probe`."""

import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.efficiency.legs import leg_efficiencies
from skimflow.io.outputs import read_stamp, write_csv, write_table
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    counts, settings, output = snakemake.input.counts, snakemake.params.settings, snakemake.output
    table, spectra = leg_efficiencies(pq.read_table(counts), settings)
    source = read_stamp(counts)
    says = {name: source[name] for name in ("completeness", "luminosity")}
    provenance = stamp(settings, snakemake.params.code, **says, counts=source)
    write_table(pa.Table.from_pandas(table, preserve_index=False), output.parquet, provenance)
    write_table(pa.Table.from_pandas(spectra, preserve_index=False), output.spectra, provenance)
    write_csv(table, output.csv)
