"""Rule `skim`."""

from skimflow.io.outputs import write_text
from skimflow.io.remote import Site
from skimflow.logs import reporting
from skimflow.provenance import stamp
from skimflow.skim import Task, skim_files

with reporting(snakemake.log[0]):
    params, wildcards, output = snakemake.params, snakemake.wildcards, snakemake.output
    certified = snakemake.input.certified[0] if snakemake.input.certified else None
    provenance = stamp(params.settings, params.code, dataset=wildcards.dataset, job=wildcards.file)
    locations = snakemake.resources.location.split()
    tasks = [
        Task(
            wildcards.dataset, file["id"], file["lfn"], location, certified, params.settings, provenance, file["locked"]
        )
        for file, location in zip(params.files, locations, strict=True)
    ]
    record = snakemake.config["on_unreadable"] == "record"
    complete = skim_files(tasks, Site.of(snakemake.config["reach"]), record, output.counts, output.events)
    if not complete:
        write_text(str(params.failures + 1), params.failed)
