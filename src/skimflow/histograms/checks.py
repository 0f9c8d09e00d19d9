"""Do variations look like variations?

A variation that is ten times the nominal template is no uncertainty but a mistake: in one analysis the weights of a
variation replaced the normalisation instead of multiplying it (515 events became 16,147), and the fit did not mind.
"""

from collections.abc import Mapping
from typing import NamedTuple

from skimflow.errors import ConfigError
from skimflow.histograms.collecting import Key
from skimflow.histograms.filling import NOMINAL
from skimflow.histograms.template import Template

UNUSUAL, WRONG = 2.0, 10.0


class Suspect(NamedTuple):
    """A template whose yield, flow included, is far from the nominal one; `wrong` beyond any doubt."""

    key: Key
    ratio: float
    wrong: bool

    def __str__(self) -> str:
        return f"{' '.join(self.key)} has {self.ratio:.3g} times the nominal yield"


def suspects(
    templates: Mapping[Key, Template], unusual: float = UNUSUAL, wrong: float = WRONG, entries: int = 25
) -> list[Suspect]:
    """Variations whose yield over the nominal one is not between 1/unusual and unusual.

    Args:
        unusual, wrong: factors above 1.
        entries: templates in which fewer events are, varied and nominal, are left out: they fluctuate. (Templates
            of files that do not say it are not.)

    Raises:
        ConfigError: a variation has no nominal template.
    """
    found = []
    for key, template in templates.items():
        if key.variation == NOMINAL:
            continue
        nominal = templates.get(key._replace(variation=NOMINAL))
        if nominal is None:
            raise ConfigError(f"{' '.join(key)} has no nominal template to be compared with")
        if 0 < max(template.entries, nominal.entries) < entries:
            continue
        ratio = _ratio(template.values.sum(), nominal.values.sum())
        if not 1 / unusual <= ratio <= unusual:
            found.append(Suspect(key, ratio, not 1 / wrong <= ratio <= wrong))
    return found


def refuse_wrong(found: list[Suspect]) -> None:
    """Raise ConfigError if some are wrong beyond doubt; those that are only unusual are for the report."""
    wrong = [str(suspect) for suspect in found if suspect.wrong]
    if wrong:
        raise ConfigError(
            "templates that cannot be variations (does a weight replace the nominal one, instead of multiplying it?):\n"
            + "\n".join(f"  {line}" for line in wrong)
        )


def _ratio(varied: float, nominal: float) -> float:
    if nominal == 0:
        return 1.0 if varied == 0 else float("inf")
    return float(varied / nominal)
