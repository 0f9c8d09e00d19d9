"""Rule `skim`."""

from skimflow.errors import InputError
from skimflow.logs import reporting
from skimflow.provenance import stamp
from skimflow.skim import Task, record_failure, skim_file

with reporting(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    task = Task(
        dataset=wildcards.dataset,
        file=wildcards.file,
        lfn=params.lfn,
        location=snakemake.resources.location,
        certified=snakemake.input.certified[0] if snakemake.input.certified else None,
        settings=params.settings,
        stamp=stamp(params.settings, params.code, dataset=wildcards.dataset, file=wildcards.file),
    )
    try:
        skim_file(task, snakemake.output.counts, snakemake.output.events)
    except InputError as error:
        if snakemake.config["on_unreadable"] == "fail":
            raise
        record_failure(task, error, snakemake.output.counts, snakemake.output.events)
