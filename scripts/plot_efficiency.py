"""Rule `plot_efficiency`."""

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import turn_on

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    table = pd.read_parquet(source)
    draw(
        lambda figure: turn_on(figure, table, snakemake.wildcards.variable, settings),
        snakemake.output,
        settings,
        read_stamp(source),
    )
