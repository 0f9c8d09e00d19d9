"""Rule `toy_truth`."""

import numpy as np

from skimflow import analyses
from skimflow.io.outputs import write_json
from skimflow.logs import reporting
from skimflow.toy import Sample, leg_truth, truth

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

    found = {
        name: truth([Sample(**sample) for sample in samples], _BLOCKS, select, params.probe, params.references)
        for name, samples in params.samples.items()
    }
    pairs = analyses.get("tag_and_probe").select
    legs = {name: leg_truth(_BLOCKS, pairs, **how) for name, how in params.legs.items() if how["seed"] is not None}
    write_json(found | ({"tag_and_probe": legs} if legs else {}), snakemake.output[0])
