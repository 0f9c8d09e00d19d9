# What is not there yet: files that are fetched once, such as the certified luminosity, and toy files.


rule fetch:
    """Fetch a file that the configuration names with its checksum, once, and refuse it if its content is another."""
    output:
        paths.FETCHED,
    log:
        "logs/inputs/{file}.log",
    localrule: True
    params:
        source=lambda wc: TARGETS.fetched[wc.file],
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


rule toy_luminosity:
    """A table of recorded luminosity for toy data: 1 pb⁻¹ for each luminosity section."""
    input:
        [
            file.location.replace(".root", ".truth.json")
            for file in TARGETS.toy_files("data")
        ],
    output:
        RESULTS.toy_luminosity,
    log:
        "logs/toy/luminosity.log",
    localrule: True
    script:
        "../../scripts/toy_luminosity.py"


rule toy_corrections:
    """Corrections that bring the toy's mismeasured muons back, and weights that change little."""
    output:
        list(paths.TOY_CORRECTIONS.values()),
    log:
        "logs/toy/corrections.log",
    localrule: True
    params:
        code=fingerprint("skimflow.toy.corrections"),
    script:
        "../../scripts/toy_corrections.py"
