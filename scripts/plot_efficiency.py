"""Rule `plot_efficiency`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import turn_on

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    table = pd.read_parquet(source)
    fits = pd.read_parquet(snakemake.input.turn_ons[0]) if snakemake.input.turn_ons else None
    stamp, output = read_stamp(source), snakemake.output
    for variable, *files in zip(snakemake.params.variables, output.png, output.pdf, strict=True):
        paint = partial(turn_on, table=table, variable=variable, settings=settings, fits=fits)
        draw(paint, files, settings, stamp)
