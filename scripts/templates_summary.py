"""Rule `summary` of histograms."""

import json
from pathlib import Path

import pandas as pd

from skimflow.histograms.tables import part_of_luminosity, summary
from skimflow.io.outputs import read_stamp, write_text
from skimflow.logs import reporting
from skimflow.stats.measure import summary as fitted
from skimflow.summary import heading

with reporting(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    completeness = json.loads(Path(files.completeness).read_text(encoding="utf-8"))
    duplicates = json.loads(Path(files.duplicates).read_text(encoding="utf-8"))
    lines = heading(params.title, completeness, duplicates) + part_of_luminosity(params.luminosity, completeness)
    outside = read_stamp(files.templates)["outside"]
    lines += summary(pd.read_parquet(files.templates), params.processes, outside, params.signals)
    for name, path in zip(params.fits, files.fits, strict=True):
        lines += fitted(name, json.loads(Path(path).read_text(encoding="utf-8")))
    write_text("\n".join(lines) + "\n", snakemake.output[0])
