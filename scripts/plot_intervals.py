"""Rule `plot_intervals`."""

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.intervals import side_by_side

with reporting(snakemake.log[0]):
    source, settings, methods = snakemake.input.intervals, snakemake.params.settings, snakemake.params.methods
    table = pd.read_parquet(source)
    draw(lambda figure: side_by_side(figure, table, methods, settings), snakemake.output, settings, read_stamp(source))
