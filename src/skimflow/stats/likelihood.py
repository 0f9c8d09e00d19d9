"""A workspace as a function of its parameters, and the data it is compared with."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from skimflow.errors import ConfigError
from skimflow.extras import extra
from skimflow.stats.workspace import Workspace

Array = np.ndarray
_NOWHERE = 1e30


class Likelihood:
    """-2 ln L of a workspace, with interpolation codes 4 and 4p, and MINUIT's view of its parameters.

    Args:
        workspace: from `workspace.build`.
        data: contents of all bins and of the auxiliary measurements, shape (m,); those of the workspace by default, and
            Asimov data where it has none.

    Attributes:
        names: parameters, n of them.
        nominal: their values before the fit, shape (n,).
        widths: their uncertainties before the fit, shape (n,); 0 for those that are free or constant.
        start, bounds, constant: for the fit, shapes (n,), (n, 2) and (n,).
        poi: the parameter of interest, or None.
        blind: the data are Asimov data, as there are no others.
    """

    def __init__(self, workspace: Workspace, data: Array | None = None):
        utils = extra("cabinetry.model_utils", "fit")
        self.workspace = workspace
        with _old_resolver():
            self.model, observed = utils.model_and_data(workspace.document)
        config = self.model.config
        self.names: list[str] = list(config.par_names)
        self.nominal = np.asarray(utils.asimov_parameters(self.model), float)
        self.widths = np.asarray(utils.prefit_uncertainties(self.model), float)
        self.start = np.asarray(config.suggested_init(), float)
        self.bounds = np.asarray(config.suggested_bounds(), float)
        self.constant = np.asarray(config.suggested_fixed(), bool)
        self.poi: str | None = config.poi_name
        self.bins = int(sum(config.channel_nbins.values()))
        self.blind = data is None and workspace.asimov
        if data is None:
            data = self.expected(self.nominal) if workspace.asimov else np.asarray(observed, float)
        self.data = np.asarray(data, float)

    def with_data(self, data: Array) -> "Likelihood":
        """The same model with other data; the model is not built again."""
        other = object.__new__(Likelihood)
        other.__dict__.update(self.__dict__, data=np.asarray(data, float), blind=False)
        return other

    def bounded(self, name: str, low: float, high: float) -> "Likelihood":
        """The same with other bounds of a parameter, and its first value inside of them."""
        other, place = self.with_data(self.data), self.index(name)
        other.bounds, other.start = self.bounds.copy(), self.start.copy()
        other.bounds[place], other.start[place] = (low, high), np.clip(self.start[place], low, high)
        return other

    def __call__(self, parameters: Array) -> float:
        """-2 ln L; very large where the model predicts a negative number of events, so that a fit turns back."""
        with np.errstate(all="ignore"):
            value = -2 * float(self.model.logpdf(np.asarray(parameters), self.data)[0])
        return value if np.isfinite(value) else _NOWHERE

    def expected(self, parameters: Array) -> Array:
        """Expected contents of all bins, then of the auxiliary measurements: Asimov data, shape (m,)."""
        return np.asarray(self.model.expected_data(np.asarray(parameters, float)), float)

    def index(self, name: str | None) -> int:
        """Place of a parameter; of the parameter of interest without a name.

        Raises:
            ConfigError: there is none.
        """
        name = name or self.poi
        if name is None:
            raise ConfigError("model: there is no parameter of interest (poi), so this has no answer")
        if name not in self.names:
            raise ConfigError(f"model: there is no parameter {name}; there are {', '.join(self.names)}")
        return self.names.index(name)

    def at(self, values: Mapping[str, float]) -> Array:
        """Nominal parameters, but for some."""
        parameters = self.nominal.copy()
        for name, value in values.items():
            parameters[self.index(name)] = value
        return parameters

    def saturated(self) -> float:
        """-2 ln L of a model that predicts exactly the data, with all constraints at their best."""
        main = self.data[: self.bins]
        gammaln = extra("scipy.special", "fit").gammaln
        poisson = np.sum(np.where(main > 0, main * np.log(np.where(main > 0, main, 1)), 0) - main - gammaln(main + 1))
        auxiliary = self.expected(self.nominal)[self.bins :]
        # A Gaussian constraint is as high at its peak wherever that is, so the nominal one does.
        constraint = float(np.sum(self.model.constraint_logpdf(auxiliary, self.nominal))) if len(auxiliary) else 0.0
        return -2 * (float(poisson) + constraint)

    @property
    def freedom(self) -> int:
        """Bins less free parameters without a constraint."""
        return self.bins - int(((self.widths == 0) & ~self.constant).sum())


@contextlib.contextmanager
def _old_resolver() -> Iterator[None]:
    """pyhf checks workspaces with an interface of jsonschema that version 4 warns of (pyhf 0.7.6 has no other)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"jsonschema\.RefResolver is deprecated", DeprecationWarning)
        yield
