"""Rule `emulator_truth`."""

from skimflow.emulator.truth import truth
from skimflow.io.outputs import write_json
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    found = {
        f"{label}, {split}": truth(files.events, path, files.probabilities, label)
        for (split, label), path in zip(params.places, files.oof, strict=True)
    }
    write_json({"reached": found, "stamp": stamp({}, params.code)}, snakemake.output[0])
