# A classifier that is learnt from the skims and used by the histograms.


rule classifier:
    """Learn to tell processes apart, from the skims of simulation."""
    input:
        events=TARGETS.training_skims(),
        corrections=TARGETS.correction_files(),
    output:
        RESULTS.classifier,
    log:
        RESULTS.log("classifier"),
    resources:
        **needs(memory=3000, minutes=60),
    params:
        settings=TARGETS.training(),
        code=fingerprint(
            "skimflow.learning.classifier", f"skimflow.analyses.{CONFIG.analysis}"
        ),
    script:
        "../../scripts/classifier.py"


rule plot_classifier:
    """Scores of both classes, for events that the network did not see."""
    input:
        RESULTS.classifier,
    output:
        **figure(
            "overview",
            "classifier",
            "classifier",
            section="templates",
            shown="classifier",
            against="score",
        ),
    log:
        RESULTS.log("plot_classifier"),
    localrule: True
    params:
        settings=targets.template_plot_settings(CONFIG),
        classes=CONFIG.classifier.model_dump(
            mode="json", include={"signal", "background"}
        ),
        code=fingerprint("skimflow.plots.classifier"),
    script:
        "../../scripts/plot_classifier.py"
