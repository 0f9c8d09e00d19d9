"""Rule `plot_selection`."""

from functools import partial

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.overview import cutflow, n_minus_one

with reporting(snakemake.log[0]):
    source, settings = snakemake.input.counts, snakemake.params.settings
    counts, flows = pq.read_table(source), pd.read_csv(snakemake.input.cutflow)
    for name, *files in zip(snakemake.params.shown, snakemake.output.png, snakemake.output.pdf, strict=True):
        what, region = name.split("-", 1)
        rows = counts.filter(pc.equal(counts["reference"], region))
        paint, size = {
            "cutflow": (partial(cutflow, table=flows[flows["region"] == region]), (10, 8)),
            "n_minus_one": (
                partial(n_minus_one, counts=rows, axes=settings["axes"], datasets=settings["datasets"]),
                (15, 5),
            ),
        }[what]
        draw(partial(paint, settings=settings), files, settings, read_stamp(source), size=size)
