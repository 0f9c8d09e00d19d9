# What is learned from the skims of simulated tt̄: `snakemake agc_training`. It is no part of the default target.


def learned(*files):
    """Paths of what is learned."""
    return [RESULTS.learned.format(file=file) for file in files]


if CONFIG.assignment:
    ASSIGNMENT = targets.assignment_settings(TARGETS)

    rule jet_assignment:
        """Learn which jet is which quark, and say how often that is right."""
        input:
            events=targets.learned_events(TARGETS, ASSIGNMENT["datasets"]),
        output:
            models=learned("assignment_even.txt", "assignment_odd.txt"),
            table=learned("assignment.csv"),
            figure=learned("assignment.png", "assignment.pdf"),
        log:
            RESULTS.log("jet_assignment"),
        resources:
            **needs(memory=4000, minutes=120),
        params:
            settings=ASSIGNMENT,
        script:
            "../../scripts/jet_assignment.py"


if CONFIG.separation:
    SEPARATION = targets.separation_settings(TARGETS)

    rule separation:
        """Tell a process from the others by nearest neighbours and decision trees."""
        input:
            events=targets.learned_events(TARGETS, SEPARATION["datasets"]),
        output:
            table=learned("separation.csv"),
            figure=learned("separation.png", "separation.pdf"),
        log:
            RESULTS.log("separation"),
        resources:
            **needs(memory=4000, minutes=120),
        params:
            settings=SEPARATION,
        script:
            "../../scripts/separation.py"


rule agc_training:
    """All that is learned."""
    input:
        learned("assignment.csv") if CONFIG.assignment else [],
        learned("separation.csv") if CONFIG.separation else [],
    localrule: True
