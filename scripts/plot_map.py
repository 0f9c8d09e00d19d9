"""Rule `plot_map`."""

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import efficiency_map

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    table = pd.read_parquet(source)
    draw(
        lambda figure: efficiency_map(figure, table, snakemake.wildcards.x, snakemake.wildcards.y, settings),
        snakemake.output,
        settings,
        read_stamp(source),
        size=(16, 9),
    )
