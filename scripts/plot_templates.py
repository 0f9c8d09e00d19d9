"""Rule `plot_templates`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.templates import data_and_simulation

with reporting(snakemake.log[0]):
    source, settings = snakemake.input[0], snakemake.params.settings
    table, about = pd.read_parquet(source), read_stamp(source)
    for name, *files in zip(snakemake.params.shown, snakemake.output.png, snakemake.output.pdf, strict=True):
        region, observable = name.split("-")
        rows = table[(table["region"] == region) & (table["observable"] == observable)]
        draw(partial(data_and_simulation, table=rows, settings=settings), files, settings, about, size=(10, 10))
