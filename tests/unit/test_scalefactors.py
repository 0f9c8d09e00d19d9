"""Scale factors: intervals of a ratio against statsmodels and by enumeration, files against correctionlib."""

import gzip
import itertools
import json
import math
import re
from pathlib import Path

import correctionlib
import correctionlib.schemav2
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep

from skimflow.config import Measurement
from skimflow.config.loading import load, merge, read_yaml
from skimflow.efficiency.intervals import Estimate, interval
from skimflow.efficiency.publication import correction_set, hepdata
from skimflow.efficiency.scalefactors import Binomial, equivalent_counts, ratio, scale_factors
from skimflow.errors import ConfigError
from skimflow.plots.canvas import draw
from skimflow.plots.scalefactors import scale_factor
from skimflow.targets import other_measurements, plot_settings, scale_factor_settings
from tests.conftest import ROOT

LEVEL = math.erf(1 / math.sqrt(2))


@pytest.mark.parametrize(
    "counts", [(95, 100, 97, 100), (40, 50, 99, 100), (97, 100, 95, 100), (399, 400, 390, 400), (5, 9, 2, 40)]
)
@pytest.mark.parametrize("level", [LEVEL, 0.95])
def test_interval_of_a_ratio_agrees_with_statsmodels(counts: tuple[int, ...], level: float) -> None:
    low, high = confint_proportions_2indep(*counts, method="score", compare="ratio", correction=False, alpha=1 - level)
    found = ratio(Binomial(*counts[:2]), Binomial(*counts[2:]), level)
    assert found.value == pytest.approx(counts[0] / counts[1] / (counts[2] / counts[3]), rel=1e-14)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-7), pytest.approx(high, rel=1e-7))


def test_interval_where_all_pass_is_known_in_closed_form() -> None:
    """All of n and all of m pass: z² = n(1 - r)/r below 1, and the same from the other side above."""
    found = ratio(Binomial(50, 50), Binomial(400, 400), LEVEL)
    assert found == (1, pytest.approx(50 / 51, rel=1e-9), pytest.approx(401 / 400, rel=1e-9))


def test_no_events_no_ratio() -> None:
    found = ratio(Binomial(np.array([0, 5, 3, 0]), np.array([0, 9, 9, 9])), Binomial(*np.array([[4], [7]])), LEVEL)
    assert np.isnan(found.value).tolist() == [True, False, False, False]
    assert (found.value[3], found.low[3]) == (0, 0)
    assert 0 < found.high[3] < 1
    for simulation in (Binomial(0, 9), Binomial(0, 0)):
        value, low, high = ratio(Binomial(5, 9), simulation, LEVEL)
        assert np.isnan(value)
        assert (low, high) == (0, np.inf)


def test_coverage_near_one() -> None:
    """Every outcome of both binomials, with its probability, for efficiencies from 0.9 to 0.999.

    Errors propagated to first order, the usual way, cover far less when few or no events fail.
    """
    n, m = 100, 200
    k, j = np.meshgrid(np.arange(n + 1), np.arange(1, m + 1), indexing="ij")
    found = ratio(Binomial(k, n), Binomial(j, m), LEVEL)
    x, y = np.maximum(k, 1e-9) / n, j / m
    half = x / y * np.sqrt((1 - x) / (x * n) + (1 - y) / (y * m))
    covered, usual = [], []
    for one, other in itertools.product(np.linspace(0.9, 0.999, 23), repeat=2):
        probability = np.outer(binom.pmf(np.arange(n + 1), n, one), binom.pmf(np.arange(1, m + 1), m, other))
        true = one / other
        covered.append(probability[(found.low <= true) & (true <= found.high)].sum())
        usual.append(probability[np.abs(x / y - true) <= half].sum())
    assert np.mean(covered) == pytest.approx(LEVEL, abs=0.02)
    assert min(covered) > 0.58
    assert min(usual) < 0.4


def test_equivalent_counts_give_back_what_they_came_from() -> None:
    passed, total = np.array([0.0, 30, 97, 100]), np.full(4, 100.0)
    counts = equivalent_counts(interval(passed, total, "wilson", LEVEL), LEVEL)
    assert counts.total[[0, 3]] == pytest.approx(100, rel=1e-9)
    assert counts.total[1:3] == pytest.approx(100, rel=0.07)
    assert counts.passed / counts.total == pytest.approx(passed / total)
    nothing = equivalent_counts(Estimate(np.array([np.nan]), np.array([0.0]), np.array([1.0])), LEVEL)
    assert (nothing.passed[0], nothing.total[0]) == (0, 0)


ONE = {"data": "MuonEG", "simulation": "TTTo2L2Nu", "variables": ["met"]}
TWO = {"data": "MuonEG", "simulation": "TTTo2L2Nu", "variables": ["electron_pt", "muon_pt"]}
PATH = "HLT_Mu12_TrkIsoVVL_Ele23_CaloIdL_TrackIdL_IsoVL_DZ"


def loaded(factors: dict) -> Measurement:
    over = {
        "scale_factors": factors,
        "variables": {
            "met": {"label": "MET", "unit": "GeV", "report": [20, 50, 100, 250]},
            "electron_pt": {"report": [25, 50, 100]},
            "muon_pt": {"report": [15, 50, 100]},
        },
    }
    base = read_yaml("config/config.yaml") | {"scale_factors": {}}
    return load(merge(base, over), ["config/config.yaml"])


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def rows(sample: str, counts: list, x: list, y: list | None = None, **more: str) -> pd.DataFrame:
    """Rows of a table of efficiencies, with under- and overflow that no scale factor must use."""
    bins = list(zip([-np.inf, *x], [*x, np.inf], strict=True))
    other = [(np.nan, np.nan)] if y is None else list(zip([-np.inf, *y], [*y, np.inf], strict=True))
    places = [(*a, *b) for a in bins for b in other]
    inside = [not np.isinf(place).any() for place in places]
    assert sum(inside) == len(counts)
    left = iter(counts)
    passed, total = np.array([next(left) if i else (1, 7) for i in inside], float).T
    found = interval(passed, total, "clopper_pearson", LEVEL)
    table = pd.DataFrame(places, columns=["x_low", "x_high", "y_low", "y_high"])
    columns = {"passed_sumw": passed, "passed_sumw2": passed, "total_sumw": total, "total_sumw2": total}
    columns |= {"efficiency": found.value, "low": found.low, "high": found.high, "level": LEVEL}
    columns |= {"sample": sample, "dataset": "all", "trigger": "any", "meaning": f"P({sample})"}
    return table.assign(**columns, variable="met" if y is None else "electron_pt:muon_pt").assign(**more)


MET = [20.0, 50, 100, 250]
DATA, MC = [(90, 100), (45, 50), (0, 0)], [(190, 200), (95, 100), (50, 50)]


def table(*extra: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {"": pd.concat([rows("MuonEG", DATA, MET), rows("TTTo2L2Nu", MC, MET), *extra], ignore_index=True)}


def varied() -> tuple[pd.DataFrame, dict]:
    """A path with a lower efficiency in data as `path`, and another measurement, wide and narrow, as `window`."""
    factors = {
        "sf": {
            **ONE,
            "systematics": {
                "path": {"up": {"trigger": PATH}, "one_sided": True},
                "window": {"up": {"measurement": "wide"}, "down": {"measurement": "narrow"}},
            },
        }
    }
    other = [rows("MuonEG", [(85, 100), (0, 0), (0, 0)], MET, trigger=PATH)]
    other.append(rows("TTTo2L2Nu", MC, MET, trigger=PATH))
    settings = scale_factor_settings(loaded(factors).config)
    tables = table(*other) | {
        name: pd.concat([rows("MuonEG", [(n, 100), (45, 50), (0, 0)], MET), rows("TTTo2L2Nu", MC, MET)])
        for name, n in (("wide", 92), ("narrow", 89))
    }
    assert other_measurements(loaded(factors).config) == ["narrow", "wide"]
    return scale_factors(tables, settings), settings


def test_systematics_are_kept_apart_and_combined() -> None:
    found, _ = varied()
    first = found.iloc[0]
    nominal = 0.90 / 0.95
    assert first["nominal"] == pytest.approx(nominal)
    assert (first["path_up"], first["path_down"]) == (pytest.approx(0.85 / 0.95), pytest.approx(nominal))
    assert (first["window_up"], first["window_down"]) == (pytest.approx(0.92 / 0.95), pytest.approx(0.89 / 0.95))
    stat = confint_proportions_2indep(90, 100, 190, 200, "score", "ratio", alpha=1 - LEVEL, correction=False)
    assert (first["stat_down"], first["stat_up"]) == pytest.approx(stat, rel=1e-7)
    up = math.hypot(stat[1] - nominal, 0.02 / 0.95)
    down = math.sqrt((nominal - stat[0]) ** 2 + (0.05 / 0.95) ** 2 + (0.01 / 0.95) ** 2)
    assert (first["up"], first["down"]) == (pytest.approx(nominal + up), pytest.approx(nominal - down))


def test_a_source_without_number_leaves_no_total() -> None:
    second, third = varied()[0].iloc[1:].itertuples()
    assert np.isfinite([second.nominal, second.stat_up, second.stat_down, second.window_up]).all()
    assert np.isnan([second.path_up, second.path_down, second.up, second.down]).all()
    assert np.isnan([third.nominal, third.stat_up, third.window_up, third.up]).all()


def test_one_alternative_is_mirrored() -> None:
    settings = scale_factor_settings(loaded({"sf": {**ONE, "systematics": {"p": {"up": {"trigger": PATH}}}}}).config)
    other = [rows("MuonEG", [(85, 100), (45, 50), (0, 0)], MET, trigger=PATH), rows("TTTo2L2Nu", MC, MET, trigger=PATH)]
    first = scale_factors(table(*other), settings).iloc[0]
    assert (first["p_up"], first["p_down"]) == (pytest.approx(0.85 / 0.95), pytest.approx(0.95 / 0.95))


def test_references_choose_rows_where_the_table_has_them() -> None:
    """α as a source: beside an orthogonal reference in data, simulation without any reference."""
    factor = {**ONE, "reference": "ortho", "systematics": {"alpha": {"up": {"simulation_reference": "none"}}}}
    settings = scale_factor_settings(loaded({"sf": factor}).config)
    parts = [
        rows("MuonEG", [(99, 100)] * 3, MET, reference="none"),
        rows("MuonEG", [(90, 100)] * 3, MET, reference="ortho"),
        rows("TTTo2L2Nu", [(94, 100)] * 3, MET, reference="none"),
        rows("TTTo2L2Nu", [(95, 100)] * 3, MET, reference="ortho"),
    ]
    first = scale_factors({"": pd.concat(parts)}, settings).iloc[0]
    assert (first["nominal"], first["alpha_up"]) == (pytest.approx(0.90 / 0.95), pytest.approx(0.90 / 0.94))


def test_a_fitted_efficiency_uses_its_interval() -> None:
    """It is not the ratio of its sums: the interval says how uncertain it is."""
    settings = scale_factor_settings(loaded({"sf": ONE}).config)
    plain = scale_factors(table(), settings).iloc[0]
    tables = table()
    tables[""].loc[1, ["efficiency", "low", "high"]] = [0.9, 0.8, 1.0]
    tables[""].loc[1, ["passed_sumw", "total_sumw"]] = [700, 1000]
    fitted = scale_factors(tables, settings).iloc[0]
    assert fitted["nominal"] == plain["nominal"]
    # ±0.1 in data, ±0.0154 in simulation.
    assert fitted["stat_up"] - fitted["stat_down"] == pytest.approx(2 * 0.1 / 0.95, rel=0.1)


def test_a_prescaled_path_uses_its_interval() -> None:
    """A path with prescale 10 accepted 9 of 100 events: its sums alone would say 0.9 ± 0.03."""
    settings = scale_factor_settings(loaded({"sf": ONE}).config)
    tables = table()
    tables[""].loc[1, ["passed_sumw", "passed_sumw2", "low", "high"]] = [90, 900, 0.62, 1.0]
    first = scale_factors(tables, settings).iloc[0]
    assert first["nominal"] - first["stat_down"] == pytest.approx((0.9 - 0.62) / 0.95, rel=0.2)


def test_what_is_not_in_the_table_is_an_error() -> None:
    settings = scale_factor_settings(loaded({"sf": ONE}).config)
    with pytest.raises(ConfigError, match=r"scale_factors: sf: no efficiency of sample TTTo2L2Nu, trigger any"):
        scale_factors({"": rows("MuonEG", DATA, MET)}, settings)
    with pytest.raises(ConfigError, match=r"sf: more than one efficiency of sample MuonEG"):
        scale_factors(table(rows("MuonEG", DATA, MET)), settings)
    settings = scale_factor_settings(
        loaded({"sf": {**ONE, "systematics": {"w": {"up": {"measurement": "wide"}}}}}).config
    )
    other = pd.concat([rows(sample, DATA, [20.0, 60, 100, 250]) for sample in ("MuonEG", "TTTo2L2Nu")])
    with pytest.raises(ConfigError, match="sf: w: its bins are others"):
        scale_factors(table() | {"wide": other}, settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"data": "MuonEgg"},
            "scale_factors.sf.data: no dataset has the sample MuonEgg (known: MET, MuonEG, SingleElectron,",
        ),
        ({"variables": ["met", "muon_pt"]}, "scale_factors: sf: there is no map of met and muon_pt"),
        ({"variables": ["run"]}, "scale_factors: sf: run is not a variable with report edges"),
        ({"systematics": {"stat": {"up": {}}}}, "systematics: stat: this name is taken"),
        ({"clamp": ["npv"]}, "clamp: npv: not among its variables"),
    ],
)
def test_configurations_that_cannot_be(change: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded({"sf": ONE | change})
    assert message in str(caught.value)


def test_an_extending_file_can_leave_them_out() -> None:
    assert loaded({"sf": ONE}).config.scale_factors
    content = merge(read_yaml("config/config.yaml"), {"scale_factors": None})
    assert load(content, ["config/config.yaml"]).config.scale_factors == {}


def test_correctionlib_gives_the_numbers_back(tmp_path: Path) -> None:
    found, settings = varied()
    content = correction_set(found, settings, {"code": "abc123"})
    assert content == correction_set(found, settings, {"code": "abc123"})
    assert content[4:8] == bytes(4)  # gzip keeps no time
    path = tmp_path / "scalefactors.json.gz"
    path.write_bytes(content)
    schema = correctionlib.schemav2.CorrectionSet.model_validate_json(gzip.decompress(content))
    assert "abc123" in schema.description
    assert "P(MuonEG)" in schema.corrections[0].description
    sf = correctionlib.CorrectionSet.from_file(str(path))["sf"]
    first, second, _ = found.to_dict("records")
    keys = ["nominal", "stat_up", "stat_down", "path_up", "path_down", "window_up", "window_down", "up", "down"]
    assert sf.inputs[0].description == ", ".join(keys)
    for key in keys:
        for met in (20.0, 35.0, np.nextafter(50, 0)):
            assert sf.evaluate(key, met) == pytest.approx(first[key], rel=1e-5), (key, met)
    for met in (50.0, 75.0, np.nextafter(100, 0)):
        assert sf.evaluate("nominal", met) == pytest.approx(second["nominal"], rel=1e-5)
    for key, met in (("nominal", np.nextafter(20, 0)), ("nominal", -1.0), ("nominal", math.nan), ("nominal", math.inf)):
        with pytest.raises(RuntimeError, match="bounds"):
            sf.evaluate(key, met)
    # A bin without events, clamped or not; a source without number; a variation that does not exist.
    for key, met in (("nominal", 100.0), ("nominal", 1e6), ("up", 75.0), ("path_down", 75.0), ("other_up", 35.0)):
        with pytest.raises(IndexError, match="not available"):
            sf.evaluate(key, met)


def test_correctionlib_in_two_variables() -> None:
    factors = {"clamped": TWO, "half": {**TWO, "clamp": ["muon_pt"]}, "closed": {**TWO, "clamp": []}}
    settings = scale_factor_settings(loaded(factors).config)
    edges = [25.0, 50, 100], [15.0, 50, 100]
    data, mc = [(90, 100), (80, 100), (70, 100), (60, 100)], [(100, 100)] * 4
    both = {"": pd.concat([rows("MuonEG", data, *edges), rows("TTTo2L2Nu", mc, *edges)])}
    text = gzip.decompress(correction_set(scale_factors(both, settings), settings, {})).decode()
    sets = correctionlib.CorrectionSet.from_string(text)
    for electron, muon, expected in ((25.0, 15.0, 0.9), (49.9, 50.0, 0.8), (50.0, 15.0, 0.7), (99.0, 99.0, 0.6)):
        assert all(sets[name].evaluate("nominal", electron, muon) == expected for name in factors)
    assert sets["clamped"].evaluate("nominal", 1e4, 1e4) == 0.6
    assert sets["half"].evaluate("nominal", 30.0, 1e4) == 0.8
    outside = ("half", 100.0, 30.0), ("closed", 30.0, 100.0), ("clamped", 24.9, 30.0), ("clamped", 30.0, 14.9)
    for name, electron, muon in outside:
        with pytest.raises(RuntimeError, match="bounds"):
            sets[name].evaluate("nominal", electron, muon)


def test_a_variable_that_begins_below_zero_is_not_clamped() -> None:
    factors = {"eta": {**ONE, "variables": ["electron_eta"]}, "pt": {**ONE, "variables": ["lead_pt"]}}
    entries = scale_factor_settings(loaded(factors).config)["entries"]
    assert (entries["eta"]["clamp"], entries["pt"]["clamp"]) == ([], ["lead_pt"])


def test_hepdata_tables() -> None:
    """The structure that hepdata-validator 0.3.6 accepts, and the numbers."""
    found, settings = varied()
    files = hepdata(found, settings)
    first, document = yaml.safe_load_all(files["submission.yaml"])
    assert list(first) == ["comment"]
    assert {"name", "description", "keywords", "data_file"} == set(document)
    assert {"name": "cmenergies", "values": [13000.0]} in document["keywords"]
    content = yaml.safe_load(files[document["data_file"]])
    (met,) = content["independent_variables"]
    assert met["header"] == {"name": "MET", "units": "GeV"}
    assert met["values"] == [{"low": a, "high": b} for a, b in itertools.pairwise(MET)]
    factor, data, _ = content["dependent_variables"]
    assert [c["header"]["name"] for c in content["dependent_variables"]][1:] == [
        "Efficiency in data",
        "Efficiency in simulation",
    ]
    whole, partial, nothing = factor["values"]
    assert nothing == data["values"][2] == {"value": "-"}
    assert [error["label"] for error in whole["errors"]] == ["stat", "sys,path", "sys,window"]
    assert whole["errors"][2]["asymerror"] == {"plus": 0.0210526, "minus": -0.0105263}
    assert [error["label"] for error in partial["errors"]] == ["stat", "sys,window"]


def test_figures(measurement: Measurement, tmp_path: Path) -> None:
    found, _ = varied()
    settings = plot_settings(measurement.config)
    for rows_ in (found, found.assign(nominal=np.nan), found.assign(variable="met:npv", y_low=0.0, y_high=1.0)):
        files = [tmp_path / "x.png", tmp_path / "x.pdf"]
        draw(lambda figure, shown=rows_: scale_factor(figure, shown, settings), files, settings, {})
        assert all(path.stat().st_size > 1000 for path in files)


def test_the_three_lines_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/scale_factors.md, run as it stands, on two events."""
    snippet = re.search(r"```python\n(.*?)```", (ROOT / "docs/scale_factors.md").read_text(), flags=re.DOTALL)[1]
    settings = scale_factor_settings(loaded({"emu_lead_pt": {**ONE, "variables": ["lead_pt"]}}).config)
    tables = {"": table()[""].assign(variable="lead_pt")}
    monkeypatch.chdir(tmp_path)
    path = Path(re.search(r'"(\S+json\.gz)"', snippet)[1])
    path.parent.mkdir(parents=True)
    path.write_bytes(correction_set(scale_factors(tables, settings), settings, {}))
    names = {"lead_pt": np.array([30.0, 60.0]), "weight": np.array([1.0, 2.0])}
    exec(snippet, names)
    assert names["weight"] == pytest.approx([0.9 / 0.95, 2 * 0.9 / 0.95], rel=1e-5)
    assert len([line for line in snippet.splitlines() if line and not line.startswith(("#", "import"))]) == 3
    assert json.loads(gzip.decompress(path.read_bytes()))["schema_version"] == 2
