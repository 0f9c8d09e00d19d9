"""skimflow: from lists of CMS NanoAOD files to a trigger efficiency with its interval.

    snakemake --cores 2                                    the embedded demo
    snakemake --configfile config/hww_emu.yaml -n          what the real measurement would do

A measurement is one YAML file in config/; its results go to results/<name>/. The lists of files are resolved here, so
that a dry run shows every job; the rules are in workflow/rules/, and what they call is in src/skimflow/.
"""

import os
import sys

from snakemake.utils import min_version

from skimflow import paths, session, targets
from skimflow.config import load
from skimflow.errors import SkimflowError
from skimflow.provenance import fingerprint, remember

min_version("9.0")

if not workflow.configfiles:

    configfile: "config/config.yaml"


try:
    if workflow.is_main_process:
        session.refuse_after_a_kill(sys.argv[1:])
    TARGETS = targets.of(load(config, workflow.configfiles))
except SkimflowError as error:
    sys.exit(f"error: {error}")

CONFIG, RESULTS = TARGETS.config, TARGETS.results
# Jobs read settings that change no result (servers, what to do with unreadable files) from here; it is not tracked.
config.update(
    CONFIG.model_dump(mode="json"), reach=TARGETS.site.model_dump(mode="json")
)


wildcard_constraints:
    dataset=r"[A-Za-z0-9_.-]+",
    file=r"[A-Za-z0-9_.-]+",


report: f"workflow/report/{TARGETS.front}.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/handlers.smk"


rule all:
    """Everything: counts, results, figures, the summary and the report."""
    default_target: True
    input:
        locked,
        RESULTS.summary,
        RESULTS.report,
    localrule: True


include: "workflow/rules/catalog.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/skim.smk"
include: "workflow/rules/bookkeeping.smk"


for what in TARGETS.rules:

    include: f"workflow/rules/{what}.smk"
