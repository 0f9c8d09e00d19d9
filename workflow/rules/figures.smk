# Figures, as PNG and PDF. The PNG goes into the report with its caption.


rule plot_efficiency:
    """Efficiency against one variable."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        **figure(
            "efficiency",
            "{variable}",
            "efficiency",
            figure="efficiency",
            against="{variable}",
        ),
    log:
        RESULTS.log("plot_efficiency", "{variable}"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_efficiency.py"


rule plot_map:
    """Efficiency of the OR in two variables."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        **figure("maps", "{x}-{y}", "map", figure="efficiency map", against="{x}, {y}"),
    log:
        RESULTS.log("plot_map", "{x}-{y}"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_map.py"


rule plot_stability:
    """Efficiency of the OR run by run."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        **figure(
            "overview",
            paths.STABILITY,
            "stability",
            figure="stability",
            against=CONFIG.stability or "",
        ),
    log:
        RESULTS.log("plot_stability"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_stability.py"


rule plot_cutflow:
    """Events left after each cut."""
    input:
        cutflow=RESULTS.cutflow,
        counts=RESULTS.counts,
    output:
        **figure(
            "overview",
            paths.CUTFLOW,
            "cutflow_figure",
            figure="cutflow",
            against="cuts",
        ),
    log:
        RESULTS.log("plot_cutflow"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_cutflow.py"


rule plot_n_minus_one:
    """For each cut, its variable over events that pass all other cuts."""
    input:
        counts=RESULTS.counts,
    output:
        **figure(
            "overview", paths.N_MINUS_ONE, "n_minus_one", figure="N-1", against="cuts"
        ),
    log:
        RESULTS.log("plot_n_minus_one"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        axes=targets.axes(CONFIG),
        datasets=targets.one_kind(TARGETS.datasets),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_n_minus_one.py"
