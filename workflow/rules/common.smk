# Helpers of the rules. Rules marked `localrule` are short and stay on the machine where Snakemake was started; the others
# are the jobs of a cluster.


def needs(memory, minutes):
    """Memory (MB) and time of a job, doubled at each attempt, by the names that Slurm and HTCondor look for.

    Slurm reads mem_mb and runtime. HTCondor's plugin reads request_memory, and allowed_job_duration in seconds; a
    job over it is held. On one machine they only count with `--resources mem_mb=…`.
    """

    def twice(number):
        return lambda wildcards, attempt: number * 2 ** (attempt - 1)

    return {
        "mem_mb": twice(memory),
        "request_memory": twice(memory),
        "runtime": twice(minutes),
        "allowed_job_duration": twice(60 * minutes),
    }


# The report's sections in their order; it sorts them by name.
SECTIONS = {
    "result": "1 Measurement",
    "measurement": "1 Measurement",
    "cutflow": "2 Selection",
    "efficiencies": "3 Efficiencies",
    "intervals": "3 Efficiencies",
    "turn_ons": "4 Turn-ons",
    "stability": "5 Stability",
    "tag_and_probe": "6 Tag and probe",
    "cross_trigger": "6 Tag and probe",
    "scale_factors": "7 Scale factors",
    "provenance": "8 Provenance",
    "templates": "3 Data and simulation",
    "fits": "4 Fits",
    "emulator": "3 Trigger emulator",
}
FILES = "9 Files"
PAGES = {
    "result": "result",
    "measurement": "what was measured",
    "intervals": "interval methods: numbers",
    "provenance": "provenance",
}


def read_page(name):
    """A page of the report, the first of its section."""
    return report(
        RESULTS.pages.format(page=name),
        caption=f"../report/{name}.rst",
        category=SECTIONS[name],
        labels={"shown": PAGES.get(name, "all numbers"), "against": ""},
    )


def figure(folder, name, caption, section, shown, against=""):
    """Outputs of a figure: its caption, its section of the report, and its columns in the list there."""
    png, pdf = RESULTS.figure(folder, name)
    return {
        "png": report(
            png,
            caption=f"../report/{caption}.rst",
            category=SECTIONS[section],
            labels={"shown": shown, "against": against},
        ),
        "pdf": pdf,
    }


def figures(folder, names, caption, section, shown):
    """Outputs of figures that one job draws, each kind in the order of `names`: most of a figure's time is imports.

    `names` are variables, or pairs of them joined by `-`.
    """
    made = [
        figure(folder, name, caption, section, shown, name.replace("-", ", "))
        for name in names
    ]
    return {kind: [files[kind] for files in made] for kind in ("png", "pdf")}


def leg_figures():
    """Outputs of the figures of tag and probe, in the order of `targets.leg_figures`."""
    made = [
        figure(
            "tag_and_probe",
            name,
            f"legs_{shown['figure']}",
            section="tag_and_probe",
            shown=shown["figure"],
            against=name.replace("-", ", "),
        )
        for name, shown in targets.leg_figures(CONFIG, TARGETS.datasets).items()
    ]
    return {kind: [files[kind] for files in made] for kind in ("png", "pdf")}


def locked(wildcards):
    """No input, but the end of the run while a dataset that needs a lock has none, or a named file is absent."""
    try:
        TARGETS.need_locks()
        TARGETS.need_files()
    except SkimflowError as error:
        sys.exit(f"error: {error}")
    return []


def skim_inputs():
    """Input functions of a skim; one that returns nothing for every job is left out, as each costs time per job."""
    inputs = {}
    if any(file.local for files in TARGETS.jobs.values() for file in files):
        inputs["files"] = lambda wc: TARGETS.inputs(wc.dataset, wc.file)
    if TARGETS.certified():
        inputs["certified"] = lambda wc: TARGETS.certified(wc.dataset)
    return inputs
