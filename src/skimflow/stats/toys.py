"""Pseudo-experiments: data thrown from a model with known parameters."""

from collections.abc import Iterator

import numpy as np

from skimflow.stats.likelihood import Likelihood

Array = np.ndarray


def thrown(likelihood: Likelihood, parameters: Array, number: int, seed: int) -> Iterator[Likelihood]:
    """The model with data of `number` experiments.

    Contents of bins are Poisson numbers around the expectation, auxiliary measurements Gaussian ones around the
    parameters: both vary from one experiment to the next, as frequentist errors assume.

    Args:
        parameters: the truth, shape (n,); `Likelihood.at` makes them.
        seed: each experiment has its own stream, so the first ones are the same whatever `number` is.
    """
    expected = likelihood.expected(parameters)
    main, auxiliary = expected[: likelihood.bins], expected[likelihood.bins :]
    widths = _auxiliary_widths(likelihood)
    for index in range(number):
        random = np.random.default_rng([seed, index])
        yield likelihood.with_data(np.concatenate([random.poisson(main), random.normal(auxiliary, widths)]))


def _auxiliary_widths(likelihood: Likelihood) -> Array:
    """Uncertainties of the auxiliary measurements, in their order."""
    config = likelihood.model.config
    widths = [np.asarray(config.param_set(name).width(), float) for name in config.auxdata_order]
    return np.concatenate(widths) if widths else np.empty(0)
