"""Rule `separation`."""

from functools import partial
from pathlib import Path

import numpy as np

from skimflow.io.outputs import write_text
from skimflow.learning.events import observed
from skimflow.learning.separation import compare
from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.learning import separation
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    parts = [observed(path, settings["selection"]) for path in snakemake.input.events]
    kinds = [settings["datasets"][Path(path).parent.name] for path in snakemake.input.events]
    signal = np.repeat(kinds, [len(part) for part in parts])
    table = compare(np.concatenate(parts), signal, settings["training"])
    write_text(table.to_csv(index=False, float_format="%.6g"), output.table[0])
    about = stamp(settings, settings["code"])
    draw(partial(separation, table=table, settings=settings), output.figure, settings, about, size=(14, 8))
