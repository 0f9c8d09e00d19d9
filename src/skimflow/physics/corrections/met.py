"""Missing transverse momentum after corrections of the objects, and its modulation in φ taken out. GeV and radians."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections import seeds
from skimflow.physics.corrections.domain import did_you_mean
from skimflow.physics.corrections.files import CLAMP, Correction, CorrectionFile

Array = np.ndarray


class MissingMomentum(NamedTuple):
    """Magnitude (GeV) and azimuth, in [-π, π], of n events."""

    pt: Array
    phi: Array


class Change(NamedTuple):
    """Objects whose momentum was changed, shape (n,) each; pT in GeV."""

    event: Array
    """Event of each object."""
    old_pt: Array
    """pT that the missing momentum was made with: that of the file, unless it was propagated before."""
    new_pt: Array
    phi: Array


class Window(NamedTuple):
    """Runs of an era, both ends inclusive."""

    first: int
    last: int


WINDOWS = {
    "2016preVFP": Window(272007, 278770),
    "2016postVFP": Window(278769, 284044),
    "2017": Window(297020, 306462),
    "2018": Window(315252, 325273),
    "2022preEE": Window(355094, 359016),
    "2022postEE": Window(359045, 362759),
}
"""The windows of SYSTEMS 2c, but for their upper number: that is the upper edge of the last run bin, so no run of the
era, and drawn it would be outside the file."""


class Rotated(NamedTuple):
    """What the correction of the modulation made of n events."""

    met: MissingMomentum
    outside: Array
    """Events whose momentum was clipped to the range of the file, shape (n,), bool."""


def propagate(met: MissingMomentum, changes: Iterable[Change]) -> MissingMomentum:
    """MET_xy - Σ (pT_new - pT_old)·(cos φ, sin φ) over all changed objects: what they gained, the rest lost.

    For jets pass those that the file's MET was corrected with (type 1: corrected pT above 15 GeV, electromagnetic
    fraction below 0.9), with the muons in them taken care of only once.
    """
    x, y = _cartesian(met)
    for change in changes:
        gained = np.asarray(change.new_pt, float) - change.old_pt
        x = x - np.bincount(change.event, gained * np.cos(change.phi), minlength=len(x))
        y = y - np.bincount(change.event, gained * np.sin(change.phi), minlength=len(y))
    return _polar(x, y)


def unclustered(met: MissingMomentum, delta_x: Array, delta_y: Array, shift: float) -> MissingMomentum:
    """MET with the energy outside jets and leptons shifted by so many standard deviations, +1 for up, -1 for down.

    Args:
        delta_x, delta_y: `MET_MetUnclustEnUpDeltaX` and `…Y` (GeV), shape (n,).
    """
    x, y = _cartesian(met)
    return _polar(x + shift * np.asarray(delta_x, float), y + shift * np.asarray(delta_y, float))


class Modulation:
    """The correction of the modulation in φ ("xy") for data or simulation of one era.

    Args:
        file: `met.json.gz` of the era.
        era: one of `WINDOWS`.
        data: whether the events are data.
        kind: `pfmet` or `puppimet`.

    Raises:
        ConfigError: no such era or kind, or the file is of another era. (The file of another year would be applied
            without a word: SYSTEMS 2e.9.)
    """

    def __init__(self, file: CorrectionFile, era: str, data: bool, kind: str = "pfmet"):
        if era not in WINDOWS:
            raise ConfigError(f"{file.where}: no era {era!r}; {did_you_mean(era, list(WINDOWS))}")
        self.where, self.era, self.window, self.data = file.where, era, WINDOWS[era], data
        _check_era(file, era, kind)
        suffix = f"metphicorr_{kind}_{'data' if data else 'mc'}"
        self._pt, self._phi = (file.correction(f"{name}_{suffix}", CLAMP) for name in ("pt", "phi"))

    def correct(self, met: MissingMomentum, vertices: Array, identity: seeds.Identity) -> Rotated:
        """The corrected momentum; magnitude and azimuth are both made from the uncorrected ones.

        Args:
            met: uncorrected, shape (n,).
            vertices: good primary vertices (PV_npvsGood), shape (n,).
            identity: events; simulation takes its run as a random number of them, uniform in the era's window.

        Raises:
            InputError: data with a run outside the window of the era.
        """
        run = np.asarray(identity.run)
        if not self.data:
            run = seeds.integers("met_xy_run", identity, *self.window)
        elif len(run) and (run.min() < self.window.first or run.max() > self.window.last):
            raise InputError(
                "corrections",
                f"{self.where}: runs {run.min()} to {run.max()} are not all in {self.era} "
                f"({self.window.first} to {self.window.last})",
            )
        values = {"met_pt": met.pt, "met_phi": met.phi, "npvs": vertices, "run": run}
        pt, phi = self._pt.evaluate(values), self._phi.evaluate(values)
        return Rotated(MissingMomentum(pt.values, phi.values), pt.outside | phi.outside)


def _check_era(file: CorrectionFile, era: str, kind: str) -> None:
    """Only the corrections of data are binned in the run: they say which runs the file is for."""
    correction: Correction = file.correction(f"pt_metphicorr_{kind}_data", CLAMP)
    edges = [edge for edge in correction.edges("run") if edge > 0]
    window = WINDOWS[era]
    if edges and not (edges[0] <= window.first and window.last < edges[-1]):
        raise ConfigError(
            f"{file.where}: is for runs {edges[0]:.0f} to {edges[-1] - 1:.0f}, but {era} is {window.first} to "
            f"{window.last}: take the file of that era"
        )


def _cartesian(met: MissingMomentum) -> tuple[Array, Array]:
    pt = np.asarray(met.pt, float)
    return pt * np.cos(met.phi), pt * np.sin(met.phi)


def _polar(x: Array, y: Array) -> MissingMomentum:
    return MissingMomentum(np.hypot(x, y), np.arctan2(y, x))
