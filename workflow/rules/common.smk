# Helpers of the rules.


def figure(folder, name, caption, **labels):
    """Outputs of a figure; `labels` are its columns in the report's list."""
    png, pdf = RESULTS.figure(folder, name)
    return {
        "png": report(
            png, caption=f"../report/{caption}.rst", category="Figures", labels=labels
        ),
        "pdf": pdf,
    }


def locked(wildcards):
    """No input, but the end of the run while a dataset that needs a lock has none."""
    try:
        TARGETS.need_locks()
    except SkimflowError as error:
        sys.exit(f"error: {error}")
    return []
