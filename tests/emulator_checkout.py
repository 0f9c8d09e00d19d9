"""The workflow with a small emulator as its configuration."""

from pathlib import Path

from tests.checkout import Checkout
from tests.conftest import ROOT

PATH, PRESCALED = "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ", "HLT_Mu17_Mu8"
DEMO = ("--configfile", "config/emulator_demo.yaml")
# Its name is that of the small measurement, whose results `Checkout.final_files` reads.
_CHANGES = {
    "name: emulator_demo": "name: small",
    "[toy_DoubleMuon]": "[small_mumu]",
    "{rounds: 100, learning_rate: 0.08}": "{rounds: 20, learning_rate: 0.2, min_data_in_leaf: 50}",
    "splits: {event: 3, time: 2}": "splits: {event: 2, time: 1}",
    "{replicas: 50}": "{replicas: 10}\nexplain: {events: 500, repeats: 1, shap: 100}",
    "{block_events: 5000}": "{block_events: 1500}",
}
DATASET = "kind: data\nprimary_dataset: DoubleMuon\nera: Run2016G\nnanoaod: v9\ntoy: {toy}\n"
TOY = "{files: 2, events: 2000, seed: 31, physics: dimuon}"


def small_emulator(folder: Path) -> Checkout:
    """The demo of the emulator with fewer events, trees and folds."""
    checkout = Checkout(folder)
    text = (ROOT / "config/emulator_demo.yaml").read_text(encoding="utf-8")
    for before, after in _CHANGES.items():
        assert before in text, before
        text = text.replace(before, after)
    checkout.write("config/emulator_demo.yaml", text)
    checkout.write("config/datasets/small_mumu.yaml", DATASET.format(toy=TOY))
    return checkout
