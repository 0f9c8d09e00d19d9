"""What tag and probe depends on, and its figures."""

from typing import Any

from skimflow.config import Dataset, EfficiencyConfig
from skimflow.config.tag_and_probe import TagAndProbeReference
from skimflow.targets.common import axes, axis, interval, selections
from skimflow.targets.plots import plot_settings


def tag_and_probe_settings(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """Everything that efficiencies of legs depend on beside the counts."""
    names = selections(config, datasets)
    return {
        "interval": interval(config),
        "references": {
            name: {
                "flavour": reference.selection.flavour,
                "legs": _legs(reference),
                "dz": reference.selection.dz.model_dump() if reference.selection.dz else None,
                "axes": axes(reference.variables),
                "report": {n: list(v.report) for n, v in reference.variables.items() if v.report},
                "maps": [[map_.x, map_.y] for map_ in reference.maps],
                "mass": axis(reference.mass),
                "fit": reference.fit.model_dump(mode="json"),
                "datasets": {n: {"kind": d.kind, "sample": d.sample} for n, d in datasets.items() if names[n] == name},
            }
            for name, reference in config.tag_and_probe.items()
        },
    }


def _legs(reference: TagAndProbeReference) -> list[str]:
    return [*reference.selection.legs, *(["dz"] if reference.selection.dz else [])]


def leg_figures(config: EfficiencyConfig, datasets: dict[str, Dataset]) -> dict[str, dict[str, str]]:
    """Figures of legs by name, and what each shows: `figure`, `reference`, and where it has one `leg`, `sample`,
    `variable`. Mass spectra are shown for all probes of a sample, and in the bins of each variable."""
    found = {}
    for name, settings in tag_and_probe_settings(config, datasets)["references"].items():
        about = {"reference": name}
        found |= {f"{name}-{v}": {"figure": "efficiency", **about, "variable": v} for v in settings["report"]}
        for leg in config.references[name].selection.legs:
            of_leg = {**about, "leg": leg}
            for x, y in settings["maps"]:
                found[f"{name}-{leg}-{x}-{y}"] = {"figure": "map", **of_leg, "variable": f"{x}:{y}"}
            for sample in dict.fromkeys(d["sample"] for d in settings["datasets"].values()):
                for variable in ("all", *settings["report"]):
                    shown = {"figure": "mass", **of_leg, "sample": sample, "variable": variable}
                    found[f"{name}-{leg}-{sample}-mass-{variable}"] = shown
    return found


def leg_plot_settings(config: EfficiencyConfig) -> dict[str, Any]:
    """Those of figures, with the variables of each reference of tag and probe."""
    return {name: plot_settings(config, reference.variables) for name, reference in config.tag_and_probe.items()}
