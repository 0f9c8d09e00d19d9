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
    if not snakemake.params.datasets:
        say("nothing to lock: all datasets are made by the toy generator")
    for name, settings in snakemake.params.datasets.items():
        dataset = Dataset.model_validate(settings)
        found = discover(dataset, site)
        progress = Path("results/lock") / f"{name}.jsonl"
        reach = Site.of(snakemake.params.site)
        text = make(name, found.files, found.stated, dataset, reach, progress, 4 * snakemake.threads, say)
        write_text(text, lock.path_of(name))
        progress.unlink(missing_ok=True)
        say(f"{name}: {len(found.files)} files locked in {lock.path_of(name)}")
