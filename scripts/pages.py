"""Rule `pages`."""

import json
from pathlib import Path

import pandas as pd

from skimflow import pages
from skimflow.io.outputs import read_stamp, write_text
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    source, settings = snakemake.input, snakemake.params.settings
    tables = {name: pd.read_parquet(path) for name, path in source.items() if str(path).endswith(".parquet")}
    tables |= {name: pd.read_csv(path) for name, path in source.items() if str(path).endswith(".csv")}
    completeness = json.loads(Path(source.completeness).read_text(encoding="utf-8"))
    stamps = {Path(path).name: read_stamp(path) for path in source if path.endswith(".parquet")}
    write = {
        "result": lambda: pages.result(Path(source.summary).read_text(encoding="utf-8")),
        "measurement": lambda: pages.measurement(tables["efficiencies"], completeness, settings),
        "intervals": lambda: pages.intervals(tables["intervals"], settings),
        "provenance": lambda: pages.provenance(stamps, settings),
    }
    for path in snakemake.output:
        name = Path(path).stem
        text = write[name]() if name in write else getattr(pages, name)(tables[name], settings)
        write_text(text, path)
