"""Which files a measurement reads, and which it makes: the lists behind the rules, and what each step depends on."""

from skimflow.config import Config, EfficiencyConfig, Measurement
from skimflow.config.emulation import EmulationConfig
from skimflow.config.templates import TemplatesConfig
from skimflow.config.zprime import ZprimeConfig
from skimflow.targets.common import axes, data_samples, distinct_samples, selections, windows
from skimflow.targets.cross_trigger import cross_trigger_figures, cross_trigger_settings
from skimflow.targets.efficiency import (
    EfficiencyTargets,
    comparison_settings,
    efficiency_settings,
    maps,
    one_kind,
    probe_settings,
    reported,
    skim_settings,
    stability_settings,
    tables,
    turn_on_settings,
)
from skimflow.targets.emulation import EmulationTargets
from skimflow.targets.fits import fit_figures, fit_settings
from skimflow.targets.inputs import InputFile, resolve
from skimflow.targets.jobs import Targets
from skimflow.targets.legs import leg_figures, leg_plot_settings, tag_and_probe_settings
from skimflow.targets.pages import page_settings, page_tables, pages
from skimflow.targets.plots import plot_settings, style_settings
from skimflow.targets.scale_factors import other_measurements, other_tables, scale_factor_settings
from skimflow.targets.templates import (
    TemplatesTargets,
    selection_plot_settings,
    template_plot_settings,
    template_settings,
)
from skimflow.targets.toys import toy_settings, truth_settings
from skimflow.targets.zprime import ZprimeTargets

__all__ = [
    "InputFile",
    "Targets",
    "axes",
    "comparison_settings",
    "cross_trigger_figures",
    "cross_trigger_settings",
    "data_samples",
    "distinct_samples",
    "efficiency_settings",
    "fit_figures",
    "fit_settings",
    "leg_figures",
    "leg_plot_settings",
    "maps",
    "of",
    "one_kind",
    "other_measurements",
    "other_tables",
    "page_settings",
    "page_tables",
    "pages",
    "plot_settings",
    "probe_settings",
    "reported",
    "resolve",
    "scale_factor_settings",
    "selection_plot_settings",
    "selections",
    "skim_settings",
    "stability_settings",
    "style_settings",
    "tables",
    "tag_and_probe_settings",
    "template_plot_settings",
    "template_settings",
    "toy_settings",
    "truth_settings",
    "turn_on_settings",
    "windows",
]

_KINDS: dict[type[Config], type[Targets]] = {
    EmulationConfig: EmulationTargets,
    EfficiencyConfig: EfficiencyTargets,
    ZprimeConfig: ZprimeTargets,
    TemplatesConfig: TemplatesTargets,
}


def of(measurement: Measurement) -> Targets:
    """The files of a measurement, by what it measures."""
    kind = next(kind for model, kind in _KINDS.items() if isinstance(measurement.config, model))
    return kind(measurement)
