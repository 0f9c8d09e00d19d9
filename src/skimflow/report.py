"""Snakemake's report of a measurement that is complete."""

import subprocess
import sys
from collections.abc import Sequence

from skimflow.errors import SkimflowError


def build(report: str, snakefile: str, config: str, style: str, targets: Sequence[str]) -> None:
    """Write the report on `targets`, all of them made, with a second Snakemake beside the one that runs.

    Args:
        report: HTML file to write.
        snakefile: the workflow.
        config: the resolved configuration, so that command-line settings hold here too.
        style: a stylesheet beside Snakemake's own.
        targets: outputs to show.

    Raises:
        SkimflowError: Snakemake refuses.
    """
    command = [sys.executable, "-m", "snakemake", "--report", report, "--nolock", "--snakefile", snakefile]
    done = subprocess.run(
        [*command, "--report-stylesheet", style, "--configfile", config, "--", *targets],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SkimflowError(f"the report could not be built:\n{done.stdout}{done.stderr}")
