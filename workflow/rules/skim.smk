# One job per NanoAOD file. This is where the time goes.


rule skim:
    """Read one NanoAOD file: count in fine bins, keep the selected events."""
    input:
        file=lambda wc: TARGETS.files[wc.dataset, wc.file].local,
        certified=lambda wc: TARGETS.certified(wc.dataset),
    output:
        counts=RESULTS.skim_counts,
        events=RESULTS.skim_events,
    log:
        RESULTS.log("skim", "{dataset}", "{file}"),
    benchmark:
        RESULTS.benchmark("skim", "{dataset}", "{file}")
    resources:
        # Where the file is reached. Resources are not tracked: another redirector reruns nothing.
        location=lambda wc: TARGETS.files[wc.dataset, wc.file].location,
    params:
        lfn=lambda wc: TARGETS.files[wc.dataset, wc.file].lfn,
        settings=lambda wc: targets.skim_settings(CONFIG, TARGETS.datasets[wc.dataset]),
        code=fingerprint("skimflow.skim.job", f"skimflow.analyses.{CONFIG.analysis}"),
    script:
        "../../scripts/skim.py"
