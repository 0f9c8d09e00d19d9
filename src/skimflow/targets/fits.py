"""What fits depend on, and their figures."""

import re
from typing import Any

from skimflow.config.fits import FitModel
from skimflow.config.templates import TemplatesConfig

_DECLARED = ("poi", "data", "stat_errors", "regions", "samples", "norm_factors", "systematics")


def fit_settings(config: TemplatesConfig, name: str) -> dict[str, Any]:
    """Everything that a fit depends on beside the templates: `model` for `stats.model`, and what is wanted of it."""
    said = config.fits[name].model_dump(mode="json")
    model = {"measurement": f"{config.name} {name}", **{key: said[key] for key in _DECLARED}}
    model["regions"] = {n: {k: v for k, v in r.items() if k != "title"} for n, r in model["regions"].items()}
    return {"model": model, **{key: said[key] for key in ("ranking", "limit", "significance", "signal")}}


def fit_figures(config: TemplatesConfig) -> dict[str, dict[str, Any]]:
    """Figures of fits by name, and what each shows: `figure`, `fit`, and for a region `region`, `variable`, `when`."""
    found: dict[str, dict[str, Any]] = {}
    for name, fit in config.fits.items():
        for region in fit.regions:
            for when in ("before", "after"):
                shown = {"figure": "region", "fit": name, "region": region, "when": when, "samples": list(fit.samples)}
                found[f"{name}-{_slug(region)}-{when}"] = {**shown, "variable": _variable(config, fit, region)}
        for figure in ("pulls", "correlations", *(["ranking"] if fit.ranking else [])):
            found[f"{name}-{figure}"] = {"figure": figure, "fit": name, "poi": fit.poi}
    with_signal = {name: fit for name, fit in config.fits.items() if fit.limit and fit.signal is not None}
    if len(with_signal) > 1:
        first, fit = next(iter(with_signal.items()))
        found["limits"] = {"figure": "limits", "fit": first, "fits": list(with_signal), "poi": fit.poi}
    return found


def _variable(config: TemplatesConfig, fit: FitModel, region: str) -> str:
    """Axis title of a region: as declared, or that of the observable that the templates are of."""
    declared = fit.regions[region]
    if declared.title:
        return declared.title
    for name, observable in config.observables.items():
        own = [r for r, shown in config.regions.items() if name in shown and name in config.observables]
        for place in own:
            alone = sum(o in config.regions[place] for o in config.observables) == 1
            if declared.templates == (place if alone else f"{place}_{name}"):
                return f"{observable.label} [{observable.unit}]" if observable.unit else observable.label
    return declared.templates


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "_", name)
