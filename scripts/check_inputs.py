"""Rule `check_inputs`."""

import csv
import io
import sys

from skimflow import lock
from skimflow.catalog.locking import Finding, check
from skimflow.errors import InputError
from skimflow.io.outputs import write_text
from skimflow.io.remote import Site
from skimflow.logs import reporting

with reporting(snakemake.log[0]):
    params = snakemake.params
    site = Site.of(params.site)
    findings = []
    for name in params.datasets:
        locked = lock.read(lock.path_of(name))
        if locked is None:
            findings.append(Finding(name, "(all files)", "not_locked", "there is no lock; run snakemake lock"))
            continue
        findings += check(name, locked.rows, site, params.checksums, 4 * snakemake.threads)
        stated, entries = locked.stated.get("events"), sum(row.entries for row in locked.rows)
        if stated not in (None, entries):
            detail = f"the catalogue states {stated} events, the files hold {entries}"
            findings.append(Finding(name, "(all files)", "changed", detail))
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows([Finding._fields, *findings])
    write_text(text.getvalue(), params.table)
    bad = [finding for finding in findings if finding.status != "ok"]
    for finding in bad:
        print(f"{finding.dataset}: {finding.lfn}: {finding.status}: {finding.detail}", file=sys.stderr)
    print(f"{len(findings) - len(bad)} of {len(findings)} checks passed; table: {params.table}", file=sys.stderr)
    if bad:
        raise InputError("changed", f"{len(bad)} of {len(findings)} checks failed")
