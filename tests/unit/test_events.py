"""From legs to the efficiency of the selected events of a sample: against plain Python, and against thrown triggers."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure

from skimflow.efficiency.events import event_efficiencies
from skimflow.errors import InputError
from skimflow.plots.crosstrigger import curves, from_legs
from skimflow.skim.job import Task, record_failure
from skimflow.summary import summary

PT, ETA = [15.0, 20.0, 30.0, 100.0], [0.0, 1.2, 2.4]
TRUE = {
    **{"Mu12": [0.8, 0.95, 0.96, 0.94, 0.95, 0.93], "Mu23": [0.4, 0.45, 0.7, 0.65, 0.94, 0.92]},
    **{"Ele12": [0.85, 0.93, 0.95], "Ele23": [0.5, 0.7, 0.92]},
}
DZ = (0.96, 0.95, 0.965)
OR = "HLT_any"
PATHS = ["HLT_MET200", "HLT_PFMET120"]


def axis(column: str, edges: list[float], absolute: bool = False, open_: bool = True) -> dict[str, Any]:
    return {"column": column, "absolute": absolute, "open": open_, "edges": edges}


MUON = {
    **{"reference": "mu", "loose": "Mu12", "tight": "Mu23", "data": "SingleMuon", "mc": None},
    "axes": {"probe_pt": axis("muon_pt", PT), "probe_abs_eta": axis("muon_eta", ETA, True, False)},
}
ELECTRON = {
    **{"reference": "ele", "loose": "Ele12", "tight": "Ele23", "data": "SingleElectron", "mc": None},
    "axes": {"probe_pt": axis("electron_pt", PT)},
}
SETTINGS: dict[str, Any] = {
    "legs": {"muon": MUON, "electron": ELECTRON},
    "dz": {"reference": "mu", "data": "SingleMuon", "mc": None},
    "trigger": "any",
    "references": {"none": {"method": "none", "paths": []}, "met": {"method": "orthogonal", "paths": PATHS}},
    "datasets": {
        "G": {"kind": "data", "sample": "MuonEG", "references": ["none"]},
        "H": {"kind": "data", "sample": "MuonEG", "references": ["none"]},
        "MET": {"kind": "data", "sample": "MET", "references": ["met"]},
        "tt": {"kind": "mc", "sample": "tt", "references": ["none", "met"]},
    },
    "report": {"mll": [20.0, 50.0, 90.0]},
    "selection": "offline selection hww_emu",
    "level": 0.6827,
}


def leg_table(**changes: Any) -> pd.DataFrame:
    rows = []
    for part in (MUON, ELECTRON):
        edges = [one["edges"] for one in part["axes"].values()] + [None] * (2 - len(part["axes"]))
        for name in (part["loose"], part["tight"]):
            bins = itertools.product(*(itertools.pairwise(e) if e else [(math.nan, math.nan)] for e in edges))
            for place, ((x_low, x_high), (y_low, y_high)) in enumerate(bins):
                value = {**TRUE, **changes}[name][place]
                row = {"reference": part["reference"], "sample": part["data"], "trigger": name}
                row |= {"variable": ":".join(part["axes"]), "x_low": x_low, "x_high": x_high}
                row |= {"y_low": y_low, "y_high": y_high, "efficiency": value}
                rows.append(row | {"low": value - 0.01 * (1 + place), "high": value + 0.02})
    total = {"reference": "mu", "sample": "SingleMuon", "trigger": "dz", "variable": "all", "x_low": -math.inf}
    rows.append({**total, "efficiency": DZ[0], "low": DZ[1], "high": DZ[2]})
    return pd.DataFrame(rows)


def estimated(files: Any, legs: pd.DataFrame, measured: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """The table under test, of legs that no bound has cut."""
    return event_efficiencies(files, legs.assign(unbounded=legs["efficiency"]), measured, settings)


def events(seed: int, size: int, menu: bool = True) -> dict[str, Any]:
    """Selected events, with triggers thrown from the legs as they are."""
    rng = np.random.default_rng(seed)
    values = {f"{lepton}_pt": rng.uniform(14, 120, size).astype(np.float32) for lepton in ("muon", "electron")}
    values |= {"muon_eta": rng.uniform(-2.5, 2.5, size).astype(np.float32), "weight": rng.normal(1, 0.3, size)}
    values |= {"mll": rng.uniform(10, 120, size).astype(np.float32)}
    values["weight"] *= np.where(rng.random(size) < 0.1, -1, 1)
    values[PATHS[0]] = rng.random(size) < 0.4
    fired = [rng.random() < (plain(values, i) or (0.9,))[0] for i in range(size)]
    values[OR] = [bool(f) for f in fired] if menu else [None] * size
    return values


def plain(values: dict[str, Any], i: int, legs: dict[str, list[float]] = TRUE, dz: float = DZ[0]) -> tuple | None:
    """Efficiency of an event, and the bins of muon and electron; None outside the maps."""
    muon_pt, eta = float(values["muon_pt"][i]), abs(float(values["muon_eta"][i]))
    electron_pt = float(values["electron_pt"][i])
    if muon_pt < 15 or electron_pt < 15 or eta >= 2.4:
        return None
    m = 2 * sum(muon_pt >= edge for edge in PT[1:3]) + (eta >= 1.2)
    e = sum(electron_pt >= edge for edge in PT[1:3])
    one, other, both = (legs[a][m] * legs[b][e] for a, b in (("Mu12", "Ele23"), ("Mu23", "Ele12"), ("Mu23", "Ele23")))
    return (one + other - both) * dz, m, e


def mean(values: dict[str, Any], chosen: list[int], inverse: bool, **changed: Any) -> tuple[float, float]:
    """Mean efficiency of events, and its spread; `inverse`: of accepted ones that count 1/ε each."""
    each = [plain(values, i, **changed)[0] for i in chosen]
    weight = [1.0 if inverse else float(values["weight"][i]) for i in chosen]
    if inverse:
        found = len(each) / sum(1 / e for e in each)
        spread = math.sqrt(sum((1 - found / e) ** 2 for e in each)) / sum(1 / e for e in each)
        return found, spread
    found = sum(w * e for w, e in zip(weight, each, strict=True)) / sum(weight)
    spread = math.sqrt(sum((w * (e - found)) ** 2 for w, e in zip(weight, each, strict=True))) / abs(sum(weight))
    return found, spread


def uncertainty(values: dict[str, Any], chosen: list[int], inverse: bool, up: bool) -> float:
    """By shifting one leg in one bin at a time: nested legs of one bin are correlated, everything else is not."""
    step, total = 1e-5, 0.0
    centre = mean(values, chosen, inverse)[0]
    for loose, tight in (("Mu12", "Mu23"), ("Ele12", "Ele23")):
        for place in range(len(TRUE[loose])):
            moved = []
            for leg in (loose, tight):
                legs = {**TRUE, leg: [v + step * (i == place) for i, v in enumerate(TRUE[leg])]}
                slope = (mean(values, chosen, inverse, legs=legs)[0] - centre) / step
                moved.append(slope * (0.02 if (slope > 0) == up else 0.01 * (1 + place)))
            a, b = TRUE[loose][place], TRUE[tight][place]
            rho = math.sqrt(b * (1 - a) / (a * (1 - b)))
            total += moved[0] ** 2 + moved[1] ** 2 + 2 * rho * moved[0] * moved[1]
    slope = (mean(values, chosen, inverse, dz=DZ[0] + step)[0] - centre) / step
    return math.sqrt(total + (slope * ((DZ[2] - DZ[0]) if up else (DZ[0] - DZ[1]))) ** 2)


def written(folder: Path, samples: dict[str, list[dict[str, Any]]]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {name: [] for name in SETTINGS["datasets"]}
    for name, parts in samples.items():
        for number, part in enumerate(parts):
            path = folder / f"{name}_{number}.parquet"
            pq.write_table(pa.table({**part, OR: pa.array(part[OR], pa.bool_())}), path)
            files[name].append(path)
    return files


MEASURED = pd.DataFrame(
    {
        **{"reference": ["met", "met", "none"], "sample": ["MET", "MET", "tt"], "dataset": ["all", "all", "all"]},
        **{"variable": ["all", "mll", "all"], "x_low": [-np.inf, 20.0, -np.inf], "x_high": [np.inf, 50.0, np.inf]},
        **{"trigger": "any", "efficiency": [0.91, 0.92, 0.93], "low": 0.9, "high": 0.95},
    }
)


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, Any]]]:
    data = [{**events(seed, 150), "weight": np.ones(150)} for seed in range(4)]
    return {"G": data[:1], "H": data[1:2], "MET": data[2:], "tt": [events(9, 200)]}


@pytest.fixture(scope="module")
def table(samples: dict, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    files = written(tmp_path_factory.mktemp("events"), samples)
    return estimated(files, leg_table(), MEASURED, SETTINGS)


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


@pytest.mark.parametrize("reference", ["none", "met"])
@pytest.mark.parametrize("sample", ["MuonEG", "MET", "tt"])
@pytest.mark.parametrize(("variable", "low", "high"), [("all", -np.inf, np.inf), ("mll", 20, 50), ("mll", 90, np.inf)])
def test_as_in_plain_python(
    reference: str, sample: str, variable: str, low: float, high: float, samples: dict, table: pd.DataFrame
) -> None:
    if (reference, sample) in (("met", "MuonEG"), ("none", "MET")):
        assert not ((table["reference"] == reference) & (table["sample"] == sample)).any()
        return
    names = [name for name, dataset in SETTINGS["datasets"].items() if dataset["sample"] == sample]
    values = together([part for name in names for part in samples[name]])
    taken = [i for i, mll in enumerate(values["mll"]) if low <= mll < high]
    inverse = reference == "none" and sample == "MuonEG"
    taken = [i for i in taken if values[OR if inverse else PATHS[0]][i] or (reference == "none" and not inverse)]
    chosen = [i for i in taken if plain(values, i)]
    where = {"reference": reference, "sample": sample, "variable": variable, "x_low": low, "x_high": high}
    row = table[np.logical_and.reduce([table[name] == value for name, value in where.items()])].iloc[0]
    assert (row["total_n"], row["unknown_n"], row["absent_n"]) == (len(chosen), len(taken) - len(chosen), 0)
    assert row["total_n"] > 15
    assert variable != "all" or row["unknown_n"] > 0
    assert row["total_sumw"] == pytest.approx(sum(values["weight"][i] for i in chosen))
    value, spread = mean(values, chosen, inverse)
    assert row["efficiency"] == pytest.approx(value, rel=1e-12)
    assert row["sample_error"] == pytest.approx(spread, rel=1e-9)
    for up, end in ((True, row["high"] - value), (False, value - row["low"])):
        assert end == pytest.approx(uncertainty(values, chosen, inverse, up), rel=1e-3)
    assert ("weighted by 1/ε" in row["meaning"]) == inverse
    assert ("reference met fired" in row["meaning"]) == (reference == "met")


def test_the_ratio_of_counts_stands_beside(table: pd.DataFrame) -> None:
    rows = table[table["measured"].notna()]
    assert rows[["reference", "sample", "x_low", "measured"]].to_numpy().tolist() == [
        ["none", "tt", -np.inf, 0.93],
        ["met", "MET", -np.inf, 0.91],
        ["met", "MET", 20.0, 0.92],
    ]
    assert (table["total_n"] + table["unknown_n"])[table["variable"] == "mll"].sum() == (
        table["total_n"] + table["unknown_n"]
    )[table["variable"] == "all"].sum()


def test_accepted_events_give_the_efficiency_of_all(tmp_path: Path) -> None:
    """The mean over all events, from those alone that fired; and how far it is off is what `sample_error` says."""
    pulls = []
    for seed in range(40):
        values = {**events(seed + 100, 2000), "weight": np.ones(2000)}
        row = estimated(written(tmp_path, {"G": [values]}), leg_table(), MEASURED, SETTINGS).iloc[0]
        assert row["accepted"]
        assert row["total_n"] + row["unknown_n"] == np.sum(values[OR]) < 2000
        pulls.append((row["efficiency"] - POPULATION) / row["sample_error"])
    assert abs(np.mean(pulls)) < 3 / math.sqrt(40)
    assert 0.75 < np.std(pulls) < 1.25


def _population() -> float:
    """Mean over the flat distributions of `events`, bin by bin."""

    def share(low: float, high: float, edges: list[float]) -> list[float]:
        ends = [*edges[:-1], high]
        return [(b - a) / (high - edges[0]) for a, b in itertools.pairwise(ends)]

    pt, eta = share(14, 120, PT), share(0, 2.4, ETA)
    total = 0.0
    for (m, p), (n, q), (e, r) in itertools.product(enumerate(pt), enumerate(eta), enumerate(pt)):
        values = {"muon_pt": [PT[m]], "muon_eta": [ETA[n]], "electron_pt": [PT[e]]}
        total += p * q * r * plain(values, 0)[0]
    return total


POPULATION = _population()


def test_what_has_no_efficiency_is_counted(samples: dict, tmp_path: Path) -> None:
    """A bin without a fit, a trigger that is not in the menu, a file that could not be read."""
    lost = leg_table()
    lost.loc[(lost["trigger"] == "Ele23") & (lost["x_low"] == 30), ["efficiency", "low", "high"]] = (math.nan, 0, 1)
    files = written(tmp_path, {"G": [events(1, 50, menu=False), *samples["G"]], "tt": samples["tt"]})
    task = Task("tt", "x", "/store/x.root", "x.root", None, {}, {})
    record_failure(task, InputError("corrupt", "x.root: bad"), tmp_path / "x.counts", tmp_path / "x.parquet")
    files["tt"].append(tmp_path / "x.parquet")
    table = estimated(files, lost, MEASURED, SETTINGS)
    totals = table[table["variable"] == "all"].set_index(["reference", "sample"])
    values = samples["tt"][0]
    known = [i for i in range(200) if plain(values, i) and values["electron_pt"][i] < 30]
    row = totals.loc["none", "tt"]
    assert (row["total_n"], row["unknown_n"]) == (len(known), 200 - len(known))
    assert row["efficiency"] == pytest.approx(mean(values, known, False)[0])
    assert totals.loc[("none", "MuonEG"), "absent_n"] == 50
    empty = totals.loc["met", "MET"]
    assert np.isnan([empty["efficiency"], empty["sample_error"]]).all()
    assert (empty["low"], empty["high"], empty["total_n"]) == (0, 1, 0)
    known_truth = {"selected": 10, "fired": {"any": 9}}
    truth = {
        "tt": {"unbiased": known_truth, "references": {"none": known_truth, "met": {**known_truth, "selected": 0}}}
    }
    text = summary(NO_TABLE, COMPLETE, CLEAN, truth, "T", cross=table)
    assert "MuonEG data* (none), data" in text
    assert "50 events have not both paths in the menu and are left out" in text
    assert f"{200 - len(known)} events have no efficiency of a leg and are left out" in text
    line = next(line for line in text.splitlines() if "tt simulation (none)" in line)
    assert f"{row['efficiency']:.4f}  [{row['low']:.4f}, {row['high']:.4f}]" in line
    assert line.endswith("0.9300   0.9000")


def test_an_accepted_event_stands_for_few_others(samples: dict, tmp_path: Path) -> None:
    """Where legs hardly know an efficiency, 1/ε is of no use: such events are counted, and spoil no mean."""
    vague = leg_table()
    chosen = (vague["trigger"] == "Mu12") & (vague["x_low"] == 15)
    vague.loc[chosen, ["efficiency", "low", "high"]] = (0.02, 0.0, 0.3)
    vague.loc[(vague["trigger"] == "Mu23") & (vague["x_low"] == 15), ["efficiency", "low"]] = (0.01, 0.0)
    table = estimated(written(tmp_path, samples), vague, MEASURED, SETTINGS)
    totals = table[table["variable"] == "all"].set_index(["reference", "sample"])
    values = together([*samples["G"], *samples["H"]])
    known = [i for i in range(300) if values[OR][i] and plain(values, i) and values["muon_pt"][i] >= 20]
    row = totals.loc["none", "MuonEG"]
    assert (row["total_n"], row["unknown_n"]) == (len(known), sum(values[OR]) - len(known))
    assert row["efficiency"] == pytest.approx(mean(values, known, True)[0])
    assert totals.loc[("none", "tt"), "total_n"] == sum(plain(samples["tt"][0], i) is not None for i in range(200))


NO_TABLE = pd.DataFrame(columns=["variable", "dataset", "reference", "sample", "kind"])
COMPLETE = {"statement": "1 of 1 files", "luminosity": {"rows": []}, "files": {"failed": []}, "datasets": {}}
CLEAN = {"inputs": [], "duplicates": 0}


def test_legs_in_other_bins_are_refused(samples: dict, tmp_path: Path) -> None:
    files = written(tmp_path, samples)
    for legs in (leg_table().replace({"x_low": {20.0: 22.0}}), leg_table().replace({"trigger": {"Mu23": "Mu17"}})):
        with pytest.raises(ValueError, match=r"the table of legs has not .*'Mu(23|12)'.* in the bins"):
            estimated(files, legs, MEASURED, SETTINGS)


def test_simulated_legs_beside_those_of_data(samples: dict, tmp_path: Path) -> None:
    """Where all legs are measured in simulation too, simulated events have both; data has its own."""
    legs = {f: {**part, "mc": f"{f}_mc"} for f, part in SETTINGS["legs"].items()}
    settings = {**SETTINGS, "legs": legs, "dz": None}
    names = {"SingleMuon": "muon_mc", "SingleElectron": "electron_mc"}
    other = {name: [v - 0.05 for v in values] for name, values in TRUE.items()}
    both = pd.concat([leg_table(), leg_table(**other).replace({"sample": names})])
    table = estimated(written(tmp_path, samples), both, MEASURED, settings)
    totals = table[table["variable"] == "all"].groupby(["reference", "sample"])["legs"].agg(list)
    assert totals.to_dict() == {
        **{("none", "MuonEG"): ["data"], ("none", "tt"): ["data", "mc"]},
        **{("met", "MET"): ["data"], ("met", "tt"): ["data", "mc"]},
    }
    values = samples["tt"][0]
    known = [i for i in range(200) if plain(values, i)]
    mine = table[(table["reference"] == "none") & (table["sample"] == "tt") & (table["variable"] == "all")]
    for kind, used in (("data", TRUE), ("mc", other)):
        found = mine[mine["legs"] == kind]["efficiency"].iloc[0]
        assert found == pytest.approx(mean(values, known, False, legs=used, dz=1.0)[0])


def test_figure(table: pd.DataFrame) -> None:
    long = curves(table)
    assert long["trigger"].value_counts().to_dict() == {"from legs in data": len(table), "ratio of counts": len(table)}
    figure = Figure()
    settings = {"labels": {"mll": ["mass", "GeV"]}, "style": {"colours": ["#3f90da", "#bd1f01"]}}
    from_legs(figure, table, "mll", settings)
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 4
    assert panels[0].texts[0].get_text() == "MuonEG data, reference none"
    heights = [bar.lines[0].get_ydata() for bar in panels[0].containers]
    mine = table[(table["sample"] == "MuonEG") & (table["variable"] == "mll")].iloc[1:-1]
    np.testing.assert_allclose(heights[0], mine["efficiency"])


def test_a_leg_that_was_cut_at_one_is_taken_as_it_was(tmp_path: Path) -> None:
    """The mean of events is linear in a leg, so what was measured above 1 counts as that, not as 1."""
    values = events(5, 200)
    values["muon_pt"][:], values["electron_pt"][:] = 35.0, 35.0
    legs = leg_table()
    legs = legs.assign(unbounded=legs["efficiency"])
    cut = (legs["trigger"].isin(["Mu12", "Mu23"])) & (legs["x_low"] == 30)
    assert cut.any()
    legs.loc[cut, ["efficiency", "low", "high", "unbounded"]] = (1.0, 0.95, 1.0, 1.04)
    files = written(tmp_path, {"tt": [values]})
    settings = {**SETTINGS, "datasets": {"tt": SETTINGS["datasets"]["tt"]}}
    found = event_efficiencies(files, legs, MEASURED, settings).iloc[0]
    bounded = event_efficiencies(files, legs.assign(unbounded=legs["efficiency"]), MEASURED, settings).iloc[0]
    assert found["efficiency"] == pytest.approx(1.04 * bounded["efficiency"])
