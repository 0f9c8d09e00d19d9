"""Trigger objects: which offline leptons they belong to. The meaning of their bits is in `skimflow.filter_bits`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skimflow.filter_bits import bit_of
from skimflow.physics.kinematics import delta_phi
from skimflow.physics.leptons import ELECTRON, MUON, Leptons, combinations

Array = np.ndarray
Columns = dict[str, Array]

BRANCHES = ("nTrigObj", *(f"TrigObj_{name}" for name in ("pt", "eta", "phi", "id", "filterBits")))
FLAVOURS = {"electron": ELECTRON, "muon": MUON}


class Requirement(NamedTuple):
    """What a trigger object must be: one with this bit set, and this much online pT (GeV, inclusive, as in the HLT)."""

    bit: int
    min_pt: float


def requirement(spec: Mapping[str, Any], flavour: str, nanoaod: str, year: int) -> Requirement:
    """From `{bit: <name>, min_pt: <GeV>}`.

    Raises:
        ConfigError: there is no bit of this name.
    """
    return Requirement(bit_of(spec["bit"], flavour, nanoaod, year), spec["min_pt"])


def matched(leptons: Leptons, columns: Columns, wanted: Mapping[str, Requirement], max_delta_r: float) -> Columns:
    """Which leptons have a trigger object of their flavour within a cone, ΔR² = Δη² + Δφ², that is as wanted.

    Args:
        leptons: of all events of the columns, shape (n,), in the order of events.
        columns: flat NanoAOD columns, `BRANCHES`.
        wanted: requirements by name, each looked at by itself.
        max_delta_r: half-opening of the cone; on its edge is outside.

    Returns:
        Masks by name, shape (n,).
    """
    counts = columns["nTrigObj"]
    event = np.repeat(np.arange(len(counts)), counts)
    lepton, place = combinations(leptons.event, event, len(counts))
    pt, eta, phi, pdg_id, bits = (columns[name][place] for name in BRANCHES[1:])
    bits, size = bits.astype(np.int64), len(leptons.pt)
    near = np.hypot(leptons.eta[lepton] - eta, delta_phi(leptons.phi[lepton], phi)) < max_delta_r
    near &= pdg_id == leptons.flavour[lepton]
    return {
        name: np.bincount(lepton[near & (bits & bit != 0) & (pt >= min_pt)], minlength=size) > 0
        for name, (bit, min_pt) in wanted.items()
    }
