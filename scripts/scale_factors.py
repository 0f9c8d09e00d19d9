"""Rule `scale_factors`."""

from pathlib import Path

import pandas as pd

from skimflow.efficiency.legs import both_ways
from skimflow.efficiency.publication import correction_set, hepdata
from skimflow.efficiency.scalefactors import scale_factors
from skimflow.io.outputs import read_stamp, write_bytes, write_csv, write_text
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    found: dict[str, list[pd.DataFrame]] = {}
    for path, measurement in params.tables.items():
        rows = pd.read_parquet(path)
        found.setdefault(measurement, []).append(both_ways(rows) if "estimator" in rows else rows)
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    table = scale_factors(tables, params.settings)
    completeness = {path: read_stamp(path)["completeness"] for path in params.tables}
    provenance = stamp(params.settings, params.code, completeness=completeness)
    write_bytes(correction_set(table, params.settings, provenance), output.correctionlib)
    write_csv(table, output.csv)
    files = {Path(path).name: path for path in output.hepdata}
    for name, text in hepdata(table, params.settings).items():
        write_text(text, files[name])
