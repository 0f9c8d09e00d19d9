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
