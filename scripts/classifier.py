"""Rule `classifier`."""

from itertools import islice

from skimflow.io.outputs import write_json
from skimflow.learning.classifier import train
from skimflow.logs import reporting
from skimflow.provenance import stamp

with reporting(snakemake.log[0]):
    settings = snakemake.params.settings
    files = iter(snakemake.input.events)
    skims = {name: list(islice(files, how["files"])) for name, how in settings["datasets"].items()}
    learnt = train(skims, settings)
    write_json({**learnt, "stamp": stamp(settings, snakemake.params.code)}, snakemake.output[0])
