"""The emulator from skims to scores, on a DoubleMuon toy whose probabilities are known."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from skimflow.emulator import extra, models, splits, steps, tables
from skimflow.emulator.metrics import Ranking
from skimflow.emulator.tables import MASKED, Tables
from skimflow.errors import ConfigError, InputError
from skimflow.io.outputs import read_stamp, write_table
from skimflow.plots import canvas
from skimflow.plots import emulator as figures
from tests import emulator
from tests.dimuon import LABELS
from tests.emulator import PRESCALED, STAMP, Fitted, Toy, settings

pytest.importorskip("lightgbm", reason="the extra ml is not installed")
pytestmark = pytest.mark.xdist_group("emulator")
PATH = LABELS[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return emulator.make(tmp_path_factory.mktemp("emulator"), 30_000)


@pytest.fixture(scope="module")
def fitted(small: Toy, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Fitted]:
    """`fitted(label, split, level)`: all steps up to the evaluation, made once."""
    made: dict[tuple, Fitted] = {}

    def make(label: str = PATH, split: str = "event", level: str = "event") -> Fitted:
        key = (label, split, level)
        if key not in made:
            made[key] = emulator.run(tmp_path_factory.mktemp("run"), small, settings(level=level), label, split)
        return made[key]

    return make


@pytest.fixture(scope="module")
def final(small: Toy, fitted: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`final(level)`: the model that is to be used."""
    made: dict[str, Path] = {}

    def make(level: str = "event") -> Path:
        if level not in made:
            path = tmp_path_factory.mktemp("final") / "model.joblib"
            scores = fitted(level=level).scores
            text = path.with_suffix(".txt")
            steps.final(small.tables, scores, settings(level=level), PATH, "event", path, text, STAMP)
            made[level] = path
        return made[level]

    return make


def facts(run: Fitted) -> dict[str, Any]:
    return json.loads(run.evaluation.read_text())


def true_auc(small: Toy, run: Fitted, label: str) -> tuple[float, float]:
    """ROC-AUC by event of the model, out of fold, and of the true probability for the same events."""
    oof = pq.read_table(run.oof).to_pandas()
    oof = oof[np.isfinite(oof["score"])]
    fired = oof["label"].to_numpy().astype(float)
    mine = small.truth[label][oof["event_row"]]
    model, truth = (Ranking(score).roc_auc(fired, 1 - fired) for score in (oof["score"].to_numpy(), mine))
    return model, truth


def test_the_model_reaches_the_true_probability(small: Toy, fitted: Callable) -> None:
    model, truth = true_auc(small, fitted(), PATH)
    assert truth > 0.9
    assert abs(truth - model) < 0.01
    found = facts(fitted())
    assert found["methods"]["lightgbm"]["roc_auc"][0] == pytest.approx(model, abs=1e-12)
    # It beats what a cut, a straight line and a guess can do, by more than chance.
    assert found["gain"]["roc_auc"][1] > 0.01
    assert found["prescaled"] is False
    # Calibrated probabilities are the true ones: mean and Brier score.
    oof = pq.read_table(fitted().oof).to_pandas()
    true = small.truth[PATH][oof["event_row"]]
    assert oof["probability"].mean() == pytest.approx(true.mean(), abs=0.005)
    assert np.sqrt(((oof["probability"] - true) ** 2).mean()) < 0.09
    expected = (true * (1 - true)).mean()
    assert found["methods"]["lightgbm"]["brier"][0] == pytest.approx(expected, rel=0.1)


def test_a_prescaled_path_cannot_be_learnt_better(small: Toy, fitted: Callable) -> None:
    """The best that calibrated probabilities allow is what the truth reaches, and the report says so and why."""
    model, truth = true_auc(small, fitted(PRESCALED), PRESCALED)
    found = facts(fitted(PRESCALED))
    assert found["prescaled"] is True
    assert found["plateau"]["high"] < 0.2
    assert truth < 0.72
    assert found["attainable"]["roc_auc"] == pytest.approx(truth, abs=0.02)
    assert model <= truth + 0.01
    said = " ".join(found["statements"])
    assert "a counter decides, and the label is a coin toss of 1/25" in said
    assert "no model of these quantities can be expected to do better" in said
    assert "primary dataset DoubleMuon, which HLT_Mu17_Mu8 and other paths fill" in said
    assert found["ceiling"] is None  # such a bound holds only where the path did not choose the events


def test_a_prescale_is_recognised_and_bounded(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    """Without a declaration, by the plateau; and with it, in a dataset of other paths, there is a bound."""
    for prescale, dataset in ((None, True), (25, False)):
        chosen = settings(labels={PRESCALED: {"prescale": prescale}})
        chosen["dataset"] = {"primary": "X", "chosen_by_labels": dataset}
        out, oof = tmp_path / "e.json", tmp_path / "oof.parquet"
        steps.evaluate(small.tables, fitted(PRESCALED).scores, chosen, PRESCALED, "event", out, oof, STAMP)
        found = json.loads(out.read_text())
        assert found["prescaled"] is True
        said = " ".join(found["statements"])
        assert ("no prescale is declared, but of the" if prescale is None else "were not chosen by") in said
    assert found["ceiling"]["ap"] == 1 / 25
    assert "the expected ROC-AUC is at most" in said


def test_pairs_are_aggregated_and_events_without_them_counted(small: Toy, fitted: Callable) -> None:
    found = facts(fitted(level="pair"))
    assert found["unscored"] == small.summary["without_pair"] > 1000
    assert found["events"] + found["unscored"] == small.summary["events"]
    table = pq.read_table(small.tables.events, columns=["n_pairs", PATH]).to_pandas()
    assert found["unscored_fired"] == table[PATH][table["n_pairs"] == 0].sum()
    assert "have no pair of opposite charge and no score" in " ".join(found["statements"])
    assert sum(row["n_rows"] for row in found["folds"] if row["method"] == "lightgbm") == small.summary["pairs"]
    model, truth = true_auc(small, fitted(level="pair"), PATH)
    assert truth - model < 0.02  # pairs know nothing of the event's other muons


def test_the_highest_of_more_pairs_is_recalibrated(fitted: Callable, small: Toy) -> None:
    """In events with more pairs the highest score says too much; its calibrated probability is right on average."""
    oof = pq.read_table(fitted(level="pair").oof).to_pandas()
    known = oof[np.isfinite(oof["score"])]
    raw, calibrated, fired = (known[name].mean() for name in ("score", "probability", "label"))
    assert abs(calibrated - fired) < 0.005 < abs(raw - fired)


@pytest.mark.parametrize("split", ["lumi", "time"])
def test_other_splits(split: str, small: Toy, fitted: Callable) -> None:
    run = fitted(split=split)
    found, identity = facts(run), pq.read_table(small.tables.events, columns=["run", "lumi"]).to_pandas()
    fold = pq.read_table(run.folds)[split].to_numpy()
    sections = pd.DataFrame({"fold": fold, **identity}).groupby(["run", "lumi"])["fold"].nunique()
    assert (sections == 1).all()
    assert found["untested"] == ((fold == 0).sum() if split == "time" else 0)
    assert found["events"] == len(fold) - found["untested"]
    model, truth = true_auc(small, run, PATH)
    assert truth - model < 0.01
    if split == "time":
        assert f"first {found['untested']} events in time are trained on and never tested" in " ".join(
            found["statements"]
        )


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_killed_and_restarted_only_missing_folds_are_trained(
    small: Toy, fitted: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was finished stays, what was being written is not there, and the rest comes out the same, byte by byte."""
    whole = fitted()
    here = [tmp_path / path.name for path in whole.models]
    trained: list[int] = []
    original = models.train

    def killed(*arguments: Any) -> dict[str, Any]:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(1)
        return original(*arguments)

    def train_missing() -> list[int]:
        done = []
        for fold, path in enumerate(here):
            if not path.exists():
                place = steps.Place(PATH, "event", fold)
                steps.train(small.tables, whole.folds, settings(), place, path, path.with_suffix(".txt"), STAMP)
                done.append(fold)
        return done

    monkeypatch.setattr(models, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        train_missing()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.with_suffix(end).name for path in here[:2] for end in (".joblib", ".txt")
    )
    monkeypatch.setattr(models, "train", original)
    assert train_missing() == [2]
    assert digests(here) == digests(whole.models)
    scores = tmp_path / "scores.parquet"
    steps.predict(small.tables, whole.folds, settings(), here[2], scores, STAMP)
    assert digests([scores]) == digests(whole.scores[2:])


def test_another_process_trains_the_same(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    code = f"""
from skimflow.emulator import steps
from skimflow.emulator.tables import Tables
steps.train(Tables(*{[str(path) for path in small.tables]!r}), {str(fitted().folds)!r}, {settings()!r},
            steps.Place({PATH!r}, "event", 1), {str(tmp_path / "again.joblib")!r}, None, {STAMP!r})
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert digests([tmp_path / "again.joblib"]) == digests(fitted().models[1:2])


def test_lightgbm_text_gives_the_same_scores(small: Toy, final: Callable) -> None:
    import lightgbm

    model = models.load(final())
    values = tables.columns(small.tables.events, model["features"])
    features = tables.matrix(values, model["features"])[:500]
    trees = lightgbm.Booster(model_file=str(final().with_suffix(".txt")))
    rows = models.Rows(features, features[:, :2])
    assert np.array_equal(trees.predict(features), models.predict(model, rows)["lightgbm"])
    assert trees.feature_name() == model["features"]


@pytest.mark.parametrize("level", ["event", "pair"])
def test_a_skim_and_its_table_are_scored_alike(level: str, small: Toy, final: Callable, tmp_path: Path) -> None:
    skim, table = tmp_path / "skim.parquet", tmp_path / "table.parquet"
    steps.apply(final(level), small.skims[0], skim, STAMP)
    steps.apply(final(level), small.tables.events if level == "event" else small.tables.pairs, table, STAMP)
    one, other = (pq.read_table(path).to_pandas().set_index(["run", "lumi", "event"]) for path in (skim, table))
    first = pq.read_table(small.skims[0], columns=["pair"])["pair"].to_numpy()
    assert len(one) == np.count_nonzero(first <= 0)
    assert one["score"].isna().sum() == (np.count_nonzero(first < 0) if level == "pair" else 0)
    one = one[one["score"].notna()]
    pd.testing.assert_frame_equal(one, other.loc[one.index])
    assert read_stamp(skim)["model"]["label"] == PATH
    assert read_stamp(skim)["inputs"][0]["file"] == "toy_0"


def test_other_columns_are_refused(small: Toy, final: Callable, fitted: Callable, tmp_path: Path) -> None:
    table, stamp = pq.read_table(small.skims[0]), read_stamp(small.skims[0])
    other = {**stamp["selection"], "muon": {**stamp["selection"]["muon"], "isolation": "pfRelIso04_all"}}
    wrong = {
        "column mu1_iso is missing, not float": (table.drop_columns(["mu1_iso"]), stamp),
        "column PV_npvs is double, not int32": (
            table.set_column(table.column_names.index("PV_npvs"), "PV_npvs", table["PV_npvs"].cast(pa.float64())),
            stamp,
        ),
        "selection differs: muon .*pfRelIso04_all": (table, {**stamp, "selection": other}),
        "analysis differs: hww_emu instead of dimuon": (table, {**stamp, "analysis": "hww_emu"}),
    }
    for message, (content, about) in wrong.items():
        write_table(content, tmp_path / "other.parquet", about)
        with pytest.raises(InputError, match=f"made with other columns.*{message}"):
            steps.apply(final(), tmp_path / "other.parquet", tmp_path / "scored.parquet", STAMP)
        assert not (tmp_path / "scored.parquet").exists()
    with pytest.raises(InputError, match="model of one fold"):
        steps.apply(fitted().models[0], small.skims[0], tmp_path / "scored.parquet", STAMP)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "x.joblib"
    with pytest.raises(InputError, match="no such model"):
        models.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is not a model"):
        models.load(path)


def test_scores_of_all_folds_are_needed_once(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    scores, out = fitted().scores, (tmp_path / "e.json", tmp_path / "o.parquet", STAMP)
    for wrong, message in ((scores[:2], "lacks the scores of fold 2"), ([*scores, scores[0]], "is there already")):
        with pytest.raises(InputError, match=message):
            steps.evaluate(small.tables, wrong, settings(), PATH, "event", *out)
    with pytest.raises(InputError, match="not wanted here"):
        steps.evaluate(small.tables, scores, settings(), PRESCALED, "event", *out)


def test_masked_labels_are_never_false(small: Toy, tmp_path: Path) -> None:
    """A file whose menu lacks the path: its events are neither trained on nor counted, but scored."""
    table = pq.read_table(small.skims[1])
    place = table.column_names.index(PATH)
    other = tmp_path / "other.parquet"
    write_table(table.set_column(place, PATH, pa.nulls(len(table), pa.bool_())), other, read_stamp(small.skims[1]))
    found = Tables(tmp_path / "p.parquet", tmp_path / "e.parquet")
    chosen = settings(labels={PATH: {"prescale": 1}}, splits={"event": 2}, lightgbm={"rounds": 5})
    steps.table([small.skims[0], other], chosen, found, tmp_path / "t.json", STAMP)
    label = tables.columns(found.events, [PATH])[PATH]
    masked = json.loads((tmp_path / "t.json").read_text())["masked"][PATH]
    assert masked == np.count_nonzero(label == MASKED) > 1000
    run = emulator.run(tmp_path, Toy(found, [], {}, {}), chosen, PATH, "event")
    known = facts(run)
    assert (known["masked"], known["events"]) == (masked, np.count_nonzero(label != MASKED))
    assert f"{masked} events are left out" in " ".join(known["statements"])
    trained = [models.load(path)["rows"] for path in run.models]
    assert sum(trained) == known["events"]  # two folds, each trained on the other
    oof = pq.read_table(run.oof)
    assert np.isfinite(oof["score"].to_numpy()).all()


def test_tables_refuse_what_does_not_belong_together(small: Toy, tmp_path: Path) -> None:
    stamp, table = read_stamp(small.skims[1]), pq.read_table(small.skims[1])
    found, other = Tables(tmp_path / "p.parquet", tmp_path / "e.parquet"), tmp_path / "other.parquet"
    out = (found, tmp_path / "t.json", STAMP)
    write_table(table, other, {**stamp, "selection": {**stamp["selection"], "min_mass": 1}})
    with pytest.raises(InputError, match="made by another selection"):
        steps.table([small.skims[0], other], settings(), *out)
    write_table(table, other, {**stamp, "analysis": "hww_emu"})
    with pytest.raises(InputError, match="is a skim of hww_emu"):
        steps.table([other], settings(), *out)
    failed = {**stamp, "inputs": [{**stamp["inputs"][0], "status": "failed"}]}
    write_table(table, other, failed)
    with pytest.raises(InputError, match="all of them failed"):
        steps.table([other], settings(), *out)
    steps.table([other, small.skims[0]], settings(), *out)
    assert json.loads((tmp_path / "t.json").read_text())["failed"] == 1
    with pytest.raises(ConfigError, match="no column for the label HLT_Mu99"):
        steps.table(small.skims, settings(labels={"HLT_Mu99": {"prescale": 1}}), *out)


def test_an_event_that_is_there_twice_is_counted_and_in_one_fold(small: Toy, tmp_path: Path) -> None:
    found = Tables(tmp_path / "p.parquet", tmp_path / "e.parquet")
    steps.table([small.skims[0]] * 2, settings(), found, tmp_path / "t.json", STAMP)
    summary = json.loads((tmp_path / "t.json").read_text())
    assert summary["duplicates"] == summary["events"] // 2
    steps.folds(found, settings(splits={"event": 3}), tmp_path / "f.parquet", STAMP)
    fold = pq.read_table(tmp_path / "f.parquet")["event"].to_numpy()
    half = len(fold) // 2
    assert np.array_equal(fold[:half], fold[half:])
    names = tables.event_id(tables.columns(found.events, ["run", "lumi", "event"]))
    assert names[0] == names[half]
    assert names[0].split(":")[0] == "278820"


def test_explanation_adds_up_and_finds_what_matters(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    run, out = fitted(), (tmp_path / "importance.csv", tmp_path / "shap.parquet")
    steps.explanation(small.tables, run.folds, settings(), run.models[0], *out, STAMP)
    table = pd.read_csv(out[0]).set_index("feature")
    assert table["gain"].sum() == pytest.approx(1)
    for measure in ("gain", "permutation", "shap"):
        assert set(table[measure].nlargest(4).index) == {"mu1_pt", "mu2_pt", "mu1_iso", "mu2_iso"}
        assert table.loc["mu1_dz", measure] < 0.05 * table[measure].max()  # the toy's trigger does not look at it
    sample = pq.read_table(out[1]).to_pandas()
    assert len(sample) == 500
    from skimflow.emulator.explain import shap

    model = models.load(run.models[0])
    features = sample[[f"value_{name}" for name in model["features"]]].to_numpy()
    log_odds = models.booster(model).predict(features, raw_score=True)
    np.testing.assert_allclose(shap(model, features).sum(axis=1), log_odds, rtol=1e-6, atol=1e-6)


def test_no_drift_in_the_toy_and_one_that_is_put_in(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    out = (tmp_path / "drift.csv", tmp_path / "drift.json", STAMP)
    steps.drift(small.tables, fitted().oof, settings(), PATH, *out)
    assert json.loads(out[1].read_text())["verdict"] == "stable"
    table = pq.read_table(small.tables.events)
    moved = table["PV_npvs"].to_numpy() + 8 * (table["run"].to_numpy() == table["run"].to_numpy().max())
    place = table.column_names.index("PV_npvs")
    changed = small.tables._replace(events=tmp_path / "moved.parquet")
    write_table(table.set_column(place, "PV_npvs", pa.array(moved.astype(np.int32))), changed.events, {})
    steps.drift(changed, fitted().oof, settings(), PATH, *out)
    verdict = json.loads(out[1].read_text())
    assert (verdict["verdict"], verdict["quantities"]) == ("drift", ["PV_npvs"])


def test_tables_of_results(fitted: Callable, tmp_path: Path) -> None:
    out = [
        tmp_path / name for name in ("metrics_per_label.csv", "event_metrics_oof.csv", "thresholds.csv", "config.json")
    ]
    runs = [fitted(), fitted(PRESCALED)]
    steps.collect([run.evaluation for run in runs], settings(), *out, STAMP)
    per_label, by_event, points = (pd.read_csv(path) for path in out[:3])
    assert len(per_label) == 2 * 3 * 4  # labels, folds, methods
    assert list(per_label.columns[:9]) == [
        *("label", "split", "level", "fold", "method", "n_rows", "n_events", "prevalence", "roc_auc"),
    ]
    assert set(by_event["method"]) == set(models.METHODS)
    inside = (by_event["roc_auc_low"] <= by_event["roc_auc"]) & (by_event["roc_auc"] <= by_event["roc_auc_high"])
    assert inside.all()
    assert by_event.set_index(["label", "method"]).loc[(PRESCALED, "lightgbm"), "prescaled"]
    assert len(points) == 2 * 5
    assert not points[(points["label"] == PRESCALED) & (points["rule"] == "precision")]["reached"].any()
    content = json.loads(out[3].read_text())
    assert content["settings"]["seed"] == 7
    assert content["stamp"] == STAMP
    assert "Prescaled" in " ".join(content["statements"][f"{PRESCALED}, event"])


def test_figures(small: Toy, fitted: Callable, tmp_path: Path) -> None:
    style = {"experiment": "", "status": "toy", "energy": 0, "colours": ["#3f90da", "#ffa90e", "#bd1f01"]}
    look = {"style": style, "labels": {}, "psi": [0.1, 0.25]}
    run, names = fitted(PRESCALED), settings()["features"]
    steps.explanation(small.tables, run.folds, settings(), run.models[0], tmp_path / "i.csv", tmp_path / "s", STAMP)
    steps.drift(small.tables, run.oof, settings(), PRESCALED, tmp_path / "d.csv", tmp_path / "v.json", STAMP)
    sample, changes = pq.read_table(tmp_path / "s").to_pandas(), pd.read_csv(tmp_path / "d.csv")
    known = facts(run)
    painters: dict[str, Callable] = {
        **{
            name: lambda figure, name=name: getattr(figures, name)(figure, known, look)
            for name in ("roc", "precision_recall", "calibration", "rate")
        },
        "shap": lambda figure: figures.shap(figure, sample, names, PRESCALED, look),
        "drift": lambda figure: figures.drift(figure, changes, look),
        "nothing": lambda figure: figures.drift(figure, changes.iloc[:0], look),
    }
    for name, paint in painters.items():
        canvas.draw(paint, [tmp_path / f"{name}.png"], look, STAMP)
        picture = Image.open(tmp_path / f"{name}.png")
        assert json.loads(picture.info["Description"]) == STAMP
        assert len(picture.getcolors()) > 10


def test_what_makes_a_training_repeatable_is_not_to_be_set() -> None:
    chosen = settings()
    chosen["lightgbm"]["seed"] = 3
    rows = models.Rows(np.zeros((4, 1), np.float32), np.zeros((4, 2), np.float32))
    with pytest.raises(ConfigError, match="lightgbm: seed is set by the emulator"):
        models.train(rows, np.array([0, 1, 0, 1]), PATH, chosen)
    with pytest.raises(InputError, match="every event of 2 in the training fired it"):
        models.train(rows.at(slice(2)), np.ones(2), PATH, settings())


def test_the_turn_on_finds_its_parameters() -> None:
    rng = np.random.default_rng(1)
    pt = (4 + rng.exponential(12, (60_000, 2))).astype(np.float32)
    true = [0.9, 18.0, 1.5, 9.0, 1.0]
    label = (rng.random(60_000) < models.turn_on(true, pt)).astype(np.int8)
    features = pt.copy()
    chosen = settings(features=["mu1_pt", "mu2_pt"], lightgbm={"rounds": 1})
    found = models.train(models.Rows(features, pt), label, PATH, chosen)["turn_on"]
    assert found == pytest.approx(true, rel=0.1)
    assert models.turn_on(true, np.array([[50, np.nan]], np.float32)).tolist() == [0]


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigError, match=r'needs lightgbm.*pip install "skimflow\[ml\]"'):
        extra.need("lightgbm")


def test_the_extra_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, skimflow.emulator.steps; print([m for m in ('lightgbm', 'sklearn', 'joblib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_folds_that_are_not_asked_for(small: Toy) -> None:
    assert splits.tested("time", 3) == [1, 2, 3]
    with pytest.raises(ConfigError, match="level: muon is neither"):
        steps._source(small.tables, settings(level="muon"))
