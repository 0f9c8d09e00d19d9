"""Rule `duplicates`."""

from pathlib import Path

from skimflow.duplicates import duplicate_inputs, find_duplicates
from skimflow.io.outputs import read_stamp, write_json
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    files: dict[str, list[Path]] = {}
    for path in map(Path, snakemake.input.events):
        files.setdefault(snakemake.params.samples[path.parent.name], []).append(path)
    inputs = duplicate_inputs(read_stamp(path) for path in snakemake.input.counts)
    write_json(find_duplicates(files) | {"inputs": inputs}, snakemake.output[0])
