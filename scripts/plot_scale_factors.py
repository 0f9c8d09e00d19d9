"""Rule `plot_scale_factors`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.scalefactors import scale_factor

with reporting(snakemake.log[0]):
    table, settings = pd.read_csv(snakemake.input.table), snakemake.params.settings
    stamp, output = read_stamp(snakemake.input.efficiency), snakemake.output
    for name, *files in zip(snakemake.params.names, output.png, output.pdf, strict=True):
        draw(partial(scale_factor, rows=table[table["name"] == name], settings=settings), files, settings, stamp)
