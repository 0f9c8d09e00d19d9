"""Which quark of a tt̄ decay each jet comes from, by its distance to generated quarks."""

from collections.abc import Mapping

import numpy as np

from skimflow.physics.kinematics import delta_phi
from skimflow.physics.leptons import combinations

Array = np.ndarray
Columns = Mapping[str, Array]

W, TOP, LEPTONIC_TOP, NONE = 24, 6, -6, 0
"""What a jet comes from: the W that decays to quarks, the b quark of its top, that of the other top, none of these."""
BRANCHES = ("GenPart_pdgId", "GenPart_genPartIdxMother", "GenPart_statusFlags", "GenPart_eta", "GenPart_phi")
_LAST_COPY, _CONE, _HEAVIEST_QUARK = 13, 0.4, 6
_LEPTONS, _NEUTRINOS = (11, 13, 15), (12, 14, 16)


def jet_partons(columns: Columns, wanted: Array) -> Array:
    """The origin of each jet: W, TOP, LEPTONIC_TOP, or NONE; shape (jets,), int32.

    A jet belongs to the nearest quark of a decay of a top or W within ΔR < 0.4. The b quark of a top whose W decays to
    a lepton and a neutrino is LEPTONIC_TOP.

    Args:
        columns: of jets (`Jet_eta`, `Jet_phi`) and generated particles (`BRANCHES`), with their counters.
        wanted: which events to look at, shape (events,), bool; jets of the others get NONE.
    """
    events = len(columns["nJet"])
    jet_event = np.repeat(np.arange(events), columns["nJet"])
    jets = np.flatnonzero(wanted[jet_event])
    event, label, eta, phi = _quarks(columns, wanted)
    origin = np.zeros(len(jet_event), np.int32)
    jet, quark = combinations(jet_event[jets], event, events)
    distance = np.hypot(
        columns["Jet_eta"][jets[jet]] - eta[quark], delta_phi(columns["Jet_phi"][jets[jet]], phi[quark])
    )
    near = distance < _CONE
    jet, quark, distance = jet[near], quark[near], distance[near]
    order = np.lexsort((distance, jet))
    nearest = order[np.diff(jet[order], prepend=-1) > 0]
    origin[jets[jet[nearest]]] = label[quark[nearest]]
    return origin


def _quarks(columns: Columns, wanted: Array) -> tuple[Array, Array, Array, Array]:
    """Event, origin, η and φ of the quarks of decays of tops and W."""
    counts = columns["nGenPart"].astype(np.int64)  # unsigned in real files
    everyone = np.repeat(np.arange(len(counts)), counts)
    chosen = wanted[everyone]
    event, pdg = everyone[chosen], columns["GenPart_pdgId"][chosen].astype(np.int64)
    # Places of mothers, counted within the event, in the list of the chosen ones.
    own = np.where(wanted, counts, 0)
    start = (np.cumsum(own) - own)[event]
    mother = columns["GenPart_genPartIdxMother"][chosen].astype(np.int64)
    parent = _other_particle(pdg, np.where(mother >= 0, start + mother, -1))
    of = np.where(parent >= 0, pdg[parent], 0) if len(pdg) else pdg
    last = (columns["GenPart_statusFlags"][chosen].astype(np.int64) >> _LAST_COPY) & 1 == 1
    quark = (np.abs(pdg) < _HEAVIEST_QUARK + 1) & last & np.isin(np.abs(of), (W, TOP))
    # A top and its W have charges of one sign.
    leptonic = _decays(event, pdg, of, len(counts))
    label = np.where(np.abs(of) == TOP, np.where(leptonic[event, (of > 0).astype(int)], LEPTONIC_TOP, TOP), W)
    eta, phi = columns["GenPart_eta"][chosen], columns["GenPart_phi"][chosen]
    return event[quark], label[quark].astype(np.int32), eta[quark], phi[quark]


def _other_particle(pdg: Array, mother: Array) -> Array:
    """The nearest ancestor that is no copy of the particle itself, -1 without one; shape (particles,)."""
    parent = mother
    while len(pdg):
        copy = (parent >= 0) & (pdg[parent] == pdg)
        if not copy.any():
            break
        parent = np.where(copy, mother[parent], parent)
    return parent


def _decays(event: Array, pdg: Array, of: Array, events: int) -> Array:
    """Whether the W⁻ and the W⁺ of each event decay to a lepton and a neutrino, shape (events, 2), bool."""
    result = np.ones((events, 2), bool)
    for kinds in (_LEPTONS, _NEUTRINOS):
        found = np.isin(np.abs(pdg), kinds) & (np.abs(of) == W)
        there = np.zeros((events, 2), bool)
        there[event[found], (of[found] > 0).astype(int)] = True
        result &= there
    return result
