"""What is known of a label's scores out of fold, at the level of events."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimflow.emulator import calibration, metrics, prescales, splits
from skimflow.emulator.models import LIGHTGBM, METHODS, PREVALENCE
from skimflow.emulator.tables import MASKED, ROW
from skimflow.errors import InputError

Array = np.ndarray


def evaluated(
    values: Mapping[str, Array], identity: Mapping[str, Array], settings: Mapping[str, Any], name: str, split: str
) -> tuple[dict[str, Any], Array]:
    """Measures of all methods with intervals, working points, curves, calibration, prescale, and what to say of them.

    Args:
        values: of the tested events, shape (n,): `event_row`, `label` (0, 1 or MASKED), `fold`, `rows`, and a score by
            method.
        identity: of all events.
        name: of the label.

    Returns:
        Plain values; and the calibrated probability of each tested event by LightGBM, shape (n,).

    Raises:
        InputError: no event has both a label and a score, or all labels are equal.
    """
    known, scored = values["label"] != MASKED, np.isfinite(values[LIGHTGBM])
    keep = known & scored
    label, fold = values["label"][keep].astype(float), values["fold"][keep]
    if len(np.unique(label)) < 2:
        raise InputError("one_class", f"{name}: of {len(label)} events with label and score all or none fired it")
    methods = [method for method in METHODS if method in values]
    scores = {method: values[method][keep] for method in methods}
    cross = {m: _probability(m, scores[m], label, fold, split, settings["calibration"]) for m in methods}
    # A constant ranks nothing: that it differs a little between folds is no information.
    rankings = {m: metrics.Ranking(np.zeros(len(label)) if m == PREVALENCE else scores[m]) for m in methods}
    measured, gain = _measured(rankings, cross, label, settings)
    sections = _sections(identity, values[ROW], settings["sections"])
    best = dict(zip(("roc_auc", "ap"), metrics.attainable(cross[LIGHTGBM]), strict=True))
    observed = {n: measured[LIGHTGBM][n][0] for n in ("roc_auc", "ap")} | {"prevalence": float(label.mean())}
    observed |= {f"attainable_{n}": value for n, value in best.items()}
    plateau = prescales.plateau(scores[LIGHTGBM], label)
    declared = settings["labels"][name]["prescale"]
    prescaled, lines = prescales.verdict(declared, plateau, observed, settings["dataset"]["chosen_by_labels"])
    lines += _untrue(best, measured[LIGHTGBM]) if prescaled else []
    level = settings["bootstrap"]["level"]
    facts = {
        "label": name,
        "split": split,
        "level": settings["level"],
        "events": len(label),
        "fired": int(label.sum()),
        "prevalence": float(label.mean()),
        "masked": int((~known).sum()),
        "unscored": int((known & ~scored).sum()),
        "unscored_fired": int((values["label"][known & ~scored] == 1).sum()),
        "untested": len(identity["run"]) - len(known),
        "methods": measured,
        "gain": gain,
        "folds": _by_fold(scores, cross, values["rows"][keep], label, fold),
        "attainable": best,
        "plateau": plateau,
        "prescale": declared,
        "prescaled": prescaled,
        "ceiling": _ceiling(declared, observed["prevalence"], settings),
        "sections": sections,
        "sections_counted": settings["sections"] is None,
        "thresholds": metrics.thresholds(rankings[LIGHTGBM], label, settings["thresholds"], sections),
        "curves": {m: metrics.curves(rankings[m], label, sections) for m in methods if m != PREVALENCE},
        "reliability": {
            "calibrated": metrics.reliability(cross[LIGHTGBM], label, level),
            "raw": metrics.reliability(scores[LIGHTGBM], label, level),
        },
    }
    facts["statements"] = _statements(facts, settings, lines)
    probability = np.full(len(known), np.nan)
    probability[keep] = cross[LIGHTGBM]
    return facts, probability


def _sections(identity: Mapping[str, Array], tested: Array, processed: float | None) -> float:
    """Luminosity sections of the tested events: those that have events, or that share of the processed ones."""
    keys = (identity["run"].astype(np.int64) << 32) | identity["lumi"].astype(np.int64)
    mine = len(np.unique(keys[tested]))
    return processed * mine / len(np.unique(keys)) if processed else mine


def _untrue(best: Mapping[str, float], measured: Mapping[str, list[float]]) -> list[str]:
    if best["roc_auc"] >= measured["roc_auc"][1]:
        return []
    return ["More is reached than should be attainable: the calibration is not true, and no bound follows from it."]


def _probability(method: str, score: Array, label: Array, fold: Array, split: str, how: str) -> Array:
    return score if method == PREVALENCE else calibration.cross_fitted(score, label, fold, split, how)


def _measured(
    rankings: Mapping[str, metrics.Ranking],
    probabilities: Mapping[str, Array],
    label: Array,
    settings: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Value, low and high of each measure by method; and how much LightGBM gains over the best baseline.

    All methods see the same resampled events, so that the interval of a difference knows their correlation.
    """

    def measure(weight: Array) -> dict[tuple[str, str], float]:
        found = {}
        for method, ranking in rankings.items():
            for name, value in metrics.measures(ranking, label, probabilities[method], weight)._asdict().items():
                found[method, name] = value
        return found

    values = measure(np.ones(len(label)))
    replicas, level = settings["bootstrap"]["replicas"], settings["bootstrap"]["level"]
    drawn = metrics.bootstrap(measure, len(label), replicas, settings["seed"])
    found: dict[str, Any] = {method: {} for method in rankings}
    for (method, name), value in values.items():
        found[method][name] = [value, *metrics.span(drawn[method, name], level)]
    baseline = max((m for m in rankings if m != LIGHTGBM), key=lambda m: values[m, "roc_auc"])
    gain: dict[str, Any] = {"baseline": baseline}
    for name in metrics.Measures._fields:
        difference = drawn[LIGHTGBM, name] - drawn[baseline, name]
        gain[name] = [values[LIGHTGBM, name] - values[baseline, name], *metrics.span(difference, level)]
    return found, gain


def _by_fold(
    scores: Mapping[str, Array], probabilities: Mapping[str, Array], rows: Array, label: Array, fold: Array
) -> list[dict[str, Any]]:
    found = []
    for test in np.unique(fold).tolist():
        mine = fold == test
        about = {"fold": test, "n_rows": int(rows[mine].sum()), "n_events": int(mine.sum())}
        about["prevalence"] = float(label[mine].mean())
        for method, score in scores.items():
            ranking, weight = metrics.Ranking(score[mine]), np.ones(about["n_events"])
            measured = metrics.measures(ranking, label[mine], probabilities[method][mine], weight)
            found.append({**about, "method": method, **measured._asdict()})
    return found


def _ceiling(declared: float | None, prevalence: float, settings: Mapping[str, Any]) -> dict[str, float] | None:
    """Where the path fills the dataset the counter is not independent of being there, and there is no such bound."""
    if not declared or declared == 1 or settings["dataset"]["chosen_by_labels"]:
        return None
    return prescales.ceiling(prevalence, declared)


def _statements(facts: Mapping[str, Any], settings: Mapping[str, Any], prescale: list[str]) -> list[str]:
    lines = [_bias(facts["label"], settings["dataset"]), *prescale]
    value, low, high = facts["gain"]["roc_auc"]
    lines.append(
        f"ROC-AUC out of fold, by event: {facts['methods'][LIGHTGBM]['roc_auc'][0]:.4f}; over the best baseline "
        f"({facts['gain']['baseline']}) {value:+.4f} [{low:+.4f}, {high:+.4f}]."
    )
    if facts["unscored"]:
        share = facts["unscored"] / (facts["events"] + facts["unscored"])
        lines.append(
            f"{facts['unscored']} events ({share:.1%}) have no pair of opposite charge and no score; "
            f"{facts['unscored_fired']} of them fired. All numbers are of the others."
        )
    if facts["masked"]:
        lines.append(f"{facts['masked']} events are left out: the path was not in their menu, so nobody knows.")
    if facts["split"] == splits.TIME:
        lines.append(
            f"The first {facts['untested']} events in time are trained on and never tested; the first block that is "
            "tested has no earlier scores to be calibrated with, and does not count in calibration and Brier score."
        )
    if facts["ceiling"]:
        lines.append(
            "Whatever the model, with this prescale the expected ROC-AUC is at most "
            f"{facts['ceiling']['roc_auc']:.3f} and the average precision at most {facts['ceiling']['ap']:.3f}."
        )
    return lines


def _bias(label: str, dataset: Mapping[str, Any]) -> str:
    if not dataset["chosen_by_labels"]:
        return f"The events were not chosen by {label}: its probability is that of all selected events of this kind."
    return (
        f"The events are those of the primary dataset {dataset['primary']}, which {label} and other paths fill. The "
        "score is the probability that the path fired if the event was recorded there. That is more than its "
        "efficiency, and for events that only this path would have recorded it is 1 whatever the trigger does: no "
        "efficiency can be read off it."
    )
