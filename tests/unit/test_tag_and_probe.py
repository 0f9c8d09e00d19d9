"""Pairs of tag and probe: hand-made events, and the toy against plain Python and its truth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skimflow.analyses import get
from skimflow.config.tag_and_probe import TagAndProbe
from skimflow.efficiency.tagandprobe import Spectra, counting, fit
from skimflow.filter_bits import filter_bits
from skimflow.physics.leptons import combinations
from skimflow.toy import Sample, collisions, trigger
from tests.tag_and_probe import ELECTRON, MUON, agrees, settings

DZ = {"path": "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ", "reference": "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL"}
MODULE = get("tag_and_probe")

# A muon is (pT, η, φ, charge), a trigger object (pT, η, φ, id, bits). Back to back and central, the pair has the mass
# √(4 pT pT').
TAG, PROBE = (45, 0, 3.13, 1), (46, 0, -0.01, -1)
TAG_OBJECT = (45, 0, -3.13, 13, 2)  # 0.023 away in φ, across ±π


def columns(*events: dict[str, Any]) -> dict[str, np.ndarray]:
    """Flat columns of hand-made events."""
    found: dict[str, list] = {name: [] for name in MODULE.branches(settings(MUON, dz=DZ))}
    for event in events:
        muons, objects = event.get("muons", [TAG, PROBE]), event.get("objects", [TAG_OBJECT])
        found["nMuon"].append(len(muons))
        found["nTrigObj"].append(len(objects))
        for name, values in zip(("pt", "eta", "phi", "charge"), zip(*muons, strict=True), strict=False):
            found[f"Muon_{name}"] += values
        for name, values in zip(("pt", "eta", "phi", "id", "filterBits"), zip(*objects, strict=True), strict=False):
            found[f"TrigObj_{name}"] += values
        found["Muon_tightId"] += event.get("ids", [True] * len(muons))
        found["Muon_pfRelIso04_all"] += event.get("isolations", [0.05] * len(muons))
        found["Muon_mass"] += [0.10566] * len(muons)
        found["HLT_IsoMu24"].append(event.get("fired", True))
        found[DZ["path"]].append(event.get("dz", True))
        found[DZ["reference"]].append(event.get("no_dz", True))
        found["PV_npvs"].append(20)
    kinds = {"id": int, "filterBits": int, "charge": int, "tightId": bool}
    return {name: np.array(v, kinds.get(name.split("_")[-1], float)) for name, v in found.items()} | {
        name: np.array(found[name], int) for name in ("nMuon", "nTrigObj")
    }


def selected(*events: dict[str, Any], **changes: Any) -> Any:
    return MODULE.select(columns(*events), settings(MUON, dz=DZ, **changes))


def fires(*objects: tuple, leg: str = "Mu12") -> bool:
    found = selected({"objects": [TAG_OBJECT, *objects]})
    assert set(found.event.tolist()) == {0}
    return bool(found.decisions[leg][0])  # the pair whose tag is the first muon


def test_a_pair() -> None:
    found = selected({})
    assert [mask.tolist() for _, mask in found.steps] == [[True]] * 3
    assert found.event.tolist() == [0]
    assert found.cuts == []
    q = found.columns
    assert (q["tag_pt"][0], q["probe_pt"][0], q["npv"][0]) == (45, 46, 20)
    # Not quite back to back: 2 pT pT' (1 - cos Δφ) with Δφ = 3.14.
    assert q["mass"][0] == pytest.approx(np.sqrt(2 * 45 * 46 * (1 - np.cos(3.14))), rel=1e-5)
    assert not found.decisions["Mu12"][0]
    assert {*q, "run"} == set(TagAndProbe.QUANTITIES)


@pytest.mark.parametrize(
    ("event", "steps"),
    [
        ({"fired": False}, [0, 0, 0]),
        ({"objects": []}, [1, 0, 0]),
        ({"objects": [(45, 0, 3.13, 11, 2)]}, [1, 0, 0]),  # an electron
        ({"objects": [(45, 0, 3.13, 13, 1)]}, [1, 0, 0]),  # another bit
        ({"objects": [(23.9, 0, 3.13, 13, 2)]}, [1, 0, 0]),  # below the path's threshold
        ({"objects": [(45, 0.2, 3.13, 13, 2)]}, [1, 0, 0]),  # too far
        ({"objects": [(45, 0, -0.01, 13, 2)], "muons": [TAG, (20, 0, -0.01, -1)]}, [1, 0, 0]),  # on the probe only
        ({"ids": [False, True]}, [1, 0, 0]),
        ({"isolations": [0.15, 0.05]}, [1, 0, 0]),
        ({"muons": [TAG]}, [1, 1, 0]),
        ({"ids": [True, False]}, [1, 1, 0]),
        ({"muons": [TAG, (46, 0, -0.01, 1)]}, [1, 1, 0]),  # same charge
        ({"muons": [TAG, (10, 0, -0.01, -1)]}, [1, 1, 0]),  # a probe at its threshold
        ({"muons": [TAG, (46, 2.4, -0.01, -1)]}, [1, 1, 0]),
        ({"muons": [TAG, (19, 0, -0.01, -1)]}, [1, 1, 0]),  # mass 58
        ({"muons": [TAG, (90, 0, -0.01, -1)]}, [1, 1, 0]),  # mass 127
        ({}, [1, 1, 1]),
    ],
)
def test_steps(event: dict[str, Any], steps: list[int]) -> None:
    found = selected({}, event)
    assert [int(mask[1]) for _, mask in found.steps] == steps
    assert found.event.tolist() == ([0, 1] if steps[-1] else [0])


def test_both_may_be_the_tag_and_events_keep_their_place() -> None:
    both = {"objects": [TAG_OBJECT, (46, 0, -0.01, 13, 3)]}
    third = {"muons": [TAG, PROBE, (44, 0.1, 0.01, -1)], "objects": [TAG_OBJECT]}
    found = selected({"fired": False}, both, {"muons": [], "objects": []}, third)
    assert found.event.tolist() == [1, 1, 3, 3]
    assert found.columns["tag_pt"].tolist() == [45, 46, 45, 45]
    assert found.columns["probe_pt"].tolist() == [46, 45, 46, 44]
    assert found.decisions["Mu23"].tolist() == [True, False, False, False]
    # The filter is asked once for each event.
    assert found.asked["dz"].tolist() == [True, False, True, False]


def test_legs() -> None:
    near = (30, 0.05, 0.05, 13)
    assert fires((*near, 1))
    assert fires((*near, 1 | 2 | 1024), leg="Mu23")
    assert not fires((*near, 2))
    assert fires((12, 0, 0, 13, 1))  # online thresholds are inclusive
    assert not fires((11.99, 0, 0, 13, 1))
    assert not fires((22.99, 0, 0, 13, 1), leg="Mu23")
    # Bit and threshold are asked of one object, not of two.
    assert not fires((30, 0, 0, 13, 2), (12, 0, 0, 13, 1), leg="Mu23")


def test_dz_has_the_path_without_it_as_denominator() -> None:
    found = selected({}, {"dz": False}, {"no_dz": False, "dz": False})
    assert found.decisions["dz"].tolist() == [True, False, False]
    assert found.asked["dz"].tolist() == [True, True, False]
    assert MODULE.select(columns({}), settings(MUON)).asked == {}


def test_gap_and_integer_identification() -> None:
    gap = {"muons": [TAG, (46, 0.5, -0.01, -1)]}
    assert len(selected(gap).event) == 1
    assert len(selected(gap, probe={"gap": (0.4, 0.6)}).event) == 0
    assert len(selected({}, probe={"min_id": 2}).event) == 0


def test_no_events() -> None:
    empty = {name: np.empty(0, np.int64 if name.startswith("n") else np.float32) for name in columns({})}
    found = MODULE.select(empty, settings(MUON, dz=DZ))
    assert found.event.shape == (0,)
    assert {name: mask.dtype.kind for name, mask in found.decisions.items()} == {"Mu12": "b", "Mu23": "b", "dz": "b"}


def test_combinations() -> None:
    one, other = combinations(np.array([0, 2, 2]), np.array([0, 0, 1, 2]), 4)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 3), (2, 3)]


@pytest.mark.parametrize(
    ("menu", "bit", "value"),
    [
        (("muon", "v9", 2016), "IsoTkMu", 8),
        (("muon", "v9", 2017), "1mu", 8),
        (("muon", "v9", 2018), "1mu-1e", 32),
        (("muon", "v9", 2016), "Mu50", 1024),
        (("electron", "v9", 2016), "1e-1mu", 32),
        (("electron", "v12", 2022), "1e-1mu", 32),
        (("electron", "v15", 2024), "1e-1mu", 64),
        (("electron", "v5", 2018), "WPTight", 2),
    ],
)
def test_filter_bits(menu: tuple[str, str, int], bit: str, value: int) -> None:
    assert filter_bits(*menu)[bit] == value


def test_unknown_bits_are_said_with_the_configuration() -> None:
    leg = {"Mu8": {"bit": "TrkIso", "min_pt": 8}}
    with pytest.raises(
        ValueError, match=r"legs.Mu8: no muon filter bit TrkIso in NanoAOD v9 of 2016 \(known: TrkIsoVVL, Iso,"
    ):
        settings(MUON, legs=leg)
    with pytest.raises(ValueError, match="no muon filter bit 1mu-1e in NanoAOD v9 of 2016"):
        settings(MUON, legs={"Mu23": {"bit": "1mu-1e", "min_pt": 23}})
    with pytest.raises(ValueError, match=r"NanoAOD v13 are not known \(known: v5,"):
        settings(MUON, nanoaod="v13")


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="mass: the second value"):
        settings(MUON, mass=(120, 60))
    with pytest.raises(ValueError, match="dz is the name"):
        settings(MUON, legs={"dz": {"bit": "Iso"}})


# The toy.

PAIRS = {"SingleMuon": MUON, "SingleElectron": ELECTRON}


@pytest.mark.parametrize("dataset", PAIRS)
def test_toy_agrees_with_plain_python(dataset: str, toy: Callable) -> None:
    sample = Sample(5, 0, primary_dataset=dataset, era="Run2016G")
    number, legs = agrees(toy(sample, 3000), settings(PAIRS[dataset]))
    assert number > 300
    assert all(0 < passed < number for passed in legs.values())


@pytest.mark.parametrize(("base", "bins"), [(MUON, (25, 35, 45, 60)), (ELECTRON, (30, 40, 60))])
def test_legs_of_the_toy_have_their_true_efficiency(base: dict[str, Any], bins: tuple[float, ...]) -> None:
    """Collisions of all kinds that a single-lepton path selected: Z over background, in bins of probe pT."""
    blocks = collisions(Sample(11, 0, era="Run2016H"))
    chosen = settings(base)
    found = [MODULE.select(next(blocks), chosen) for _ in range(6)]
    q = {name: np.concatenate([one.columns[name] for one in found]) for name in ("probe_pt", "probe_eta", "mass")}
    edges = np.arange(60, 121, 1.0)
    for leg in chosen["legs"]:
        passed = np.concatenate([one.decisions[leg] for one in found])
        place = np.digitize(q["probe_pt"], bins) - 1
        inside = (place >= 0) & (place < len(bins) - 1)
        spectra = [
            np.stack([np.histogram(q["mass"][inside & mask & (place == i)], edges)[0] for i in range(len(bins) - 1)])
            for mask in (passed, ~passed)
        ]
        spectra = Spectra(edges, *spectra, *spectra)
        fits = fit(spectra, 0.9995)
        assert fits.valid.all(), fits.reason
        for i in range(len(bins) - 1):
            near = inside & (place == i) & (np.abs(q["mass"] - 91) < 5)
            size = np.ones(near.sum(), bool)
            true = trigger.LEGS[leg].efficiency(q["probe_pt"][near], q["probe_eta"][near], size).mean()
            for estimate in (fits.estimate, counting(spectra, 0.9995)):
                assert estimate.low[i] < true < estimate.high[i]
                assert estimate.high[i] - estimate.low[i] < 0.12


def test_dz_of_the_toy() -> None:
    found = MODULE.select(next(collisions(Sample(2, 0, process="DYJetsToLL"))), settings(MUON, dz=DZ))
    asked = found.asked["dz"]
    expected, error = trigger.DZ_EFFICIENCY, np.sqrt(0.04 * 0.96 / asked.sum())
    assert abs(found.decisions["dz"][asked].mean() - expected) < 4 * error
    assert error < 0.01
