"""What a configuration may say of the trigger emulator: muons, labels, features, models, splits, evaluation."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from skimflow.config.base import HltPath, Model, Name
from skimflow.config.measurement import Config

Fraction = Annotated[float, Field(gt=0, le=1)]


class GoodMuon(Model):
    """Muons that pairs are made of."""

    min_pt: float = Field(3, ge=0, description="pT above this, GeV.")
    max_eta: float = Field(2.4, gt=0, description="|η| below this.")
    required_id: str | None = Field("looseId", description="Identification flag that is required; null for none.")
    isolation: str = Field("pfRelIso03_all", description="Relative isolation, a branch `Muon_…`.")
    max_isolation: float | None = Field(None, gt=0, description="Isolated better than this; null for any.")
    id: str = Field("tightId", description="Identification flag that is kept as a quantity, a branch `Muon_…`.")


class Dimuon(Model):
    """Selection of `dimuon`: events of two muons or more, and their pairs of opposite charge."""

    QUANTITIES: ClassVar[tuple[str, ...]] = (
        *("pair", "m_mumu", "pt_mumu", "eta_mumu", "dr_mumu", "n_muons", "n_pairs", "m_12", "dr_12", "charge_product"),
        *(
            f"{muon}_{name}"
            for muon in ("lead", "sublead", "mu1", "mu2")
            for name in ("pt", "eta", "iso", "id", "dxy", "dz", "charge")
        ),
    )
    """Columns of the tables beside the context."""

    muon: GoodMuon = Field(default_factory=GoodMuon, description="Muons.")
    min_muons: int = Field(2, ge=1, description="Events with so many good muons.")
    min_mass: float = Field(0, ge=0, description="Mass of a pair above this, GeV.")
    context: tuple[str, ...] = Field(("PV_npvs", "MET_pt"), description="Branches of the event that are kept.")
    absent: tuple[str, ...] = Field(
        (), description="Branches that the files do not have: their columns are NaN. An undeclared one is an error."
    )


class Label(Model):
    """A trigger path that is emulated."""

    prescale: int | None = Field(
        1, ge=1, description="Its prescale, which no model can learn; null where it is not known."
    )


class Boosting(Model):
    """Hyper-parameters of LightGBM; others of its parameters may be given in `more`."""

    rounds: int = Field(200, ge=1, description="Number of trees.")
    learning_rate: float = Field(0.05, gt=0, description="Shrinkage of each tree.")
    num_leaves: int = Field(31, ge=2, description="Leaves of a tree.")
    min_data_in_leaf: int = Field(200, ge=1, description="Least number of rows in a leaf.")
    more: dict[str, float | int | str | bool] = Field(default_factory=dict, description="Other parameters, by name.")


class TurnOnBaseline(Model):
    """The baseline of a trigger group: a product of turn-ons in two pT."""

    columns: tuple[Name, Name] = Field(("mu1_pt", "mu2_pt"), description="The two pT.")
    thresholds: dict[HltPath, tuple[float, float]] = Field(
        default_factory=dict, description="By label, the thresholds that its fit starts from, GeV."
    )


class Bootstrap(Model):
    """Intervals of measures, from events drawn with replacement."""

    replicas: int = Field(100, ge=10, description="How often events are drawn.")
    level: float = Field(0.6827, gt=0, lt=1, description="Confidence level.")


class Explain(Model):
    """Importance of features, on events that a model was not trained on."""

    events: int = Field(20_000, ge=10, description="At most so many events.")
    repeats: int = Field(3, ge=1, description="How often a feature is shuffled.")
    shap: int = Field(2_000, ge=10, description="SHAP values of at most so many rows.")


class Drift(Model):
    """Whether inputs and score change with time."""

    block_events: int = Field(50_000, ge=10, description="Neighbouring runs are put together up to so many events.")
    psi: tuple[float, float] = Field((0.1, 0.25), description="Population stability index to watch, and to act on.")
    significance: float = Field(0.01, gt=0, lt=1, description="p-value of the two-sample test below which it counts.")


class Thresholds(Model):
    """Working points, by what they reach."""

    rate: tuple[float, ...] = Field((1, 10), description="Accepted events a second of data taking, Hz.")
    acceptance: tuple[Fraction, ...] = Field((0.1,), description="Fraction of events that is accepted.")
    precision: tuple[Fraction, ...] = Field((0.9,), description="Fraction of accepted events that fired the path.")
    recall: tuple[Fraction, ...] = Field((0.95,), description="Fraction of events that fired the path and is accepted.")


class EmulationConfig(Config):
    """A model that says from offline quantities whether trigger paths fire."""

    analysis: Literal["dimuon"] = Field(description="Module of `skimflow.analyses` that makes the tables.")
    selection: Dimuon = Field(default_factory=Dimuon, description="Muons, pairs, context.")
    labels: dict[HltPath, Label] = Field(min_length=1, description="Trigger paths that are emulated.")
    level: Literal["event", "pair"] = Field(
        "event",
        description="Rows that a model sees: the `event` with its two leading muons, or each `pair` of opposite "
        "charge, of which the highest score is the event's.",
    )
    features: tuple[Name, ...] = Field(min_length=1, description="Columns of the table that a model sees.")
    turn_on: TurnOnBaseline = Field(default_factory=TurnOnBaseline, description="Baseline of turn-ons.")
    lightgbm: Boosting = Field(default_factory=Boosting, description="The model.")
    splits: dict[Literal["event", "lumi", "time"], Annotated[int, Field(ge=1, le=50)]] = Field(
        default_factory=lambda: {"event": 5, "time": 4},
        min_length=1,
        description="Folds by split: of events, of luminosity sections, or in time. The first one calibrates.",
    )
    calibration: Literal["isotonic", "platt"] = Field("isotonic", description="From scores to probabilities.")
    thresholds: Thresholds = Field(default_factory=Thresholds, description="Working points.")
    bootstrap: Bootstrap = Field(default_factory=Bootstrap, description="Intervals.")
    explain: Explain = Field(default_factory=Explain, description="Importance of features.")
    drift: Drift = Field(default_factory=Drift, description="Change with time.")
    seed: int = Field(7, ge=0, description="Of everything random.")

    @model_validator(mode="after")
    def _known_columns(self) -> "EmulationConfig":
        known = {*self.selection.QUANTITIES, *self.selection.context}
        for where, names in (("features", self.features), ("turn_on: columns", self.turn_on.columns)):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(f"{where}: {', '.join(unknown)}: the tables have {', '.join(sorted(known))}")
        return self

    @model_validator(mode="after")
    def _known_labels(self) -> "EmulationConfig":
        for path in self.turn_on.thresholds:
            if path not in self.labels:
                raise ValueError(f"turn_on: thresholds: {path} is not among the labels")
        if next(iter(self.splits)) == "time":
            raise ValueError("splits: the first one calibrates, and `time` does not test all events: put another first")
        return self
