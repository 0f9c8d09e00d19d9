"""Fits: against formulae that can be solved by hand, against cabinetry and pyhf, and with toys."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from skimflow.errors import ConfigError, SkimflowError
from skimflow.histograms import Template
from skimflow.histograms.files import read, write_root
from skimflow.stats.__main__ import main
from skimflow.stats.fitting import Fit, fit, ranking, scan
from skimflow.stats.hypotests import limit, limits, significance
from skimflow.stats.likelihood import Likelihood
from skimflow.stats.model import from_settings
from skimflow.stats.toys import thrown
from skimflow.stats.workspace import Workspace, build, norm_and_shape
from skimflow.stats.yields import totals, transferred, yields

pytest.importorskip("pyhf", reason="the extra fit is not installed")
cabinetry = pytest.importorskip("cabinetry", reason="the extra fit is not installed")

# pyhf 0.7.6 checks workspaces with jsonschema's old interface; skimflow silences that, cabinetry called here does not.
OLD_RESOLVER = pytest.mark.filterwarnings(r"ignore:jsonschema\.RefResolver is deprecated:DeprecationWarning")

SIGNAL = {"poi": "mu", "data": "data", "stat_errors": False, "measurement": "test"}
"""One sample `s` with a free factor mu on top of `b`."""
SAMPLES = {"s": {"process": "s"}, "b": {"process": "b"}}
FACTOR = {"mu": {"samples": ["s"], "bounds": [0, 50]}}


def template(*contents: float, relative: float = 0.1) -> Template:
    """Contents of bins, with empty flow bins; 10 % uncertainty of each unless said otherwise."""
    values = np.array([0.0, *contents, 0.0])
    return Template(np.arange(len(contents) + 1.0), values, (relative * values) ** 2, 1000)


def counting(signal: float, background: float, observed: float, **more: Any) -> Likelihood:
    """One bin."""
    settings = {**SIGNAL, "regions": {"r": {"templates": "r"}}, "samples": SAMPLES, "norm_factors": FACTOR, **more}
    contents = {"r_s": template(signal), "r_b": template(background), "r_data": template(observed)}
    return Likelihood(build(from_settings(settings), contents))


TWO = {
    **SIGNAL,
    "regions": {"SR": {"templates": "sr"}, "low mass": {"templates": "cr"}},
    "samples": {"signal": {"process": "s"}, "bkg": {"process": "b"}},
    "norm_factors": {"mu": {"samples": ["signal"], "bounds": [0, 10]}, "k": {"samples": ["bkg"], "bounds": [0, 5]}},
    "systematics": {
        "lumi": {"type": "normalization", "samples": ["signal"], "up": 0.03},
        "tagging": {"type": "norm_plus_shape", "up": "tag_up", "down": "tag_down"},
        "scale": {"type": "norm_plus_shape", "samples": ["bkg"], "up": "scale"},
    },
}
CONTENTS = {
    "sr_s": template(10, 30, 80, 20), "sr_b": template(400, 300, 200, 100),
    "cr_s": template(2, 1, 1, 0.5), "cr_b": template(900, 700, 400, 150),
    "sr_s_tag_up": template(11, 33, 90, 22), "sr_s_tag_down": template(9, 27, 72, 18),
    "cr_s_tag_up": template(2.2, 1.1, 1, 0.5), "cr_s_tag_down": template(1.8, 0.9, 1, 0.5),
    "sr_b_tag_up": template(420, 310, 210, 108), "sr_b_tag_down": template(380, 290, 190, 92),
    "cr_b_tag_up": template(940, 720, 420, 160), "cr_b_tag_down": template(860, 680, 380, 140),
    "sr_b_scale": template(410, 305, 190, 90), "cr_b_scale": template(930, 700, 380, 130),
    "sr_data": template(415, 340, 260, 118), "cr_data": template(925, 690, 395, 148),
}  # fmt: skip


def two_regions(**more: Any) -> Workspace:
    return build(from_settings({**TWO, **more}), CONTENTS)


@pytest.fixture(scope="module")
def likelihood() -> Likelihood:
    return Likelihood(two_regions())


@pytest.fixture(scope="module")
def found(likelihood: Likelihood) -> Fit:
    return fit(likelihood)


# What is declared


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": 1}, "model: unknown key signal; known are measurement"),
        ({"regions": {}}, "there must be some regions"),
        ({"regions": ["a"]}, "regions must give a declaration for each name"),
        ({"regions": {"a": "x"}}, "regions: a: expected keys and values, not 'x'"),
        ({"regions": {"a": {}}}, "regions: a: templates is missing"),
        ({"poi": "nu"}, "poi nu is no norm factor; there are k, mu"),
        ({"norm_factors": {"mu": {"samples": ["z"]}}}, "mu: samples: z is not declared; there are bkg, signal"),
        ({"norm_factors": {"mu": {"samples": "signal"}}}, "mu: samples must be a list"),
        ({"norm_factors": {"mu": {"nominal": 11}}}, "nominal 11 must be between the bounds 0 and 10"),
        ({"systematics": {"mu": {"type": "normalization", "up": 0.1}}}, "mu is both a norm factor and a systematic"),
        ({"systematics": {"x": {"type": "shape", "up": "u"}}}, "x: type 'shape' is unknown"),
        ({"systematics": {"x": {"type": "normalization", "up": "u"}}}, "must be relative changes"),
        ({"systematics": {"x": {"type": "norm_plus_shape", "up": 0.1}}}, "must be names of variations"),
        ({"systematics": {"x": {"type": "normalization", "up": 0.1, "down": -1.0}}}, "must be above -1"),
        ({"systematics": {"x": {"type": "normalization", "up": 0.1, "regions": ["q"]}}}, "regions: q is not declared"),
    ],
)
def test_a_declaration_with_a_mistake_says_where(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_settings({**TWO, **change})


# The workspace


def by_cabinetry(folder: Path, contents: Mapping[str, Template], settings: dict, stat_errors: bool) -> dict:
    """The workspace that cabinetry makes of the histograms that skimflow wrote."""
    write_root(contents, folder / "histograms.root", {})
    samples = [
        {"Name": name, "SamplePath": one["process"], "Tree": "", "DisableStaterror": not stat_errors}
        for name, one in settings["samples"].items()
    ]
    every = list(settings["samples"])
    systematics = []
    for name, one in settings["systematics"].items():
        if one["type"] == "normalization":
            sides = {"Up": {"Normalization": one["up"]}, "Down": {"Normalization": -one["up"]}}
            systematics.append({"Name": name, "Type": "Normalization", **sides, "Samples": one.get("samples", every)})
            continue
        down = {"VariationPath": f"_{one['down']}"} if "down" in one else {"Symmetrize": True}
        sides = {"Up": {"VariationPath": f"_{one['up']}"}, "Down": down}
        systematics.append({"Name": name, "Type": "NormPlusShape", **sides, "Samples": one.get("samples", every)})
    config = {
        "General": {
            "Measurement": settings["measurement"],
            "POI": settings["poi"],
            "HistogramFolder": str(folder / "templates"),
            "InputPath": f"{folder}/histograms.root:{{RegionPath}}_{{SamplePath}}{{VariationPath}}",
            "VariationPath": "",
        },
        "Regions": [{"Name": name, "RegionPath": one["templates"]} for name, one in settings["regions"].items()],
        "Samples": [*samples, {"Name": "Data", "SamplePath": settings["data"], "Data": True}],
        "NormFactors": [
            {"Name": name, "Samples": one["samples"], "Nominal": one.get("nominal", 1), "Bounds": one["bounds"]}
            for name, one in settings["norm_factors"].items()
        ],
        "Systematics": systematics,
    }
    cabinetry.templates.collect(config, method="uproot")
    cabinetry.templates.postprocess(config)
    return cabinetry.workspace.build(config)


@OLD_RESOLVER
@pytest.mark.parametrize("stat_errors", [False, True])
def test_the_workspace_is_that_of_cabinetry(stat_errors: bool, tmp_path: Path) -> None:
    mine = two_regions(stat_errors=stat_errors).document
    other = by_cabinetry(tmp_path, CONTENTS, TWO, stat_errors)
    assert flat(mine) == pytest.approx(flat(other), rel=1e-12)


def flat(content: Any, path: tuple = ()) -> dict[tuple, Any]:
    """All values by where they stand; what a list holds by its name, as the order of modifiers means nothing."""
    if isinstance(content, dict):
        return {key: one for name, value in content.items() for key, one in flat(value, (*path, name)).items()}
    if isinstance(content, list) and content:
        named = [f"{one['name']} {one.get('type')}" if isinstance(one, dict) else i for i, one in enumerate(content)]
        parts = (flat(value, (*path, name)) for name, value in zip(named, content, strict=True))
        return {key: one for part in parts for key, one in part.items()}
    return {path: content}


@given(st.data())
def test_yield_and_shape_together_are_the_variation(data: st.DataObject) -> None:
    nominal, up, down = (
        np.array(data.draw(st.lists(st.floats(1, 1e4), min_size=4, max_size=4), label=name))
        for name in ("nominal", "up", "down")
    )
    effects, shapes = norm_and_shape(nominal, up, down)
    np.testing.assert_allclose(effects[0] * shapes[0], up)
    np.testing.assert_allclose(effects[1] * shapes[1], down)
    mirrored, mirrors = norm_and_shape(nominal, up)
    assert mirrored[0] - 1 == pytest.approx(1 - mirrored[1])
    np.testing.assert_allclose(mirrors[0] - nominal, nominal - mirrors[1], atol=1e-8)
    for shape in (*shapes, *mirrors):
        assert shape.sum() == pytest.approx(nominal.sum())


def without(*names: str) -> dict[str, Template]:
    return {name: one for name, one in CONTENTS.items() if name not in names}


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (without("cr_b_scale"), "region low mass: there is no template cr_b_scale"),
        (
            {**CONTENTS, "sr_b_scale": template(9000, 9000, 900, 90)},
            "scale .* of bkg in region SR multiplies the yield by 19",
        ),
        (
            {**CONTENTS, "sr_b_scale": template(800, 600, 400, 200)},
            "scale .* of bkg in region SR multiplies the yield by 0,",
        ),
        (
            {**CONTENTS, "sr_b": template(0, 0, 0, -1), "sr_s": template(0, 0, 0, 0)},
            "region SR: no sample has any yield",
        ),
        (
            {**CONTENTS, "sr_b": template(400, 0, 200, 100), "sr_s": template(10, 0, 80, 20)},
            r"region SR: in bin 2 the prediction is \[0.0\] and the data are \[340.0\]; merge it",
        ),
        ({**CONTENTS, "sr_data": template(1, 2)}, "region SR: 2 bins of data, 4 of the prediction"),
        (
            {**CONTENTS, "sr_s": template(0, 0, 0, 0), "cr_s": template(0, 0, 0, 0)},
            "mu acts on no sample with a yield, so it cannot be measured",
        ),
    ],
)
def test_templates_that_cannot_be_fitted_are_refused(contents: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(from_settings(TWO), contents)


def test_two_effects_on_one_sample_need_two_parameters() -> None:
    both = {**TWO["systematics"], "lumi": {"type": "normalization", "up": 0.03, "parameter": "all"}}
    with pytest.raises(ConfigError, match="parameter all acts twice on signal in region SR"):
        two_regions(systematics={**both, "more": {"type": "normalization", "up": 0.1, "parameter": "all"}})
    apart = {
        name: {"type": "normalization", "samples": [name], "up": 0.1, "parameter": "all"} for name in TWO["samples"]
    }
    assert "all" in Likelihood(two_regions(systematics=apart)).names
    with pytest.raises(ConfigError, match="it has no parameters"):
        two_regions(poi=None, norm_factors={}, systematics={})


def test_a_template_without_variances_has_no_stat_errors() -> None:
    bare = {name: one._replace(variances=None) for name, one in CONTENTS.items()}
    with pytest.raises(ConfigError, match=r"signal in region SR has no variances.*stat_errors: false"):
        build(from_settings({**TWO, "stat_errors": True}), bare)
    assert build(from_settings(TWO), bare).document == two_regions().document


def test_a_sample_without_yield_is_left_out_with_a_note() -> None:
    contents = {**CONTENTS, "cr_s": template(0, 0, 0, 0), "sr_b_scale": template(700, 500, 300, 100)}
    workspace = build(from_settings(TWO), contents)
    assert [sample["name"] for sample in workspace.document["channels"][1]["samples"]] == ["bkg"]
    assert workspace.notes == (
        "scale (or its mirror image) of bkg in region SR multiplies the yield by 0.4",
        "signal is left out of region low mass: its yield is 0",
    )
    assert set(yields(Likelihood(workspace)).query("region == 'low mass'")["sample"]) == {"bkg", "total", "data"}


def test_bins_are_merged_and_flow_is_not_fitted() -> None:
    regions = {"SR": {"templates": "sr", "edges": [1, 3, 4]}, "low mass": {"templates": "cr"}}
    workspace = two_regions(regions=regions)
    assert workspace.document["observations"][0]["data"] == [340 + 260, 118]
    assert workspace.edges == {"SR": [1, 3, 4], "low mass": [0, 1, 2, 3, 4]}
    with pytest.raises(ConfigError, match=r"region SR: template sr_s: report edges .* not all among the fine edges"):
        two_regions(regions={"SR": {"templates": "sr", "edges": [0.5, 3]}})


# Fits that can be solved by hand


@pytest.mark.parametrize(("signal", "background", "observed"), [(10, 100, 125), (3.5, 2, 9), (1e4, 1e6, 1.02e6)])
def test_one_bin_is_the_difference_with_a_poisson_error(signal: float, background: float, observed: float) -> None:
    result = fit(counting(signal, background, observed))
    value, error = result.of("mu")
    assert value == pytest.approx((observed - background) / signal, abs=0.01 * error)
    assert error == pytest.approx(np.sqrt(observed) / signal, rel=1e-3)
    # MINOS: where n·ln(n/ν) - (n - ν) is a half.
    height = lambda nu: 2 * (observed * np.log(observed / nu) - (observed - nu)) - 1  # noqa: E731
    ends = brentq(height, observed / 100, observed), brentq(height, observed, 100 * observed)
    assert result.interval == pytest.approx([(end - background) / signal for end in ends], abs=0.01 * error)
    assert result.valid
    assert result.freedom == 0
    assert np.isnan(result.p_value)


def test_a_control_region_determines_its_factor() -> None:
    """n_cr = k·b_cr and n_sr = mu·s + k·b_sr have one solution, and errors that propagate."""
    model = {
        **SIGNAL, "regions": {"sr": {"templates": "sr"}, "cr": {"templates": "cr"}}, "samples": SAMPLES,
        "norm_factors": {**FACTOR, "k": {"samples": ["b"]}},
    }  # fmt: skip
    contents = {"sr_s": template(20), "sr_b": template(50), "cr_s": template(0), "cr_b": template(200)}
    contents |= {"sr_data": template(90), "cr_data": template(240)}
    result = fit(Likelihood(build(from_settings(model), contents)))
    assert result.of("k") == pytest.approx((1.2, np.sqrt(240) / 200), rel=1e-3)
    error = np.hypot(np.sqrt(90) / 20, 50 / 20 * np.sqrt(240) / 200)
    assert result.of("mu") == pytest.approx(((90 - 60) / 20, error), rel=1e-3)
    names = list(result.names)
    expected = -(50 / 20) * (240 / 200**2) / (error * np.sqrt(240) / 200)
    assert result.correlation[names.index("mu"), names.index("k")] == pytest.approx(expected, rel=1e-3)


def test_errors_of_nearly_degenerate_parameters_are_right() -> None:
    """Two samples of nearly the same shape (correlation -0.996), against the second derivatives of the likelihood."""
    first, second = np.array([500.0, 400, 300, 200]), np.array([520.0, 400, 290, 190])
    data = 1.1 * first + 0.9 * second
    model = {
        **SIGNAL, "poi": "mu", "regions": {"r": {"templates": "r"}}, "samples": SAMPLES,
        "norm_factors": {"mu": {"samples": ["s"]}, "k": {"samples": ["b"]}},
    }  # fmt: skip
    contents = {"r_s": template(*first), "r_b": template(*second), "r_data": template(*data)}
    result = fit(Likelihood(build(from_settings(model), contents)))
    shapes = dict(zip(result.names, (first, second) if result.names[0] == "mu" else (second, first), strict=True))
    at = dict(zip(result.names, result.values, strict=True))
    predicted = sum(at[name] * shape for name, shape in shapes.items())
    second_derivatives = [[(data * a * b / predicted**2).sum() for a in shapes.values()] for b in shapes.values()]
    covariance = np.linalg.inv(second_derivatives)
    assert result.errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=2e-3)
    assert result.correlation[0, 1] == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-4
    )


def test_an_unconstrained_direction_has_no_errors() -> None:
    model = {
        **SIGNAL, "regions": {"r": {"templates": "r"}}, "samples": SAMPLES,
        "norm_factors": {"mu": {"samples": ["s"]}, "k": {"samples": ["b"]}},
    }  # fmt: skip
    contents = {"r_s": template(10), "r_b": template(20), "r_data": template(30)}
    result = fit(Likelihood(build(from_settings(model), contents)))
    assert not result.valid
    assert "some combination of parameters is not determined" in result.reason
    assert np.isnan(result.errors).all()
    assert result.document()["parameters"][0]["error"] is None


def test_a_normalization_is_pulled_by_what_it_must_explain() -> None:
    """A background of 1000 ± 10 % and 1100 events, mu held at 0: the maximum of the product, found directly."""
    systematics = {"norm": {"type": "normalization", "samples": ["b"], "up": 0.1}}
    result = fit(counting(10, 1000, 1100, systematics=systematics), fixed={"mu": 0})
    slope = lambda a: 2 * (1000 * 1.1**a - 1100) * np.log(1.1) + 2 * a  # noqa: E731
    assert result.of("mu") == (0, 0)
    value, error = result.of("norm")
    # Between -1 and 1 code 4 is a polynomial of sixth order that agrees with the power at the ends.
    assert value == pytest.approx(brentq(slope, 0, 2), abs=0.01)
    assert error == pytest.approx(1 / np.sqrt(1 + 1100 * np.log(1.1) ** 2), rel=0.02)
    row = result.table().set_index("parameter").loc["norm"]
    assert (row["pull"], row["constraint"]) == (value, error)


def test_a_constant_factor_stays_where_it_is() -> None:
    workspace = two_regions(
        norm_factors={**TWO["norm_factors"], "k": {"samples": ["bkg"], "nominal": 1.05, "constant": True}}
    )
    assert fit(Likelihood(workspace)).of("k") == (1.05, 0)


def test_a_signal_that_is_not_there_ends_at_its_limit() -> None:
    result = fit(counting(10, 100, 80))
    assert result.of("mu")[0] == pytest.approx(0, abs=1e-3)
    assert result.notes == (f"mu is at its limit, {result.of('mu')[0]:.4g}",)
    assert result.interval[0] == 0
    assert result.interval[1] > 0


# Against cabinetry


@OLD_RESOLVER
@pytest.mark.parametrize("stat_errors", [False, True])
def test_fit_and_goodness_agree_with_cabinetry(stat_errors: bool) -> None:
    workspace = two_regions(stat_errors=stat_errors)
    mine = fit(Likelihood(workspace), minos=False)
    other = cabinetry.fit.fit(*cabinetry.model_utils.model_and_data(workspace.document), goodness_of_fit=True)
    assert list(mine.names) == other.labels
    free = mine.errors > 0
    assert (free == (other.uncertainty > 0)).all()
    np.testing.assert_allclose(mine.values, other.bestfit, atol=0.01)
    np.testing.assert_allclose(mine.errors, other.uncertainty, rtol=0.03)
    np.testing.assert_allclose(mine.correlation[free][:, free], other.corr_mat[free][:, free], atol=0.03)
    assert mine.twice_nll == pytest.approx(other.best_twice_nll, abs=1e-3)
    assert mine.p_value == pytest.approx(other.goodness_of_fit, abs=1e-3)


@OLD_RESOLVER
def test_ranking_agrees_with_cabinetry(likelihood: Likelihood, found: Fit) -> None:
    mine = ranking(likelihood, found).set_index("parameter")
    model, data = cabinetry.model_utils.model_and_data(two_regions().document)
    other = cabinetry.fit.ranking(model, data)
    assert set(mine.index) == set(other.labels)
    for place, name in enumerate(other.labels):
        row = mine.loc[name]
        for side in ("prefit_up", "prefit_down", "postfit_up", "postfit_down"):
            assert row[side] == pytest.approx(getattr(other, side)[place], abs=0.005), (name, side)
    assert mine["postfit_up"].abs().tolist() == sorted(mine["postfit_up"].abs(), reverse=True)


def test_a_scan_is_one_above_the_minimum_at_the_ends_of_the_interval(likelihood: Likelihood, found: Fit) -> None:
    value, error = found.of("mu")
    heights = scan(likelihood, "mu", value - error, value + error, 3)["twice_delta_nll"]
    assert heights[[0, 2]].mean() == pytest.approx(1, abs=0.02)
    assert scan(likelihood, "mu", *found.interval, 2)["twice_delta_nll"].tolist() == pytest.approx([1, 1], abs=0.01)
    with pytest.raises(ConfigError, match="no parameter nu; there are"):
        scan(likelihood, "nu", 0, 1)


# Yields


def test_yields_add_up_before_and_after(likelihood: Likelihood, found: Fit) -> None:
    for result in (None, found):
        table, sums = yields(likelihood, result), totals(likelihood, result)
        samples = table[~table["sample"].isin(["total", "data"])].groupby(["region", "bin"])["yield"].sum()
        assert samples.tolist() == pytest.approx(by_bin(table, "total").tolist())
        assert by_bin(table, "data").groupby("region").sum().to_dict() == {"SR": 1133, "low mass": 2158}
        whole = table.groupby(["region", "sample"])["yield"].sum()
        for row in sums.itertuples():
            assert row._3 == pytest.approx(whole[row.region, row.sample])
    before = yields(likelihood).query("sample == 'signal' and region == 'SR'")
    assert before["yield"].tolist() == [10, 30, 80, 20]
    # Before the fit: 3 % and the half difference of tag up and down, in quadrature.
    half = (np.array([11, 33, 90, 22]) - np.array([9, 27, 72, 18])) / 2
    assert before["error"].tolist() == pytest.approx(np.hypot(0.03 * before["yield"], half).tolist(), rel=0.01)


def by_bin(table: pd.DataFrame, sample: str) -> pd.Series:
    return table[table["sample"] == sample].set_index(["region", "bin"])["yield"].sort_index()


def test_the_total_after_a_fit_is_what_was_counted_with_its_poisson_error() -> None:
    likelihood = counting(10, 100, 125)
    row = totals(likelihood, fit(likelihood)).set_index("sample").loc["total"]
    assert (row["yield"], row["error"]) == pytest.approx((125, np.sqrt(125)), rel=1e-3)


def test_a_fit_can_be_looked_at_elsewhere(found: Fit) -> None:
    other = Likelihood(two_regions(regions={"low mass": {"templates": "cr"}}, systematics={
        **TWO["systematics"], "new": {"type": "normalization", "up": 0.5},
    }))  # fmt: skip
    moved = transferred(found, other)
    assert {name: moved.of(name) for name in found.names} == {name: found.of(name) for name in found.names}
    assert moved.of("new") == (0, 1)
    place = moved.names.index("new")
    assert moved.correlation[place].tolist() == np.eye(len(moved.names))[place].tolist()
    assert totals(other, moved).set_index("sample").loc["total", "error"] > 0.4 * 2000


# Limits and significances


def cls(mu: float, s: float, b: float, n: float) -> float:
    """Asymptotic CLs of a counting experiment with a known background, written out."""
    best = max((n - b) / s, 0)
    q = 0 if best > mu else 2 * (n * np.log((best * s + b) / (mu * s + b)) + (mu - best) * s)
    asimov = 2 * (mu * s - b * np.log1p(mu * s / b))
    if q <= asimov:
        return norm.sf(np.sqrt(q)) / norm.sf(np.sqrt(q) - np.sqrt(asimov))
    return norm.sf((q + asimov) / (2 * np.sqrt(asimov))) / norm.sf((q - asimov) / (2 * np.sqrt(asimov)))


@pytest.mark.parametrize(
    ("s", "b", "n"), [(10, 100, 100), (10, 100, 115), (10, 100, 80), (0.02, 100, 90), (500, 60, 60)]
)
def test_a_limit_is_that_of_the_formula(s: float, b: float, n: float) -> None:
    found = limit(counting(s, b, n))
    assert found.observed == pytest.approx(
        brentq(lambda mu: cls(mu, s, b, n) - 0.05, 1e-3 * b / s, 100 * b / s), rel=1e-3
    )
    # CLs of 5 % without an excess is a one-sided test at 2.5 %: 1.96 standard deviations.
    median = brentq(lambda mu: mu * s - b * np.log1p(mu * s / b) - norm.isf(0.025) ** 2 / 2, 1e-9 * b / s, 100 * b / s)
    assert found.expected[2] == pytest.approx(median, rel=1e-3)
    assert (np.diff(found.expected) > 0).all()
    assert found.level == 0.95


@OLD_RESOLVER
def test_limits_and_significance_agree_with_pyhf_and_cabinetry(likelihood: Likelihood) -> None:
    """pyhf's SLSQP and its own asymptotics, with free and constrained parameters, are another way."""
    import pyhf

    model, data = cabinetry.model_utils.model_and_data(two_regions().document)
    mine = limit(likelihood)
    at = {
        mu: pyhf.infer.hypotest(mu, data, model, return_expected_set=True)
        for mu in (mine.observed, *mine.expected[1:4])
    }
    assert at[mine.observed][0] == pytest.approx(0.05, abs=1e-3)
    for place in (1, 2, 3):
        assert at[mine.expected[place]][1][place] == pytest.approx(0.05, abs=1e-3)
    seen, other = significance(likelihood), cabinetry.fit.significance(model, data)
    assert seen.observed == pytest.approx(other.observed_significance, abs=0.01)
    assert seen.expected == pytest.approx(other.expected_significance, abs=0.01)


@pytest.mark.parametrize(("s", "b", "n"), [(10, 100, 125), (5, 3, 9), (10, 100, 90), (500, 100, 700)])
def test_a_significance_is_that_of_the_formula(s: float, b: float, n: float) -> None:
    """√(2((s + b)·ln(1 + s/b) - s)), and n in place of s + b for the data."""
    found = significance(counting(s, b, n))
    assert found.expected == pytest.approx(np.sqrt(2 * ((s + b) * np.log1p(s / b) - s)), abs=1e-3)
    observed = np.sqrt(2 * (n * np.log(n / b) - (n - b))) if n > b else 0
    assert found.observed == pytest.approx(observed, abs=2e-3)
    assert found.observed_p == pytest.approx(norm.sf(found.observed))


def test_what_has_no_limit_says_so() -> None:
    with pytest.raises(ConfigError, match="no parameter of interest"):
        limit(counting(10, 100, 100, poi=None))
    with pytest.raises(ConfigError, match="between 0 and 1, not 95"):
        limit(counting(10, 100, 100), level=95)


def test_a_blind_limit_shows_nothing_observed() -> None:
    blind = counting(10, 100, 100, data=None)
    table = limits({500.0: blind, 1000.0: counting(20, 100, 130)})
    assert table["signal"].tolist() == [500, 1000]
    assert np.isnan(table["observed"][0])
    assert table["observed"][1] > table["expected_median"][1]
    assert blind.data.tolist() == [110]
    assert significance(blind).blind
    assert not limit(blind.with_data(blind.data)).blind


# Toys


def test_an_injected_signal_and_norm_are_recovered_within_their_errors(likelihood: Likelihood) -> None:
    """Pulls of mu and k over 40 toys: mean 0 ± 1/√40, spread 1 ± 1/√80; both within 3.5 of these."""
    truth = {"mu": 0.7, "k": 1.2, "tagging": 0.5}
    pulls = []
    for toy in thrown(likelihood, likelihood.at(truth), 40, seed=8):
        result = fit(toy, minos=False)
        assert result.valid
        pulls.append([(value - truth[name]) / error for name in ("mu", "k") for value, error in [result.of(name)]])
    mean, spread = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert (np.abs(mean) < 3.5 / np.sqrt(40)).all()
    assert (np.abs(spread - 1) < 3.5 / np.sqrt(80)).all()


def test_toys_are_seeded_and_scatter_as_they_should(likelihood: Likelihood) -> None:
    truth = likelihood.at({"mu": 2.0})
    many = np.array([toy.data for toy in thrown(likelihood, truth, 400, seed=1)])
    assert many[:3].tolist() == [toy.data.tolist() for toy in thrown(likelihood, truth, 3, seed=1)]
    expected = likelihood.expected(truth)
    variance = np.where(np.arange(len(expected)) < likelihood.bins, expected, 1.0)
    np.testing.assert_allclose(many.mean(axis=0), expected, atol=4 * np.sqrt(variance.max() / 400))
    statistic = ((many - expected) ** 2 / variance).sum()
    assert 1e-4 < chi2.cdf(statistic, many.size) < 1 - 1e-4


def test_asimov_data_give_back_what_went_in(likelihood: Likelihood) -> None:
    truth = likelihood.at({"mu": 1.5, "k": 0.8, "scale": -0.4})
    result = fit(likelihood.with_data(likelihood.expected(truth)), minos=False)
    # A constraint that is measured at the truth costs nothing.
    np.testing.assert_allclose(result.values, truth, atol=0.01)
    assert result.p_value > 0.999


# The extra, and the command


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "cabinetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cabinetry", None)
    with pytest.raises(
        ConfigError, match=r'cabinetry is not installed; run: make fit, or pip install "skimflow\[fit\]"'
    ):
        Likelihood(two_regions())


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    write_root(CONTENTS, tmp_path / "histograms.root", {})
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(TWO))
    return [str(tmp_path / "histograms.root"), str(tmp_path / "model.yaml")]


def test_the_command_prints_and_writes_the_fit(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    main([*files, "--output", str(tmp_path / "out"), "--limit", "--significance", "--ranking"])
    printed = capsys.readouterr().out
    result = fit(Likelihood(two_regions()))
    value, error = result.of("mu")
    assert f"mu = {value:.4f} ± {error:.4f}" in printed
    for text in ("goodness of fit: p-value", "mu < ", "significance: observed", "postfit_up", "low mass"):
        assert text in printed
    document = yaml.safe_load((tmp_path / "out/fit.json").read_text())
    assert document["parameters"][0].keys() == {"parameter", "value", "error", "nominal", "width", "pull", "constraint"}
    assert flat(yaml.safe_load((tmp_path / "out/workspace.json").read_text())) == pytest.approx(
        flat(two_regions().document)
    )
    assert read(files[0]).keys() == CONTENTS.keys()
    main([*files, "--asimov"])
    assert "mu = 1.0000 ±" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        main([files[0], "nowhere.yaml"])
    Path(files[1]).write_text("[1]")
    with pytest.raises(ConfigError, match="a model is a mapping"):
        main(files)
    flat_direction = {**TWO, "systematics": {}, "norm_factors": {"mu": {"samples": ["bkg"]}, "k": {"samples": ["bkg"]}}}
    Path(files[1]).write_text(yaml.safe_dump(flat_direction))
    with pytest.raises(SkimflowError, match="the fit must not be used"):
        main(files)


logging.getLogger("cabinetry").setLevel(logging.ERROR)
