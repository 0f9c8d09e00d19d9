"""What a model predicts, before and after a fit, in each bin and in all: tables beside the data."""

from typing import Any

import numpy as np
import pandas as pd

from skimflow.extras import extra
from skimflow.stats.fitting import Fit
from skimflow.stats.likelihood import Likelihood

DATA, TOTAL = "data", "total"


def yields(likelihood: Likelihood, found: Fit | None = None) -> pd.DataFrame:
    """Yields of each sample, their sum (`total`) and the data in each bin of each region.

    Errors are those of the parameters with their correlations; data have none here (NaN).

    Args:
        found: after this fit; before any fit by default.

    Returns:
        Columns region, sample, bin (from 1), low, high, yield, error.
    """
    rows = []
    for region, low, high, samples, contents, errors, data in _regions(likelihood, found):
        for sample, values, spread in zip([*samples, TOTAL], contents, errors, strict=True):
            rows.append(_rows(region, sample, low, high, values, spread))
        rows.append(_rows(region, DATA, low, high, data, np.full(len(data), np.nan)))
    return pd.concat(rows, ignore_index=True)


def totals(likelihood: Likelihood, found: Fit | None = None) -> pd.DataFrame:
    """The same summed over the bins of each region, with errors of the sums: columns region, sample, yield, error."""
    prediction, table = _prediction(likelihood, found), yields(likelihood, found)
    summed = table.groupby(["region", "sample"], sort=False)["yield"].sum().reset_index()
    config = likelihood.model.config
    errors = {
        (region, sample): error
        for region, channel in zip(config.channels, prediction.total_stdev_model_channels, strict=True)
        for sample, error in zip([*config.samples, TOTAL], channel, strict=True)
    }
    keys = zip(summed["region"], summed["sample"], strict=True)
    return summed.assign(error=[errors.get(key, np.nan) for key in keys])


def _regions(likelihood: Likelihood, found: Fit | None) -> Any:
    prediction, config = _prediction(likelihood, found), likelihood.model.config
    present = {
        channel["name"]: {sample["name"] for sample in channel["samples"]}
        for channel in likelihood.workspace.document["channels"]
    }
    for region, *predicted in zip(
        config.channels, prediction.model_yields, prediction.total_stdev_model_bins, strict=True
    ):
        contents, errors = map(np.asarray, predicted)
        kept = [place for place, sample in enumerate(config.samples) if sample in present[region]]
        edges = np.asarray(likelihood.workspace.edges[region])
        every = np.concatenate([contents[kept], contents.sum(axis=0, keepdims=True)])
        samples = [config.samples[place] for place in kept]
        yield (
            region, edges[:-1], edges[1:], samples, every, errors[[*kept, -1]],
            likelihood.data[: likelihood.bins][config.channel_slices[region]],
        )  # fmt: skip


def _prediction(likelihood: Likelihood, found: Fit | None) -> Any:
    results = None
    if found is not None:
        containers = extra("cabinetry.fit.results_containers", "fit")
        results = containers.FitResults(
            found.values, found.errors, list(found.names), found.correlation, found.twice_nll
        )
    return extra("cabinetry.model_utils", "fit").prediction(likelihood.model, fit_results=results)


def _rows(region: str, sample: str, low: np.ndarray, high: np.ndarray, values: Any, errors: Any) -> pd.DataFrame:
    content = {"bin": np.arange(1, len(low) + 1), "low": low, "high": high, "yield": values, "error": errors}
    return pd.DataFrame({"region": region, "sample": sample, **content})


def transferred(found: Fit, likelihood: Likelihood) -> Fit:
    """A fit's parameters in another model, which shares some of them: to look at regions that were not fitted.

    Parameters that the fit does not have stay as they are before a fit, and so does their uncertainty.
    """
    places = [found.names.index(name) if name in found.names else None for name in likelihood.names]
    known = np.array([place is not None for place in places])
    index = np.array([place or 0 for place in places])
    correlation = np.where(np.outer(known, known), found.correlation[np.ix_(index, index)], np.eye(len(places)))
    return Fit(
        names=tuple(likelihood.names),
        values=np.where(known, found.values[index], likelihood.nominal),
        errors=np.where(known, found.errors[index], likelihood.widths),
        nominal=likelihood.nominal,
        widths=likelihood.widths,
        correlation=correlation,
        twice_nll=np.nan,
        poi=likelihood.poi,
        interval=(np.nan, np.nan),
        p_value=np.nan,
        freedom=0,
        valid=found.valid,
        reason=found.reason,
        notes=("parameters of another fit",),
    )
