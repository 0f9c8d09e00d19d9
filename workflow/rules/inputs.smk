# What is not there yet: the certified luminosity, fetched once, and toy files.


rule fetch_certified:
    """Fetch the certified-luminosity file, once, and refuse it if its content is not the expected one."""
    output:
        paths.FETCHED,
    log:
        "logs/inputs/{file}.log",
    localrule: True
    params:
        source=(
            CONFIG.certified_luminosity.model_dump()
            if CONFIG.certified_luminosity
            else None
        ),
    script:
        "../../scripts/fetch.py"


rule toy_file:
    """Make one toy NanoAOD file and, beside it, its truth."""
    output:
        root=paths.TOY_FILE,
        truth=paths.TOY_TRUTH,
    log:
        "logs/toy/{dataset}/{file}.log",
    resources:
        **needs(memory=1500, minutes=30),
    params:
        toy=lambda wc: targets.toy_settings(TARGETS.datasets[wc.dataset], wc.file),
        code=fingerprint("skimflow.toy.writing"),
    script:
        "../../scripts/toy_file.py"


rule toy_certified:
    """The golden JSON of the toy, for the luminosity sections of its data files."""
    input:
        [
            file.location.replace(".root", ".truth.json")
            for file in TARGETS.toy_files("data")
        ],
    output:
        RESULTS.toy_certified,
    log:
        "logs/toy/certified.log",
    localrule: True
    script:
        "../../scripts/toy_certified.py"


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
