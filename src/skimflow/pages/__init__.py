"""Pages of the report that are read and not downloaded: what was measured, and its tables.

Everything here is a text of HTML that stands by itself, without scripts and without the time of day.
"""

from html import escape

from skimflow.pages.markup import page
from skimflow.pages.measurement import measurement
from skimflow.pages.provenance import provenance
from skimflow.pages.tables import cutflow, efficiencies, intervals, scale_factors, stability, tag_and_probe, turn_ons

__all__ = [
    "cutflow",
    "efficiencies",
    "intervals",
    "measurement",
    "provenance",
    "result",
    "scale_factors",
    "stability",
    "tag_and_probe",
    "turn_ons",
]


def result(summary: str) -> str:
    """The text that ends a run."""
    return page("Result", f"<pre>{escape(summary)}</pre>")
