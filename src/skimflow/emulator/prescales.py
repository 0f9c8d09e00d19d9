"""Is a path prescaled, and what does that leave to learn?

A path with prescale P accepts one of P events that pass it. A counter decides, and it knows nothing of the event: given
the decision before the prescale, the label is a coin toss of probability 1/P, and so it is for every score made of
offline quantities. What can be learnt is the decision before the prescale; the label itself cannot be predicted.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.efficiency.intervals import interval

Array = np.ndarray
_TOP = 0.02  # of the events, those of the highest scores
_LEAST = 50
_FIRES = 0.5  # an event that passes all legs for certain fires an unprescaled path more often than not
_SURE = 0.9999


def plateau(score: Array, label: Array) -> dict[str, Any]:
    """How often the events of the highest scores fired: near the efficiency of the legs, or near that over P.

    Returns:
        `fraction`, `low`, `high` (Clopper–Pearson, 99.99 %), `events`, and `below`: surely less than one in two.
    """
    number = max(min(_LEAST, len(score)), int(_TOP * len(score)))
    top = np.argsort(-score, kind="stable")[:number]
    value, low, high = interval(label[top].sum(), len(top), "clopper_pearson", _SURE)
    below = bool(len(top) >= _LEAST and high < _FIRES)
    return {"fraction": float(value), "low": float(low), "high": float(high), "events": len(top), "below": below}


def ceiling(prevalence: float, prescale: float) -> dict[str, float] | None:
    """Largest expected ROC-AUC and average precision of any score whatever, for events that the path did not choose.

    The best score is the decision before the prescale, which a share d = P · prevalence of the events passes. All that
    fired are among them, with d (1 - 1/P) that did not, above which half of the fired ones are by chance:
    AUC = 1 - d (1 - 1/P) / (2 (1 - prevalence)); and one in P of them fired: AP = 1/P.

    Returns:
        `roc_auc` and `ap`; None if more than all events would have passed: the prescale is not what was declared.
    """
    before = prescale * prevalence
    if before > 1 or not 0 < prevalence < 1:
        return None
    return {"roc_auc": 1 - before * (1 - 1 / prescale) / (2 * (1 - prevalence)), "ap": 1 / prescale}


def verdict(
    declared: float | None, found: Mapping[str, Any], observed: Mapping[str, float], chosen: bool
) -> tuple[bool, list[str]]:
    """Whether a label is taken as prescaled, and what to say about it.

    Args:
        declared: prescale, if it is known (1: none).
        found: of `plateau`.
        observed: `roc_auc`, `ap`, `prevalence`, and `attainable_roc_auc`, `attainable_ap` of the calibrated model.
        chosen: the path itself fills the dataset.
    """
    top = f"of the {found['events']} events of the highest scores {found['fraction']:.1%} fired"
    if declared == 1 and found["below"]:
        return False, [f"Declared without prescale, yet {top}: it is prescaled, or the quantities do not decide it."]
    if declared == 1 or (declared is None and not found["below"]):
        return False, [f"Not prescaled: {top}."]
    why = f"declared prescale {declared:g}" if declared else f"no prescale is declared, but {top}"
    chance = f"1/{declared:g}" if declared else "1/prescale"
    more = " (more within this dataset, which the path fills)" if chosen else ""
    lines = [
        f"Prescaled ({why}). Once an event has passed the legs a counter decides, and the label is a coin toss of "
        f"{chance}{more}, independent of everything offline. If the calibrated probabilities are true, no model of "
        "these quantities can be expected to do better than a ROC-AUC of "
        f"{observed['attainable_roc_auc']:.3f} and an average precision of {observed['attainable_ap']:.3f}; this one "
        f"has {observed['roc_auc']:.3f} and {observed['ap']:.3f}, at a prevalence of {observed['prevalence']:.3f}. "
        "What can be learnt is the decision before the prescale."
    ]
    if declared and not found["below"]:
        lines.append(f"But {top}, which is too often for that prescale: check it.")
    return True, lines
