"""A fit as a measurement asks for it: everything that its tables and figures show."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skimflow.histograms.template import Template
from skimflow.stats.fitting import Fit, fit, ranking
from skimflow.stats.hypotests import limits, significance
from skimflow.stats.likelihood import Likelihood
from skimflow.stats.model import from_settings
from skimflow.stats.workspace import build
from skimflow.stats.yields import totals, yields

BEFORE, AFTER = "before", "after"


TABLES = ("parameters", "correlation", "ranking", "limit", "yields", "totals")
"""What `measure` makes beside the workspace: tables, those that were not asked for empty."""


class Measured(NamedTuple):
    """A fit and what was worked out with it: the workspace for pyhf, the result for people, and tables by name."""

    workspace: Mapping[str, Any]
    document: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]


def measure(templates: Mapping[str, Template], settings: Mapping[str, Any]) -> Measured:
    """Fit templates.

    Args:
        templates: by name, as `histograms.files.read` gives them.
        settings: those of `targets.fit_settings`.

    Returns:
        Tables: `parameters` and `correlation` of the fit, `ranking`, `limit`, and `yields` and `totals` before and
        after it (column `fit`).

    Raises:
        ConfigError: model and templates do not fit together, or the extra `fit` is missing.
    """
    likelihood = Likelihood(build(from_settings(settings["model"]), templates))
    found = fit(likelihood)
    document = {**found.document(), "notes": [*likelihood.workspace.notes, *found.notes]}
    tables = {
        "parameters": found.table(),
        "correlation": found.correlations().rename_axis("parameter").reset_index(),
        "ranking": ranking(likelihood, found) if settings["ranking"] and found.valid else pd.DataFrame(),
        "limit": limits({settings["signal"]: likelihood}) if settings["limit"] and found.valid else pd.DataFrame(),
        "yields": _both(yields, likelihood, found),
        "totals": _both(totals, likelihood, found),
    }
    if len(tables["limit"]):
        document["limit"] = _records(tables["limit"])[0]
    if settings["significance"] and found.valid:
        seen = significance(likelihood)
        document["significance"] = {"observed": seen.observed, "expected": seen.expected}
    return Measured(likelihood.workspace.document, document, tables)


def to_json(found: Measured) -> dict[str, Any]:
    """The result and its tables, as JSON can hold them."""
    return {**found.document, "tables": {name: _records(table) for name, table in found.tables.items()}}


def tables_of(content: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of `to_json`; numbers that are not known are NaN again."""
    tables = {name: pd.DataFrame(content["tables"][name]) for name in TABLES}
    return {name: table.infer_objects().replace({None: np.nan}) for name, table in tables.items()}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _both(table: Any, likelihood: Likelihood, found: Fit) -> pd.DataFrame:
    """A table of `stats.yields` before and, where the fit may be used, after it."""
    parts = [table(likelihood).assign(fit=BEFORE)]
    if found.valid:
        parts.append(table(likelihood, found).assign(fit=AFTER))
    return pd.concat(parts, ignore_index=True)


def summary(name: str, document: Mapping[str, Any]) -> list[str]:
    """Lines for a terminal."""
    lines = ["", f"fit {name}"]
    if not document["valid"]:
        return [*lines, f"  must not be used: {document['reason']}"]
    rows = {row["parameter"]: row for row in document["parameters"]}
    poi = rows[document["poi"]]
    low, high = document["interval"]
    ends = f", MINOS [{low:.4f}, {high:.4f}]" if low is not None and high is not None else ""
    lines.append(f"  {document['poi']} = {poi['value']:.4f} ± {poi['error']:.4f}{ends}")
    if document["p_value"] is not None:
        lines.append(f"  goodness of fit: p = {document['p_value']:.3g} ({document['degrees_of_freedom']} d.o.f.)")
    if "limit" in document:
        bound = document["limit"]
        seen = "" if bound["observed"] is None else f"{bound['observed']:.4g} observed, "
        lines.append(f"  upper limit at {100 * bound['level']:.0f} % CL: {seen}{bound['expected_median']:.4g} expected")
    if "significance" in document:
        seen = document["significance"]
        lines.append(f"  significance: {seen['observed']:.2f} σ observed, {seen['expected']:.2f} σ expected")
    return [*lines, *(f"  note: {note}" for note in document["notes"])]
