"""Rule `plot_tag_and_probe`."""

from functools import partial

import pandas as pd

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.efficiency import efficiency_map, turn_on
from skimflow.plots.mass import all_probes, in_bins

with reporting(snakemake.log[0]):
    source, output = snakemake.input.table, snakemake.output
    table, spectra = pd.read_parquet(source), pd.read_parquet(snakemake.input.spectra)
    stamp = read_stamp(source)
    for shown, *files in zip(snakemake.params.shown, output.png, output.pdf, strict=True):
        settings, variable = snakemake.params.settings[shown["reference"]], shown["variable"]
        rows, drawn = (part[part["reference"] == shown["reference"]] for part in (table, spectra))
        if shown["figure"] == "efficiency":
            legs = rows[rows["estimator"] != "ratio"]
            draw(partial(turn_on, table=legs, variable=variable, settings=settings), files, settings, stamp)
        elif shown["figure"] == "map":
            x, y = variable.split(":")
            paint = partial(efficiency_map, table=rows, x=x, y=y, settings=settings, trigger=shown["leg"])
            draw(paint, files, settings, stamp)
        else:
            chosen = {"trigger": shown["leg"], "sample": shown["sample"], "variable": variable}
            for name, value in chosen.items():
                rows, drawn = rows[rows[name] == value], drawn[drawn[name] == value]
            paint = all_probes if variable == "all" else in_bins
            draw(partial(paint, rows=rows, spectra=drawn, settings=settings), files, settings, stamp, size=(10.5, 8))
