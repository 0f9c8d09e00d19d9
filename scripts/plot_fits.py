"""Rule `plot_fits`."""

import json
from functools import partial
from pathlib import Path

from skimflow.io.outputs import read_stamp
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.fits import paint
from skimflow.stats.measure import tables_of

with reporting(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    read = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input.fits]
    tables = {name: tables_of(content) for name, content in zip(params.names, read, strict=True)}
    for shown, *paths in zip(params.shown, output.png, output.pdf, strict=True):
        about = read_stamp(snakemake.input.templates) | read[params.names.index(shown["fit"])]["provenance"]
        draw(partial(paint, shown=shown, tables=tables, settings=params.settings), paths, params.settings, about)
