"""Learning which jet is which quark: a boosted tree for each half of the events, applied to the other half.

LightGBM and not XGBoost: the trigger emulator needs it anyway, it gives the same trees on every machine with one thread
and a seed, and its models are text. Events of even number train one model, the odd ones the other: no event is ever
judged by a model that has seen it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skimflow.errors import InputError
from skimflow.extras import extra
from skimflow.learning.events import JETS, Assigned
from skimflow.physics.assignment import FEATURES, assignments

Array = np.ndarray
EVEN, ODD = "even", "odd"
_ALL, _HALF, _QUARTER, _NONE = 4, 2, 1, 0


def train(events: Assigned, settings: Mapping[str, Any]) -> tuple[dict[str, Any], pd.DataFrame]:
    """Two models, and how well they do.

    Args:
        settings: `trees`, `leaves`, `learning_rate`, `seed`, `max_events` (of each half).

    Returns:
        Text of the models by the half that they were trained with; rows of `measures`, for `train` and `validation`.

    Raises:
        InputError: a half has no event.
        ConfigError: LightGBM is not installed.
    """
    lightgbm, metrics = extra("lightgbm", "ml"), extra("sklearn.metrics", "ml")
    halves = {EVEN: _half(events, 0), ODD: _half(events, 1)}
    for name, half in halves.items():
        if not len(half.number):
            raise InputError("no_events", f"no event of {name} number has its four leading jets from the four quarks")
    models, rows = {}, []
    for name, other in ((EVEN, ODD), (ODD, EVEN)):
        own = _first(halves[name], settings["max_events"])
        model = lightgbm.LGBMClassifier(
            n_estimators=settings["trees"],
            num_leaves=settings["leaves"],
            learning_rate=settings["learning_rate"],
            random_state=settings["seed"],
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
        model.fit(_table(own), (own.right == _ALL).reshape(-1))
        models[name] = model.booster_.model_to_string()
        for sample, half in (("train", own), ("validation", halves[other])):
            score = model.predict_proba(_table(half))[:, 1].reshape(half.right.shape)
            rows.append({"model": name, "sample": sample, **measures(half, score, metrics)})
    rows += [{"model": "random", "sample": name, **random(half)} for name, half in halves.items()]
    return models, pd.DataFrame(rows)


def measures(events: Assigned, score: Array, metrics: Any) -> dict[str, float]:
    """How well scores of assignments, shape (events, assignments), find the right ones.

    `jet_score` is the mean fraction of jets that are where they belong, in the best assignment of each event; `all`,
    `half`, `quarter` and `none` are the fractions of events by how many are (three cannot be). `trijet` is the fraction
    of events whose hadronic top is the right three jets, `trijet_pt` the same for the three of the largest pT.
    """
    truth, flat = (events.right == _ALL).reshape(-1), score.reshape(-1)
    right = np.take_along_axis(events.right, score.argmax(axis=1)[:, None], axis=1)[:, 0]
    guess = flat > 0.5
    return {
        "events": len(right),
        "accuracy": metrics.accuracy_score(truth, guess),
        "precision": metrics.precision_score(truth, guess, zero_division=0),
        "recall": metrics.recall_score(truth, guess),
        "f1": metrics.f1_score(truth, guess),
        "roc_auc": metrics.roc_auc_score(truth, flat),
        "average_precision": metrics.average_precision_score(truth, flat),
        "base_rate": truth.mean(),
        **_by_number(right),
        "trijet": _trijet(events, np.arange(score.shape[1]) == score.argmax(axis=1)[:, None]),
        "trijet_pt": _trijet(events, events.leading),
    }


def random(events: Assigned) -> dict[str, float]:
    """What a random assignment would give: the mean over all of them."""
    return {"events": len(events.number), **_by_number(events.right.reshape(-1)), "trijet": 1 / 4}


def _by_number(right: Array) -> dict[str, float]:
    shares = {name: float((right == n).mean()) for name, n in _NUMBERS.items()}
    return {"jet_score": float(right.mean() / _ALL), **shares}


_NUMBERS = {"all": _ALL, "half": _HALF, "quarter": _QUARTER, "none": _NONE}


def _trijet(events: Assigned, chosen: Array) -> float:
    """Fraction of events in which a chosen assignment has the right jet for the leptonic b, and so the right three.

    The assignments of one trijet are three: one of them is right, if any is.
    """
    best = np.where(chosen, _leptonic(events), False)
    return float(best.any(axis=1).mean())


def _leptonic(events: Assigned) -> Array:
    """Which assignments have the b jet of the leptonic top right, shape (events, assignments)."""
    last = assignments(JETS)[:, 3]
    truth = last[events.right.argmax(axis=1)]
    return last[None, :] == truth[:, None]


def _half(events: Assigned, odd: int) -> Assigned:
    mine = events.number % 2 == odd
    return Assigned(*(values[mine] for values in events))


def _first(events: Assigned, number: int) -> Assigned:
    return Assigned(*(values[:number] for values in events))


def _table(events: Assigned) -> pd.DataFrame:
    return pd.DataFrame(events.features.reshape(-1, len(FEATURES)), columns=list(FEATURES))
