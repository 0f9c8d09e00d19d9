# The trigger emulator: tables, folds, models, their evaluation out of fold, artifacts.

EMULATOR = TARGETS.emulator()


def emulator_code(*modules):
    return fingerprint("skimflow.emulator.steps", *modules)


rule emulator:
    """Everything of the emulator: models, tables, figures."""
    input:
        locked,
        TARGETS.artifacts(),
        TARGETS.figures(),
    localrule: True


rule emulator_scores:
    """Score and probability of each event of the skims, by the final models."""
    input:
        expand(
            TARGETS.skims(
                RESULTS.emulator("applied/{{label}}/{dataset}/{file}.parquet")
            ),
            label=CONFIG.labels,
        ),
    localrule: True


rule emulator_table:
    """Tables of pairs and of events, from all skims."""
    input:
        TARGETS.skims(RESULTS.skim_events),
    output:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        summary=RESULTS.emulator("table.json"),
    log:
        RESULTS.log("emulator_table"),
    resources:
        **needs(memory=4000, minutes=60),
    params:
        settings={"labels": EMULATOR["labels"]},
        code=fingerprint("skimflow.emulator.tables"),
    script:
        "../../scripts/emulator_table.py"


rule emulator_folds:
    """Who is trained on and who is tested, in each split."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
    output:
        RESULTS.emulator("folds.parquet"),
    log:
        RESULTS.log("emulator_folds"),
    localrule: True
    params:
        settings={key: EMULATOR[key] for key in ("splits", "seed")},
        code=fingerprint("skimflow.emulator.splits"),
    script:
        "../../scripts/emulator_folds.py"


rule emulator_train:
    """The model of a label for the events that a fold does not test."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        folds=RESULTS.emulator("folds.parquet"),
    output:
        RESULTS.emulator("folds/{split}/{label}/{fold}.joblib"),
    log:
        RESULTS.log("emulator_train", "{split}", "{label}", "{fold}"),
    benchmark:
        RESULTS.benchmark("emulator_train", "{split}", "{label}", "{fold}")
    resources:
        **needs(memory=4000, minutes=120),
    params:
        settings=TARGETS.emulator_settings("train"),
        code=emulator_code(),
    script:
        "../../scripts/emulator_train.py"


rule emulator_predict:
    """Scores of the events that a model was not trained on."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        folds=RESULTS.emulator("folds.parquet"),
        model=RESULTS.emulator("folds/{split}/{label}/{fold}.joblib"),
    output:
        RESULTS.emulator("scores/{split}/{label}/{fold}.parquet"),
    log:
        RESULTS.log("emulator_predict", "{split}", "{label}", "{fold}"),
    resources:
        **needs(memory=4000, minutes=60),
    params:
        settings=TARGETS.emulator_settings("train"),
        code=emulator_code(),
    script:
        "../../scripts/emulator_predict.py"


rule emulator_evaluate:
    """Measures of a label in a split, at event level, with intervals."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        scores=lambda wc: TARGETS.scores(wc.label, wc.split),
        completeness=RESULTS.completeness,
    output:
        facts=RESULTS.emulator("evaluation/{split}/{label}.json"),
        oof=RESULTS.emulator("evaluation/{split}/{label}.parquet"),
    log:
        RESULTS.log("emulator_evaluate", "{split}", "{label}"),
    resources:
        **needs(memory=4000, minutes=60),
    params:
        settings=EMULATOR,
        code=emulator_code(),
    script:
        "../../scripts/emulator_evaluate.py"


rule emulator_explain:
    """Importance of the features of a label, and SHAP values."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        folds=RESULTS.emulator("folds.parquet"),
        model=lambda wc: RESULTS.emulator(
            f"folds/{TARGETS.first_split}/{wc.label}/0.joblib"
        ),
    output:
        importance=RESULTS.emulator("importance/{label}.csv"),
        shap=RESULTS.emulator("importance/{label}.parquet"),
    log:
        RESULTS.log("emulator_explain", "{label}"),
    resources:
        **needs(memory=4000, minutes=60),
    params:
        settings=EMULATOR,
        code=emulator_code(),
    script:
        "../../scripts/emulator_explain.py"


rule emulator_drift:
    """Change of inputs and score with time, and a verdict."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        oof=lambda wc: RESULTS.emulator(
            f"evaluation/{TARGETS.first_split}/{wc.label}.parquet"
        ),
    output:
        table=RESULTS.emulator("drift/{label}.csv"),
        verdict=RESULTS.emulator("drift/{label}.json"),
    log:
        RESULTS.log("emulator_drift", "{label}"),
    localrule: True
    params:
        settings=EMULATOR,
        code=emulator_code(),
    script:
        "../../scripts/emulator_drift.py"


rule emulator_final:
    """The model to be used: trained on all events, calibrated out of fold."""
    input:
        pairs=RESULTS.emulator("pairs.parquet"),
        events=RESULTS.emulator("events.parquet"),
        scores=lambda wc: TARGETS.scores(wc.label, TARGETS.first_split),
    output:
        model=RESULTS.emulator("models/{label}.joblib"),
        text=RESULTS.emulator("models/{label}.txt"),
    log:
        RESULTS.log("emulator_final", "{label}"),
    resources:
        **needs(memory=4000, minutes=120),
    params:
        settings=TARGETS.emulator_settings("train"),
        split=TARGETS.first_split,
        code=emulator_code(),
    script:
        "../../scripts/emulator_final.py"


rule emulator_collect:
    """Measures of all labels and splits, working points, and what has to be said of them."""
    input:
        TARGETS.evaluations(),
    output:
        folds=report(
            RESULTS.emulator("metrics_per_label.csv"),
            category=FILES,
            labels={"file": "measures of each fold"},
            caption="../report/emulator_folds.rst",
        ),
        events=report(
            RESULTS.emulator("event_metrics_oof.csv"),
            category=FILES,
            labels={"file": "measures out of fold"},
            caption="../report/emulator_events.rst",
        ),
        thresholds=report(
            RESULTS.emulator("thresholds.csv"),
            category=FILES,
            labels={"file": "working points"},
            caption="../report/emulator_thresholds.rst",
        ),
        config=RESULTS.emulator("config.json"),
    log:
        RESULTS.log("emulator_collect"),
    localrule: True
    params:
        settings=EMULATOR,
        code=emulator_code(),
    script:
        "../../scripts/emulator_collect.py"


rule emulator_score:
    """Apply a final model to a skim, which must have the columns that the model was trained on."""
    input:
        model=RESULTS.emulator("models/{label}.joblib"),
        events=RESULTS.skim_events,
    output:
        RESULTS.emulator("applied/{label}/{dataset}/{file}.parquet"),
    log:
        RESULTS.log("emulator_score", "{label}", "{dataset}", "{file}"),
    resources:
        **needs(memory=2000, minutes=60),
    params:
        code=emulator_code(),
    script:
        "../../scripts/emulator_score.py"


rule plot_emulator:
    """ROC, precision and recall, calibration, rate, SHAP values, drift."""
    input:
        evaluations=TARGETS.evaluations(),
        shap=expand(RESULTS.emulator("importance/{label}.parquet"), label=CONFIG.labels),
        drift=expand(RESULTS.emulator("drift/{label}.csv"), label=CONFIG.labels),
    output:
        **figures(
            "emulator",
            TARGETS.emulator_figures(),
            "emulator_figure",
            "emulator",
            "emulator",
        ),
    log:
        RESULTS.log("plot_emulator"),
    localrule: True
    params:
        shown=list(TARGETS.emulator_figures().values()),
        labels=list(CONFIG.labels),
        features=list(CONFIG.features),
        settings={
            **targets.style_settings(CONFIG),
            "psi": EMULATOR["drift"]["psi"],
        },
        code=fingerprint("skimflow.plots.emulator"),
    script:
        "../../scripts/plot_emulator.py"


rule plot_cutflow:
    """Events left after each step of the skim."""
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
        settings=targets.style_settings(CONFIG),
        code=fingerprint("skimflow.plots.overview"),
    script:
        "../../scripts/plot_cutflow.py"


rule summary:
    """What ends a run: measures of each label out of fold, and how they are to be read."""
    input:
        metrics=RESULTS.emulator("event_metrics_oof.csv"),
        config=RESULTS.emulator("config.json"),
        table=RESULTS.emulator("table.json"),
        drift=expand(RESULTS.emulator("drift/{label}.json"), label=CONFIG.labels),
        models=TARGETS.artifacts(),
        completeness=RESULTS.completeness,
        duplicates=RESULTS.duplicates,
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
        code=fingerprint("skimflow.summary", "skimflow.emulator.summary"),
    script:
        "../../scripts/emulator_summary.py"
