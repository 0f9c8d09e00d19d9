"""Rule `skim`."""

from skimflow.io.outputs import read_stamp, write_text
from skimflow.io.remote import Site
from skimflow.logs import account, reporting
from skimflow.provenance import stamp
from skimflow.skim import Task, skim_files

with reporting(snakemake.log[0]):
    params, wildcards, output = snakemake.params, snakemake.wildcards, snakemake.output
    settings = params.task["settings"]
    certified = next(iter(snakemake.input.get("certified", [])), None)
    provenance = stamp(settings, params.task["code"], dataset=wildcards.dataset, job=wildcards.file)
    job = (certified, settings, provenance)
    tasks = [
        Task(wildcards.dataset, file["id"], file["lfn"], location, *job, file["locked"], threads=snakemake.threads)
        for file, location in zip(params.task["files"], snakemake.resources.location.splitlines(), strict=True)
    ]
    record = snakemake.config["on_unreadable"] == "record"
    complete = skim_files(tasks, Site.of(snakemake.config["reach"]), record, output.counts, output.events)
    account(read_stamp(output.counts)["inputs"])
    failures = params.task["failures"]
    if not complete:
        write_text(f"{failures + 1}\n", params.failed)
    elif failures:
        write_text(f"{failures} mended\n", params.failed)
