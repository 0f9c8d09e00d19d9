"""From scores to probabilities of events.

The highest score of an event's pairs grows with their number, so it is no probability of the event. It is calibrated at
the level of events, by scores that the model gave to events it had not seen; and who is calibrated is not among those
that the calibration is made from.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.emulator.extra import need
from skimflow.emulator.splits import TIME
from skimflow.errors import ConfigError

Array = np.ndarray
ISOTONIC, PLATT = "isotonic", "platt"
METHODS = (ISOTONIC, PLATT)
_LEAST = 1e-6


def fit(score: Array, label: Array, method: str) -> dict[str, Any]:
    """A calibration as plain numbers: a monotone step-free curve, or a logistic function of the log-odds (Platt).

    Args:
        score, label: of events, shape (n,); scores between 0 and 1.

    Raises:
        ConfigError: there is no such method.
    """
    if method == ISOTONIC:
        curve = need("sklearn.isotonic").IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        curve.fit(score, label)
        return {"method": method, "x": curve.X_thresholds_.tolist(), "y": curve.y_thresholds_.tolist()}
    if method == PLATT:
        logistic = need("sklearn.linear_model").LogisticRegression(C=np.inf)
        logistic.fit(_log_odds(score)[:, None], label)
        return {"method": method, "slope": float(logistic.coef_[0, 0]), "offset": float(logistic.intercept_[0])}
    raise ConfigError(f"calibration: {method} is none of {', '.join(METHODS)}")


def apply(calibration: Mapping[str, Any], score: Array) -> Array:
    """Probability of each event, shape (n,); NaN stays NaN."""
    if calibration["method"] == ISOTONIC:
        found = np.interp(score, calibration["x"], calibration["y"])
    else:
        found = 1 / (1 + np.exp(-(calibration["slope"] * _log_odds(score) + calibration["offset"])))
    return np.where(np.isnan(score), np.nan, found)


def cross_fitted(score: Array, label: Array, fold: Array, split: str, method: str) -> Array:
    """Probability of each event, by the calibration made from the other folds (in time: from the blocks before).

    Args:
        score: out of fold, shape (n,).
        label: 0 or 1, shape (n,).
        fold: where each event was tested, shape (n,).

    Returns:
        Shape (n,); NaN where there is nothing to calibrate with: in the first block in time that was tested.
    """
    found = np.full(len(score), np.nan)
    for test in np.unique(fold):
        others = fold < test if split == TIME else fold != test
        others &= np.isfinite(score)
        if len(np.unique(label[others])) == 2:
            mine = fold == test
            found[mine] = apply(fit(score[others], label[others], method), score[mine])
    return found


def _log_odds(score: Array) -> Array:
    inside = np.clip(score, _LEAST, 1 - _LEAST)
    return np.log(inside) - np.log1p(-inside)
