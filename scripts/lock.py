"""Rule `lock`."""

import sys
from pathlib import Path

from skimflow import lock
from skimflow.catalog import discover
from skimflow.catalog.locking import make
from skimflow.config import Dataset
from skimflow.config import Site as SiteSettings
from skimflow.io.outputs import write_text
from skimflow.io.remote import Site
from skimflow.logs import reporting


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


with reporting(snakemake.log[0]):
    site = SiteSettings.model_validate(snakemake.params.site)
    for name, settings in snakemake.params.datasets.items():
        dataset = Dataset.model_validate(settings)
        found = discover(dataset, site)
        progress = Path("results/lock") / f"{name}.jsonl"
        reach = Site.of(snakemake.params.site)
        workers = 4 * snakemake.threads
        per_job = dataset.files_per_job
        text = make(name, found.files, found.stated, reach, per_job, progress, workers, say)
        write_text(text, lock.path_of(name))
        progress.unlink(missing_ok=True)
        say(f"{name}: {len(found.files)} files locked in {lock.path_of(name)}")
