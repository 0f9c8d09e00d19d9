"""How good scores are: ranking, calibration, working points, with intervals from a bootstrap over events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from skimflow.efficiency.intervals import interval
from skimflow.errors import ConfigError

Array = np.ndarray
SECTION_SECONDS = 2**18 * 3564 * 24.95e-9
"""A luminosity section: 2^18 orbits of 3564 places of 24.95 ns, 23.31 s."""
RULES = ("rate", "acceptance", "precision", "recall")
_POINTS = 200
_BINS = 20


class Ranking:
    """Events by falling score; events of equal score are one group.

    Args:
        score: shape (n,), without NaN.
    """

    def __init__(self, score: Array):
        self._order = np.argsort(-score, kind="stable")
        falling = score[self._order]
        self._start = (
            np.flatnonzero(np.concatenate([[True], np.diff(falling) != 0])) if len(score) else np.empty(0, int)
        )
        self.threshold = falling[self._start]

    def sums(self, weight: Array) -> Array:
        """Weight of each group, shape (groups,)."""
        return np.add.reduceat(weight[self._order], self._start) if len(self._start) else np.empty(0)

    def roc_auc(self, positive: Array, negative: Array) -> float:
        """Probability that a positive is above a negative; equal scores count half. Weights of events, shape (n,)."""
        p, n = self.sums(positive), self.sums(negative)
        total = p.sum() * n.sum()
        return float(n @ (np.cumsum(p) - p / 2) / total) if total > 0 else float("nan")

    def average_precision(self, positive: Array, negative: Array) -> float:
        """Sum of precision times gain in recall, over thresholds."""
        p, n = self.sums(positive), self.sums(negative)
        accepted = np.cumsum(p) + np.cumsum(n)
        precision = np.divide(np.cumsum(p), accepted, out=np.zeros(len(p)), where=accepted > 0)
        return float(p @ precision / p.sum()) if p.sum() > 0 else float("nan")


class Measures(NamedTuple):
    """Of one score; `brier` is that of the probability."""

    roc_auc: float
    ap: float
    brier: float


def measures(ranking: Ranking, label: Array, probability: Array, weight: Array) -> Measures:
    """Args: label, probability, weight: of events, shape (n,). Events without a probability do not count in Brier."""
    known = np.isfinite(probability)
    square = (probability[known] - label[known]) ** 2
    held = weight[known].sum()
    brier = float(weight[known] @ square / held) if held > 0 else float("nan")
    positive = weight * label
    negative = weight - positive
    return Measures(ranking.roc_auc(positive, negative), ranking.average_precision(positive, negative), brier)


def attainable(probability: Array) -> tuple[float, float]:
    """ROC-AUC and average precision that a score reaches if these are the true probabilities of the labels.

    No score that uses the same quantities has more in expectation: it ranks by the probability already, which is best
    (Neyman and Pearson). What is missing to 1 is chance.
    """
    known = probability[np.isfinite(probability)]
    ranking = Ranking(known)
    return ranking.roc_auc(known, 1 - known), ranking.average_precision(known, 1 - known)


def bootstrap(
    measure: Callable[[Array], Mapping[str, float]], events: int, replicas: int, seed: int
) -> dict[str, Array]:
    """Values of `measure` for resampled events, each of shape (replicas,).

    Args:
        measure: from how often each event was drawn, shape (events,), to numbers.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(replicas):
        drawn = np.bincount(rng.integers(events, size=events), minlength=events).astype(float)
        found.append(dict(measure(drawn)))
    return {name: np.array([one[name] for one in found]) for name in (found[0] if found else {})}


def span(values: Array, level: float) -> tuple[float, float]:
    """Central interval of the bootstrap's values."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def curves(ranking: Ranking, label: Array, sections: float) -> dict[str, list[float]]:
    """Points of the ROC, precision–recall and rate–efficiency curves, by falling threshold, at most about 200.

    `efficiency` is the recall, `rate` in Hz counts accepted events per length of `sections` luminosity sections.
    """
    true, false = np.cumsum(ranking.sums(label)), np.cumsum(ranking.sums(1 - label))
    accepted = true + false
    # Equal steps in accepted events, and further ones where few are accepted, which is where a trigger works.
    steps = np.unique(
        np.concatenate([np.geomspace(1, accepted[-1], _POINTS // 2), np.linspace(0, accepted[-1], _POINTS // 2)])
    )
    place = np.unique(np.minimum(np.searchsorted(accepted, steps), len(accepted) - 1))
    true, false, accepted = true[place], false[place], accepted[place]
    return {
        "threshold": ranking.threshold[place].tolist(),
        "efficiency": _share(true, label.sum()),
        "false_positive_rate": _share(false, (1 - label).sum()),
        "precision": (true / accepted).tolist(),
        "acceptance": _share(accepted, len(label)),
        "rate": (accepted / (sections * SECTION_SECONDS)).tolist(),
    }


def _share(part: Array, total: float) -> list[float]:
    return (part / total).tolist() if total else np.full(len(part), np.nan).tolist()


def reliability(probability: Array, label: Array, level: float) -> dict[str, list[float]]:
    """Observed fraction against mean probability, in bins of equally many events, with Clopper–Pearson intervals."""
    known = np.flatnonzero(np.isfinite(probability))
    order = known[np.argsort(probability[known], kind="stable")]
    bins = [part for part in np.array_split(order, min(_BINS, len(order))) if len(part)] if len(order) else []
    passed = np.array([label[part].sum() for part in bins], float)
    total = np.array([len(part) for part in bins], float)
    value, low, high = interval(passed, total, "clopper_pearson", level)
    mean = [float(probability[part].mean()) for part in bins]
    return {
        "probability": mean,
        "observed": value.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "n": total.tolist(),
    }


def thresholds(
    ranking: Ranking, label: Array, targets: Mapping[str, Sequence[float]], sections: float
) -> list[dict[str, Any]]:
    """Working points: an event is accepted whose score is at least the threshold.

    `rate` (Hz) and `acceptance` (share of all events) accept as much as they may; `precision` accepts as much as it can
    while as large a share of it fired; `recall` accepts as little as it must for that share of the fired events. A
    target that no threshold reaches has NaN, and `reached` is false.

    Raises:
        ConfigError: a rule is unknown.
    """
    unknown = [rule for rule in targets if rule not in RULES]
    if unknown:
        raise ConfigError(f"thresholds: {', '.join(unknown)} is none of {', '.join(RULES)}")
    true = np.cumsum(ranking.sums(label))
    accepted = true + np.cumsum(ranking.sums(1 - label))
    points = {
        "threshold": ranking.threshold,
        "rate": accepted / (sections * SECTION_SECONDS),
        "acceptance": accepted / len(label),
        "precision": true / accepted,
        "recall": true / label.sum() if label.sum() else np.full(len(true), np.nan),
    }
    found = []
    for rule, values in targets.items():
        for target in values:
            place = _place(rule, points[rule], target)
            chosen = {name: float("nan") if place is None else float(v[place]) for name, v in points.items()}
            found.append({"rule": rule, "target": float(target), "reached": place is not None, **chosen})
    return found


def _place(rule: str, values: Array, target: float) -> int | None:
    """The loosest threshold that keeps the target; for recall the tightest."""
    good = np.flatnonzero(values <= target if rule in ("rate", "acceptance") else values >= target)
    if not len(good):
        return None
    return int(good[0] if rule == "recall" else good[-1])
