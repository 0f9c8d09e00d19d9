"""Jet energy scale and resolution from the JERC files (`jet_jerc.json.gz`): pT and mass are scaled alike.

NanoAOD stores jets corrected with the constants of its production; `rawFactor` leads back to the measured jet, to which
the corrections of the file are applied (L1FastJet, L2Relative, L3Absolute and, in data, L2L3Residual as one compound).
The resolution of simulation is then made that of data (hybrid method: CMS, JINST 12 (2017) P02014, section 8).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skimflow.errors import ConfigError
from skimflow.physics.corrections.files import CLAMP, SIGNED, Correction, CorrectionFile, Evaluated
from skimflow.physics.kinematics import delta_phi
from skimflow.physics.leptons import combinations

Array = np.ndarray
CONE = 0.4
"""Radius of the jets (AK4)."""
MIN_PT = 0.01
"""A smeared jet keeps at least this pT (GeV): CMS software does so for its energy."""
NOMINAL, UP, DOWN = "nom", "up", "down"
_SIGN = {UP: 1, DOWN: -1}


class Jets(NamedTuple):
    """Jets of many events, shape (n,) each; pt and mass in GeV."""

    event: Array
    """Event of each jet, ascending."""
    pt: Array
    eta: Array
    phi: Array
    mass: Array
    area: Array
    rho: Array
    """Energy density of the jet's event (fixedGridRhoFastjetAll)."""

    def scaled(self, factor: Array) -> "Jets":
        """pT and mass times a factor, shape (n,)."""
        return self._replace(pt=self.pt * factor, mass=self.mass * factor)


class GeneratedJets(NamedTuple):
    """Jets made of generated particles (GenJet), shape (m,) each; pt in GeV."""

    event: Array
    pt: Array
    eta: Array
    phi: Array


class Smeared(NamedTuple):
    """Resolution smearing of n jets."""

    factor: Array
    """For pT and mass, shape (n,)."""
    matched: Array
    """Jets with a generated one, scaled by their distance to it; the others are smeared at random. Shape (n,), bool."""
    outside: Array
    """Jets outside the bins, shape (n,), bool."""


def jets(columns: Mapping[str, Array], rho: Array, collection: str = "Jet") -> Jets:
    """The jets of flat NanoAOD columns, with the energy density of each event, shape (events,)."""
    counts = columns[f"n{collection}"]
    event = np.repeat(np.arange(len(counts)), counts)
    pt, eta, phi, mass, area = (
        np.asarray(columns[f"{collection}_{name}"], float) for name in ("pt", "eta", "phi", "mass", "area")
    )
    return Jets(event, pt, eta, phi, mass, area, np.asarray(rho, float)[event])


def raw(stored: Jets, raw_factor: Array) -> Jets:
    """Jets before any correction: pT and mass times 1 - rawFactor (Jet_rawFactor, shape (n,))."""
    return stored.scaled(1 - np.asarray(raw_factor, float))


class JetEnergy:
    """Scale and resolution of one kind of jets.

    Args:
        file: a JERC file.
        scale: tag of the scale, such as `Summer19UL16_V7_MC`.
        resolution: tag of the resolution, such as `Summer20UL16_JRV3_MC`; None for data.
        algorithm: such as `AK4PFchs`.
        levels: which corrections; the compound of the file, or one of the levels.
        outside: policy for values outside the bins, of `files.POLICIES`.

    Raises:
        ConfigError: the file has no such tag.
    """

    def __init__(
        self,
        file: CorrectionFile,
        scale: str,
        resolution: str | None = None,
        algorithm: str = "AK4PFchs",
        levels: str = "L1L2L3Res",
        outside: str = CLAMP,
    ):
        self._file, self._tag, self._algorithm, self._outside = file, scale, algorithm, outside
        self._scale = self._correction(f"{scale}_{levels}_{algorithm}")
        self._resolution = self._ratio = None
        if resolution is not None:
            self._resolution = self._correction(f"{resolution}_PtResolution_{algorithm}")
            self._ratio = self._correction(f"{resolution}_ScaleFactor_{algorithm}")
        self._sources: dict[str, Correction] = {}

    def scale(self, measured: Jets) -> Evaluated:
        """Factor for pT and mass of raw jets, shape (n,)."""
        return self._scale.evaluate(_inputs(measured))

    def uncertainty(self, corrected: Jets, source: str) -> Evaluated:
        """Relative uncertainty of the scale by one source, such as `Total` or `AbsoluteStat`; shape (n,).

        A jet shifted by it has pT·(1 ± δ) and mass·(1 ± δ). Outside the bins the policy `one` means δ = 0.

        Args:
            corrected: jets as corrected; δ depends on their pT.
        """
        if source not in self._sources:
            self._sources[source] = self._correction(f"{self._tag}_{source}_{self._algorithm}")
        return self._sources[source].evaluate(_inputs(corrected), neutral=0.0)

    def shift(self, corrected: Jets, source: str, direction: str) -> Array:
        """Factor 1 ± δ for pT and mass, `up` or `down`; shape (n,)."""
        return 1 + _SIGN[direction] * self.uncertainty(corrected, source).values

    def smear(
        self, corrected: Jets, generated: GeneratedJets, events: int, normal: Array, direction: str = NOMINAL
    ) -> Smeared:
        """Bring the resolution of simulated jets to that of data.

        With the relative resolution σ of simulation and the ratio s of data to simulation: for a jet that has a
        generated one (`match`), 1 + (s - 1)·(pT - pT_gen)/pT; for the others 1 + σ·N(0, 1)·√(s² - 1), and 1 where
        s < 1.

        Args:
            corrected: jets with the scale corrected.
            generated: GenJet of the same events.
            events: number of events.
            normal: random numbers of the standard normal distribution, such as `seeds.normal`, shape (n,); the same
                for nominal, up and down.
            direction: `nom`, `up` or `down`: s moved by its uncertainty.

        Raises:
            ConfigError: no tag of a resolution was given.
        """
        if self._resolution is None or self._ratio is None:
            raise ConfigError(f"{self._scale.where}: no tag of a resolution was given, so jets cannot be smeared")
        inputs = {**_inputs(corrected), "systematic": direction}
        sigma, ratio = self._resolution.evaluate(inputs), self._ratio.evaluate(inputs)
        found = match(corrected, generated, sigma.values, events)
        matched = found >= 0
        gen_pt = np.where(matched, generated.pt[found], 0.0) if len(generated.pt) else np.zeros(len(found))
        scaled = 1 + (ratio.values - 1) * (corrected.pt - gen_pt) / corrected.pt
        drawn = 1 + sigma.values * normal * np.sqrt(np.maximum(ratio.values**2 - 1, 0))
        factor = np.maximum(np.where(matched, scaled, drawn), MIN_PT / corrected.pt)
        return Smeared(factor, matched, sigma.outside | ratio.outside)

    def _correction(self, name: str) -> Correction:
        return self._file.correction(name, self._outside, SIGNED)


def match(one: Jets, generated: GeneratedJets, sigma: Array, events: int, cone: float = CONE) -> Array:
    """The generated jet of each jet: the nearest one with ΔR < cone/2 and |pT - pT_gen| < 3·σ·pT.

    Args:
        sigma: relative resolution of each jet, shape (n,).
        events: number of events.

    Returns:
        Place in `generated`, -1 without one, shape (n,).
    """
    jet, place = combinations(one.event, generated.event, events)
    distance = np.hypot(one.eta[jet] - generated.eta[place], delta_phi(one.phi[jet], generated.phi[place]))
    near = (distance < cone / 2) & (np.abs(one.pt[jet] - generated.pt[place]) < 3 * sigma[jet] * one.pt[jet])
    jet, place, distance = jet[near], place[near], distance[near]
    order = np.lexsort((distance, jet))[::-1]  # the nearest of each jet is written last
    found = np.full(len(one.pt), -1)
    found[jet[order]] = place[order]
    return found


def _inputs(of: Jets) -> dict[str, Array]:
    return {"JetA": of.area, "JetEta": of.eta, "JetPhi": of.phi, "JetPt": of.pt, "Rho": of.rho}
