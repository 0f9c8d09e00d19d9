"""What made the results, and of which files."""

from collections.abc import Mapping
from html import escape
from typing import Any

from skimflow.pages.markup import html_table, page


def provenance(stamps: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """Versions, fingerprints, and where the files come from.

    Args:
        stamps: provenance by name of output.
        settings: those of `targets.page_settings`.
    """
    versions = next(iter(stamps.values()))["versions"]
    return page(
        "Provenance",
        "<p>Every Parquet file and figure carries this in its metadata. The configuration is among the files.</p>",
        "<h2>Versions</h2>",
        html_table(["package|", "version|"], [[escape(name), escape(number)] for name, number in versions.items()]),
        "<h2>Steps</h2>",
        "<p>Hash of the settings that a step depends on, and fingerprint of the code that it ran.</p>",
        html_table(
            ["output|", "settings|", "code|"],
            [
                [escape(name), f"<code>{s['settings']}</code>", f"<code>{s['code']}</code>"]
                for name, s in stamps.items()
            ],
        ),
        "<h2>Files</h2>",
        "<p>Names, UUIDs and numbers of events of locked files are in config/locks/.</p>",
        html_table(
            ["dataset|", "from|t"],
            [[escape(name), escape(about["source"])] for name, about in settings["datasets"].items()],
        ),
    )
