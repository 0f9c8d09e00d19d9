"""The jobs of the emulator: from files to files, one function for each, all outputs whole.

`settings` are plain values:

- `labels`: by trigger path `prescale` (1: none; None: not known).
- `dataset`: `primary` (name of the primary dataset, or None) and `chosen_by_labels` (the labels' paths fill it).
- `level`: `event` (the two leading muons) or `pair` (all pairs of opposite charge, the highest score of an event).
- `features`: columns of the table of that level.
- `turn_on`: the `columns` of two pT, and `thresholds` by label, for the baseline; labels without them have none.
- `lightgbm`: its parameters, with `rounds`; `seed`, `threads`.
- `splits`: number of folds by split, of `splits.SPLITS`.
- `calibration`: `isotonic` or `platt`.
- `bootstrap`: `replicas`, `level`.
- `thresholds`: targets by rule, of `metrics.RULES`; `sections`: processed luminosity sections, or None (those that have
  events are counted).
- `explain`: `events` to shuffle, `repeats`, and `shap`: how many rows get SHAP values.
- `drift`: of `drift.drift`.

`stamp` is the provenance of `skimflow.provenance.stamp`, which every output carries.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skimflow.arrow import numbers
from skimflow.emulator import calibration, explain, models, splits, tables
from skimflow.emulator import drift as drifting
from skimflow.emulator.evaluation import evaluated
from skimflow.emulator.metrics import Measures
from skimflow.emulator.tables import IDENTITY, MASKED, ROW, Tables
from skimflow.errors import ConfigError, InputError
from skimflow.io.outputs import read_stamp, write_json, write_table, write_text

Array = np.ndarray
Settings = Mapping[str, Any]
Stamp = Mapping[str, Any]
File = str | Path
PAIR, EVENT = "pair", "event"
_MEASURES = Measures._fields
_ATTAINABLE = ("attainable_roc_auc", "attainable_ap")


class Place(NamedTuple):
    """Which of the models: that of a label, tested in a fold of a split."""

    label: str
    split: str
    fold: int


def table(skims: Sequence[File], settings: Settings, found: Tables, summary: File, stamp: Stamp) -> None:
    """Tables of pairs and events from the event files of skims; what is in them goes to `summary` (JSON)."""
    facts = tables.make(skims, list(settings["labels"]), found, stamp)
    write_json({**facts, "stamp": stamp}, summary)


def folds(found: Tables, settings: Settings, output: File, stamp: Stamp) -> None:
    """Fold of each event, in the order of the table of events, in a column for each split."""
    identity = tables.columns(found.events, list(IDENTITY.values()))
    columns = {}
    for split, number in settings["splits"].items():
        if split != splits.EVENT:
            tables.identified(identity, f"splits.{split}")
        fold = splits.folds(*(identity[name] for name in IDENTITY.values()), split, number, settings["seed"])
        columns[split] = numbers(fold, pa.int16())
    write_table(pa.table(columns), output, stamp)


def train(
    found: Tables, fold_file: File, settings: Settings, place: Place, model: File, text: File | None, stamp: Stamp
) -> None:
    """Train all methods on the events that a fold does not test."""
    label = _label(found, place.label)
    training, _ = splits.masks(_folds(fold_file, place.split), place.split, place.fold)
    _train(found, settings, label, training, model, text, {"place": place._asdict(), "stamp": stamp}, place.label)


def predict(found: Tables, fold_file: File, settings: Settings, model: File, output: File, stamp: Stamp) -> None:
    """Scores of the events that the model's fold tests: `event_row`, `rows` (of the event) and a column by method.

    An event without rows, such as one without a pair, has NaN.
    """
    loaded = models.load(model)
    place = Place(**loaded["place"])
    _, mine = splits.masks(_folds(fold_file, place.split), place.split, place.fold)
    _accept(loaded, found, settings)
    rows, event = _rows(found, settings, mine)
    chosen, events = np.flatnonzero(mine), len(mine)
    columns = {ROW: numbers(chosen), "rows": numbers(np.bincount(event, minlength=events)[chosen].astype(np.int32))}
    for method, score in models.predict(loaded, rows).items():
        columns[method] = numbers(tables.highest(score, event, events)[chosen])
    write_table(pa.table(columns), output, {**stamp, "place": place._asdict()})


def processed_sections(completeness: File) -> float | None:
    """Luminosity sections that were processed, of the account that `aggregate` wrote; None without collision data."""
    account = json.loads(Path(completeness).read_text(encoding="utf-8"))
    rows = [row["processed"] for row in account["luminosity"]["rows"] if row["dataset"] == "all"]
    return float(sum(rows)) if rows else None


def evaluate(
    found: Tables,
    scores: Sequence[File],
    settings: Settings,
    label: str,
    split: str,
    output: File,
    oof: File,
    stamp: Stamp,
) -> None:
    """Everything about a label's scores out of fold (JSON), and by event the score with its probability, and the
    label, -1 where it is unknown (Parquet).

    Args:
        scores: of `predict`, of each fold of the split.

    Raises:
        InputError: a fold is missing or comes twice.
    """
    identity = tables.columns(found.events, list(IDENTITY.values()))
    scored = _scored(scores, settings, label, split)
    values = scored | {"label": _label(found, label)[scored[ROW]]}
    facts, probability = evaluated(values, identity, settings, label, split)
    write_json(_without_nan({**facts, "stamp": stamp}), output)
    columns = {name: values[name] for name in (ROW, "fold", "label")}
    columns |= {"score": values[models.LIGHTGBM], "probability": probability}
    write_table(pa.table({name: numbers(part) for name, part in columns.items()}), oof, stamp)


def explanation(
    found: Tables, fold_file: File, settings: Settings, model: File, importance: File, shap: File, stamp: Stamp
) -> None:
    """Importance of each quantity (CSV), and SHAP values beside the values of rows (Parquet), of events that the model
    was not trained on."""
    loaded = models.load(model)
    place = Place(**loaded["place"])
    label = _label(found, place.label)
    _, mine = splits.masks(_folds(fold_file, place.split), place.split, place.fold)
    rng = np.random.default_rng(settings["seed"])
    chosen = np.flatnonzero(mine & (label != MASKED))
    chosen = rng.permutation(chosen)[: settings["explain"]["events"]]
    keep = np.zeros(len(label), bool)
    keep[chosen] = True
    rows, event = _rows(found, settings, keep)
    known, event = np.unique(event, return_inverse=True)
    unseen = explain.Scored(rows.features, event, label[known].astype(float))
    names, shown = settings["features"], rows.features[: settings["explain"]["shap"]]
    parts = explain.shap(loaded, shown)
    report = explain.importance(loaded, names, unseen, parts, settings["explain"]["repeats"], settings["seed"])
    report.insert(0, "label", place.label)
    write_text(report.to_csv(index=False), importance)
    columns = {f"value_{name}": numbers(shown[:, i]) for i, name in enumerate(names)}
    columns |= {f"shap_{name}": numbers(parts[:, i]) for i, name in enumerate(names)}
    write_table(pa.table(columns), shap, {**stamp, "place": place._asdict()})


def drift(found: Tables, oof: File, settings: Settings, label: str, output: File, verdict: File, stamp: Stamp) -> None:
    """Change of inputs and score by blocks of runs (CSV), and the verdict (JSON).

    Inputs of pairs are those of the event's first pair.
    """
    scored = tables.columns(oof, [ROW, "score"])
    known = np.isfinite(scored["score"])
    labels = _label(found, label)[scored[ROW]]
    known &= labels != MASKED
    row = scored[ROW][known]
    identity = tables.columns(found.events, list(IDENTITY.values()))
    tables.identified(identity, "drift")
    keep = np.zeros(len(identity["run"]), bool)
    keep[row] = True
    rows, event = _rows(found, settings, keep)
    first = np.flatnonzero(np.diff(event, prepend=-1) > 0)
    place = np.full(len(keep), -1)
    place[event[first]] = first
    quantities = {name: rows.features[place[row], i] for i, name in enumerate(settings["features"])}
    quantities[drifting.SCORE] = scored["score"][known]
    changes = drifting.drift(identity["run"][row], quantities, labels[known].astype(float), settings["drift"])
    changes.insert(0, "label", label)
    write_text(changes.to_csv(index=False), output)
    write_json({"label": label, **drifting.overall(changes), "stamp": stamp}, verdict)


def final(
    found: Tables,
    scores: Sequence[File],
    settings: Settings,
    label: str,
    split: str,
    model: File,
    text: File,
    stamp: Stamp,
) -> None:
    """The model to be used: trained on all events, calibrated by scores out of fold.

    Args:
        scores: of `predict`, of each fold of the split.
    """
    labels = _label(found, label)
    scored = _scored(scores, settings, label, split)
    known = labels[scored[ROW]]
    score = scored[models.LIGHTGBM]
    keep = (known != MASKED) & np.isfinite(score)
    curve = calibration.fit(score[keep], known[keep].astype(float), settings["calibration"])
    about = {"place": {"label": label, "split": split, "fold": None}, "calibration": curve, "stamp": stamp}
    _train(found, settings, labels, np.ones(len(labels), bool), model, text, about, label)


def apply(model: File, events: File, output: File, stamp: Stamp) -> None:
    """Score and probability of each event of a skim, or of one of the tables; NaN for an event without a pair.

    Raises:
        InputError: the columns or the selection are not those that the model was trained on.
    """
    loaded = models.load(model)
    if "calibration" not in loaded:
        raise InputError(
            "not_final", f"{model}: is the model of one fold, which no event is scored with; use the final one"
        )
    models.accept(loaded, tables.schema(events, _needed(loaded)), events)
    rows, event, identity = _to_score(loaded, events)
    number = len(identity["run"])
    score = tables.highest(models.predict(loaded, rows)[models.LIGHTGBM], event, number)
    columns = {**identity, "score": score, "probability": calibration.apply(loaded["calibration"], score)}
    about = {"model": {"label": loaded["label"], "schema": loaded["schema_hash"], "stamp": loaded["stamp"]}}
    about["inputs"] = read_stamp(events).get("inputs", [])
    write_table(pa.table({name: numbers(values) for name, values in columns.items()}), output, {**stamp, **about})


def collect(
    evaluations: Sequence[File],
    settings: Settings,
    metrics_per_label: File,
    event_metrics: File,
    thresholds: File,
    config: File,
    stamp: Stamp,
) -> None:
    """The tables of all labels and splits (CSV), and the settings with what has to be said of the results (JSON)."""
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in evaluations]
    folds_, events, points = [], [], []
    for facts in found:
        about = {"label": facts["label"], "split": facts["split"], "level": facts["level"]}
        folds_ += [{**about, **row} for row in facts["folds"]]
        points += [{**about, **row} for row in facts["thresholds"]]
        shared = {"n_events": facts["events"], "prevalence": facts["prevalence"], "prescaled": facts["prescaled"]}
        shared |= {f"attainable_{name}": value for name, value in facts["attainable"].items()}
        for method, measured in facts["methods"].items():
            row = {f"{name}{end}": v[i] for name, v in measured.items() for i, end in enumerate(("", "_low", "_high"))}
            events.append({**about, "method": method, **shared, **row})
    for rows, path, order in (
        (folds_, metrics_per_label, ("fold", "method", "n_rows", "n_events", "prevalence", *_MEASURES)),
        (events, event_metrics, ("method", "n_events", "prevalence", *_intervals(), "prescaled", *_ATTAINABLE)),
        (points, thresholds, ("rule", "target", "reached", "threshold", "precision", "recall", "rate", "acceptance")),
    ):
        write_text(pd.DataFrame(rows, columns=["label", "split", "level", *order]).to_csv(index=False), path)
    said = {f"{facts['label']}, {facts['split']}": facts["statements"] for facts in found}
    write_json({"settings": dict(settings), "statements": said, "stamp": stamp}, config)


def _intervals() -> list[str]:
    return [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]


def _train(
    found: Tables,
    settings: Settings,
    label: Array,
    training: Array,
    model: File,
    text: File | None,
    about: Mapping[str, Any],
    name: str,
) -> None:
    rows, event = _rows(found, settings, training & (label != MASKED))
    trained = models.train(rows, label[event], name, settings)
    own = {"label": name, "level": settings["level"], "features": list(settings["features"])}
    own["turn_on_columns"] = list(settings["turn_on"]["columns"])
    described = tables.schema(_source(found, settings), _needed(own))
    schema = {"schema": described, "schema_hash": tables.schema_hash(described), "rows": len(event)}
    models.save({**own, **schema, **trained, **about}, model, text)


def _label(found: Tables, name: str) -> Array:
    """0, 1 or MASKED by event."""
    return tables.columns(found.events, [name])[name]


def _folds(fold_file: File, split: str) -> Array:
    return tables.columns(fold_file, [split])[split]


def _source(found: Tables, settings: Settings) -> File:
    if settings["level"] not in (PAIR, EVENT):
        raise ConfigError(f"level: {settings['level']} is neither {EVENT} nor {PAIR}")
    return found.pairs if settings["level"] == PAIR else found.events


def _needed(model: Mapping[str, Any]) -> list[str]:
    """Columns that a model reads."""
    return list(dict.fromkeys([*model["features"], *model["turn_on_columns"]]))


def _rows(found: Tables, settings: Settings, keep: Array) -> tuple[models.Rows, Array]:
    """Rows of the events of a mask, and the event of each, ascending."""
    path, pt = _source(found, settings), settings["turn_on"]["columns"]
    names = list(dict.fromkeys([*settings["features"], *pt]))
    values = tables.columns(path, [*names, ROW] if settings["level"] == PAIR else names)
    event = values[ROW] if settings["level"] == PAIR else np.arange(len(keep))
    mine = keep[event]
    rows = models.Rows(tables.matrix(values, settings["features"])[mine], tables.matrix(values, pt)[mine])
    return rows, event[mine]


def _accept(model: Mapping[str, Any], found: Tables, settings: Settings) -> None:
    source = _source(found, settings)
    models.accept(model, tables.schema(source, _needed(model)), source)


def _scored(scores: Sequence[File], settings: Settings, label: str, split: str) -> dict[str, Array]:
    """The scores of all folds together, by event, with the `fold` of each."""
    wanted = splits.tested(split, settings["splits"][split])
    by_fold = {}
    for path in scores:
        place = Place(**read_stamp(path)["place"])
        if (place.label, place.split) != (label, split) or place.fold in by_fold or place.fold not in wanted:
            raise InputError("scores", f"{path}: holds {place}, which is not wanted here or is there already")
        by_fold[place.fold] = path
    missing = [fold for fold in wanted if fold not in by_fold]
    if missing:
        raise InputError(
            "scores", f"{label}: the split {split} lacks the scores of fold {', '.join(map(str, missing))}"
        )
    parts = []
    for fold in wanted:
        part = tables.columns(by_fold[fold], pq.read_schema(by_fold[fold]).names)
        parts.append(part | {"fold": np.full(len(part[ROW]), fold, np.int16)})
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(whole[ROW], kind="stable")
    return {name: values[order] for name, values in whole.items()}


def _to_score(model: Mapping[str, Any], path: File) -> tuple[models.Rows, Array, dict[str, Array]]:
    """Rows for the model, the event of each, and the identity of the events; of a skim or a table."""
    known = pq.read_schema(path).names
    identity = {IDENTITY.get(name, name): name for name in known if name in (*IDENTITY, *IDENTITY.values())}
    extra = [name for name in ("pair", ROW) if name in known]
    values = tables.columns(path, [*identity.values(), *extra, *_needed(model)])
    size = len(values[identity["run"]])
    if "pair" in values:
        first, keep = values["pair"] <= 0, values["pair"] >= 0
        event = np.cumsum(first) - 1
    elif ROW in values:
        _, place, event = np.unique(values[ROW], return_index=True, return_inverse=True)
        first, keep = np.zeros(size, bool), np.ones(size, bool)
        first[place] = True
    else:
        first = keep = np.ones(size, bool)
        event = np.arange(size)
    keep = first if model["level"] == EVENT else keep
    rows = models.Rows(tables.matrix(values, model["features"]), tables.matrix(values, model["turn_on_columns"]))
    return rows.at(keep), event[keep], {name: values[column][first] for name, column in identity.items()}


def _without_nan(content: Any) -> Any:
    """None where a number is not known: JSON has no NaN."""
    if isinstance(content, Mapping):
        return {name: _without_nan(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content
