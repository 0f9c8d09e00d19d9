"""Rule `toy_truth`."""

import numpy as np

from skimflow import analyses
from skimflow.io.outputs import write_json
from skimflow.logs import reporting
from skimflow.toy import Sample, truth

_BLOCKS = 15

with reporting(snakemake.log[0]):
    params = snakemake.params
    analysis = analyses.get(params.analysis)

    def select(columns: dict[str, np.ndarray]) -> np.ndarray:
        """Offline selection, without trigger and certified luminosity."""
        selection = analysis.select(columns, params.selection)
        mask = np.zeros(len(columns["run"]), bool)
        mask[selection.events[np.logical_and.reduce([cut.passed for cut in selection.cuts])]] = True
        return mask

    write_json(
        {
            name: truth([Sample(**sample) for sample in samples], _BLOCKS, select, params.probe, params.references)
            for name, samples in params.samples.items()
        },
        snakemake.output[0],
    )
