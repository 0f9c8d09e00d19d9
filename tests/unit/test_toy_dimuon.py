"""The toy's DoubleMuon collisions, and their true probabilities."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from skimflow.errors import InputError
from skimflow.toy import Sample, collisions, path_probabilities, trigger, write_file, write_probabilities
from skimflow.toy.dimuon import ISOLATED_DZ, MENU

DOUBLE_MUON = Sample(5, 0, primary_dataset="DoubleMuon", era="Run2016G", physics="dimuon")


def muons(*events: list[tuple[float, float, float]]) -> dict[str, np.ndarray]:
    """Columns of events with muons (pT, η, isolation)."""
    flat = np.array([muon for event in events for muon in event], float).reshape(-1, 3)
    names = ("Muon_pt", "Muon_eta", "Muon_pfRelIso03_all")
    return {"nMuon": np.array([len(event) for event in events]), **dict(zip(names, flat.T, strict=True))}


def test_probabilities_of_two_muons_by_hand() -> None:
    """Two muons of one kind with ε8 and ε17: both fire Mu8 and at least one Mu17, ε8² - (ε8 - ε17)²."""
    muon = (18.0, 0.0, 0.0)
    found = path_probabilities(muons([muon, muon]), MENU, None)
    for path, legs in ((ISOLATED_DZ, ("Mu8_TrkIsoVVL", "Mu17_TrkIsoVVL")), ("HLT_Mu17_Mu8", ("Mu8", "Mu17"))):
        low, high = (float(MENU.legs[leg].efficiency(*map(np.array, (18.0, 0.0, True)))) for leg in legs)
        both = low**2 - (low - high) ** 2
        other = trigger.DZ_EFFICIENCY if MENU.paths[path].dz else 1 / MENU.paths[path].prescale
        assert found[path][0] == pytest.approx(both * other, rel=1e-12)
    single = 1 - (1 - low) ** 2
    assert found["HLT_Mu8"][0] == pytest.approx(single / 3, rel=1e-12)
    assert found["in_dataset"][0] == 1


def test_probabilities_within_the_dataset_by_hand() -> None:
    """A single muon fires single-muon paths only; given that it is in the dataset, one of them fired."""
    found = path_probabilities(muons([(30.0, 0.0, 0.0)], []), MENU, "DoubleMuon")
    high, low = (float(MENU.legs[leg].efficiency(*map(np.array, (30.0, 0.0, True)))) for leg in ("Mu17", "Mu8"))
    inside = high * (1 - (1 - 1 / 3) ** 2) + (low - high) / 3
    assert found["in_dataset"] == pytest.approx([inside, 0], rel=1e-12)
    assert found["HLT_Mu17"] == pytest.approx([high / 3 / inside, 0], rel=1e-12)
    assert found[ISOLATED_DZ].tolist() == [0, 0]


def test_probabilities_are_those_of_the_draws() -> None:
    """Observed and expected numbers of fired events agree in bins of the probability, in the primary dataset."""
    blocks = list(itertools.islice(collisions(DOUBLE_MUON), 3))
    known = [path_probabilities(block, MENU, "DoubleMuon") for block in blocks]
    fired = {path: np.concatenate([block[path] for block in blocks]) for path in MENU.paths}
    expected = {name: np.concatenate([part[name] for part in known]) for name in known[0]}
    kept = trigger.in_primary_dataset(fired, "DoubleMuon", MENU)
    for name, happened, p in [("in_dataset", kept, expected["in_dataset"])] + [
        (path, fired[path][kept], expected[path][kept]) for path in MENU.paths
    ]:
        bins = np.digitize(p, np.quantile(p, [0.2, 0.4, 0.6, 0.8]))
        for place in np.unique(bins):
            here = bins == place
            error = np.sqrt((p[here] * (1 - p[here])).sum())
            assert abs(happened[here].sum() - p[here].sum()) < 4.5 * error + 1e-6, name


def test_a_file_with_its_probabilities(tmp_path: Path) -> None:
    path, truth = tmp_path / "toy.root", tmp_path / "toy.probabilities.parquet"
    write_file(path, DOUBLE_MUON, 300, probabilities=truth)
    table = pq.read_table(truth)
    with uproot.open(path) as file:
        events = file["Events"].arrays(["run", "luminosityBlock", "event", ISOLATED_DZ], library="np")
        assert file["Events"]["Muon_tightId"].typename == "bool[]"
    for name in ("run", "luminosityBlock", "event"):
        assert table[name].to_pylist() == events[name].tolist()
    assert 0.3 < events[ISOLATED_DZ].mean() < 0.7
    assert table[ISOLATED_DZ].to_numpy().mean() == pytest.approx(events[ISOLATED_DZ].mean(), abs=0.1)
    again = tmp_path / "again.parquet"
    write_probabilities(again, DOUBLE_MUON, 300)
    assert again.read_bytes() == truth.read_bytes()


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (DOUBLE_MUON._replace(physics="quarks"), "no physics quarks"),
        (DOUBLE_MUON._replace(primary_dataset="MuonEG"), "no primary dataset MuonEG"),
        (Sample(1, 0, process="TTTo2L2Nu", physics="dimuon"), "only data"),
    ],
)
def test_what_the_toy_has_not(sample: Sample, message: str) -> None:
    with pytest.raises(InputError, match=message):
        next(collisions(sample))


def test_only_muon_paths_have_probabilities() -> None:
    with pytest.raises(InputError, match="only the probabilities of muon paths"):
        path_probabilities(muons([]), trigger.MENU, "MuonEG")
