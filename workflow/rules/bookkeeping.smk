# What every measurement has: the sum of its counts, with the account of files, events and sections; and the report.


rule resolved_config:
    """The configuration with every default filled in."""
    output:
        report(
            RESULTS.config,
            category=FILES,
            labels={"file": "configuration"},
            caption="../report/config.rst",
        ),
    log:
        RESULTS.log("resolved_config"),
    localrule: True
    params:
        config=CONFIG.model_dump(mode="json"),
    script:
        "../../scripts/resolved_config.py"


rule aggregate:
    """Add the counts of all files, check that none is lost or doubled, refuse to go on with too few."""
    input:
        locked,
        counts=TARGETS.skims(RESULTS.skim_counts),
        certified=TARGETS.certified(),
        luminosity=TARGETS.luminosity(),
    output:
        counts=RESULTS.counts,
        completeness=RESULTS.completeness,
        processed_lumis=RESULTS.processed_lumis,
        lumis_of=TARGETS.lumi_files(),
        luminosity=report(
            RESULTS.luminosity,
            category=FILES,
            labels={"file": "luminosity"},
            caption="../report/luminosity.rst",
        ),
        cutflow=report(
            RESULTS.cutflow,
            category=FILES,
            labels={"file": "cutflow"},
            caption="../report/cutflow.rst",
        ),
    log:
        RESULTS.log("aggregate"),
    localrule: True
    params:
        completeness=CONFIG.completeness,
        windows=targets.windows(CONFIG, TARGETS.datasets),
        samples=targets.data_samples(TARGETS.datasets),
        unit=CONFIG.luminosity.unit if CONFIG.luminosity else None,
        code=fingerprint("skimflow.aggregate"),
    script:
        "../../scripts/aggregate.py"


rule duplicates:
    """Files and selected events that occur twice within a primary dataset or process."""
    input:
        counts=TARGETS.skims(RESULTS.skim_counts),
        events=TARGETS.skims(RESULTS.skim_events),
    output:
        RESULTS.duplicates,
    log:
        RESULTS.log("duplicates"),
    localrule: True
    params:
        samples=targets.distinct_samples(CONFIG, TARGETS.datasets),
        selections=targets.selections(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.duplicates"),
    script:
        "../../scripts/duplicates.py"


rule report:
    """Pages, figures and files with their captions in one document."""
    input:
        [RESULTS.pages.format(page=name) for name in TARGETS.pages()],
        TARGETS.figures(),
        TARGETS.tables(),
        RESULTS.summary,
        RESULTS.cutflow,
        RESULTS.luminosity,
        config=RESULTS.config,
        style="workflow/report/style.css",
    output:
        RESULTS.report,
    log:
        RESULTS.log("report"),
    localrule: True
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        code=fingerprint("skimflow.report"),
    script:
        "../../scripts/report.py"
