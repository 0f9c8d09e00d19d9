"""What figures depend on."""

from collections.abc import Mapping
from typing import Any

from skimflow.config import Config, EfficiencyConfig, Variable


def style_settings(config: Config) -> dict[str, Any]:
    """Everything that figures without variables depend on."""
    return {"style": config.style.model_dump(mode="json"), "labels": {}}


def plot_settings(config: EfficiencyConfig, variables: Mapping[str, Variable] | None = None) -> dict[str, Any]:
    """Everything that figures depend on beside the tables they show."""
    variables = config.variables if variables is None else variables
    return {
        "style": config.style.model_dump(mode="json"),
        "labels": {name: [v.label, v.unit] for name, v in variables.items()},
        "stability": config.stability.variable if config.stability else None,
        "eras": {name: list(window) for name, window in config.eras.items()},
        "level": config.interval.level,
    }
