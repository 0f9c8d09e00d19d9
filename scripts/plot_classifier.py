"""Rule `plot_classifier`."""

import json
from functools import partial
from pathlib import Path

from skimflow.logs import reporting
from skimflow.plots.canvas import draw
from skimflow.plots.classifier import scores

with reporting(snakemake.log[0]):
    learnt = json.loads(Path(snakemake.input[0]).read_text(encoding="utf-8"))
    settings = snakemake.params.settings
    paint = partial(scores, learnt=learnt, classes=snakemake.params.classes, settings=settings)
    draw(paint, [snakemake.output.png, snakemake.output.pdf], settings, learnt["stamp"], size=(10, 8))
