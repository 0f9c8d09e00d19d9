"""Rule `plot_cross_trigger`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.crosstrigger import from_legs

with reporting(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table, stamp = pd.read_parquet(snakemake.input.table), read_stamp(snakemake.input.table)
    for variable, *files in zip(params.variables, output.png, output.pdf, strict=True):
        paint = partial(from_legs, table=table, variable=variable, settings=params.settings)
        draw(paint, files, params.settings, stamp)
