# Figures, as PNG and PDF. The PNG goes into the report with its caption. One job draws all figures of a kind.


rule plot_efficiency:
    """Efficiency against each variable, with the turn-ons fitted to it."""
    input:
        efficiency=RESULTS.efficiency,
        turn_ons=[RESULTS.turn_ons] if CONFIG.turn_ons else [],
    output:
        **figures(
            "efficiency",
            targets.reported(CONFIG),
            "efficiency",
            "efficiencies",
            "efficiency",
        ),
    log:
        RESULTS.log("plot_efficiency"),
    # The longest of them goes first, the others fit beside it.
    priority: 1
    localrule: True
    params:
        variables=targets.reported(CONFIG),
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_efficiency.py"


rule plot_map:
    """Efficiency of the OR in each pair of variables."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        **figures("maps", targets.maps(CONFIG), "map", "efficiencies", "map"),
    log:
        RESULTS.log("plot_map"),
    localrule: True
    params:
        maps=[[map_.x, map_.y] for map_ in CONFIG.maps],
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_map.py"


rule plot_stability:
    """Efficiency of the OR run by run and in blocks of runs, with tests of its constancy."""
    input:
        efficiency=RESULTS.stability,
        tests=RESULTS.stability_csv,
    output:
        **figure(
            "overview",
            paths.STABILITY,
            "stability_figure",
            section="stability",
            shown="efficiency",
            against=CONFIG.stability.variable if CONFIG.stability else "",
        ),
    log:
        RESULTS.log("plot_stability"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency"),
    script:
        "../../scripts/plot_stability.py"


rule plot_intervals:
    """Intervals of several methods side by side."""
    input:
        intervals=RESULTS.intervals,
    output:
        **figure(
            "overview",
            paths.INTERVALS,
            "intervals_figure",
            section="intervals",
            shown="interval methods: plot",
        ),
    log:
        RESULTS.log("plot_intervals"),
    localrule: True
    params:
        methods=list(CONFIG.interval.compared),
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.intervals"),
    script:
        "../../scripts/plot_intervals.py"


rule plot_scale_factors:
    """Each scale factor with its statistical and total uncertainty, and the efficiencies that it is made of."""
    input:
        table=RESULTS.scale_factors_csv,
        efficiency=RESULTS.efficiency,
    output:
        **figures(
            "scale_factors",
            CONFIG.scale_factors,
            "scale_factors_figure",
            "scale_factors",
            "scale factor",
        ),
    log:
        RESULTS.log("plot_scale_factors"),
    localrule: True
    params:
        names=list(CONFIG.scale_factors),
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.scalefactors"),
    script:
        "../../scripts/plot_scale_factors.py"


rule plot_tag_and_probe:
    """Efficiency of legs against each variable and as maps, and the mass spectra with their fits."""
    input:
        table=RESULTS.tag_and_probe,
        spectra=RESULTS.mass_spectra,
    output:
        **leg_figures(),
    log:
        RESULTS.log("plot_tag_and_probe"),
    localrule: True
    params:
        shown=list(targets.leg_figures(CONFIG, TARGETS.datasets).values()),
        settings=targets.leg_plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.efficiency", "skimflow.plots.mass"),
    script:
        "../../scripts/plot_tag_and_probe.py"


rule plot_cross_trigger:
    """Efficiency from legs against each variable, beside the ratio of counts of the same events."""
    input:
        table=RESULTS.cross_trigger,
    output:
        **figures(
            "cross_trigger",
            targets.cross_trigger_figures(CONFIG),
            "cross_trigger_figure",
            "cross_trigger",
            "cross trigger from legs",
        ),
    log:
        RESULTS.log("plot_cross_trigger"),
    localrule: True
    params:
        variables=targets.cross_trigger_figures(CONFIG),
        settings=targets.plot_settings(CONFIG),
        code=fingerprint("skimflow.plots.crosstrigger"),
    script:
        "../../scripts/plot_cross_trigger.py"


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
            section="cutflow",
            shown="cutflow",
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
            "overview",
            paths.N_MINUS_ONE,
            "n_minus_one",
            section="cutflow",
            shown="N-1 distributions",
        ),
    log:
        RESULTS.log("plot_n_minus_one"),
    localrule: True
    params:
        settings=targets.plot_settings(CONFIG),
        axes=targets.axes(CONFIG.variables),
        datasets=targets.one_kind(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_n_minus_one.py"
