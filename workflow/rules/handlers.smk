# What happens beside the jobs, in the process that a person started.

from functools import partial

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

FOLLOWERS = []


def follow():
    """Tell of the progress of the skims, from now on."""
    from skimflow import progress  # not needed by the jobs that parse the Snakefile

    planned, before = {}, 0
    for job in workflow.dag.jobs:
        if job.rule.name == "skim" and workflow.dag.needrun(job):
            files = TARGETS.jobs[job.wildcards.dataset, job.wildcards.file]
            planned[job.jobid] = progress.Skim.of(
                job.wildcards.dataset, [(file.lfn, file.entries) for file in files]
            )
        elif job.rule.name == "skim":
            before += 1
    skims = progress.Skims(planned, before, workflow.local_exec)
    say = partial(logger.info, extra={"quietness": Quietness.PROGRESS})
    FOLLOWERS.append(progress.Follower(skims, say, RESULTS.failures))
    FOLLOWERS[0].start(logger)


def end():
    """Tell what failed."""
    jobs = workflow.dag.needrun_jobs(exclude_finished=False)
    finished = [job.jobid for job in jobs if workflow.dag.finished(job)]
    failed = [job.jobid for job in workflow.scheduler.failed]
    for follower in FOLLOWERS:
        text = follower.end(logger, finished, failed)
        if text:
            logger.error(f"\n{text}\n")


onstart:
    session.begin(workflow.executor_plugin.name, sys.argv[1:])
    remember()
    if not workflow.touch:
        follow()


onsuccess:
    end()


onerror:
    end()
