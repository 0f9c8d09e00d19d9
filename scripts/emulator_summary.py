"""Rule `summary` of the emulator."""

import json
from pathlib import Path

import pandas as pd

from skimflow.emulator.summary import summary
from skimflow.io.outputs import write_text
from skimflow.logs import reporting
from skimflow.summary import heading


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


with reporting(snakemake.log[0]):
    files = snakemake.input
    lines = heading(snakemake.params.title, read(files.completeness), read(files.duplicates))
    told = read(files.config)["statements"], [read(path) for path in files.drift]
    lines += summary(pd.read_csv(files.metrics), read(files.table), *told)
    write_text("\n".join(lines) + "\n", snakemake.output[0])
