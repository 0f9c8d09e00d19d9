"""Configuration: what is refused and how it is said, and the generated documents."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from skimflow import analyses
from skimflow.config import HwwEmu, load
from skimflow.config.documents import documents
from skimflow.config.efficiency import Orthogonal
from skimflow.config.loading import merge, read_yaml
from skimflow.errors import ConfigError
from skimflow.targets import cross_trigger_settings, efficiency_settings, probe_settings, skim_settings
from tests.tag_and_probe import MUON

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


PROBE = "HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ"
MET = {"method": "orthogonal", "datasets": ["toy_MET_G", "toy_MET_H"], "paths": ["HLT_MET200"]}


FACTOR = {"data": "SingleMuon", "simulation": "DYJetsToLL", "reference": "muon", "variables": ["probe_pt"]}
PROBE_PT = {"label": "x", "fine": {"bins": 20, "low": 0, "high": 100}, "report": [20, 100]}


def tag_and_probe(**changes: object) -> dict:
    """A reference of muon legs; changes of its selection or of its own keys."""
    own = {k: changes.pop(k) for k in ("datasets", "simulation", "variables", "maps", "mass", "fit") if k in changes}
    reference = {"method": "tag_and_probe", "datasets": ["toy_SingleMuon"], "variables": {"probe_pt": PROBE_PT}}
    return {**reference, "selection": {**MUON, **changes}, **own}


CROSS = {
    "muon": {"reference": "muon", "loose": "Mu12", "tight": "Mu23"},
    "electron": {"reference": "electron", "loose": "Ele12", "tight": "Ele23"},
}


def electrons(**changes: object) -> dict:
    bit = {"bit": "CaloIdL_TrackIdL_IsoVL"}
    tag = {"id": "cutBased", "min_pt": 30, "max_eta": 2.5, "paths": ["HLT_Ele27_WPTight_Gsf"]}
    own = {"flavour": "electron", "tag": {**tag, "object": {"bit": "WPTight", "min_pt": 27}}}
    legs = {"Ele12": {**bit, "min_pt": 12}, "Ele23": {**bit, "min_pt": 23}}
    return tag_and_probe(**{**own, "legs": legs, "datasets": ["toy_SingleElectron"], **changes})


def cross(over: dict, **more: object) -> dict:
    """A measurement with a cross trigger, and with what is changed in its block and beside it."""
    references = {"none": {"method": "none"}, "muon": tag_and_probe(), "electron": electrons()}
    return merge({"references": references, "cross_trigger": merge(CROSS, over)}, more)


def cross_mistakes() -> list[tuple[dict, str]]:
    eta = {"label": "x", "fine": {"bins": 2, "low": 0, "high": 2.4}}
    more = {"muon": tag_and_probe(datasets=["toy_SingleMuon", "toy_SingleElectron"])}
    absent = {"muon": {"reference": "mu"}}
    return [
        (cross(absent), "cross_trigger: muon: mu is not a tag_and_probe reference of muons (muon)"),
        (
            cross({"electron": {"reference": "muon"}}),
            "cross_trigger: electron: muon is not a tag_and_probe reference",
        ),
        (cross({"muon": {"tight": "Mu8"}}), "cross_trigger: muon: tight: Mu8 is not a leg of muon (Mu12, Mu23)"),
        (
            cross({"muon": {"tight": "Mu12", "loose": "Mu23"}}),
            "cross_trigger: muon: the tight leg Mu12 has a lower min_pt than the loose one Mu23",
        ),
        (cross({"muon": {"variables": ["mass"]}}), "cross_trigger: muon: variables: mass: an event has probe_pt, "),
        (
            cross({"muon": {"variables": ["probe_abs_eta"]}}),
            "cross_trigger: muon: variables: probe_abs_eta is no variable of muon with report edges",
        ),
        (
            cross(
                {"muon": {"variables": ["probe_pt", "probe_abs_eta"]}},
                references={"muon": {"variables": {"probe_abs_eta": {**eta, "report": [0, 2.4]}}}},
            ),
            "cross_trigger: muon: variables: muon has no map of probe_pt and probe_abs_eta",
        ),
        (cross({"dz": "muon"}), "cross_trigger: dz: muon is not a reference with selection.dz (there is none)"),
        (cross({"against": ["run"]}), "cross_trigger: against: run is not among the variables with report edges"),
        (cross({"against": ["zz"]}), "cross_trigger: against: zz is not among the variables with report edges"),
        (cross({"muon": {"loose": None}}), "cross_trigger.muon.loose: input should be a valid string, not None"),
        (
            cross({}, probe={"any_of": [PROBE]}),
            "cross_trigger: is the OR of two paths, so probe must have these two as any_of",
        ),
        (
            cross({}, probe={"prescales": {PROBE: 4}, "on_prescale": "weight"}),
            "cross_trigger: a path of the probe is prescaled",
        ),
        (
            cross({"muon": {"sample": "DoubleMuon"}}),
            "cross_trigger.muon.sample: reference muon has no sample DoubleMuon (known: SingleMuon)",
        ),
        (
            cross({}, references={**more, "electron": {"datasets": ["toy_MET_G"]}}),
            "cross_trigger.muon.sample: reference muon has several samples; name one (known: SingleElectron,",
        ),
    ]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def change(folder: Path, over: dict) -> Path:
    return write(folder, yaml.safe_dump(merge(read_yaml("config/hww_emu.yaml"), over), sort_keys=False))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    measurement = load(read_yaml(path), [path])
    assert measurement.datasets


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"features": ["mu1_pt", "mu3_pt"]}, "features: mu3_pt: the tables have MET_pt, PV_npvs, charge_product, "),
        ({"selection": {"context": ["PV_npvs"]}}, "features: MET_pt: the tables have PV_npvs, charge_product, "),
        ({"turn_on": {"columns": ["mu1_pt", "pt2"]}}, "turn_on: columns: pt2: the tables have "),
        ({"turn_on": {"thresholds": {"HLT_Mu8": [8, 8]}}}, "turn_on: thresholds: HLT_Mu8 is not among the labels"),
        ({"splits": {"weekday": 2}}, "splits.weekday"),
        ({"splits": {"event": 0}}, "splits.event: input should be greater than or equal to 1"),
        ({"lightgbm": {"round": 3}}, "lightgbm.round: unknown key (did you mean rounds?)"),
        ({"labels": {"Mu17": {}}}, "labels.Mu17"),
        ({"thresholds": {"recall": [1.5]}}, "thresholds.recall.0: input should be less than or equal to 1"),
    ],
)
def test_mistakes_in_an_emulator_are_told(over: dict, message: str) -> None:
    path = "config/emulator_demo.yaml"
    with pytest.raises(ConfigError) as error:
        load(merge(read_yaml(path), over), [path])
    assert message in str(error.value)


def test_a_split_in_time_cannot_calibrate() -> None:
    path = "config/emulator_demo.yaml"
    with pytest.raises(ConfigError, match="splits: the first one calibrates, and `time` does not test all events"):
        load({**read_yaml(path), "splits": {"time": 2, "event": 3}}, [path])


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"selection": {"lead_ptt": 3}}, "selection.lead_ptt: unknown key (did you mean lead_pt?)"),
        ({"completenes": 1}, "completenes: unknown key (did you mean completeness?)"),
        ({"variables": {"met": {"fine": {"bin": 3}}}}, "variables.met.fine.bin: unknown key (did you mean bins?)"),
        ({"maps": [{"x": "mll", "y": "met", "z": "run"}]}, "maps.0.z: unknown key"),
        ({"selection": {"sublead_pt": -4}}, "selection.sublead_pt: input should be greater than or equal to 0, not -4"),
        ({"selection": {"min_met": float("nan")}}, "selection.min_met: input should be a finite number"),
        ({"probe": {"on_missing": "skip"}}, "probe.on_missing: input should be 'exclude', 'error' or 'false'"),
        ({"probe": {"any_of": ["Mu12"]}}, "probe.any_of.0: 'Mu12' does not match ^HLT_"),
        ({"probe": {"any_of": ["HLT_a", "HLT_a"]}}, "probe: a path is listed twice"),
        ({"probe": {"all_of": ["HLT_a"]}}, "probe: give either any_of or all_of"),
        ({"probe": {"any_of": []}}, "probe: give either any_of or all_of"),
        ({"probe": {"prescales": {"HLT_a": 2}}}, "probe: prescales: HLT_a is not among the paths"),
        ({"probe": {"any_of": ["HLT_a"], "prescales": {"HLT_a": 4}}}, "probe: HLT_a has a prescale of 4, which would"),
        ({"probe": {"any_of": ["HLT_a"], "prescales": {"HLT_a": 0}}}, "probe.prescales.HLT_a: input should be greater"),
        ({"references": {}}, "references: dictionary should have at least 1 item"),
        (
            {"references": {"met": {"method": "orthogonl"}}},
            "references.met: 'method' must be one of 'none', 'orthogonal'",
        ),
        ({"references": {"met": {"paths": ["HLT_a"]}}}, "references.met: 'method' is missing"),
        ({"references": {"none": {"method": "none", "paths": []}}}, "references.none.paths: unknown key"),
        (
            {"references": {"met": {**MET, "pathes": ["HLT_a"]}}},
            "references.met.pathes: unknown key (did you mean paths?)",
        ),
        ({"references": {"met": {**MET, "paths": []}}}, "references.met.paths: tuple should have at least 1 item"),
        (
            {"references": {"met": {**MET, "paths": [PROBE]}}},
            f"references: met: {PROBE} is what is measured, so it can",
        ),
        ({"references": {"met": MET}}, "references: none counts dataset MuonEG_Run2016G (add `none: {method: none}`)"),
        (
            {"references": {"met": {**MET, "datasets": ["toy_MET_F"]}}},
            "references.met.datasets: there is no config/datasets/toy_MET_F.yaml (did you mean toy_MET_",
        ),
        (
            {"references": {"met": {**MET, "datasets": ["toy_TTTo2L2Nu"]}}},
            "references.met.datasets: toy_TTTo2L2Nu is simulation (list it under simulation)",
        ),
        (
            {"references": {"met": {**MET, "simulation": ["toy_MuonEG_G"]}}},
            "references.met.simulation: toy_MuonEG_G is collision data (list it under datasets)",
        ),
        (
            {"references": {"muon": tag_and_probe(simulation=["toy_MuonEG_G"])}},
            "references.muon.simulation: toy_MuonEG_G",
        ),
        (
            {"references": {"muon": tag_and_probe(legs={"Mu8": {"bit": "TrkIso"}})}},
            "references.muon.selection: legs.Mu8: no muon filter bit TrkIso in NanoAOD v9 of 2016 (known: TrkIsoVVL,",
        ),
        (
            {"references": {"muon": tag_and_probe(nanoaod="v13")}},
            "references.muon.selection: tag.object: the trigger filter bits of NanoAOD v13 are not known",
        ),
        (
            {"references": {"muon": tag_and_probe(variables={"lead_pt": {"label": "x", "fine": "integer"}})}},
            "references.muon: variables: lead_pt: tag_and_probe has probe_pt, ",
        ),
        (
            {"references": {"muon": tag_and_probe(maps=[{"x": "probe_pt", "y": "npv"}])}},
            "references.muon: maps: npv is not among the variables",
        ),
        (
            {"references": {"muon": tag_and_probe(mass={"bins": 10, "low": 50, "high": 120})}},
            "references.muon: mass: its bins go beyond selection.mass, 60 to 120 GeV",
        ),
        (
            {"references": {"muon": tag_and_probe(fit={"windows": {"below": [70.5, 80.5], "above": [101.5, 111.5]}})}},
            "references.muon: fit: windows: [70.5, 80.5, 101.5, 111.5] are not among the edges of mass",
        ),
        (
            {"references": {"muon": tag_and_probe(fit={"windows": {"above": [101, 120]}})}},
            "references.muon.fit.windows: the sidebands must have one width and lie symmetric",
        ),
        (
            {"references": {"muon": tag_and_probe(fit={"signal": "gauss"})}},
            "references.muon.fit.signal: input should be",
        ),
        (
            {"references": {"none": {"method": "none"}, "muon": tag_and_probe(datasets=["MuonEG_Run2016G"])}},
            "references: none and muon select the events of dataset MuonEG_Run2016G differently",
        ),
        (
            {"references": {"none": {"method": "none"}, "a": tag_and_probe(), "b": tag_and_probe()}},
            "references: a and b select the events of dataset toy_SingleMuon differently",
        ),
        (
            {"scale_factors": {"mu": {**FACTOR, "trigger": "Mu8"}}, "references": {"muon": tag_and_probe()}},
            "scale_factors: mu: trigger must be a leg of muon (Mu12, Mu23)",
        ),
        (
            {"scale_factors": {"mu": {**FACTOR, "variables": ["met"]}}, "references": {"muon": tag_and_probe()}},
            "scale_factors: mu: met is not a variable with report edges",
        ),
        *cross_mistakes(),
        ({"variables": {"met": {"report": [20, 20.3]}}}, "variables.met: report edges [20.3] are not among the fine"),
        ({"variables": {"met": {"report": [30, 20]}}}, "variables.met.report: bin edges must increase"),
        ({"variables": {"met": {"fine": {"high": -5}}}}, "variables.met.fine: high must be larger than low"),
        ({"eras": {"Run2016G": [5, 1]}}, "eras: Run2016G: last run 1 is before first run 5"),
        ({"eras": {"Run2016G": [5]}}, "eras.Run2016G: needs more values"),
        ({"stability": {"variable": "runn"}}, "stability: runn is not among the integer variables"),
        ({"stability": {"variable": "met"}}, "stability: met is not among the integer variables"),
        ({"stability": {"against": ["run"]}}, "stability: against: run is not among the variables with report edges"),
        ({"stability": {"block_events": 0}}, "stability.block_events: input should be greater than or equal to 1"),
        ({"turn_ons": [{"variable": "run", "range": [1, 2]}]}, "turn_ons: run is not among the variables with fine"),
        (
            {"turn_ons": [{"variable": "met", "range": [1, 250]}]},
            "turn_ons: range of met: [1.0] are not among its fine",
        ),
        ({"turn_ons": [{"variable": "met", "range": [50, 20]}]}, "turn_ons.0.range: bin edges must increase"),
        (
            {"turn_ons": [{"variable": "lead_eta", "model": "step", "range": [-3, 3]}]},
            "turn_ons: lead_eta: a step has a relative resolution: no range below 0",
        ),
        (
            {"turn_ons": [{"variable": "met", "range": [20, 250]}, {"variable": "met", "range": [30, 250]}]},
            "turn_ons: met with model erf is listed twice",
        ),
        ({"maps": [{"x": "run", "y": "met"}]}, "maps: variable run needs report edges"),
        ({"certified_luminosity": {"sha256": None}}, "certified_luminosity: url needs sha256"),
        ({"certified_luminosity": None}, "certified_luminosity: missing, but dataset MuonEG_Run2016G is collision"),
        ({"datasets": ["MuonEG_Run2016F"]}, "datasets: there is no config/datasets/MuonEG_Run2016F.yaml (did you mean"),
        ({"datasets": ["toy_MuonEG_G", "toy_MuonEG_G"]}, "datasets: toy_MuonEG_G is listed twice"),
        ({"name": "../up"}, "name: '../up' does not match"),
        ({"variables": {"mett": {"label": "x", "fine": "integer"}}}, "variables: mett: hww_emu has lead_pt, "),
        ({"variables": {"npv": {"fine": "integer"}}}, "variables.npv: report needs fine bins"),
        ({"style": {"colours": ["redd"]}}, "style.colours.0: 'redd' does not match"),
        ({"interval": {"level": 1}}, "interval.level: input should be less than 1, not 1"),
    ],
)
def test_refused_with_file_and_key(tmp_path: Path, over: dict, message: str) -> None:
    path = change(tmp_path, over)
    with pytest.raises(ConfigError) as caught:
        load(read_yaml(path), [path])
    assert f"{path}: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cross_trigger(tmp_path: Path) -> None:
    """Where the legs are, in which columns of events, and of which samples."""
    path = change(tmp_path, cross({"against": ["mll"], "muon": {"sample": "SingleMuon"}}))
    found = cross_trigger_settings(*load(read_yaml(path), [path])[:2])
    axis = {"column": "electron_pt", "absolute": False, "open": True, "edges": [20, 100]}
    legs = {"reference": "electron", "loose": "Ele12", "tight": "Ele23", "data": "SingleElectron", "mc": None}
    assert found["legs"]["electron"] == {**legs, "axes": {"probe_pt": axis}}
    assert found["dz"] is None
    assert list(found["datasets"]) == ["MuonEG_Run2016G", "MuonEG_Run2016H"]
    assert found["report"]["mll"][0] == 12
    demo = load(read_yaml("config/config.yaml"), ["config/config.yaml"])
    dz = cross_trigger_settings(demo.config, demo.datasets)["dz"]
    assert dz == {"reference": "muon", "data": "SingleMuon", "mc": "DYJetsToLL"}


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = change(tmp_path, {"selection": {"lead_ptt": 3, "min_met": "x"}, "title": 3})
    with pytest.raises(ConfigError) as caught:
        load(read_yaml(path), [path])
    assert str(caught.value).count("error: ") == 2


def test_command_line_is_named_as_the_source() -> None:
    raw = merge(read_yaml("config/hww_emu.yaml"), {"selektion": {}})
    with pytest.raises(ConfigError, match=r"^--config: selektion: unknown key \(did you mean selection\?\)"):
        load(raw, ["config/hww_emu.yaml"])


def test_a_wrong_value_of_the_command_line_is_not_blamed_on_a_file() -> None:
    raw = merge(read_yaml("config/hww_emu.yaml"), {"completeness": "abc"})
    with pytest.raises(ConfigError, match=r"^--config: completeness: input should be"):
        load(raw, ["config/hww_emu.yaml"])


@pytest.mark.parametrize("name", ["all", "my set"])
def test_dataset_names_that_would_collide(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.yaml").write_text("kind: mc\nprocess: tt\nfiles: a.root\n")
    path = change(tmp_path, {"datasets": str(tmp_path / f"{name}.yaml")})
    with pytest.raises(ConfigError, match="a dataset cannot have this name"):
        load(read_yaml(path), [path])


def test_what_the_model_calls_quantities_is_what_the_analysis_returns(settings: Callable) -> None:
    analysis = analyses.get("hww_emu")
    names = analysis.branches(settings("mc")["selection"])
    columns = {name: np.empty(0, np.int64 if name.startswith("n") else np.float32) for name in names}
    found = analysis.select(columns, settings("mc")["selection"]).columns
    assert {*found, "run"} == set(HwwEmu.QUANTITIES)


def test_datasets_of_all_lists_are_read_once_and_counted_with_their_references(tmp_path: Path) -> None:
    """Data with the reference that lists it, simulation with all."""
    met = {**MET, "simulation": ["toy_TTTo2L2Nu"]}
    lists = {"datasets": ["MuonEG_Run2016G", "config/datasets/toy_MuonEG_H.yaml", "toy_TTTo2L2Nu"]}
    path = change(tmp_path, {**lists, "references": {"none": {"method": "none"}, "met": met}})
    config, datasets, _ = load(read_yaml(path), [path])
    counted = {name: list(config.references_of(name, dataset.kind)) for name, dataset in datasets.items()}
    assert counted == {
        "MuonEG_Run2016G": ["none"],
        "toy_MuonEG_H": ["none"],
        "toy_TTTo2L2Nu": ["none", "met"],
        "toy_MET_G": ["met"],
        "toy_MET_H": ["met"],
    }


def test_pairs_are_counted_with_their_reference_only(tmp_path: Path) -> None:
    references = {"none": {"method": "none"}, "muon": tag_and_probe(simulation=["toy_DY"])}
    path = change(tmp_path, {"datasets": ["MuonEG_Run2016G", "toy_TTTo2L2Nu"], "references": references})
    config, datasets, _ = load(read_yaml(path), [path])
    counted = {name: list(config.references_of(name, dataset.kind)) for name, dataset in datasets.items()}
    assert counted == {
        **{"MuonEG_Run2016G": ["none"], "toy_TTTo2L2Nu": ["none"]},
        **{"toy_SingleMuon": ["muon"], "toy_DY": ["muon"]},
    }
    settings = {name: skim_settings(config, name, dataset) for name, dataset in datasets.items()}
    assert [one["analysis"] for one in settings.values()] == ["hww_emu"] * 2 + ["tag_and_probe"] * 2
    assert list(settings["toy_DY"]["axes"]) == ["probe_pt"]
    assert "mass" not in settings["toy_TTTo2L2Nu"]
    measured = efficiency_settings(config, datasets)
    assert list(measured["references"]) == ["none"]
    assert list(measured["datasets"]) == ["MuonEG_Run2016G", "toy_TTTo2L2Nu"]


def test_a_dataset_is_selected_in_one_way_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Orthogonal, "analysis", "another")
    references = {"none": {"method": "none"}, "met": {**MET, "datasets": ["MuonEG_Run2016G"]}}
    path = change(tmp_path, {"references": references})
    with pytest.raises(ConfigError, match="none and met select the events of dataset MuonEG_Run2016G differently"):
        load(read_yaml(path), [path])


def test_a_declared_prescale_is_weighted_in_data_only(tmp_path: Path) -> None:
    path = change(tmp_path, {"probe": {"prescales": {PROBE: 40}, "on_prescale": "weight"}})
    config = load(read_yaml(path), [path]).config
    assert probe_settings(config, "data")["prescales"] == {PROBE: 40}
    assert probe_settings(config, "mc")["prescales"] == {}


def test_era_without_window_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: base.yaml\nname: x\n")
    base = merge(read_yaml("config/hww_emu.yaml"), {})
    base["eras"] = {"Run2016H": [280919, 284044]}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    with pytest.raises(ConfigError, match=r"MuonEG_Run2016G\.yaml: era: Run2016G has no run window in eras of .*base"):
        load(read_yaml(path), [path])


def test_extends_merges_mappings_and_replaces_lists(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(Path("config/hww_emu.yaml").read_text())
    path = write(tmp_path, "extends: base.yaml\nname: mine\ndatasets: [toy_MuonEG_G]\nselection: {lead_pt: 30}\n")
    measurement = load(read_yaml(path), [path])
    assert measurement.config.selection.lead_pt == 30
    assert measurement.config.selection.sublead_pt == 15
    assert list(measurement.datasets) == ["toy_MuonEG_G"]


def test_extends_in_a_circle(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: mine.yaml\n")
    with pytest.raises(ConfigError, match="goes round in a circle"):
        load(read_yaml(path), [path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "a: written twice (line 3)"),
        ("a: [1\n", "not valid YAML"),
        ("- a\n", "must hold `key: value` lines"),
        ("{{a}}: 1\n", "a key must be a word"),
        ("", "must hold `key: value` lines"),
    ],
)
def test_bad_yaml(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: data\nfiles: [a.root]\n", "data needs primary_dataset"),
        ("kind: mc\nfiles: [a.root]\n", "mc needs process"),
        ("kind: mc\nprocess: tt\n", "give one of files, lists, recid, rucio, das, toy"),
        ("kind: mc\nprocess: tt\nfiles: ['root:/x/y.root']\n", "a URL needs two slashes"),
        ("kind: mc\nprocess: tt\nfiles: file:///a.root\n", "files: file:///a.root: write a local file as a path"),
        (
            "kind: mc\nprocess: tt\nfiles_per_job: 2\ntoy: {files: 1, events: 1, seed: 1}\n",
            "files_per_job is not",
        ),
        ("kind: mc\nproces: tt\nfiles: [a.root]\n", "proces: unknown key (did you mean process?)"),
    ],
)
def test_bad_dataset(tmp_path: Path, text: str, message: str) -> None:
    dataset = tmp_path / "ds.yaml"
    dataset.write_text(text)
    path = change(tmp_path, {"datasets": [str(dataset)]})
    with pytest.raises(ConfigError) as caught:
        load(read_yaml(path), [path])
    assert str(caught.value).startswith(str(dataset))
    assert message in str(caught.value)


def test_models_are_frozen(measurement) -> None:
    with pytest.raises(ValueError, match="frozen"):
        measurement.config.selection.lead_pt = 3


@pytest.mark.parametrize("path", documents())
def test_generated_documents_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run `make schema`"


def corrected(place: int, *drop: str, **changes: object) -> dict:
    """The corrections of the Z→μμ demo (Rochester, pileup, muon identification) with one of them changed."""
    every = read_yaml(ROOT / "config/zmumu_demo.yaml")["corrections"]
    every[place] = {key: value for key, value in {**every[place], **changes}.items() if key not in drop}
    return {"corrections": every}


JETS = {"name": "jets", "kind": "jets", "file": {"path": "x", "sha256": "0" * 64}, "scale": "Summer19UL16_V7_MC"}


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (corrected(0, kind="rochestr"), "corrections.0: 'kind' must be one of 'rochester', 'muon_scale',"),
        (corrected(0, kind="rochestr"), "not 'rochestr' (did you mean rochester?)"),
        (corrected(2, "kind"), "corrections.2: 'kind' is missing"),
        (corrected(1, keey="x"), "corrections.1.keey: unknown key (did you mean key?)"),
        (corrected(1, "key"), "corrections.1.key: missing"),
        (corrected(2, eta="sigend"), "corrections.2.eta: input should be 'absolute' or 'signed', not 'sigend'"),
        (corrected(1, name="muon_id"), "corrections: muon_id: this name is taken"),
        (corrected(1, name="stage_1"), "corrections: stage_1: this name is taken"),
        (corrected(0, met="PfMET"), "corrections.0.met: input should be 'MET' or 'PuppiMET', not 'PfMET'"),
        (corrected(2, varies_with="muonscale"), "muon_id: varies_with: muonscale: no other correction has this source"),
        (corrected(2, varies_with="muonscale"), "(sources: muon_scale, pileup)"),
        (corrected(2, only="data"), "corrections.2.only: input should be 'mc', not 'data'"),
        (corrected(2, collection="Electron"), "corrections: muon_id: zmumu has muons and missing momentum only"),
        ({"corrections": [JETS]}, "corrections: jets: zmumu has muons and missing momentum only"),
        (corrected(1, file={"path": "x.json"}), "corrections.1.file: sha256 is missing: files of the same name"),
        (corrected(1, file={"path": "x", "toy": "pileup.json"}), "corrections.1.file: give either path, url or toy"),
        (corrected(2, kind="trigger", efficiency=1.2), "efficiency must be above 0 and below 1, not 1.2"),
        (corrected(2, kind="trigger", efficiency_key="e"), "a file of efficiencies and efficiency_key belong together"),
        ({"corrections": corrected(0)["corrections"][::-1]}, "those of objects come before event weights"),
        ({"observables": {"masss": {"label": "x", "bins": [1, 2]}}}, "observables: masss: zmumu has mass, pt,"),
        ({"n_minus_one": {"m": {"bins": 1, "low": 0, "high": 2}}}, "n_minus_one: m: zmumu has mass, pt,"),
        ({"processes": {"Z": {"samples": ["DY"]}}}, "processes: none has the sample DYJetsToLL of dataset toy_Z"),
        ({"processes": {"Z": {"samples": ["DYJetsToLL", "SingleMuon"]}}}, "sample SingleMuon is listed twice"),
        (
            {"datasets": ["toy_SingleMuon_raw", "toy_DY"]},
            "dataset toy_DY: cross_section: missing (pb), so it cannot be",
        ),
        ({"selection": {"pair": "nearest"}}, "selection.pair: input should be 'nearest_z' or 'leading', not 'nearest'"),
        ({"analysis": "zmumuu"}, "not 'zmumuu' (did you mean zmumu?)"),
    ],
)
def test_mistakes_of_histograms_are_told(over: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(merge(read_yaml("config/zmumu_demo.yaml"), over), ["config/zmumu_demo.yaml"])
    assert message in str(caught.value)


def named_schema(path: Path) -> Path:
    """The schema that the first line of a YAML file names."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema="), path
    return path.parent / first.split("=")[1]


def test_every_yaml_names_a_schema_that_accepts_it() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checks = {}
    for path in [*CONFIGS, *(ROOT / "config/datasets").glob("*.yaml"), *(ROOT / "config/sites").glob("*.yaml")]:
        named, content = named_schema(path), read_yaml(path)
        if named not in checks:
            schema = json.loads(named.read_text(encoding="utf-8"))
            checks[named] = jsonschema.validators.validator_for(schema)(schema)
        checks[named].validate(content)
        with pytest.raises(jsonschema.ValidationError):
            checks[named].validate({**content, "selektion": {}})
