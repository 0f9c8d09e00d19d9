# Fits of templates: workspace, result, yields, ranking, limits, and their figures.


rule fit:
    """Fit a model to the templates."""
    input:
        RESULTS.templates_json,
    output:
        workspace=RESULTS.fit.format(fit="{fit}", file="workspace.json"),
        result=RESULTS.fit.format(fit="{fit}", file="fit.json"),
    log:
        RESULTS.log("fit", "{fit}"),
    resources:
        **needs(memory=3000, minutes=60),
    params:
        settings=lambda wc: targets.fit_settings(CONFIG, wc.fit),
        code=fingerprint("skimflow.stats.measure"),
    script:
        "../../scripts/fit.py"


rule fit_tables:
    """Parameters, yields before and after, of all fits."""
    input:
        expand(RESULTS.fit, fit=CONFIG.fits, file="fit.json"),
    output:
        parameters=report(
            RESULTS.fit_parameters,
            category=FILES,
            labels={"file": "fitted parameters"},
            caption="../report/fit_parameters.rst",
        ),
        yields=report(
            RESULTS.fit_yields,
            category=FILES,
            labels={"file": "yields before and after fits"},
            caption="../report/fit_yields.rst",
        ),
    log:
        RESULTS.log("fit_tables"),
    localrule: True
    params:
        names=list(CONFIG.fits),
    script:
        "../../scripts/fit_tables.py"


rule plot_fits:
    """Data and prediction before and after each fit, pulls, correlations, ranking; limits against the signal."""
    input:
        fits=expand(RESULTS.fit, fit=CONFIG.fits, file="fit.json"),
        templates=RESULTS.templates,
    output:
        **figures("fits", targets.fit_figures(CONFIG), "fit_figure", "fits", "fit"),
    log:
        RESULTS.log("plot_fits"),
    localrule: True
    params:
        shown=list(targets.fit_figures(CONFIG).values()),
        names=list(CONFIG.fits),
        settings=targets.template_plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.fits"),
    script:
        "../../scripts/plot_fits.py"
