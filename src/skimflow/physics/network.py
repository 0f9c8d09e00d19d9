"""A small neural network that was trained before: from features to a score, with numpy alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray


def score(network: Mapping[str, Any], features: Array) -> Array:
    """Score in [-1, 1] of each event, 2s - 1 with s the logistic output, shape (n,); + is the signal.

    Args:
        network: `layers`, each with `weights`, shape (in, out), and `bias`, shape (out,); all but the last have tanh.
        features: shape (n, features), in the order and the units that it was trained with.
    """
    values = np.asarray(features, float)
    *hidden, last = network["layers"]
    for layer in hidden:
        values = np.tanh(values @ np.asarray(layer["weights"]) + np.asarray(layer["bias"]))
    logit = (values @ np.asarray(last["weights"]) + np.asarray(last["bias"]))[:, 0]
    return np.tanh(logit / 2)  # 2 / (1 + exp(-x)) - 1
