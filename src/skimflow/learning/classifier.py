"""A neural network that tells processes apart, learnt from the skims of simulation (SYSTEMS section 4b).

Two networks are trained, each on one half of the events: events of even number are scored by the one that saw those of
odd number, and the other way round. So no event is scored by a network that knows it.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skimflow import analyses
from skimflow.errors import IncompleteError
from skimflow.extras import extra
from skimflow.histograms.chain import Chain
from skimflow.histograms.job import pieces
from skimflow.io.outputs import read_stamp
from skimflow.physics.network import score

Array = np.ndarray
HALVES = ("even", "odd")
_LEAST = 50
"""Events of a class in each half; fewer teach nothing."""
_PATIENCE = 20
"""Epochs without gain that end the training."""
_BINS = 40


class _Examples(NamedTuple):
    """Features of events, shape (n, features), whether they are signal, and the half they are in; shape (n,)."""

    features: Array
    signal: Array
    half: Array

    def at(self, index: Array) -> "_Examples":
        return _Examples(*(values[index] for values in self))


def train(skims: Mapping[str, Sequence[str | Path]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train both networks.

    Args:
        skims: selected events of each dataset, in the order of `settings`.
        settings: those of `targets.ZprimeTargets.training`.

    Returns:
        `networks`: one for events of even, one for events of odd number; `physics.network.score` knows what they mean.
        `features`: names and divisors. `quality`: for each, events and area under the ROC curve of the half that it did
        not see. `scores`: by class, histogram of the scores of all events in [-1, 1].

    Raises:
        IncompleteError: too few events of a class.
        ConfigError: the extra `ml` is not installed.
    """
    own = settings["classifier"]
    examples = _joined([_read(paths, settings, name) for name, paths in skims.items()], len(own["features"]))
    _enough(examples, own)
    networks = [_fitted(examples.at(examples.half != half), own, half) for half in range(len(HALVES))]
    unseen = [examples.at(examples.half == half) for half in range(len(HALVES))]
    scores = [score(network, part.features) for network, part in zip(networks, unseen, strict=True)]
    quality = {
        name: {
            "signal": int(part.signal.sum()),
            "background": int((~part.signal).sum()),
            "auc": auc(values, part.signal),
            "epochs": network.pop("epochs"),
        }
        for name, part, values, network in zip(HALVES, unseen, scores, networks, strict=True)
    }
    signal, every = np.concatenate([part.signal for part in unseen]), np.concatenate(scores)
    return {
        "networks": [{**network, "features": own["features"]} for network in networks],
        "quality": quality,
        "scores": {name: _histogram(every[of]) for name, of in (("signal", signal), ("background", ~signal))},
    }


def auc(scores: Array, signal: Array) -> float:
    """Area under the ROC curve: how often a signal event has the larger score of two (ties count half).

    Args:
        scores: shape (n,).
        signal: shape (n,), bool, some true and some false.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    number = int(signal.sum())
    above = ranks[place][signal].sum() - number * (number + 1) / 2
    return float(above / (number * (len(scores) - number)))


def _read(paths: Iterable[str | Path], settings: Mapping[str, Any], dataset: str) -> _Examples:
    """The events of a dataset that the classifier is for, with nominal corrections."""
    how = settings["datasets"][dataset]
    chain = Chain(how["corrections"], "mc")
    found = analyses.get(settings["analysis"]).features  # type: ignore[attr-defined]
    parts = []
    for path in paths:
        if not any(facts["status"] == "ok" for facts in read_stamp(path)["inputs"]):
            continue
        for columns in pieces(path):
            mask, observables = found(chain.corrected(columns), settings["selection"])
            divided = [observables[name][mask] / by for name, by in settings["classifier"]["features"].items()]
            features = np.stack(divided, axis=1)
            signal = np.full(len(features), how["signal"])
            parts.append(_Examples(features, signal, (columns["event"][mask] % 2).astype(np.int64)))
    return _joined(parts, len(settings["classifier"]["features"]))


def _joined(parts: Sequence[_Examples], features: int) -> _Examples:
    nothing = _Examples(np.empty((0, features)), np.empty(0, bool), np.empty(0, np.int64))
    return _Examples(*(np.concatenate(values) for values in zip(nothing, *parts, strict=True)))


def _enough(examples: _Examples, own: Mapping[str, Any]) -> None:
    for half, name in enumerate(HALVES):
        for side, of in (("signal", examples.signal), ("background", ~examples.signal)):
            number = int((of & (examples.half == half)).sum())
            if number < _LEAST:
                raise IncompleteError(
                    f"classifier: {', '.join(own[side])}: {number} events of {name} number pass the baseline, "
                    f"{_LEAST} are needed; take more files, or leave the classifier out"
                )


def _fitted(examples: _Examples, own: Mapping[str, Any], half: int) -> dict[str, Any]:
    """A network from these events, of which the larger class is thinned out to the size of the smaller one."""
    balanced = _balanced(examples, np.random.default_rng([own["seed"], half]))
    mean, width = balanced.features.mean(axis=0), balanced.features.std(axis=0)
    width = np.where(width > 0, width, 1.0)
    model = extra("sklearn.neural_network", "ml").MLPClassifier(
        hidden_layer_sizes=own["hidden"],
        activation="tanh",
        learning_rate_init=own["learning_rate"],
        max_iter=own["epochs"],
        early_stopping=True,
        validation_fraction=own["validation"],
        n_iter_no_change=_PATIENCE,
        random_state=own["seed"],
    )
    with warnings.catch_warnings():
        # The epochs are the user's, and how many there were is told.
        warnings.simplefilter("ignore", extra("sklearn.exceptions", "ml").ConvergenceWarning)
        model.fit((balanced.features - mean) / width, balanced.signal)
    layers = [{"weights": weights, "bias": bias} for weights, bias in zip(model.coefs_, model.intercepts_, strict=True)]
    # The first layer takes features as they are: it does the standardisation, too.
    first = layers[0]
    layers[0] = {
        "weights": first["weights"] / width[:, None],
        "bias": first["bias"] - (mean / width) @ first["weights"],
    }
    return {"layers": [{k: v.tolist() for k, v in layer.items()} for layer in layers], "epochs": int(model.n_iter_)}


def _balanced(examples: _Examples, rng: np.random.Generator) -> _Examples:
    classes = [np.flatnonzero(examples.signal), np.flatnonzero(~examples.signal)]
    fewest = min(map(len, classes))
    return examples.at(np.sort(np.concatenate([rng.choice(places, fewest, replace=False) for places in classes])))


def _histogram(scores: Array) -> list[int]:
    counts, _ = np.histogram(scores, bins=_BINS, range=(-1, 1))
    return counts.tolist()
