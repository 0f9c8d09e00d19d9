"""How much luminosity each dataset and each sample stands for."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skimflow.physics.recorded import RecordedLuminosity, shown

COLUMNS = ("sample", "dataset", "certified", "processed", "recorded_pb", "scaled_runs", "sections_not_in_table")


def account(
    processed: Mapping[str, np.ndarray],
    certified: Mapping[str, np.ndarray],
    samples: Mapping[str, str],
    table: RecordedLuminosity | None,
) -> dict[str, Any]:
    """Sections and recorded luminosity of each dataset, and of the datasets of a sample together (`all`).

    Args:
        processed, certified: (run, section) pairs by dataset, shape (n, 2).
        samples: sample of each dataset.
        table: recorded luminosity, if there is a table; without it the numbers are None.

    Returns:
        `rows` with the keys COLUMNS, and `statement`: the luminosity of the samples in words, empty without a table.
    """
    rows = []
    due_of, done_of = by_sample(certified, samples), by_sample(processed, samples)
    for sample in done_of:
        parts = [("all", due_of[sample], done_of[sample])]
        parts += [(name, certified[name], processed[name]) for name in processed if samples[name] == sample]
        for dataset, due, done in parts:
            found = table.of(done) if table else None
            rows.append(
                {
                    "sample": sample,
                    "dataset": dataset,
                    "certified": len(due),
                    "processed": len(done),
                    "recorded_pb": float(f"{found.value:.9g}") if found else None,
                    "scaled_runs": len(found.scaled) if found else 0,
                    "sections_not_in_table": sum(found.unknown.values()) if found else 0,
                }
            )
    totals = [row["recorded_pb"] for row in rows if row["dataset"] == "all"]
    return {"rows": rows, "statement": shown(totals) if table else ""}


def by_sample(sections: Mapping[str, np.ndarray], samples: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Sections of the datasets of each sample together."""
    members: dict[str, list[np.ndarray]] = {}
    for name, pairs in sections.items():
        members.setdefault(samples[name], []).append(pairs)
    return {sample: union(pairs) for sample, pairs in members.items()}


def union(sections: Iterable[np.ndarray]) -> np.ndarray:
    """Every (run, section) pair once, sorted, shape (n, 2)."""
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *sections]), axis=0)
