"""Correction files: the numbers of SYSTEMS appendix B, the η convention, and what happens outside the bins."""

import gzip
import hashlib
from pathlib import Path

import correctionlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skimflow.errors import ConfigError, InputError
from skimflow.physics.corrections.files import CorrectionFile
from tests.correction_files import binning, category, correction, formula, of
from tests.reference.corrections import content, evaluate

FOLDER = "correctionlib/2016postVFP_UL"
TIGHT, PILEUP = "NUM_TightID_DEN_TrackerMuons", "Collisions16_UltraLegacy_goldenJSON"
# 2018 IsoMu24: the values of appendix B in their bins; those it does not give are 1.
TRIGGER = "NUM_IsoMu24_DEN_CutBasedIdTight_and_PFIsoTight"
TRIGGER_2018 = {
    # η, pT: nominal, systup, systdown
    (1.5, 45): (1.00416, 1.00471, 1.00361),
    (-1.5, 45): (0.97994, 0.98052, 0.97936),
    (0.3, 30): (0.96890, 0.97070, 0.96710),
    (-0.3, 30): (0.96074, 0.96171, 0.95977),
    (2.0, 70): (1.00018, 1.00160, 0.99877),
    (-2.0, 70): (0.97967, 0.98114, 0.97820),
}
KEYS = ("nominal", "systup", "systdown")


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    return data / FOLDER


def trigger_2018() -> CorrectionFile:
    """In signed η, as the file of 2018 is (SYSTEMS 2e.6)."""
    eta, pt = [-2.4, -2.1, -1.2, -0.9, 0, 0.9, 1.2, 2.1, 2.4], [26, 30, 40, 50, 60, 120, np.inf]

    def value(h: int, p: int, key: int) -> float:
        inside = (v for (a, b), v in TRIGGER_2018.items() if eta[h] <= a < eta[h + 1] and pt[p] <= b < pt[p + 1])
        return next(inside, (1.0, 1.0, 1.0))[key]

    bins = [
        binning(
            "pt", pt, [category("scale_factors", {k: value(h, p, i) for i, k in enumerate(KEYS)}) for p in range(6)]
        )
        for h in range(8)
    ]
    return of(correction(TRIGGER, {"eta": "real", "pt": "real", "scale_factors": "string"}, binning("eta", eta, bins)))


def test_trigger_factor_in_signed_eta() -> None:
    """The two sides differ by up to 2.5 %: |η| given to this file is wrong, without a word, in half of the muons."""
    eta, pt = np.array(list(TRIGGER_2018), float).T
    file = trigger_2018()
    signed = file.correction(TRIGGER, eta="signed")
    for i, key in enumerate(KEYS):
        found = signed.evaluate({"eta": eta, "pt": pt, "scale_factors": key})
        np.testing.assert_allclose(found.values, [v[i] for v in TRIGGER_2018.values()], rtol=1e-12)
        assert not found.outside.any()
    with pytest.raises(ConfigError, match=r"declared with absolute η, but the edges of eta go from -2.4 to 2.4"):
        file.correction(TRIGGER, eta="absolute")
    with pytest.raises(ConfigError, match="say whether it bins η `signed` or `absolute`, not None"):
        file.correction(TRIGGER)


@pytest.mark.real
def test_pileup_of_appendix_b(folder: Path) -> None:
    pileup = CorrectionFile.read(folder / "puWeights.json.gz").correction(PILEUP, "clamp")
    interactions = np.array([0.5, 10, 25, 40, 60, 99.5, 150])
    expected = {
        "nominal": [0.277740, 0.231694, 1.118964, 2.208650, 0.221310, 1, 1],
        "up": [0.244090, 0.135370, 1.091214, 3.757297, 0.702185, 1, 1],
        "down": [0.318110, 0.392951, 1.130073, 1.072210, 0.067783, 1, 1],
    }
    for key, values in expected.items():
        found = pileup.evaluate({"NumTrueInteractions": interactions, "weights": key})
        np.testing.assert_allclose(found.values, values, atol=6e-7)
        assert found.outside.tolist() == [False] * 5 + [True] * 2


@pytest.mark.real
def test_muon_identification_of_appendix_b(folder: Path) -> None:
    file = CorrectionFile.read(folder / "muon_Z.json.gz")
    tight = file.correction(TIGHT, eta="absolute")
    eta, pt = np.array([0.1, 0.5, 1.0, 1.5, 2.3]), np.array([20, 60, 35, 45, 130])
    expected = {
        "nominal": [0.987626, 0.984626, 0.978719, 0.991523, 0.969550],
        "systup": [0.990750, 0.987125, 0.982695, 0.994582, 0.981512],
        "systdown": [0.984503, 0.982128, 0.974743, 0.988464, 0.957588],
        "stat": [0.000699, 0.000572, 0.000343, 0.000136, 0.002080],
        "syst": [0.003044, 0.002432, 0.003961, 0.003056, 0.011780],
    }
    for key, values in expected.items():
        for side in (1, -1):
            found = tight.evaluate({"eta": side * eta, "pt": pt, "scale_factors": key})
            np.testing.assert_allclose(found.values, values, atol=6e-7)
    with pytest.raises(ConfigError, match=r"declared with signed η, but the edges of eta go from 0 to 2.4"):
        file.correction(TIGHT, eta="signed")


@pytest.mark.real
def test_outside_the_bins_of_the_muon_file(folder: Path) -> None:
    """Where correctionlib raises a RuntimeError: at |η| = 2.4, the exclusive upper edge, and below 15 GeV."""
    file = CorrectionFile.read(folder / "muon_Z.json.gz")
    values = {"eta": np.array([-2.4, 1.0, 2.39]), "pt": np.array([30, 14.9, 30]), "scale_factors": "nominal"}
    with pytest.raises(
        InputError, match=r"TightID.*: 2 of 3 objects are outside the bins: eta from 2.4 to 2.4.*pt from"
    ):
        file.correction(TIGHT, eta="absolute").evaluate(values)
    inside = correctionlib.CorrectionSet.from_file(str(folder / "muon_Z.json.gz"))[TIGHT].evaluate
    clamped = file.correction(TIGHT, "clamp", "absolute").evaluate(values)
    expected = [inside(2.39, 30.0, "nominal"), inside(1.0, 15.0, "nominal"), inside(2.39, 30.0, "nominal")]
    assert clamped.values.tolist() == expected
    one = file.correction(TIGHT, "one", "absolute").evaluate(values)
    assert one.values.tolist() == [1, 1, expected[2]]
    assert clamped.outside.tolist() == one.outside.tolist() == [True, True, False]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ({"scale_factors": "sysup"}, "scale_factors has no 'sysup'; did you mean systup or syst"),
        ({"scale_factors": np.array(["stat", "syst"])}, "scale_factors is one text for all objects, not ndarray"),
        ({"scale_factors": "nominal", "ETA": 1.0}, "needs eta, pt, scale_factors; eta not among"),
    ],
)
def test_wrong_names(folder: Path, name: dict, message: str) -> None:
    file = CorrectionFile.read(folder / "muon_Z.json.gz")
    values = {"pt": np.array([30.0]), **({} if "ETA" in name else {"eta": np.array([1.0])}), **name}
    with pytest.raises(ConfigError, match=message):
        file.correction(TIGHT, eta="absolute").evaluate(values)
    with pytest.raises(ConfigError, match=f"no correction '{TIGHT}s'; did you mean {TIGHT} or"):
        file.correction(f"{TIGHT}s")
    with pytest.raises(ConfigError, match=r"no policy 'clip'; did you mean clamp"):
        file.correction(TIGHT, "clip", "absolute")


def test_the_declared_file_or_none(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    with pytest.raises(InputError, match=r"x.json.gz: corrections cannot be read: No such file") as caught:
        CorrectionFile.read(path)
    assert caught.value.reason == "missing"
    text = '{"schema_version": 2, "corrections": []}'
    path.write_bytes(gzip.compress(text.encode()))
    assert CorrectionFile.read(path, hashlib.sha256(path.read_bytes()).hexdigest()).names == []
    with pytest.raises(InputError, match="its sha256 is") as caught:
        CorrectionFile.read(path, "0" * 64)
    assert caught.value.reason == "checksum"
    for wrong in (
        "[1]",
        "{}",
        '{"schema_version": 1, "corrections": []}',
        "x",
        '{"schema_version": 2, "corrections": 3}',
    ):
        path.write_text(wrong)  # the same name with another content is read again
        with pytest.raises(InputError, match="not a correctionlib file") as caught:
            CorrectionFile.read(path)
        assert caught.value.reason == "corrupt"


def test_bins_that_depend_on_other_bins() -> None:
    """pT ends at 100 in the barrel and at 50 in the endcap, and keys at other places."""
    barrel = binning("pt", [10, 100], [category("flavour", {0: 1.1, 5: 1.5})])
    endcap = binning("pt", [20, 50], [category("flavour", {0: 2.1, 5: 2.5})], flow="clamp")
    file = of(
        correction("sf", {"eta": "real", "pt": "real", "flavour": "int"}, binning("eta", [0, 1, 2], [barrel, endcap]))
    )
    values = {
        "eta": np.array([0.5, -0.5, 1.5, 1.5, -3.0]),
        "pt": np.array([60, 5, 60, 30, 100]),
        "flavour": np.array([0, 5, 0, 5, 0]),
    }
    clamped = file.correction("sf", "clamp", "absolute").evaluate(values)
    assert clamped.values.tolist() == [1.1, 1.5, 2.1, 2.5, 2.1]
    assert clamped.outside.tolist() == [False, True, True, False, True]
    assert file.correction("sf", "one", "absolute").evaluate(values).values.tolist() == [1.1, 1, 1, 2.5, 1]
    with pytest.raises(InputError, match="3 of 5 objects"):
        file.correction("sf", "error", "absolute").evaluate(values)
    with pytest.raises(ConfigError, match="flavour has no 4; There are: 0, 5"):
        file.correction("sf", "clamp", "absolute").evaluate({**values, "flavour": 4})
    with pytest.raises(ConfigError, match="flavour has no 4; There are: 0, 5"):
        file.correction("sf", "clamp", "absolute").evaluate({**values, "flavour": np.array([0, 4, 0, 0, 0])})


def test_keys_that_some_branches_have_only() -> None:
    """Sources of b jets and of c jets, each in its flavour: asking for one of the other flavour is an error."""
    of_c, of_b = category("source", {"central": 0.4, "c": 0.44}), category("source", {"central": 0.5, "b": 0.55})
    nested = binning("pt", [20, 100], [category("flavour", {4: of_c, 5: of_b})])
    sf = of(correction("sf", {"flavour": "int", "pt": "real", "source": "string"}, nested)).correction("sf", "clamp")
    values = {"flavour": np.array([5, 5]), "pt": np.array([30, 300.0]), "source": "b"}
    assert sf.evaluate(values).values.tolist() == [0.55, 0.55]
    assert sf.evaluate({**values, "flavour": 4, "source": "c"}).values.tolist() == [0.44, 0.44]
    with pytest.raises(ConfigError, match="source has no 'd'; There are: central, c, b"):
        sf.evaluate({**values, "source": "d"})
    with pytest.raises(ConfigError, match=r"source has no 'b'; There are: central, c$"):
        sf.evaluate({**values, "flavour": 4})
    with pytest.raises(InputError, match=r"test.json: sf: correctionlib cannot evaluate it"):
        sf.evaluate({**values, "flavour": np.array([4, 5])})


def test_what_the_file_says_outside_is_not_taken() -> None:
    """JERC uncertainties say -999 outside; a declared policy comes before it. Only another node is as good as a bin."""
    file = of(
        correction("number", {"x": "real"}, binning("x", [0, 1], [0.1], flow=-999.0)),
        correction("node", {"x": "real"}, binning("x", [0, 1], [0.1], flow=binning("x", [-5, 5], [0.7]))),
    )
    x = {"x": np.array([0.5, 3.0])}
    assert file.correction("number", "clamp").evaluate(x).values.tolist() == [0.1, 0.1]
    assert file.correction("number", "one").evaluate(x, neutral=0.0).values.tolist() == [0.1, 0]
    with pytest.raises(InputError, match="1 of 2"):
        file.correction("number").evaluate(x)
    node = file.correction("node").evaluate({"x": np.array([0.5, 3.0, -4.0])})
    assert node.values.tolist() == [0.1, 0.7, 0.7]
    with pytest.raises(InputError, match="x from 7 to 7"):
        file.correction("node").evaluate({"x": np.array([0.5, 7.0])})


def test_no_number_in_no_number_out() -> None:
    file = of(
        correction("sf", {"x": "real"}, binning("x", [0, 1], [0.1], flow="clamp")),
        correction("bad", {"x": "real"}, formula("x", "1/x")),
    )
    for policy in ("clamp", "one", "error"):
        with pytest.raises(InputError, match="1 values of x are NaN"):
            file.correction("sf", policy).evaluate({"x": np.array([0.5, np.nan])})
    with pytest.raises(InputError, match="gives NaN or infinity"):
        file.correction("bad").evaluate({"x": np.array([0.5, 0])})
    assert file.correction("sf").evaluate({"x": np.array([])}).values.shape == (0,)
    # float32 as in NanoAOD, whole numbers, and one number for all
    assert file.correction("sf").evaluate({"x": np.array([0, 0], np.int32)}).values.tolist() == [0.1, 0.1]
    assert file.correction("sf").evaluate({"x": 0.5}).values.tolist() == [0.1]


@given(st.lists(st.tuples(st.floats(-4, 4), st.floats(0, 300), st.sampled_from(KEYS)), min_size=1, max_size=20))
def test_policies_differ_outside_only(objects: list) -> None:
    file = trigger_2018()
    for key in KEYS:
        eta, pt = np.array([(a, b) for a, b, _ in objects]).T
        values = {"eta": eta, "pt": pt, "scale_factors": key}
        clamp, one = (file.correction(TRIGGER, policy, "signed").evaluate(values) for policy in ("clamp", "one"))
        outside = (eta < -2.4) | (eta >= 2.4) | (pt < 26)
        assert clamp.outside.tolist() == one.outside.tolist() == outside.tolist()
        assert (one.values[outside] == 1).all()
        assert (one.values == clamp.values)[~outside].all()


@pytest.mark.real
def test_all_files_against_plain_python(folder: Path) -> None:
    """One correction of each kind that the files have, in the middle of their ranges, without correctionlib."""
    rng, n = np.random.default_rng(5), 40
    eta, pt = rng.uniform(-2.3, 2.3, n), rng.uniform(27, 200, n)
    cases = [
        (
            "muon_Z",
            "NUM_IsoMu24_or_IsoTkMu24_DEN_CutBasedIdTight_and_PFIsoTight",
            "absolute",
            {"scale_factors": "stat"},
        ),
        (
            "electron",
            "UL-Electron-ID-SF",
            "signed",
            {"year": "2016postVFP", "ValType": "sfup", "WorkingPoint": "Tight"},
        ),
        ("btagging", "deepJet_comb", "absolute", {"systematic": "up_jes", "working_point": "M", "flavor": 5}),
        ("btagging", "deepJet_shape", "absolute", {"systematic": "up_hf", "flavor": 0}),
    ]
    for file, name, convention, fixed in cases:
        found = CorrectionFile.read(folder / f"{file}.json.gz").correction(name, "error", convention)
        eta_name = "abseta" if "abseta" in found.inputs else "eta"
        arrays = {eta_name: eta, "pt": pt, "discriminant": rng.uniform(0, 1, n)}
        plain = content(folder / f"{file}.json.gz")[name]
        shown = {**arrays, eta_name: np.abs(eta) if convention == "absolute" else eta}
        expected = [evaluate(plain, **fixed, **{k: float(v[i]) for k, v in shown.items()}) for i in range(n)]
        np.testing.assert_allclose(found.evaluate({**arrays, **fixed}).values, expected, rtol=1e-12)
