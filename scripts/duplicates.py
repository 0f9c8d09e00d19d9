"""Rule `duplicates`."""

from pathlib import Path

from skimflow.duplicates import duplicate_inputs, find_duplicates
from skimflow.io.outputs import read_stamp, write_json
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    files: dict[str, list[Path]] = {}
    for path in map(Path, snakemake.input.events):
        files.setdefault(snakemake.params.samples[path.parent.name], []).append(path)
    # A file may be read once for each selection that looks at it.
    groups: dict[str, list[str]] = {}
    for path in snakemake.input.counts:
        groups.setdefault(snakemake.params.selections[Path(path).parent.name], []).append(path)
    inputs = [line for paths in groups.values() for line in duplicate_inputs(map(read_stamp, paths))]
    write_json(find_duplicates(files) | {"inputs": inputs}, snakemake.output[0])
