"""Which jet is which quark: assignments, features, truth, training; and tt̄ against the other processes."""

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skimflow import targets
from skimflow.config import load
from skimflow.config.loading import read_yaml
from skimflow.errors import ConfigError, InputError
from skimflow.learning.events import assigned, observed
from skimflow.learning.jet_assignment import train
from skimflow.learning.separation import compare
from skimflow.physics.assignment import FEATURES, Jets, assignments, complete, features, right_jets
from skimflow.physics.kinematics import PtEtaPhiM
from skimflow.physics.partons import LEPTONIC_TOP, NONE, TOP, W
from skimflow.skim import Task, skim_file
from skimflow.toy import Sample
from tests.conftest import ROOT

DEMO = "config/agc_demo.yaml"
TRAINING = {"trees": 30, "leaves": 7, "learning_rate": 0.2, "max_events": 1000, "seed": 5}


@pytest.mark.parametrize(("jets", "number"), [(3, 0), (4, 12), (5, 60), (6, 180)])
def test_numbers_of_assignments(jets: int, number: int) -> None:
    """SYSTEMS appendix B; each set of jets of the W once, with the later one first."""
    found = assignments(jets)
    assert len(found) == number
    assert (found[:, 0] > found[:, 1]).all()
    assert len({(frozenset(one[:2]), *one[2:]) for one in found.tolist()}) == number
    assert all(len(set(one)) == 4 for one in found.tolist())


def test_features_by_hand() -> None:
    """All twenty of one assignment, in the order of SYSTEMS 5c."""
    pt, eta, phi = [80.0, 60.0, 50.0, 40.0], [0.1, -0.5, 1.0, 0.3], [3.0, -3.0, 0.5, 1.5]
    mass, btag, qgl = [10.0, 8.0, 6.0, 5.0], [0.9, 0.1, 0.2, 0.8], [0.3, 0.6, 0.7, -1.0]
    p4 = PtEtaPhiM(*(np.array([values]) for values in (pt, eta, phi, mass)))
    lepton = PtEtaPhiM(*(np.array([value]) for value in (45.0, 0.4, 1.0, 0.1)))
    jets = Jets(p4, np.array([btag]), np.array([qgl]))
    w1, w2, hadronic, leptonic = 2, 1, 0, 3
    place = assignments(4).tolist().index([w1, w2, hadronic, leptonic])

    def vector(*which: int | None) -> tuple[float, float]:
        total = [0.0] * 4
        for i in which:
            p, e, f, m = (45.0, 0.4, 1.0, 0.1) if i is None else (pt[i], eta[i], phi[i], mass[i])
            parts = p * math.cos(f), p * math.sin(f), p * math.sinh(e), math.sqrt((p * math.cosh(e)) ** 2 + m * m)
            total = [a + b for a, b in zip(total, parts, strict=True)]
        x, y, z, energy = total
        return math.sqrt(energy**2 - x**2 - y**2 - z**2), math.hypot(x, y)

    angles = {
        "deltar_leptonbtoplep": math.hypot(0.1, 0.5),
        "deltar_w1w2": math.hypot(1.5, 2 * math.pi - 3.5),
        "deltar_w1btophad": math.hypot(0.9, 2.5),
        "deltar_w2btophad": math.hypot(0.6, 2 * math.pi - 6),
    }
    expected = {
        **angles,
        "mass_leptonbtoplep": vector(None, leptonic)[0],
        "mass_w1w2": vector(w1, w2)[0],
        "mass_w1w2btophad": vector(w1, w2, hadronic)[0],
        "pt_w1w2btophad": vector(w1, w2, hadronic)[1],
    }
    for name, values in (("pt", pt), ("btag", btag), ("qgl", qgl)):
        for role, i in (("w1", w1), ("w2", w2), ("btophad", hadronic), ("btoplep", leptonic)):
            expected[f"{name}_{role}"] = values[i]
    found = features(jets, lepton)[0, place]
    assert list(expected) == list(FEATURES)
    assert dict(zip(FEATURES, found, strict=True)) == pytest.approx(expected, rel=1e-12)
    plain = features(jets, lepton, wrapped=False)[0, place]
    assert plain[3] == pytest.approx(math.hypot(0.6, 6))
    assert plain[4:] == pytest.approx(found[4:])


def test_right_jets_of_all_assignments_of_an_event() -> None:
    """Of 12 assignments one is right, in 5 two jets are, in 4 one, in 2 none: 8.3, 41.7, 33.3, 16.7 % (SYSTEMS 5d)."""
    right = right_jets(np.array([[W, TOP, W, LEPTONIC_TOP]]))
    assert Counter(right[0].tolist()) == {4: 1, 2: 5, 1: 4, 0: 2}
    w1, w2, hadronic, leptonic = assignments(4)[right[0].argmax()].tolist()
    assert (w1, w2, hadronic, leptonic) == (2, 0, 1, 3)


def test_four_quarks_are_asked_for_and_not_a_sum_of_labels() -> None:
    events = np.array([[W, TOP, W, LEPTONIC_TOP], [W, W, NONE, NONE], [W, TOP, TOP, LEPTONIC_TOP]])
    assert events[:2].sum(axis=1).tolist() == [48, 48]
    assert complete(events).tolist() == [True, False, False]


@pytest.fixture(scope="module")
def skims(toy: Callable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Events of toy tt̄ and W+jets, and the selection's settings as JSON."""
    folder, found = tmp_path_factory.mktemp("learning"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        wanted = targets.of(load(read_yaml(DEMO), [DEMO]))
        for process in ("ttbar", "wjets"):
            dataset = f"toy_{process}"
            file = toy(Sample(4, 0, process=process, physics="lepton_jets"), 10_000)
            settings = wanted.settings(dataset, wanted.datasets[dataset])
            found[process] = folder / f"{process}.parquet"
            skim_file(Task(dataset, "f", "f", str(file), None, settings, {}), folder / "counts", found[process])
    return found


@pytest.fixture(scope="module")
def selection() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load(read_yaml(DEMO), [DEMO]).config.selection.model_dump(mode="json")


def test_jets_of_toy_tops_are_learned(skims: dict[str, Path], selection: dict) -> None:
    """Far better than a random choice and than the trijet of the largest pT, with events that were not trained with;
    the same training gives the same models."""
    events = assigned([skims["ttbar"]], selection, True)
    assert events.features.shape == (len(events.number), 12, 20)
    assert ((events.right == 4).sum(axis=1) == 1).all()
    models, table = train(events, TRAINING)
    judged = table[table["sample"] == "validation"].set_index("model")
    assert judged["base_rate"].tolist() == pytest.approx([1 / 12, 1 / 12])
    assert judged.loc["even", "events"] == (events.number % 2 == 1).sum()
    assert (judged["jet_score"] > 0.75).all()
    assert (judged["trijet"] > judged["trijet_pt"]).all()
    shares = judged[["all", "half", "quarter", "none"]]
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1])
    random = table[table["model"] == "random"].iloc[0]
    assert random[["all", "half", "quarter", "none"]].tolist() == pytest.approx([1 / 12, 5 / 12, 4 / 12, 2 / 12])
    assert random["jet_score"] == pytest.approx(3 / 8)
    again, same = train(events, TRAINING)
    assert again == models
    pd.testing.assert_frame_equal(table, same)


def test_a_model_is_not_judged_by_events_that_it_has_seen(skims: dict[str, Path], selection: dict) -> None:
    """With features that are noise, the training sample is learned by heart, and validation is a coin."""
    events = assigned([skims["ttbar"]], selection, True)
    noise = np.random.default_rng(1).random(events.features.shape)
    _, table = train(events._replace(features=noise), {**TRAINING, "leaves": 60})
    auc = table.groupby("sample")["roc_auc"].mean()
    assert auc["train"] > 0.9
    assert auc["validation"] < 0.62


def test_skims_without_partons_are_refused(toy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plain = {**read_yaml(DEMO), "selection": {"partons": False}}
    with pytest.raises(ConfigError, match="assignment: needs selection: partons"):
        load(plain, [DEMO])
    wanted = targets.of(load({**plain, "assignment": None}, [DEMO]))
    file = toy(Sample(4, 1, process="ttbar", physics="lepton_jets"), 300)
    settings = wanted.settings("toy_ttbar", wanted.datasets["toy_ttbar"])
    skim_file(Task("toy_ttbar", "f", "f", str(file), None, settings, {}), tmp_path / "c", tmp_path / "e")
    with pytest.raises(InputError, match="has no Jet_parton; set selection: partons"):
        assigned([tmp_path / "e"], settings["selection"], True)


def test_processes_are_separated_as_far_as_they_differ(skims: dict[str, Path], selection: dict) -> None:
    """Noise is not told apart; W+jets and tt̄ of the toy are, somewhat; the base rate is that of the events."""
    parts = [observed(skims[name], selection) for name in ("ttbar", "wjets")]
    assert all(((part > 30) & np.isfinite(part)).all() for part in (parts[0][:, 1:], parts[1][:, 1:]))
    rng = np.random.default_rng(3)
    signal = rng.random(1500) < 0.7
    settings = {"neighbours": [5, 30], "depths": [3], "test": 0.3, "seed": 5}
    noise = compare(rng.normal(0, [1, 100, 1], (1500, 3)), signal, settings)
    judged = noise[noise["sample"] == "test"]
    assert ((judged["roc_auc"] - 0.5).abs() < 0.1).all()
    assert judged["base_rate"].tolist() == pytest.approx([signal.mean()] * 3, abs=0.01)
    # The first quantity tells, the second is of another scale: without standardising, neighbours would not see it.
    values = rng.normal(0, [1, 1000, 1], (1500, 3)) + np.where(signal, 2.0, 0.0)[:, None] * [1, 0, 0]
    told = compare(values, signal, settings)
    assert (told.loc[told["sample"] == "test", "roc_auc"] > 0.8).all()


def test_too_few_events_of_a_class_are_refused() -> None:
    settings = {"neighbours": [3], "depths": [3], "test": 0.2, "seed": 5}
    with pytest.raises(InputError, match="3 events of tt̄ and 17 others are too few"):
        compare(np.zeros((20, 3)), np.arange(20) < 3, settings)
