"""Rule `summary`."""

import json
from pathlib import Path

import pandas as pd

from skimflow.io.outputs import write_text
from skimflow.logs import reporting
from skimflow.summary import summary

with reporting(snakemake.log[0]):
    table = pd.read_parquet(snakemake.input.efficiency)
    completeness = json.loads(Path(snakemake.input.completeness).read_text(encoding="utf-8"))
    duplicates = json.loads(Path(snakemake.input.duplicates).read_text(encoding="utf-8"))
    truth = json.loads(Path(snakemake.input.truth[0]).read_text(encoding="utf-8")) if snakemake.input.truth else None
    legs = pd.read_parquet(snakemake.input.legs[0]) if snakemake.input.legs else None
    cross = pd.read_parquet(snakemake.input.cross[0]) if snakemake.input.cross else None
    text = summary(table, completeness, duplicates, truth, snakemake.params.title, legs, cross)
    write_text(text, snakemake.output[0])
