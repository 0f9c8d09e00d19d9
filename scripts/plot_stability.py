"""Rule `plot_stability`."""

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import stability

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.efficiency, snakemake.params.settings
    efficiencies, tests = pd.read_parquet(source), pd.read_csv(snakemake.input.tests)
    draw(
        lambda figure: stability(figure, efficiencies, tests, settings),
        snakemake.output,
        settings,
        read_stamp(source),
    )
