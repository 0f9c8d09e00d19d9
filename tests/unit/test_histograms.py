"""Templates: filling, merging, normalising, files, and the checks that refuse what cannot be a variation."""

import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import uproot
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from skimflow import extras
from skimflow.counts import Axis, assemble, merge
from skimflow.errors import ConfigError, IncompleteError, InputError
from skimflow.histograms import Key, Sample, Template, collect, fill, generated, mixture, named, to_hist
from skimflow.histograms.checks import refuse_wrong, suspects
from skimflow.histograms.files import from_uhi, read, to_uhi, write_json, write_root
from skimflow.histograms.validate import Rules, compare
from skimflow.histograms.validate import main as validate

AXES = {"ht": [4, 0, 100]}
AXIS = Axis(AXES["ht"])
events = st.lists(
    st.tuples(st.floats(-50, 150), st.floats(-3, 3, width=32), st.booleans(), st.floats(0.5, 2, width=32)), max_size=20
)


def rows(dataset: str, file_id: str, content: Sequence[tuple[float, float, bool, float]]) -> pa.Table:
    """Counts of one file: a nominal template, a varied weight, shifted objects, and what was generated."""
    ht, weight, selected, factor = (np.array(column) for column in zip(*content, strict=True)) if content else [[]] * 4
    selected = np.asarray(selected, bool)
    nominal = fill(dataset, "sr", "ht", AXIS, ht, weight=weight, selected=selected, factors={"sf_up": factor})
    up = fill(dataset, "sr", "ht", AXIS, np.multiply(ht, 1.03), weight=weight, selected=selected, variation="jes_up")
    return assemble([*nominal, *up, generated(dataset, file_id, np.asarray(weight, float))])


@examples(max_examples=40)
@given(st.lists(events, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_templates_merge_in_any_order_to_the_same_numbers(files: list, random: Any) -> None:
    """And those are the sums over all events, with nothing lost to the flow bins."""
    tables = [rows("tt", f"file{i}", content) for i, content in enumerate(files)]
    shuffled = tables[:]
    random.shuffle(shuffled)
    half = len(shuffled) // 2
    merged = merge(tables)
    assert merge([merge(shuffled[:half]), merge(shuffled[half:])]).equals(merged)
    found = collect(merged, AXES, {"tt": Sample("ttbar")}, 1.0)
    kept = [event for event in itertools.chain(*files) if event[2]]
    for variation, scale in (("nominal", 1.0), ("jes_up", 1.03)):
        values = [np.multiply(ht, scale) for ht, *_ in kept]
        expected = np.histogram(values, [-np.inf, 0, 25, 50, 75, np.nextafter(100, 0), np.inf], weights=weights(kept))
        close(found[Key("sr", "ht", "ttbar", variation)].values, expected[0])
    factors = found[Key("sr", "ht", "ttbar", "sf_up")]
    assert factors.values.sum() == pytest.approx(sum(w * f for _, w, _, f in kept), abs=1e-9)
    assert factors.variances.sum() == pytest.approx(sum((w * f) ** 2 for _, w, _, f in kept), abs=1e-9)
    assert factors.entries == len(kept)


def weights(kept: list) -> list[float]:
    return [weight for _, weight, *_ in kept]


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_normalisation_is_that_of_all_files_and_not_of_each() -> None:
    """σ·L/Σw with Σw of two files: 100 pb · 10 pb⁻¹ / (6 + 2) for a sum of selected weights of 1.5."""
    first = rows("tt", "a", [(10, 2.0, True, 1), (10, 4.0, False, 1)])
    second = rows("tt", "b", [(60, -0.5, True, 1), (60, 2.5, False, 1)])
    found = collect(merge([first, second]), AXES, {"tt": Sample("ttbar", 100.0)}, 10.0)
    nominal = found[Key("sr", "ht", "ttbar")]
    close(nominal.values, 1000 / 8 * np.array([0, 2.0, 0, -0.5, 0, 0]))
    close(nominal.variances, (1000 / 8) ** 2 * np.array([0, 4.0, 0, 0.25, 0, 0]))
    by_events = collect(merge([first, second]), AXES, {"tt": Sample("ttbar", 100.0)}, 10.0, by="events")
    close(by_events[Key("sr", "ht", "ttbar")].values, 1000 / 4 * np.array([0, 2.0, 0, -0.5, 0, 0]))


def test_sums_of_weights_may_come_from_the_runs_tree() -> None:
    direct = generated("tt", "a", np.array([1.0, -1.0, 3.0]))
    assert merge([assemble([direct])]).equals(merge([assemble([generated("tt", "a", sums=(3, 3.0, 11.0))])]))


ONE = [(10, 1.0, True, 1.0)]
TWO = [(10, 1.0, True, 1.0), (60, 1.0, True, 1.0)]


def test_two_point_samples_take_the_place_of_what_they_replace() -> None:
    """Single top is top and antitop; the varied sample exists for top only, antitop stays as it is."""
    counts = merge(
        [rows("top", "a", ONE), rows("antitop", "b", TWO), rows("top_herwig", "c", TWO), rows("w", "d", ONE)]
    )
    samples = {
        "top": Sample("st", 3.0),
        "antitop": Sample("st", 5.0),
        "top_herwig": Sample("st", 3.0, "PS", ("top",)),
        "w": Sample("wjets", 7.0),
    }
    found = collect(counts, AXES, samples, 1.0)
    close(found[Key("sr", "ht", "st")].values, [0, 3 + 2.5, 0, 2.5, 0, 0])
    close(found[Key("sr", "ht", "st", "PS")].values, [0, 1.5 + 2.5, 0, 1.5 + 2.5, 0, 0])
    close(found[Key("sr", "ht", "wjets", "sf_up")].values, [0, 7, 0, 0, 0, 0])
    assert {key.variation for key in found if key.process == "st"} == {"nominal", "sf_up", "jes_up", "PS"}
    everything = collect(counts, AXES, {**samples, "top_herwig": Sample("st", 8.0, "PS")}, 1.0)
    close(everything[Key("sr", "ht", "st", "PS")].values, [0, 4, 0, 4, 0, 0])


def test_a_dataset_without_a_variation_contributes_its_nominal_template() -> None:
    plain = assemble([*fill("b", "sr", "ht", AXIS, np.array([60.0])), generated("b", "y", np.ones(1))])
    found = collect(merge([rows("a", "x", ONE), plain]), AXES, {"a": Sample("p", 1.0), "b": Sample("p", 1.0)}, 1.0)
    close(found[Key("sr", "ht", "p", "jes_up")].values, [0, 1, 0, 1, 0, 0])


@pytest.mark.parametrize(
    ("tables", "samples", "error", "message"),
    [
        (["a"], {}, ConfigError, "dataset a has templates but is no sample"),
        (["a"], {"a": Sample("p", 1.0), "b": Sample("p", 1.0)}, IncompleteError, "dataset b was not processed"),
        (["a", "a"], {"a": Sample("p", 1.0)}, IncompleteError, "a: counted more than once: file file"),
        (["a"], {"a": Sample("p", 1.0, "PS", ("b",))}, ConfigError, "sample a replaces b, which is no nominal sample"),
    ],
)
def test_what_does_not_fit_together_is_refused(tables: list, samples: dict, error: type, message: str) -> None:
    counts = merge([rows(dataset, "file", ONE) for dataset in tables])
    with pytest.raises(error, match=message):
        collect(counts, AXES, samples, 1.0)


def test_simulation_without_a_sum_of_weights_is_refused() -> None:
    counts = assemble(fill("a", "sr", "ht", AXIS, np.array([10.0])))
    with pytest.raises(IncompleteError, match="Σ genWeight of its files is 0"):
        collect(merge([counts]), AXES, {"a": Sample("p", 1.0)}, 1.0)
    assert collect(merge([counts]), AXES, {"a": Sample("data")}, 1.0)[Key("sr", "ht", "data")].values.sum() == 1
    with pytest.raises(ConfigError, match="observable ht was filled but has no axis"):
        collect(merge([counts]), {}, {"a": Sample("data")}, 1.0)
    with pytest.raises(ConfigError, match="bin 9 of ht is not on its axis"):
        collect(
            merge([assemble(fill("a", "sr", "ht", Axis([9, 0, 9]), np.array([8.0])))]),
            {"ht": [2, 0, 9]},
            {"a": Sample("d")},
            1,
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": np.array([1.0, np.nan])}, "weight is not a finite number"),
        ({"factors": {"up": np.array([1.0, np.inf])}}, "weight of up is not a finite number"),
        ({"weight": np.ones(3)}, r"weight has shape \(3,\)"),
        ({"selected": np.array([0, 1])}, "true or false for each event"),
    ],
)
def test_arrays_that_cannot_be_filled_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=f"tt: ht in region sr: .*{message}"):
        fill("tt", "sr", "ht", AXIS, np.array([1.0, 2.0]), **change)


def test_a_bad_weight_of_an_event_that_is_not_selected_does_not_matter() -> None:
    kept = {"weight": np.array([1.0, np.nan]), "selected": np.array([True, False])}
    (row,) = fill("tt", "sr", "ht", AXIS, np.array([1.0, 2.0]), **kept)
    assert row.columns["passed_sumw"].sum() == 1


def test_pseudodata_are_the_declared_mixture_or_nothing() -> None:
    parts = [("tt", "ME", 0.5), ("tt", "PS", 0.5), ("w", "nominal", 1.0)]
    templates = {
        Key("sr", "ht", name, variation): template(10.0 * i) for i, (name, variation, _) in enumerate(parts, 1)
    }
    (made,) = mixture(templates, "pseudodata", parts).items()
    assert made[0] == Key("sr", "ht", "pseudodata")
    close(made[1].values, template(5 + 10 + 30.0).values)
    close(made[1].variances, template(10 / 4 + 20 / 4 + 30).variances)
    del templates[Key("sr", "ht", "tt", "PS")]
    with pytest.raises(IncompleteError, match="there is no template sr ht tt PS"):
        mixture(templates, "pseudodata", parts)


def template(content: float, entries: int = 100, edges: Sequence[float] = (0, 50, 100)) -> Template:
    values = np.full(len(edges) + 1, content)
    return Template(np.array(edges, float), values, values.copy(), entries)


def test_names_in_files() -> None:
    one = template(1.0)
    keys = [
        Key("4j1b", "ht", "ttbar"),
        Key("4j1b", "ht", "ttbar", "ME_var"),
        Key("vr", "ht", "w"),
        Key("vr", "mass", "w"),
    ]
    assert list(named(dict.fromkeys(keys, one))) == ["4j1b_ttbar", "4j1b_ttbar_ME_var", "vr_ht_w", "vr_mass_w"]
    with pytest.raises(ConfigError, match="two templates would be called a_b_c"):
        named({Key("a", "x", "b", "c"): one, Key("a", "x", "b_c"): one})


def test_rebinning_keeps_every_event() -> None:
    fine = Template(np.arange(6.0), np.arange(1.0, 8.0), np.arange(1.0, 8.0) ** 2, 9)
    wide = fine.rebinned([1, 3, 4])
    assert wide.values.tolist() == [1 + 2, 3 + 4, 5, 6 + 7]
    assert wide.variances.tolist() == [1 + 4, 9 + 16, 25, 36 + 49]
    assert wide.entries == 9
    with pytest.raises(ValueError, match="not all among the fine edges"):
        fine.rebinned([1, 2.5])
    with pytest.raises(ValueError, match="edges must rise"):
        fine.rebinned([3, 1])
    with pytest.raises(ValueError, match="different edges cannot be added"):
        fine.plus(wide)


contents = st.lists(st.floats(-1e9, 1e9), min_size=6, max_size=6)


@given(contents, contents, st.integers(0, 10**6))
def test_uhi_brings_back_the_same_numbers(values: list[float], variances: list[float], entries: int) -> None:
    before = Template(np.array([0, 0.1, 0.3, 1, 7.0]), np.array(values), np.abs(variances), entries)
    assert_same(from_uhi(json.loads(json.dumps(to_uhi(before)))), before)


def assert_same(found: Template, expected: Template) -> None:
    assert found.edges.tolist() == expected.edges.tolist()
    assert found.values.tolist() == expected.values.tolist()
    assert (found.variances is None) == (expected.variances is None)
    assert expected.variances is None or found.variances.tolist() == expected.variances.tolist()
    assert found.entries == expected.entries


MANY = {
    "sr_tt": template(0.1 + 0.2),
    "sr_tt_up": template(1 / 3, 7),
    "cr_w": template(-1.5, 0, (0, 1, 5, 10.5))._replace(variances=np.arange(5.0)),
}


def test_boost_histogram_and_the_schema_understand_the_json(tmp_path: Path) -> None:
    serialization, schema = pytest.importorskip("boost_histogram.serialization"), pytest.importorskip("uhi.schema")
    write_json(MANY, tmp_path / "a.json", {"code": "x"})
    content = json.loads((tmp_path / "a.json").read_text())
    schema.validate(content)
    for name, expected in MANY.items():
        histogram = serialization.from_uhi(content[name])
        assert histogram.values(flow=True).tolist() == expected.values.tolist()
        assert histogram.variances(flow=True).tolist() == expected.variances.tolist()
        made = to_hist(expected, "ht", "HT [GeV]")
        assert made.axes[0].label == "HT [GeV]"
        assert_same(from_uhi(json.loads(json.dumps(arrays(serialization.to_uhi(made))))), expected._replace(entries=0))


def arrays(content: Any) -> Any:
    """A UHI dictionary without numpy."""
    if isinstance(content, dict):
        return {key: arrays(value) for key, value in content.items()}
    return (
        [arrays(one) for one in content] if isinstance(content, list) else getattr(content, "tolist", lambda: content)()
    )


@pytest.mark.parametrize("write", [write_json, write_root])
def test_files_bring_back_the_same_templates_and_have_the_same_bytes(write: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(MANY, tmp_path / name, {"code": "x"})
    found = read(tmp_path / "a")
    assert found.keys() == MANY.keys()
    for name, expected in MANY.items():
        assert_same(found[name], expected)
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()


def test_root_keeps_moments_provenance_and_no_time(tmp_path: Path) -> None:
    write_root(MANY, tmp_path / "a.root", {"code": "x"})
    with uproot.open(tmp_path / "a.root") as file:
        assert json.loads(file["provenance"]) == {"code": "x"}
        histogram = file["cr_w"]
        assert histogram.classname == "TH1D"
        assert [histogram.member(name) for name in ("fTsumw", "fTsumwx")] == [-4.5, -1.5 * (0.5 + 3 + 7.75)]
    # 2000-01-01 in ROOT's code: (year - 1995) << 26 | month << 22 | day << 17
    content = (tmp_path / "a.root").read_bytes()
    assert content.count((5 << 26 | 1 << 22 | 1 << 17).to_bytes(4, "big")) >= 2 * (1 + len(MANY))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "neither ROOT nor JSON"),
        ("[]", "not an object of histograms"),
        ("{}", "holds no histogram"),
        ('{"a": {"edges": [0, 1], "contents": [1]}}', "a is no histogram that can be read.*2 edges and 1 contents"),
        ('{"a": {"edges": [1, 0], "contents": [1, 1, 1]}}', "edges do not rise"),
        ('{"a": {"edges": [0, 1], "contents": [1, NaN, 1]}}', "not a finite number"),
        ('{"a": {"contents": [1, 1, 1]}}', "KeyError"),
        ('{"a": 1}', "TypeError"),
        ('{"a": {"uhi_schema": 1, "axes": [], "storage": {"type": "double", "values": []}}}', "not enough values"),
        ("root", "cannot be read as ROOT"),
    ],
)
def test_other_files_are_refused_by_name(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(InputError, match=f"{tmp_path}/x.*{message}"):
        read(tmp_path / "x")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "y")


def changed(by: dict[int, float]) -> dict[str, Template]:
    """A histogram of eight bins of 100 with some of them changed."""
    values = np.full(10, 100.0)
    for place, difference in by.items():
        values[place] += difference
    return {"sr_tt_up": Template(np.arange(9.0), values, None)}


@pytest.mark.parametrize(
    ("by", "errors"),
    [
        ({}, []),
        ({3: 1e-4}, []),
        ({3: 1.5, 4: -1.5}, []),
        ({3: 1.9, 4: -1, 5: -0.9, 8: -1, 9: 1}, []),
        ({0: 1.0, 1: -1.0}, []),
        ({3: 2.5, 4: -2.5}, ["bins from 2 to 4 differ by 2 or more"]),
        ({3: 1.5, 4: -1.4}, ["bins from 2 to 4 hold 200.1, not 200"]),
        ({3: 1.5, 6: -1.5}, ["bins from 2 to 3 hold 101.5", "bins from 5 to 6 hold 98.5"]),
        ({9: 5.0}, ["bins from 8 to inf differ by 2"]),
    ],
)
def test_events_may_move_to_the_next_bin_and_not_elsewhere(by: dict, errors: list[str]) -> None:
    found = compare(changed(by), changed({})).errors
    assert len(found) == len(errors)
    assert all(text in line for text, line in zip(errors, found, strict=True))
    assert compare(changed(by), changed({}), Rules(random=("_up",))).errors == []


def test_missing_histograms_are_errors_but_for_pseudodata() -> None:
    both = {"sr_tt": template(1), "sr_pseudodata": template(1)}
    assert compare({"sr_tt": template(1)}, both) == (1, [], ["sr_pseudodata: missing"])
    assert compare({"sr_pseudodata": template(1), "x": template(1)}, both).errors == ["sr_tt: missing"]
    edges = compare({"sr_tt": template(1, 1, (0, 50, 101))}, {"sr_tt": template(1)}).errors
    assert edges == ["sr_tt: edges are [0, 50, 101], in the reference [0, 50, 100]"]


def test_the_validator_says_it_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    paths = [str(tmp_path / name) for name in ("a.root", "b.json", "c.json")]
    write_root(changed({}), paths[0], {})
    write_json(changed({2: 1.0, 3: -1.0}), paths[1], {})
    write_json(changed({2: 1.0}), paths[2], {})
    assert validate(paths[:2]) == 0
    assert "note: sr_tt_up: events moved between 2 bins from 1 to 3" in capsys.readouterr().out
    assert validate([paths[0], paths[2]]) == 1
    assert "histograms compared: 1, errors: 1" in capsys.readouterr().out
    assert validate([paths[0], paths[2], "--random", "up"]) == 0
    command = [sys.executable, "-m", "skimflow.histograms.validate", paths[0], "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: nowhere: there is no such file\n")


def test_a_variation_that_is_no_variation_is_refused() -> None:
    """The numbers of system 003 before its mend: the scale factor alone in place of weight × scale factor."""
    signal, semilep = Key("sr", "mtt", "signal"), Key("sr", "mtt", "ttbar_semilep")
    content = {
        signal: 515.29, signal._replace(variation="pu_up"): 16147.07, semilep: 1795.97,
        semilep._replace(variation="pu_up"): 93.18, semilep._replace(variation="id_up"): 1805.0,
    }  # fmt: skip
    found = suspects({key: template(value) for key, value in content.items()})
    assert [(one.key.process, one.wrong) for one in found] == [("signal", True), ("ttbar_semilep", True)]
    assert found[0].ratio == pytest.approx(31.336, abs=1e-3)
    with pytest.raises(ConfigError, match=r"sr mtt signal pu_up has 31.3 times the nominal yield"):
        refuse_wrong(found)
    unusual = suspects({signal: template(100), signal._replace(variation="up"): template(250)})
    assert [one.wrong for one in unusual] == [False]
    refuse_wrong(unusual)
    few = {signal: template(1, 3), signal._replace(variation="up"): template(9, 5)}
    assert suspects(few) == []
    assert len(suspects(few, entries=1)) == 1
    with pytest.raises(ConfigError, match="has no nominal template"):
        suspects({signal._replace(variation="up"): template(1)})


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hist", None)
    with pytest.raises(ConfigError, match=r'hist is not installed; run: make fit, or pip install "skimflow\[fit\]"'):
        extras.extra("hist", "fit")


def test_sums_of_files_are_exact() -> None:
    """0.1 added 200 times over files is the rounded exact sum, in whatever order."""
    tables = [rows("tt", f"f{i}", [(10, 0.1, True, 1.0)]) for i in range(200)]
    found = collect(merge(tables), AXES, {"tt": Sample("d")}, 1.0)[Key("sr", "ht", "d")]
    assert Fraction(found.values[1]) == Fraction(float(200 * Fraction(0.1)))
