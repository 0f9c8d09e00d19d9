"""What is trained for a label: LightGBM, and the baselines it has to beat.

A model is kept as plain numbers and text, so that its file does not depend on the classes of any package.

- `lightgbm`: gradient-boosted trees. With `deterministic`, one order of sums (`force_row_wise`), a fixed number of
  threads and a seed, the same rows give the same trees to the last bit.
- `logistic`: logistic regression of standardised quantities; missing values are the mean.
- `turn_on`: what one would do with a plot: a plateau times a turn-on in the pT of each of two muons.
- `prevalence`: every event gets the fraction of the training that fired.

The portable form is LightGBM's text, which is exact, and which LightGBM's C library reads without Python. ONNX is not
written: its converter is alive (onnxmltools 1.16 on a LightGBM 4.7 model gives the same scores to 2e-7, in single
precision), but it brings four more packages, 42 MB, and needs a runtime to be checked with. Who wants it has it with
one call: `onnxmltools.convert_lightgbm(lightgbm.Booster(model_file=...), ...)`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtr

from skimflow.emulator.extra import need
from skimflow.emulator.tables import schema_hash
from skimflow.errors import ConfigError, InputError
from skimflow.files import whole
from skimflow.io.outputs import write_text

Array = np.ndarray
LIGHTGBM, LOGISTIC, TURN_ON, PREVALENCE = "lightgbm", "logistic", "turn_on", "prevalence"
METHODS = (LIGHTGBM, LOGISTIC, TURN_ON, PREVALENCE)
_FORMAT = "skimflow emulator 1"
_FIXED = ("objective", "deterministic", "force_row_wise", "num_threads", "seed")
_SAMPLE = 50_000  # rows for the five parameters of the turn-on
_WIDTH = 2.0  # GeV, where the fit of a turn-on starts
_LEAST = 1e-9


class Rows(NamedTuple):
    """What is trained on or scored: quantities of shape (n, features), and the pT of two muons of shape (n, 2)."""

    features: Array
    turn_on: Array

    def at(self, keep: Array) -> "Rows":
        return Rows(self.features[keep], self.turn_on[keep])


def train(rows: Rows, label: Array, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train all methods.

    Args:
        rows: shape (n,).
        label: 0 or 1, shape (n,).
        name: of the label: it may have thresholds for the turn-on, and has none otherwise.
        settings: `features`, `lightgbm` (parameters, with `rounds`), `turn_on`, `seed`, `threads`.

    Returns:
        Plain values by method.

    Raises:
        ConfigError: a parameter is one of those that keep the training reproducible.
        InputError: all labels are equal.
    """
    if len(np.unique(label)) < 2:
        state = "no event" if not label.any() else "every event"
        raise InputError("one_class", f"{name}: {state} of {len(label)} in the training fired it: nothing to learn")
    model: dict[str, Any] = {PREVALENCE: float(label.mean()), LIGHTGBM: _boost(rows.features, label, settings)}
    # The order of a sum, and so its last bits, depends on how many threads add.
    with need("threadpoolctl").threadpool_limits(settings["threads"]):
        model[LOGISTIC] = _logistic(rows.features, label)
    start = settings["turn_on"]["thresholds"].get(name)
    if start:
        model[TURN_ON] = _fit_turn_on(rows.turn_on, label, start, settings["seed"])
    return model


def predict(model: Mapping[str, Any], rows: Rows) -> dict[str, Array]:
    """Score of each row, by method, shape (n,)."""
    size = len(rows.features)
    found = {LIGHTGBM: booster(model).predict(rows.features, num_threads=1) if size else np.empty(0)}
    found[LOGISTIC] = _predict_logistic(model[LOGISTIC], rows.features)
    if TURN_ON in model:
        found[TURN_ON] = turn_on(model[TURN_ON], rows.turn_on)
    found[PREVALENCE] = np.full(size, model[PREVALENCE])
    return found


def booster(model: Mapping[str, Any]) -> Any:
    """The trees, as LightGBM's Booster."""
    return need("lightgbm").Booster(model_str=model[LIGHTGBM])


def turn_on(parameters: Sequence[float], pt: Array) -> Array:
    """plateau · Φ((pT1 - t1)/w1) · Φ((pT2 - t2)/w2), shape (n,); 0 where a muon is missing.

    Args:
        parameters: plateau, t1, w1, t2, w2 (GeV).
        pt: shape (n, 2).
    """
    plateau, one, one_width, two, two_width = parameters
    pt = np.where(np.isnan(pt), -np.inf, pt.astype(float))
    return plateau * ndtr((pt[:, 0] - one) / one_width) * ndtr((pt[:, 1] - two) / two_width)


def save(model: Mapping[str, Any], path: str | Path, text: str | Path | None = None) -> None:
    """Write a model, and its trees as LightGBM's text beside it."""
    # A pickle remembers which equal texts were one object, which is chance; after JSON it knows the content only.
    content = json.loads(json.dumps({"format": _FORMAT, **model}))
    with whole(path) as partial:
        need("joblib").dump(content, partial, compress=("zlib", 3))
    if text:
        write_text(model[LIGHTGBM], text)


def load(path: str | Path) -> dict[str, Any]:
    """A model that `save` wrote. joblib runs code that a file holds: load only files of your own.

    Raises:
        InputError: it is no such file.
    """
    try:
        model = need("joblib").load(path)
    except FileNotFoundError:
        raise InputError("missing", f"{path}: no such model") from None
    except Exception as error:  # unpickling raises whatever the bytes say
        raise InputError("not_a_model", f"{path}: is not a model of skimflow ({error})") from error
    if not isinstance(model, dict) or model.get("format") != _FORMAT:
        raise InputError("not_a_model", f"{path}: is not a model of this version of skimflow")
    return model


def accept(model: Mapping[str, Any], described: Mapping[str, Any], where: str | Path) -> None:
    """Raises InputError unless a table is what the model was trained on; `described`: of `tables.schema`."""
    if schema_hash(described) == model["schema_hash"]:
        return
    mine, reasons = model["schema"], []
    for name, kind in mine["types"].items():
        found = described["types"].get(name, "missing")
        if found != kind:
            reasons.append(f"column {name} is {found}, not {kind}")
    for key in ("analysis", "selection"):
        if mine[key] != described[key]:
            reasons.append(f"{key} differs: {_difference(mine[key], described[key])}")
    raise InputError(
        "other_columns",
        f"{where}: the model of {model['label']} was made with other columns, so its score would mean nothing here: "
        f"{'; '.join(reasons)}. Skim with the selection of the model, or train a new one",
    )


def _difference(mine: Any, theirs: Any) -> str:
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        keys = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
        return ", ".join(f"{key} {theirs.get(key)} instead of {mine.get(key)}" for key in keys)
    return f"{theirs} instead of {mine}"


def _boost(features: Array, label: Array, settings: Mapping[str, Any]) -> str:
    chosen = dict(settings["lightgbm"])
    fixed = [name for name in _FIXED if name in chosen]
    if fixed:
        raise ConfigError(f"lightgbm: {', '.join(fixed)} is set by the emulator, so that a training can be repeated")
    rounds = chosen.pop("rounds")
    lightgbm = need("lightgbm")
    parameters = {
        **{"objective": "binary", "verbosity": -1, "deterministic": True, "force_row_wise": True},
        **{"num_threads": settings["threads"], "seed": settings["seed"]},
        **chosen,
    }
    data = lightgbm.Dataset(features, label.astype(np.float32), feature_name=list(settings["features"]))
    return lightgbm.train(parameters, data, num_boost_round=rounds).model_to_string()


def _logistic(features: Array, label: Array) -> dict[str, Any]:
    # In double precision: sums over millions of rows.
    mean, width = np.nanmean(features, axis=0, dtype=float), np.nanstd(features, axis=0, dtype=float)
    width = np.where(width > 0, width, 1)
    mean = np.where(np.isnan(mean), 0, mean)
    fitted = need("sklearn.linear_model").LogisticRegression(C=np.inf, max_iter=200)
    fitted.fit(_standard(features, mean, width), label)
    weights = {"coefficients": fitted.coef_[0].tolist(), "intercept": float(fitted.intercept_[0])}
    return {"mean": mean.tolist(), "width": width.tolist(), **weights}


def _predict_logistic(fitted: Mapping[str, Any], features: Array) -> Array:
    standard = _standard(features, np.array(fitted["mean"]), np.array(fitted["width"]))
    return expit(standard @ np.array(fitted["coefficients"]) + fitted["intercept"])


def _standard(features: Array, mean: Array, width: Array) -> Array:
    return np.nan_to_num((features - mean) / width, nan=0.0)


def _fit_turn_on(pt: Array, label: Array, start: Sequence[float], seed: int) -> list[float]:
    """Parameters of most likelihood, from the thresholds that are given."""
    chosen = np.random.default_rng(seed).permutation(len(label))[:_SAMPLE]
    pt, label = pt[chosen], label[chosen].astype(float)
    mean = float(np.clip(label.mean(), _LEAST, 1 - _LEAST))

    def parameters(x: Array) -> list[float]:
        return [float(expit(x[0])), float(x[1]), float(np.exp(x[2])), float(x[3]), float(np.exp(x[4]))]

    def loss(x: Array) -> float:
        p = np.clip(turn_on(parameters(x), pt), _LEAST, 1 - _LEAST)
        return float(-(label * np.log(p) + (1 - label) * np.log1p(-p)).mean())

    first = [logit(min(2 * mean, 0.9)), start[0], np.log(_WIDTH), start[1], np.log(_WIDTH)]
    bounds = [(-12, 8), (0, 200), (-3, 4), (0, 200), (-3, 4)]
    return parameters(minimize(loss, first, method="L-BFGS-B", bounds=bounds).x)
