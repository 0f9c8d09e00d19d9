"""Rule `plot_n_minus_one`."""

import pyarrow.parquet as pq

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.overview import n_minus_one

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.counts, snakemake.params.settings
    counts = pq.read_table(source)
    draw(
        lambda figure: n_minus_one(figure, counts, snakemake.params.axes, snakemake.params.datasets, settings),
        snakemake.output,
        settings,
        read_stamp(source),
        size=(15, 13),
    )
