"""Rule `cross_trigger`."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from skimflow.efficiency.events import event_efficiencies
from skimflow.io.outputs import read_stamp, write_table, write_text
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    params, source = snakemake.params, snakemake.input
    files: dict[str, list[Path]] = {name: [] for name in params.settings["datasets"]}
    for path in map(Path, source.events):
        files[path.parent.name].append(path)
    table = event_efficiencies(files, pd.read_parquet(source.legs), pd.read_parquet(source.efficiency), params.settings)
    counted = read_stamp(source.legs)
    says = {name: counted[name] for name in ("completeness", "luminosity")}
    provenance = stamp(params.settings, params.code, **says, legs=counted)
    write_table(pa.Table.from_pandas(table, preserve_index=False), snakemake.output.parquet, provenance)
    write_text(table.to_csv(index=False), snakemake.output.csv)
