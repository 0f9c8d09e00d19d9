"""Rule `plot_emulator`."""

import json
from functools import partial
from pathlib import Path

import pandas as pd

from skimflow.logs import reporting
from skimflow.plots import emulator
from skimflow.plots.canvas import draw

with reporting(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    read = [json.loads(Path(path).read_text(encoding="utf-8")) for path in files.evaluations]
    facts = {(content["label"], content["split"]): content for content in read}
    shap, drift = (dict(zip(params.labels, paths, strict=True)) for paths in (files.shap, files.drift))
    for shown, *paths in zip(params.shown, output.png, output.pdf, strict=True):
        label = shown["label"]
        if shown["figure"] == "shap":
            paint = partial(emulator.shap, sample=pd.read_parquet(shap[label]), names=params.features, label=label)
        elif shown["figure"] == "drift":
            paint = partial(emulator.drift, table=pd.read_csv(drift[label]))
        else:
            paint = partial(getattr(emulator, shown["figure"]), facts=facts[label, shown["split"]])
        draw(partial(paint, settings=params.settings), paths, params.settings, read[0]["stamp"])
