# One job per NanoAOD file. This is where the time goes.


rule skim:
    """Read one NanoAOD file (or a few small ones): count in fine bins, keep the selected events."""
    input:
        **skim_inputs(),
    output:
        counts=RESULTS.skim_counts,
        events=RESULTS.skim_events,
    log:
        RESULTS.log("skim", "{dataset}", "{file}"),
    benchmark:
        RESULTS.benchmark("skim", "{dataset}", "{file}")
    threads: TARGETS.site.threads
    resources:
        **needs(memory=1500, minutes=60),
        # Where the files are reached. Resources are not tracked: another server reruns nothing.
        location=lambda wc: "\n".join(
            f.location for f in TARGETS.jobs[wc.dataset, wc.file]
        ),
    params:
        # In one param, because each callable costs time for each job of the DAG.
        task=lambda wc: TARGETS.task(wc.dataset, wc.file),
        failed=RESULTS.failed,
    script:
        "../../scripts/skim.py"
