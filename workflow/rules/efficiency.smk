# From the counts of all files to efficiencies and the summary.


rule efficiency:
    """Efficiencies with intervals in report bins, for every path and their OR."""
    input:
        counts=RESULTS.counts,
        completeness=RESULTS.completeness,
    output:
        parquet=report(
            RESULTS.efficiency,
            category=FILES,
            labels={"file": "efficiencies"},
            caption="../report/efficiencies.rst",
        ),
        csv=RESULTS.efficiency_csv,
    log:
        RESULTS.log("efficiency"),
    localrule: True
    params:
        settings=targets.efficiency_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.efficiency.table"),
    script:
        "../../scripts/efficiency.py"


rule intervals:
    """The same efficiencies with the intervals of several methods."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        parquet=report(
            RESULTS.intervals,
            category=FILES,
            labels={"file": "intervals"},
            caption="../report/intervals.rst",
        ),
        csv=RESULTS.intervals_csv,
    log:
        RESULTS.log("intervals"),
    localrule: True
    params:
        settings=targets.comparison_settings(CONFIG),
        code=fingerprint("skimflow.efficiency.comparison"),
    script:
        "../../scripts/intervals.py"


rule tag_and_probe:
    """Efficiencies of trigger legs from pairs of tag and probe: sidebands subtracted, and mass fits."""
    input:
        counts=RESULTS.counts,
    output:
        parquet=RESULTS.tag_and_probe,
        spectra=RESULTS.mass_spectra,
        csv=report(
            RESULTS.tag_and_probe_csv,
            category=FILES,
            labels={"file": "tag and probe"},
            caption="../report/tag_and_probe.rst",
        ),
    log:
        RESULTS.log("tag_and_probe"),
    localrule: True
    params:
        settings=targets.tag_and_probe_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.efficiency.legs"),
    script:
        "../../scripts/tag_and_probe.py"


rule cross_trigger:
    """Efficiency of the OR of two cross triggers from their legs, for the selected events of each sample."""
    input:
        events=TARGETS.main_skims(RESULTS.skim_events),
        legs=RESULTS.tag_and_probe,
        efficiency=RESULTS.efficiency,
    output:
        parquet=RESULTS.cross_trigger,
        csv=report(
            RESULTS.cross_trigger_csv,
            category=FILES,
            labels={"file": "cross trigger from legs"},
            caption="../report/cross_trigger.rst",
        ),
    log:
        RESULTS.log("cross_trigger"),
    localrule: True
    params:
        settings=targets.cross_trigger_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.efficiency.events"),
    script:
        "../../scripts/cross_trigger.py"


rule turn_ons:
    """Turn-on curves: parameters, covariance, goodness of fit."""
    input:
        counts=RESULTS.counts,
        efficiency=RESULTS.efficiency,
    output:
        parquet=RESULTS.turn_ons,
        csv=report(
            RESULTS.turn_ons_csv,
            category=FILES,
            labels={"file": "turn-ons"},
            caption="../report/turn_ons.rst",
        ),
    log:
        RESULTS.log("turn_ons"),
    localrule: True
    params:
        settings=targets.turn_on_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.efficiency.turnon"),
    script:
        "../../scripts/turn_ons.py"


rule stability:
    """Efficiencies by run, block and era, with tests of their constancy."""
    input:
        efficiency=RESULTS.efficiency,
    output:
        parquet=RESULTS.stability,
        csv=report(
            RESULTS.stability_csv,
            category=FILES,
            labels={"file": "stability"},
            caption="../report/stability.rst",
        ),
    log:
        RESULTS.log("stability"),
    localrule: True
    params:
        settings=targets.stability_settings(CONFIG),
        code=fingerprint("skimflow.efficiency.stability"),
    script:
        "../../scripts/stability.py"


rule scale_factors:
    """Data over simulation, for correctionlib, as CSV and for HEPData."""
    input:
        list(targets.other_tables(CONFIG)),
    output:
        correctionlib=report(
            RESULTS.scale_factors,
            category=FILES,
            labels={"file": "scale factors (correctionlib)"},
            caption="../report/correctionlib.rst",
        ),
        csv=report(
            RESULTS.scale_factors_csv,
            category=FILES,
            labels={"file": "scale factors"},
            caption="../report/scale_factors.rst",
        ),
        hepdata=expand(RESULTS.hepdata, file=["submission", *CONFIG.scale_factors]),
    log:
        RESULTS.log("scale_factors"),
    localrule: True
    params:
        tables=targets.other_tables(CONFIG),
        settings=targets.scale_factor_settings(CONFIG),
        code=fingerprint("skimflow.efficiency.publication", "skimflow.efficiency.legs"),
    script:
        "../../scripts/scale_factors.py"


rule summary:
    """The table that ends a run; for toys, the truth beside the measurement."""
    input:
        efficiency=RESULTS.efficiency,
        completeness=RESULTS.completeness,
        duplicates=RESULTS.duplicates,
        truth=[RESULTS.truth] if TARGETS.toy_files() else [],
        legs=[RESULTS.tag_and_probe] if CONFIG.tag_and_probe else [],
        cross=[RESULTS.cross_trigger] if CONFIG.cross_trigger else [],
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
        code=fingerprint("skimflow.summary"),
    script:
        "../../scripts/summary.py"


rule pages:
    """The report's texts and tables, to be read in it."""
    input:
        **targets.page_tables(CONFIG),
        completeness=RESULTS.completeness,
        summary=RESULTS.summary,
        cutflow=RESULTS.cutflow,
        counts=RESULTS.counts,
        efficiencies=RESULTS.efficiency,
    output:
        [read_page(name) for name in targets.pages(CONFIG)],
    log:
        RESULTS.log("pages"),
    localrule: True
    params:
        settings=targets.page_settings(CONFIG, TARGETS.datasets),
        code=fingerprint("skimflow.pages"),
    script:
        "../../scripts/pages.py"


rule toy_truth:
    """The true efficiencies, for the collisions that the toy files were made of."""
    output:
        RESULTS.truth,
    log:
        RESULTS.log("toy_truth"),
    localrule: True
    params:
        **targets.truth_settings(CONFIG, TARGETS.datasets),
        code=fingerprint(
            "skimflow.toy.truth",
            *(f"skimflow.analyses.{name}" for name in CONFIG.analyses),
        ),
    script:
        "../../scripts/toy_truth.py"
