"""Which quantities a model uses: gain, permutation, and SHAP values, which LightGBM works out itself.

The package shap is not used: it would bring numba and llvmlite, for the same algorithm that LightGBM has built in as
`pred_contrib`: TreeSHAP (Lundberg et al., Nat. Mach. Intell. 2 (2020) 56).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skimflow.emulator.metrics import Ranking
from skimflow.emulator.models import booster
from skimflow.emulator.tables import highest

Array = np.ndarray


class Scored(NamedTuple):
    """Rows that a model has not seen: quantities (n, features), event of each, ascending, and labels of the events.

    `label` has the shape (events,), and every event has at least one row.
    """

    features: Array
    event: Array
    label: Array


def importance(
    model: Mapping[str, Any], names: Sequence[str], rows: Scored, parts: Array, repeats: int, seed: int
) -> pd.DataFrame:
    """A row for each quantity: share of the gain in training, loss of event-level ROC-AUC when its values are shuffled
    among the rows (mean and standard deviation over repeats), and mean |SHAP| in units of the log-odds.

    Args:
        parts: of `shap`, of some rows.
    """
    trees, rng = booster(model), np.random.default_rng(seed)
    gain = trees.feature_importance("gain")
    reference = _roc_auc(trees, rows.features, rows)
    losses = []
    for place in range(len(names)):
        lost = []
        for _ in range(repeats):
            shuffled = rows.features.copy()
            shuffled[:, place] = rng.permutation(shuffled[:, place])
            lost.append(reference - _roc_auc(trees, shuffled, rows))
        losses.append(lost)
    return pd.DataFrame(
        {
            "feature": list(names),
            "gain": gain / max(gain.sum(), 1e-300),
            "permutation": np.mean(losses, axis=1),
            "permutation_error": np.std(losses, axis=1),
            "shap": np.abs(parts[:, :-1]).mean(axis=0),
        }
    )


def shap(model: Mapping[str, Any], features: Array) -> Array:
    """SHAP values of each row, shape (n, features + 1); the last is the mean score, and a row's sum is its log-odds."""
    return booster(model).predict(features, pred_contrib=True, num_threads=1)


def _roc_auc(trees: Any, features: Array, rows: Scored) -> float:
    score = highest(trees.predict(features, raw_score=True, num_threads=1), rows.event, len(rows.label))
    return Ranking(score).roc_auc(rows.label, 1 - rows.label)
