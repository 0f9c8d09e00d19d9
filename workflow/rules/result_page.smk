# The report's first page, where it has no others.


rule result_page:
    """The summary, to be read in the report."""
    input:
        RESULTS.summary,
    output:
        read_page("result"),
    log:
        RESULTS.log("result_page"),
    localrule: True
    params:
        code=fingerprint("skimflow.pages"),
    script:
        "../../scripts/result_page.py"
