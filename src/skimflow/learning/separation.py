"""tt̄ against the other processes from m_bjj and the pT of lepton and leading jet: neighbours and decision trees.

The study of the older generation of the Analysis Grand Challenge (SYSTEMS 5c (0)) with measures that mean something for
classes of unequal size: the area under the ROC curve and the average precision, beside the base rate that a coin has.
Quantities are of nominal events, and standardised with the training events, as distances between neighbours need it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from skimflow.errors import InputError
from skimflow.extras import extra

Array = np.ndarray
QUANTITIES = ("m_bjj", "lepton_pt", "leading_jet_pt")
NEIGHBOURS, TREE = "nearest neighbours", "decision tree"


def compare(values: Array, signal: Array, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Train and judge each model.

    Args:
        values: QUANTITIES, shape (events, 3).
        signal: which events are tt̄, shape (events,), bool.
        settings: `neighbours`, `depths`: lists of parameters; `test`: fraction of events to judge with; `seed`.

    Returns:
        A row for each model, its parameter and sample (`train`, `test`): events, base_rate, roc_auc, average_precision,
        accuracy, and `majority`, the accuracy of calling everything by the larger class.

    Raises:
        InputError: there are too few events of one class to be split.
        ConfigError: scikit-learn is not installed.
    """
    if min(signal.sum(), (~signal).sum()) < 2 * max(1, int(1 / settings["test"])):
        raise InputError(
            "no_events", f"{signal.sum()} events of tt̄ and {(~signal).sum()} others are too few to learn from"
        )
    split = extra("sklearn.model_selection", "ml").train_test_split
    parts = split(values, signal, test_size=settings["test"], random_state=settings["seed"], stratify=signal)
    train, test, train_signal, test_signal = parts
    scaler = extra("sklearn.preprocessing", "ml").StandardScaler().fit(train)
    samples = {"train": (scaler.transform(train), train_signal), "test": (scaler.transform(test), test_signal)}
    rows = []
    for name, parameter, model in _models(settings, len(train)):
        model.fit(*samples["train"])
        for sample, (x, truth) in samples.items():
            score = model.predict_proba(x)[:, 1]
            rows.append({"model": name, "parameter": parameter, "sample": sample, **_measures(truth, score)})
    return pd.DataFrame(rows)


def _models(settings: Mapping[str, Any], events: int) -> Iterator[tuple[str, int, Any]]:
    neighbours, tree = extra("sklearn.neighbors", "ml"), extra("sklearn.tree", "ml")
    for number in settings["neighbours"]:
        if number <= events:
            yield NEIGHBOURS, number, neighbours.KNeighborsClassifier(n_neighbors=number)
    for depth in settings["depths"]:
        yield TREE, depth, tree.DecisionTreeClassifier(max_depth=depth, random_state=settings["seed"])


def _measures(truth: Array, score: Array) -> dict[str, float]:
    metrics, rate = extra("sklearn.metrics", "ml"), float(np.mean(truth))
    return {
        "events": len(truth),
        "base_rate": rate,
        "roc_auc": metrics.roc_auc_score(truth, score),
        "average_precision": metrics.average_precision_score(truth, score),
        "accuracy": metrics.accuracy_score(truth, score > 0.5),
        "majority": max(rate, 1 - rate),
    }
