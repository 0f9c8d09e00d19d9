"""Rule `plot_cutflow`."""

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.overview import cutflow

with reporting(snakemake.log[0]):
    table, settings = pd.read_csv(snakemake.input.cutflow), snakemake.params.settings
    stamp = read_stamp(snakemake.input.counts)
    draw(lambda figure: cutflow(figure, table, settings), snakemake.output, settings, stamp)
