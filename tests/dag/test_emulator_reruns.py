"""What reruns what in the emulator: what only judges a model trains none, and what trains one reads no NanoAOD."""

from collections import Counter

import pytest

from tests.checkout import Checkout
from tests.emulator_checkout import DEMO, small_emulator

pytestmark = pytest.mark.xdist_group("dag-emulator")

CONFIG = Counter(resolved_config=1)
SAID = Counter(summary=1, result_page=1, report=1)
COLLECTED = Counter(emulator_collect=1) + SAID
# Two labels in two splits, of which the first has two folds and the other one.
EVALUATED = Counter(emulator_evaluate=4, emulator_truth=1, emulator_drift=2, plot_emulator=1) + COLLECTED
SCORED = Counter(emulator_predict=6, emulator_final=2, emulator_explain=2) + EVALUATED
TRAINED = Counter(emulator_train=6) + SCORED
TABLES = Counter(emulator_table=1, emulator_folds=2) + TRAINED
SKIMMED = Counter(skim=2, aggregate=1, duplicates=1, plot_cutflow=1) + TABLES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The workflow with made up outputs, which Snakemake takes as done: no rule looks into them before it runs."""
    checkout = small_emulator(tmp_path_factory.mktemp("emulator"))
    for line in checkout.run(*DEMO, "-n").splitlines():
        if line.strip().startswith("output: "):
            for path in line.split("output: ")[1].split(", "):
                place = checkout.folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
    checkout.run(*DEMO, "--touch", "--forceall", "--cores", "1")
    return checkout


def test_nothing_to_do(finished: Checkout) -> None:
    assert finished.jobs(*DEMO) == Counter()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["thresholds={recall: [0.9]}", "bootstrap={replicas: 20}", "labels={HLT_Mu17_Mu8: {prescale: 20}}"],
            EVALUATED,
        ),
        # The final models are calibrated with it.
        (["calibration=platt"], Counter(emulator_final=2) + EVALUATED),
        (["lightgbm={rounds: 30}"], TRAINED),
        (["features=[mu1_pt, mu2_pt, dr_12]"], TRAINED),
        (["selection={muon: {min_pt: 5}}"], SKIMMED),
    ],
    ids=["evaluation", "calibration", "lightgbm", "features", "selection"],
)
def test_a_changed_setting(settings: list[str], expected: Counter, finished: Checkout) -> None:
    assert finished.jobs(*DEMO, "--config", *settings) == expected + CONFIG


def test_a_turn_on_of_a_label_trains_that_label_only(finished: Checkout) -> None:
    found = finished.jobs(*DEMO, "--config", "turn_on={thresholds: {HLT_Mu17_Mu8: [16, 8]}}")
    assert (found["emulator_train"], found["emulator_final"], found["emulator_table"]) == (3, 1, 0)


def test_a_split_more_trains_that_split_only(finished: Checkout) -> None:
    found = finished.jobs(*DEMO, "--config", "splits={lumi: 2}")
    assert (found["emulator_folds"], found["emulator_train"], found["emulator_final"]) == (1, 4, 0)


def test_a_label_more_is_a_bit_more_in_the_skims(finished: Checkout) -> None:
    """The skims are made again, and the tables of them: so all is trained again, to the same models."""
    found = finished.jobs(*DEMO, "--config", "labels={HLT_Mu17_Mu8_DZ: {}}")
    assert (found["skim"], found["toy_file"], found["emulator_train"], found["emulator_final"]) == (2, 0, 9, 3)


def test_models_of_another_measurement_are_applied_without_training(finished: Checkout) -> None:
    models = "results/small/emulator/models"
    other = ("--config", "name=other", f"models={models}")
    found = finished.jobs("emulator_scores", *DEMO, *other)
    assert found == Counter(emulator_scores=1, emulator_score=4, skim=2, toy_certified=1)
