"""The chain of declared corrections: order, sources, which objects are looked at, and what is told when some lack."""

import json
import math
from pathlib import Path
from typing import Any

import correctionlib.schemav2 as schema
import numpy as np
import pytest
from pydantic import TypeAdapter

from skimflow.analyses.base import Objects
from skimflow.config.corrections import OBJECTS, Correction
from skimflow.errors import ConfigError, InputError
from skimflow.histograms.chain import NOTHING, Chain, Varied
from skimflow.histograms.objects import sources
from skimflow.physics.corrections import rochester, seeds
from skimflow.physics.corrections.rochester import Muons
from tests.correction_files import binning, category, correction, rochester_text
from tests.templates import declared
from tests.unit.test_muon_momentum import run3

NO_FILE = {"path": "x", "sha256": "0" * 64}
EVERY = [
    {"kind": "rochester", "file": NO_FILE},
    {"kind": "muon_scale", "file": NO_FILE},
    {"kind": "jets", "file": NO_FILE, "scale": "MC", "sources": ["Total", "HF"], "resolution": "JR"},
    {"kind": "jets", "file": NO_FILE, "scale": "MC"},
    {"kind": "met_xy", "file": NO_FILE, "era": "2018"},
    {"kind": "unclustered"},
    {"kind": "scale", "factor": 1.03},
    {"kind": "smear", "width": 0.1},
]


def settings(said: dict[str, Any]) -> dict[str, Any]:
    """As a job gets it: with all defaults."""
    made = TypeAdapter(Correction).validate_python({"name": said["kind"], **said})
    return made.model_dump(mode="json")


def chain(*said: dict[str, Any], kind: str = "mc") -> Chain:
    return Chain([settings(one) for one in said], kind)


def written(folder: Path, name: str, *made: schema.Correction) -> dict[str, str]:
    """A file of corrections, declared."""
    path = folder / name
    path.write_text(schema.CorrectionSet(schema_version=2, corrections=list(made)).model_dump_json(exclude_unset=True))
    return declared(path)


def tables(folder: Path, **options: Any) -> dict[str, str]:
    path = folder / f"RoccoR{len(list(folder.iterdir()))}.txt"
    path.write_text(rochester_text(**options))
    return declared(path)


def columns(**changes: Any) -> dict[str, np.ndarray]:
    """Two events: two muons, and one."""
    said = {
        "run": np.array([1, 1]),
        "luminosityBlock": np.array([7, 7]),
        "event": np.array([11, 12]),
        "nMuon": np.array([2, 1]),
        "Muon_pt": np.array([40, 30, 50], np.float32),
        "Muon_eta": np.array([0.5, -1.5, 2.0], np.float32),
        "Muon_phi": np.array([0.0, 1.5, -2.0], np.float32),
        "Muon_charge": np.array([1, -1, 1]),
        "Muon_nTrackerLayers": np.array([8, 9, 12]),
        "PuppiMET_pt": np.array([20, 10], np.float32),
        "PuppiMET_phi": np.array([3.0, 0.1], np.float32),
    }
    return {**said, **changes}


@pytest.mark.parametrize("said", EVERY, ids=lambda said: said["kind"])
@pytest.mark.parametrize("systematic", [True, False])
def test_sources_are_those_that_the_model_tells(said: dict, systematic: bool) -> None:
    """The model refuses links to sources that are not there, so it must know what the chain varies."""
    made = TypeAdapter(Correction).validate_python({"name": "it", **said, "systematic": systematic})
    assert isinstance(made, OBJECTS)
    assert tuple(source for source, _ in sources(made.model_dump(mode="json"))) == made.varied_as


def test_corrections_apply_in_the_order_declared(tmp_path: Path) -> None:
    """A bent track is corrected by its momentum, so twice as much bends otherwise: the two do not commute."""
    file = tables(tmp_path, scale=lambda *_: (1.0, 1e-3))
    twice = {"kind": "scale", "collection": "Muon", "factor": 2}
    bent = {"kind": "rochester", "file": file, "only": "mc"}
    up = Varied("scale", "up")
    pt, charge = columns()["Muon_pt"], columns()["Muon_charge"]
    first = chain(twice, bent).corrected(columns(), up)["Muon_pt"]
    np.testing.assert_allclose(first, 2 * pt / (1 + charge * 1e-3 * 2 * pt), rtol=1e-12)
    after = chain(bent, twice).corrected(columns(), up)["Muon_pt"]
    np.testing.assert_allclose(after, 2 * pt / (1 + charge * 1e-3 * pt), rtol=1e-12)
    assert chain(twice, bent).corrected(columns())["Muon_pt"].dtype == float
    np.testing.assert_allclose(
        chain(bent, twice).corrected(columns())["Muon_pt"], pt / (1 + charge * 1e-3 * pt), rtol=1e-12
    )


def test_missing_momentum_follows_all_muons(tmp_path: Path) -> None:
    """MET less what the muons gain, added up by hand; left alone where `met` is null."""
    file = tables(tmp_path, scale=lambda *_: (0.9, 0.0))
    found = chain({"kind": "rochester", "file": file}, kind="data").corrected(columns())
    np.testing.assert_allclose(found["Muon_pt"], columns()["Muon_pt"].astype(float) / 0.9, rtol=1e-12)
    gain, phi = (columns()[name].astype(float) for name in ("Muon_pt", "Muon_phi"))
    gain = gain / 0.9 - gain
    for event, muons in enumerate(([0, 1], [2])):
        met, angle = (float(columns()[f"PuppiMET_{name}"][event]) for name in ("pt", "phi"))
        x, y = met * math.cos(angle), met * math.sin(angle)
        x -= sum(gain[i] * math.cos(phi[i]) for i in muons)
        y -= sum(gain[i] * math.sin(phi[i]) for i in muons)
        assert found["PuppiMET_pt"][event] == pytest.approx(math.hypot(x, y), rel=1e-12)
        assert found["PuppiMET_phi"][event] == pytest.approx(math.atan2(y, x), rel=1e-12)
    alone = chain({"kind": "rochester", "file": file, "met": None}, kind="data").corrected(columns())
    assert (alone["PuppiMET_pt"] == columns()["PuppiMET_pt"]).all()


def test_run3_muons_are_scaled_then_smeared(tmp_path: Path) -> None:
    path = tmp_path / "run3.json"
    path.write_text(json.dumps({"schema_version": 2, "corrections": list(run3()._file._plain.values())}))
    how, table = {"kind": "muon_scale", "name": "mu", "file": declared(path)}, run3()
    names = ("Muon_pt", "Muon_eta", "Muon_phi", "Muon_charge")
    muons = Muons(*(columns()[name].astype(float) for name in names))
    scaled = table.scaled(muons, data=True).pt
    np.testing.assert_array_equal(chain(how, kind="data").corrected(columns())["Muon_pt"], scaled)

    identity = seeds.Identity(*(np.array(word) for word in ([1, 1, 1], [7, 7, 7], [11, 11, 12])))
    u = seeds.uniform("muon_scale", identity, np.array([0, 1, 0]))
    scaled = muons._replace(pt=table.scaled(muons, data=False).pt)
    layers, of_mc = columns()["Muon_nTrackerLayers"], chain(how)
    nominal = table.smeared(scaled, layers, u).pt
    np.testing.assert_array_equal(of_mc.corrected(columns())["Muon_pt"], nominal)
    assert [v.name for v in of_mc.variations()] == [
        *("mu_scale_up", "mu_scale_down", "mu_resolution_up", "mu_resolution_down"),
    ]
    error = table.scale_error(muons._replace(pt=nominal))
    for way, sign in (("up", 1), ("down", -1)):
        moved = of_mc.corrected(columns(), Varied("mu_scale", way))["Muon_pt"]
        np.testing.assert_allclose(moved, nominal + sign * error, rtol=1e-14)
        moved = of_mc.corrected(columns(), Varied("mu_resolution", way))["Muon_pt"]
        np.testing.assert_array_equal(moved, table.smeared(scaled, layers, u, way).pt)


@pytest.mark.parametrize("way", ["up", "down"])
def test_unclustered_energy_as_the_file_has_it(way: str, tmp_path: Path) -> None:
    """PUPPI: the stored shift of the stored momentum, added to the one that followed the muons."""
    sign = {"up": 1, "down": -1}[way]
    shifted = columns(
        MET_pt=np.array([5.0, 8.0]),
        MET_phi=np.array([0.0, math.pi / 2]),
        MET_MetUnclustEnUpDeltaX=np.array([1.0, 0.0]),
        MET_MetUnclustEnUpDeltaY=np.array([0.0, 2.0]),
        **{f"PuppiMET_ptUnclustered{w.capitalize()}": np.array([22.0, 9.0]) for w in (way,)},
        **{f"PuppiMET_phiUnclustered{w.capitalize()}": np.array([2.9, 0.3]) for w in (way,)},
    )
    found = chain({"kind": "unclustered", "met": "MET"}).corrected(shifted, Varied("unclustered", way))
    np.testing.assert_allclose(found["MET_pt"], [5 + sign, 8 + 2 * sign], rtol=1e-12)
    muons = {"kind": "rochester", "file": tables(tmp_path, scale=lambda *_: (0.9, 0.0))}
    both = chain(muons, {"kind": "unclustered"})
    nominal, moved = both.corrected(shifted), both.corrected(shifted, Varied("unclustered", way))
    for event, (pt, phi) in enumerate(((22.0, 2.9), (9.0, 0.3))):
        for turn in (math.cos, math.sin):
            before = shifted["PuppiMET_pt"][event] * turn(shifted["PuppiMET_phi"][event])
            change = moved["PuppiMET_pt"][event] * turn(moved["PuppiMET_phi"][event])
            change -= nominal["PuppiMET_pt"][event] * turn(nominal["PuppiMET_phi"][event])
            assert change == pytest.approx(pt * turn(phi) - before, abs=1e-6)


LEGS = {"Muon": Objects(np.array([0, 0, 1]), {n: columns()[f"Muon_{n}"] for n in ("pt", "eta", "phi")})}


def in_eta(name: str, edges: list[float], values: list[float], error: float = 0.01) -> schema.Correction:
    ways = {"nominal": 0.0, "systup": error, "systdown": -error}
    content = {way: binning("eta", edges, [value + moved for value in values]) for way, moved in ways.items()}
    inputs = {"eta": "real", "pt": "real", "scale_factors": "string"}
    return correction(name, inputs, category("scale_factors", content))


def test_trigger_that_either_muon_may_have_fired(tmp_path: Path) -> None:
    """Muons of the first event at η 0.5 and -1.5, of which only the one above 35 GeV could have fired in the end."""
    file = written(tmp_path, "t.json", in_eta("sf", [-2.4, 0, 2.4], [0.8, 0.9]))
    how = {"kind": "trigger", "file": file, "key": "sf", "eta": "signed"}
    both = chain({**how, "efficiency": 0.9}).weights(columns(), LEGS)
    lead, other, alone = 0.9 * 0.9, 0.8 * 0.9, 0.9
    expected = [(1 - (1 - lead) * (1 - other)) / (1 - 0.1**2), alone]
    np.testing.assert_allclose(both.nominal(), expected, rtol=1e-12)
    up = (1 - (1 - 0.91 * 0.9) * (1 - 0.81 * 0.9)) / (1 - 0.1**2)
    np.testing.assert_allclose(both.varied("trigger", "up"), [up, 0.91], rtol=1e-12)
    only = chain({**how, "efficiency": 0.9, "min_pt": 35}).weights(columns(), LEGS)
    np.testing.assert_allclose(only.nominal(), [0.9, 0.9], rtol=1e-12)
    leading = chain(how).weights(columns(), LEGS)
    np.testing.assert_allclose(leading.nominal(), [0.9, 0.9], rtol=1e-12)
    measured = written(tmp_path, "e.json", in_eta("mc", [-2.4, 0, 2.4], [0.7, 0.9]))
    known = {"efficiency": measured, "efficiency_key": "mc"}
    # The file of efficiencies takes the name of its value like any other input.
    with pytest.raises(ConfigError, match="scale_factors not among"):
        chain({**how, **known}).weights(columns(), LEGS)
    binned = chain({**how, **known, "inputs": {"scale_factors": "nominal"}})
    expected = (1 - (1 - 0.9 * 0.9) * (1 - 0.8 * 0.7)) / (1 - 0.1 * 0.3)
    assert binned.weights(columns(), LEGS).nominal()[0] == pytest.approx(expected, rel=1e-12)


def test_electrons_are_in_bins_of_supercluster_eta(tmp_path: Path) -> None:
    """The track at 0.99, the supercluster at 1.01: the file's edge at 1 is between them."""
    ways = {"sf": 0.0, "sfup": 0.1, "sfdown": -0.1}
    content = {way: binning("eta", [-2.5, 1.0, 2.5], [1 + moved, 2 + moved]) for way, moved in ways.items()}
    names = {"year": "string", "ValType": "string", "WorkingPoint": "string", "eta": "real", "pt": "real"}
    tight = category("WorkingPoint", {"Tight": category("ValType", content)})
    file = written(tmp_path, "e.json", correction("ID", names, category("year", {"2016": tight})))
    inputs = {"year": "2016", "WorkingPoint": "Tight"}
    how = {"kind": "lepton", "collection": "Electron", "file": file, "key": "ID", "eta": "signed", "inputs": inputs}
    own = {"pt": np.array([30.0]), "eta": np.array([0.99], np.float32)}
    found = chain(how).weights(columns(), {"Electron": Objects(np.array([1]), {**own, "deltaEtaSC": np.array([0.02])})})
    assert found.nominal().tolist() == [1, 2]
    assert found.varied("lepton", "up").tolist() == pytest.approx([1, 2.1])
    with pytest.raises(ConfigError, match="lepton: Electron: needs the branch deltaEtaSC"):
        chain(how).weights(columns(), {"Electron": Objects(np.array([1]), own)})


def btag_file(folder: Path) -> dict[str, str]:
    names = {"systematic": "string", "working_point": "string", "flavor": "int", "abseta": "real", "pt": "real"}

    def factors(name: str, flavours: list[int], values: dict[str, float]) -> schema.Correction:
        ways = category("systematic", {w: category("flavor", dict.fromkeys(flavours, v)) for w, v in values.items()})
        return correction(name, names, category("working_point", {"M": ways}))

    heavy = factors("deepJet_comb", [4, 5], {"central": 0.95, "up": 1.0, "down": 0.9})
    light = factors("deepJet_incl", [0], {"central": 1.2, "up": 1.3, "down": 1.1})
    efficiency = correction(
        "eff", {"flavor": "int", "abseta": "real", "pt": "real"}, category("flavor", {0: 0.1, 4: 0.3, 5: 0.8})
    )
    return written(folder, "b.json", heavy, light, efficiency)


def test_b_tagging_by_hand(tmp_path: Path) -> None:
    """A tagged b jet and an untagged light one in the first event, an untagged b jet in the second."""
    file = btag_file(tmp_path)
    how = {"kind": "btag", "file": file, "working_point": "M", "efficiency": file, "efficiency_key": "eff"}
    jets = {"pt": np.array([50.0, 40, 60]), "eta": np.array([0.1, -2.0, 1.0]), "flavour": np.array([5, 0, 5])}
    jets["tagged"] = np.array([True, False, False])
    found = chain(how).weights(columns(), {"Jet": Objects(np.array([0, 0, 1]), jets)})

    def by_hand(heavy: float, light: float) -> list[float]:
        return [heavy * (1 - light * 0.1) / (1 - 0.1), (1 - heavy * 0.8) / (1 - 0.8)]

    assert found.nominal().tolist() == pytest.approx(by_hand(0.95, 1.2))
    assert found.sources == ["btag_heavy", "btag_light"]
    assert found.varied("btag_heavy", "up").tolist() == pytest.approx(by_hand(1.0, 1.2))
    assert found.varied("btag_light", "down").tolist() == pytest.approx(by_hand(0.95, 1.1))


def test_b_tagging_shape_moves_with_the_scale_of_jets(tmp_path: Path) -> None:
    names = {"systematic": "string", "flavor": "int", "abseta": "real", "pt": "real", "discriminant": "real"}
    values = {"central": 1.0, "up_hf": 1.2, "down_hf": 0.8, "up_jes": 1.1, "down_jes": 0.95}
    content = {way: binning("discriminant", [0, 0.5, 1], [value, 2 * value]) for way, value in values.items()}
    file = written(tmp_path, "s.json", correction("deepJet_shape", names, category("systematic", content)))
    how = {"kind": "btag_shape", "name": "shape", "file": file, "sources": ["hf"], "varies_with": "jets_Total"}
    jets = {"pt": np.array([50.0, 40]), "eta": np.array([0.1, -2.0]), "flavour": np.array([5, 0])}
    jets["discriminant"] = np.array([0.9, 0.1])
    found = chain(how).weights(columns(), {"Jet": Objects(np.array([0, 0]), jets)})
    assert found.nominal().tolist() == [2, 1]
    assert found.sources == ["shape_hf", "jets_Total"]
    assert found.varied("shape_hf", "up").tolist() == pytest.approx([2 * 1.2**2, 1])
    assert found.varied("jets_Total", "down").tolist() == pytest.approx([2 * 0.95**2, 1])


def test_a_weight_that_the_file_lacks_is_one() -> None:
    """So the steps of the yields are the same for files with and without it."""
    made = chain({"kind": "prefiring"})
    assert made.weights(columns(), {}).names == ["prefiring"]
    assert made.weights(columns(), {}).sources == []
    there = {
        f"L1PreFiringWeight_{way}": np.array([value, 1.0]) for way, value in (("Nom", 0.9), ("Up", 0.95), ("Dn", 0.8))
    }
    found = made.weights(columns(**there), {})
    assert found.nominal().tolist() == [0.9, 1]
    assert found.varied("prefiring", "down").tolist() == [0.8, 1]
    fixed = chain({"kind": "prefiring", "systematic": False}).weights(columns(**there), {})
    assert (fixed.nominal().tolist(), fixed.sources) == ([0.9, 1], [])


def test_collision_data_have_no_weights() -> None:
    assert chain({"kind": "prefiring"}, kind="data").weights(columns(), {}).names == []


def test_weights_may_share_a_source(tmp_path: Path) -> None:
    """Both factors move together under the name of the first."""
    file = written(tmp_path, "f.json", in_eta("one", [-2.4, 2.4], [1.0], 0.1), in_eta("two", [-2.4, 2.4], [1.0], 0.2))
    common = {"kind": "lepton", "file": file, "eta": "signed"}
    first, second = {**common, "name": "a", "key": "one"}, {**common, "name": "b", "key": "two", "varies_with": "a"}
    found = chain(first, second).weights(columns(), LEGS)
    assert found.sources == ["a"]
    assert found.varied("a", "up").tolist() == pytest.approx([(1.1 * 1.2) ** 2, 1.1 * 1.2])


def test_objects_outside_the_tables_are_told(tmp_path: Path) -> None:
    beyond = columns(Muon_eta=np.array([0.5, -2.5, 2.0], np.float32))
    made = chain({"kind": "rochester", "file": tables(tmp_path)})
    assert made.applied(beyond)[1]["rochester"].tolist() == [True, False]


def test_what_lacks_is_named(tmp_path: Path) -> None:
    file = tables(tmp_path)
    lacking = {name: values for name, values in columns().items() if name != "Muon_nTrackerLayers"}
    with pytest.raises(
        ConfigError, match="corrections: rochester: needs the branch Muon_nTrackerLayers, which the skim"
    ):
        chain({"kind": "rochester", "file": file}).corrected(lacking)
    factor = written(tmp_path, "f.json", in_eta("one", [-2.4, 2.4], [1.0]))
    how = {"kind": "lepton", "file": factor, "key": "one", "eta": "signed"}
    with pytest.raises(ConfigError, match=r"the selection has no Electron \(it has Muon\)"):
        chain({**how, "collection": "Electron"}).weights(columns(), LEGS)
    with pytest.raises(ConfigError, match=r"declared with absolute η, but the edges of eta go from -2\.4"):
        chain({**how, "eta": "absolute"}).weights(columns(), LEGS)
    with pytest.raises(ConfigError, match="no correction 'two'"):
        chain({**how, "key": "two"}).weights(columns(), LEGS)
    wrong = {**factor, "sha256": "0" * 64}
    with pytest.raises(
        InputError, match=r"f\.json: refused, its sha256 is [0-9a-f]{64} where the configuration says 000"
    ):
        chain({**how, "file": wrong}).weights(columns(), LEGS)
    with pytest.raises(InputError, match=r"absent\.json: corrections cannot be read: No such file"):
        chain({**how, "file": {**factor, "path": str(tmp_path / "absent.json")}}).weights(columns(), LEGS)
    with pytest.raises(ConfigError, match="scale_data is missing, but a dataset is collision data"):
        chain({"kind": "jets", "file": factor, "scale": "MC"}, kind="data").corrected(columns())


@pytest.mark.real
def test_jets_take_along_the_missing_momentum_of_type_1(data: Path) -> None:
    """Jets below 15 GeV, and those that are nearly photons, are not in it."""
    file = declared(data / "correctionlib/2016postVFP_UL/jet_jerc.json.gz")
    how = {"kind": "jets", "file": file, "scale": "Summer19UL16_V7_MC", "met": "PuppiMET"}
    jets = {
        "nJet": np.array([3, 0]),
        "Jet_pt": np.array([80.0, 60.0, 16.0]),
        "Jet_eta": np.array([0.3, -1.0, 0.5]),
        "Jet_phi": np.array([0.4, 2.0, -1.0]),
        "Jet_mass": np.array([8.0, 6.0, 2.0]),
        "Jet_area": np.array([0.5, 0.5, 0.5]),
        "Jet_rawFactor": np.array([0.05, 0.02, 0.35]),
        "Jet_chEmEF": np.array([0.1, 0.5, 0.1]),
        "Jet_neEmEF": np.array([0.1, 0.45, 0.1]),
        "fixedGridRhoFastjetAll": np.array([20.0, 15.0]),
    }
    made = chain(how)
    found = made.corrected(columns(**jets))
    assert found["Jet_pt"][2] < 15
    gain = found["Jet_pt"][0] - 80
    x = columns()["PuppiMET_pt"][0] * math.cos(columns()["PuppiMET_phi"][0]) - gain * math.cos(0.4)
    y = columns()["PuppiMET_pt"][0] * math.sin(columns()["PuppiMET_phi"][0]) - gain * math.sin(0.4)
    assert found["PuppiMET_pt"].tolist() == pytest.approx([math.hypot(x, y), 10.0], rel=1e-6)
    np.testing.assert_allclose(found["Jet_mass"] / jets["Jet_mass"], found["Jet_pt"] / jets["Jet_pt"], rtol=1e-12)
    up, down = (made.corrected(columns(**jets), Varied("jets_Total", way))["Jet_pt"] for way in ("up", "down"))
    assert (up > found["Jet_pt"]).all()
    np.testing.assert_allclose(up + down, 2 * found["Jet_pt"], rtol=1e-12)
    assert made.corrected(columns(**jets), NOTHING)["Jet_pt"].tolist() == found["Jet_pt"].tolist()


def test_rochester_errors_move_the_momentum(tmp_path: Path) -> None:
    file = tables(tmp_path, members=(1, 1), scale=lambda member, *_: (1 + 0.01 * member, 0.0))
    made = chain({"kind": "rochester", "name": "mu", "file": file})
    table = rochester.Rochester(rochester.read(file["path"]))
    nominal = made.corrected(columns())["Muon_pt"]
    up = made.corrected(columns(), Varied("mu", "up"))["Muon_pt"]
    np.testing.assert_allclose(up / nominal, 1 + (1 - 1 / 1.01), rtol=1e-9)
    assert table.tables.set_of.tolist() == [0, 1]
