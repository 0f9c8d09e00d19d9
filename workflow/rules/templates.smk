# From skims to histograms of all variations, templates, yields and figures.


rule histograms:
    """Fill the histograms of one skim: all regions, observables and variations."""
    input:
        events=RESULTS.skim_events,
        corrections=TARGETS.correction_files(),
        models=TARGETS.models(),
    output:
        RESULTS.histograms,
    log:
        RESULTS.log("histograms", "{dataset}", "{file}"),
    benchmark:
        RESULTS.benchmark("histograms", "{dataset}", "{file}")
    resources:
        **needs(memory=2000, minutes=60),
    params:
        how=lambda wc: TARGETS.histograms(wc.dataset),
    script:
        "../../scripts/histograms.py"


rule templates:
    """Add the histograms of all files and scale simulation to the luminosity of the data."""
    input:
        histograms=TARGETS.skims(RESULTS.histograms),
        counts=RESULTS.counts,
        completeness=RESULTS.completeness,
    output:
        parquet=RESULTS.templates,
        root=RESULTS.templates_root,
        json=RESULTS.templates_json,
        yields=report(
            RESULTS.yields,
            category=FILES,
            labels={"file": "yields"},
            caption="../report/yields.rst",
        ),
        selection=RESULTS.selection,
        cutflow=report(
            RESULTS.selection_csv,
            category=FILES,
            labels={"file": "selection"},
            caption="../report/selection.rst",
        ),
    log:
        RESULTS.log("templates"),
    localrule: True
    params:
        settings=targets.template_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.histograms.collecting", "skimflow.histograms.tables"),
    script:
        "../../scripts/templates.py"


rule plot_templates:
    """Each observable: data and simulation one on the other, their ratio, and the uncertainty."""
    input:
        RESULTS.templates,
    output:
        **figures(
            "templates",
            TARGETS.shown(),
            "templates_figure",
            "templates",
            "data and simulation",
        ),
    log:
        RESULTS.log("plot_templates"),
    localrule: True
    params:
        shown=TARGETS.shown(),
        settings=targets.template_plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.templates"),
    script:
        "../../scripts/plot_templates.py"


rule plot_cutflow:
    """Events left after each cut of the skim, which is looser than the selection."""
    input:
        cutflow=RESULTS.cutflow,
        counts=RESULTS.counts,
    output:
        **figure(
            "overview",
            paths.CUTFLOW,
            "cutflow_figure",
            section="cutflow",
            shown="cutflow",
        ),
    log:
        RESULTS.log("plot_cutflow"),
    localrule: True
    params:
        settings=targets.template_plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_cutflow.py"


rule plot_selection:
    """Cutflow and N-1 of the selection proper, with objects as they are corrected."""
    input:
        counts=RESULTS.selection,
        cutflow=RESULTS.selection_csv,
    output:
        **figures(
            "selection",
            TARGETS.selection_figures(),
            "selection_figure",
            "cutflow",
            "selection",
        ),
    log:
        RESULTS.log("plot_selection"),
    localrule: True
    params:
        shown=TARGETS.selection_figures(),
        settings=targets.selection_plot_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_selection.py"


rule summary:
    """What ends a run: yields of each region, data beside simulation."""
    input:
        templates=RESULTS.templates,
        completeness=RESULTS.completeness,
        duplicates=RESULTS.duplicates,
        fits=TARGETS.fits(),
    output:
        report(
            RESULTS.summary,
            category=FILES,
            labels={"file": "result"},
            caption="../report/result.rst",
        ),
    log:
        RESULTS.log("summary"),
    localrule: True
    params:
        title=CONFIG.title,
        processes=list(CONFIG.processes),
        fits=list(CONFIG.fits),
        signals=[name for name, p in CONFIG.processes.items() if not p.stacked],
        luminosity=CONFIG.integrated_luminosity,
        code=fingerprint(
            "skimflow.summary", "skimflow.histograms.tables", "skimflow.stats.measure"
        ),
    script:
        "../../scripts/templates_summary.py"
