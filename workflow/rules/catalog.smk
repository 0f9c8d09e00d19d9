# The data lock: `snakemake lock` and `snakemake check_inputs`. Neither has outputs, so both run whenever they are asked.


rule lock:
    """Find the files of all datasets, open each once, and write config/locks/<dataset>.tsv. Goes on where it stopped."""
    log:
        "logs/lock.log",
    localrule: True
    threads: 8
    params:
        datasets={
            n: d.model_dump(mode="json")
            for n, d in TARGETS.datasets.items()
            if not d.toy
        },
        site=TARGETS.site.model_dump(mode="json"),
    script:
        "../../scripts/lock.py"


rule check_inputs:
    """Verify every locked file: that it is there, unchanged; with `--config checksums=true` to the last byte."""
    log:
        RESULTS.log("check_inputs"),
    localrule: True
    threads: 8
    params:
        datasets=[n for n, d in TARGETS.datasets.items() if not d.toy],
        site=TARGETS.site.model_dump(mode="json"),
        checksums=CONFIG.checksums,
        table=RESULTS.inputs_table,
    script:
        "../../scripts/check_inputs.py"
