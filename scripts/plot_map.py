"""Rule `plot_map`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import efficiency_map

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    table = pd.read_parquet(source)
    stamp, output = read_stamp(source), snakemake.output
    for (x, y), *files in zip(snakemake.params.maps, output.png, output.pdf, strict=True):
        draw(partial(efficiency_map, table=table, x=x, y=y, settings=settings), files, settings, stamp)
