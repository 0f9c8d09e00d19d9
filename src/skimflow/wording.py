"""A measurement in words, for its report: cuts, leptons, references, axis titles."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

_GREEK = {r"\eta": "η", r"\phi": "φ", r"\ell": "ℓ", r"\mu": "μ", r"\Delta": "Δ", r"\to": "→"}


def cuts(analysis: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Each step of a cutflow in words, by its name there.

    Args:
        analysis: module of `skimflow.analyses`.
        settings: its `selection` block. An analysis that has no words here yet is shown by these alone.
    """
    known = {"hww_emu": _hww_emu, "tag_and_probe": _tag_and_probe}
    return {**_COMMON, **known.get(analysis, _as_configured)(settings)}


_COMMON = {
    "read": "all events of the files",
    "certified": "certified luminosity sections inside the era's run window (collision data)",
}


def _as_configured(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{name}: {value}" for name, value in settings.items()}


def _hww_emu(s: Mapping[str, Any]) -> dict[str, str]:
    return {
        "two_tight_leptons": (
            f"exactly two tight leptons: electrons with {s['electron_id']}, muons with {s['muon_id']} and "
            f"{s['muon_isolation']} < {s['muon_max_isolation']:g}"
        ),
        "electron_muon": "one is an electron, the other a muon",
        "opposite_charge": "of opposite charge",
        "lead_pt": f"leading lepton pT > {s['lead_pt']:g} GeV",
        "sublead_pt": f"subleading lepton pT > {s['sublead_pt']:g} GeV",
        "electron_eta": f"electron |η| < {s['electron_max_eta']:g}",
        "muon_eta": f"muon |η| < {s['muon_max_eta']:g}",
        "mll": f"dilepton mass > {s['min_mll']:g} GeV",
        "mt_higgs": f"transverse mass of dilepton and missing momentum > {s['min_mt_higgs']:g} GeV",
        "mt_l2_met": f"transverse mass of subleading lepton and missing momentum > {s['min_mt_l2_met']:g} GeV",
        "ptll": f"dilepton pT > {s['min_ptll']:g} GeV",
        "met": f"PUPPI missing transverse momentum > {s['min_met']:g} GeV",
    }


def _tag_and_probe(s: Mapping[str, Any]) -> dict[str, str]:
    low, high = s["mass"]
    charge = " of opposite charge" if s["opposite_charge"] else ""
    return {
        "tag_trigger": f"fired {' or '.join(s['tag']['paths'])}",
        "tag": f"a tag: {_lepton(s['flavour'], s['tag'])}; within ΔR < {s['max_delta_r']:g} of a trigger object with "
        f"{_object(s['tag']['object'])}",
        "pair": f"a tag and a probe{charge}, {low:g} < mass < {high:g} GeV; the probe: "
        f"{_lepton(s['flavour'], s['probe'])}",
    }


def legs(settings: Mapping[str, Any]) -> dict[str, str]:
    """What passing each leg of tag and probe means, by its name."""
    found = {name: f"matched to a trigger object with {_object(leg)}" for name, leg in settings["legs"].items()}
    if settings["dz"]:
        found["dz"] = f"{settings['dz']['path']} fired, of the events with {settings['dz']['reference']}"
    return found


def _lepton(flavour: str, s: Mapping[str, Any]) -> str:
    least = f" ≥ {s['min_id']}" if s["min_id"] != 1 else ""
    parts = [f"{flavour} with {s['id']}{least}", f"pT > {s['min_pt']:g} GeV", f"|η| < {s['max_eta']:g}"]
    if s["isolation"]:
        parts.insert(1, f"{s['isolation']} < {s['max_isolation']:g}")
    if s["gap"]:
        parts.append(f"not {s['gap'][0]:g} < |η| < {s['gap'][1]:g}")
    return ", ".join(parts)


def _object(s: Mapping[str, Any]) -> str:
    return f"filter bit {s['bit']}" + (f" and online pT ≥ {s['min_pt']:g} GeV" if s["min_pt"] else "")


def html_title(label: str, unit: str = "") -> str:
    """An axis title of matplotlib, with its mathematics, as HTML.

    >>> html_title("electron $p_T$", "GeV")
    'electron p<sub>T</sub> [GeV]'
    """
    text = escape(label).replace("$", "")
    for name, letter in _GREEK.items():
        text = text.replace(name, letter)
    text = re.sub(r"\\(?:mathrm|text|rm|it)\b", "", text).replace("\\", "")
    for sign, tag in (("_", "sub"), ("^", "sup")):
        text = re.sub(rf"{re.escape(sign)}(?:\{{([^{{}}]*)\}}|(\w))", rf"<{tag}>\1\2</{tag}>", text)
    text = text.replace("{", "").replace("}", "")
    return f"{text} [{escape(unit)}]" if unit else text
