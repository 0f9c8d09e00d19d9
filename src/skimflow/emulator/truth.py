"""What the true probability of a toy event reaches as a score: no model of the same events is better but by chance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skimflow.emulator import tables
from skimflow.emulator.metrics import Ranking, measures
from skimflow.emulator.tables import IDENTITY, MASKED, ROW, File
from skimflow.errors import InputError


def truth(events: File, oof: File, probabilities: Sequence[File], label: str) -> dict[str, Any]:
    """Measures of the true probability, for the events that a model was measured with.

    Args:
        events: table of events.
        oof: of the step `evaluate`.
        probabilities: files of `toy.write_probabilities`.

    Returns:
        `n_events`, `roc_auc`, `ap`, `brier`.

    Raises:
        InputError: an event of the table is in none of the files.
    """
    identity = pd.DataFrame(tables.columns(events, list(IDENTITY.values())))
    known = pd.concat([pd.DataFrame(tables.columns(path, [*IDENTITY, label])) for path in probabilities])
    joined = identity.merge(known.rename(columns=IDENTITY), on=list(IDENTITY.values()), how="left", validate="1:1")
    if joined[label].isna().any():
        lost = int(joined[label].isna().sum())
        raise InputError("truth", f"{events}: of {lost} events the true probability is in none of the toy's files")
    scored = tables.columns(oof, [ROW, "score", "label"])
    keep = (scored["label"] != MASKED) & np.isfinite(scored["score"])
    fired = scored["label"][keep].astype(float)
    true = joined[label].to_numpy()[scored[ROW][keep]]
    return {"n_events": int(keep.sum()), **measures(Ranking(true), fired, true, np.ones(len(true)))._asdict()}
