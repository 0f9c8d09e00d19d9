"""The emulator as a target: what it makes, that a killed run trains missing folds only, and its models elsewhere."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from skimflow import targets
from skimflow.config import load
from skimflow.config.loading import read_yaml
from skimflow.emulator import models, steps
from skimflow.emulator.tables import Tables
from skimflow.io.outputs import read_stamp
from tests.checkout import Checkout
from tests.emulator_checkout import DATASET, DEMO, PATH, PRESCALED, TOY, small_emulator

pytest.importorskip("lightgbm", reason="the extra ml is not installed")
pytestmark = pytest.mark.xdist_group("emulator-demo")

FOLDS = [
    f"{split}/{label}/{fold}"
    for label in (PATH, PRESCALED)
    for split, fold in (("event", 0), ("event", 1), ("time", 1))
]
RESULTS = "results/small/emulator"


class Run(NamedTuple):
    """A run that was killed when two folds were trained, and went on."""

    checkout: Checkout
    had: dict[str, int]
    """When the models that were there after the kill were written."""
    missing: int
    """How many folds were to be trained then, by a dry run."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    checkout = small_emulator(tmp_path_factory.mktemp("killed"))
    assert checkout.kill_after(2, "emulator", *DEMO, mark=trained_a_fold)
    checkout.run(*DEMO, "--unlock")
    had = trained(checkout)
    missing = checkout.jobs(*DEMO)["emulator_train"]
    checkout.run("emulator", *DEMO, "--cores", "2")
    return Run(checkout, had, missing)


def trained_a_fold(line: str) -> bool:
    return "Finished jobid" in line and "emulator_train" in line


def trained(checkout: Checkout) -> dict[str, int]:
    paths = {name: checkout.folder / RESULTS / f"folds/{name}.joblib" for name in FOLDS}
    return {name: path.stat().st_mtime_ns for name, path in paths.items() if path.exists()}


def test_after_a_kill_only_missing_folds_are_trained(killed: Run) -> None:
    """A model whose job was killed before Snakemake knew of its end counts as missing."""
    after = trained(killed.checkout)
    assert sorted(after) == sorted(FOLDS)
    kept = [name for name, when in killed.had.items() if after[name] == when]
    assert len(kept) == len(FOLDS) - killed.missing
    assert 2 <= len(kept) < len(FOLDS)


def test_scores_of_the_killed_run_are_those_of_an_undisturbed_one(
    killed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All folds in one process, one after the other, from the same tables (skims after kills: test_end_to_end)."""
    monkeypatch.chdir(killed.checkout.folder)
    wanted = targets.of(load(read_yaml(DEMO[1]), [DEMO[1]]))
    root = Path(RESULTS)
    tables = Tables(root / "pairs.parquet", root / "events.parquet")
    for place in wanted.places():
        name, settings = f"{place.split}/{place.label}/{place.fold}", wanted.train_settings(place.label)
        folds, model, scores = (tmp_path / file for file in ("folds.parquet", "model.joblib", "scores.parquet"))
        about = models.load(root / f"folds/{name}.joblib")["stamp"]
        steps.folds(tables, wanted.fold_settings(place.split), folds, about)
        steps.train(tables, folds, settings, steps.Place(*place), model, None, about)
        steps.predict(tables, folds, settings, model, scores, about)
        assert model.read_bytes() == (root / f"folds/{name}.joblib").read_bytes(), name
        assert scores.read_bytes() == (root / f"scores/{name}.parquet").read_bytes(), name


def test_artifacts(killed: Run) -> None:
    checkout = killed.checkout
    root = checkout.folder / RESULTS
    metrics = pd.read_csv(root / "event_metrics_oof.csv").set_index(["label", "split", "method"])
    for label, best in ((PATH, 0.75), (PRESCALED, 0.5)):
        assert metrics.loc[(label, "event", "lightgbm"), "roc_auc"] > best
        assert metrics.loc[(label, "event", "prevalence"), "roc_auc"] == 0.5
    folds = pd.read_csv(root / "metrics_per_label.csv")
    assert len(folds[folds["method"] == "lightgbm"]) == len(FOLDS)
    points = pd.read_csv(root / "thresholds.csv")
    assert set(points["rule"]) == {"rate", "acceptance", "precision", "recall"}
    said = json.loads((root / "config.json").read_text())
    assert {"versions", "settings", "code"} <= set(said["stamp"])
    assert any("prescale" in text for text in said["statements"][f"{PRESCALED}, event"])
    for label in (PATH, PRESCALED):
        model = models.load(root / f"models/{label}.joblib")
        assert {"versions", "settings", "code"} <= set(model["stamp"])
        assert (root / f"models/{label}.txt").read_text() == model["lightgbm"]
        plots = checkout.folder / "results/small/plots/emulator"
        for figure in ("event-roc", "event-precision_recall", "time-calibration", "event-rate", "shap", "drift"):
            assert (plots / f"{label}-{figure}.png").read_bytes().startswith(b"\x89PNG")
    for path in root.rglob("*.parquet"):
        assert {"versions", "settings", "code"} <= set(read_stamp(path)), path


def test_the_default_target_ends_with_summary_and_report(killed: Run) -> None:
    checkout = killed.checkout
    checkout.run(*DEMO, "--cores", "2")
    assert checkout.jobs(*DEMO) == {}
    text = (checkout.folder / "results/small/summary.txt").read_text()
    assert f"{PATH}, split event: " in text
    reached = json.loads((checkout.folder / RESULTS / "truth.json").read_text())["reached"]
    assert 0.85 < reached[f"{PATH}, event"]["roc_auc"] < 0.97
    assert f"  true probability      {reached[f'{PATH}, event']['roc_auc']:.4f}" in text
    assert not [line for line in text.splitlines() if line.endswith("nan")]
    page = (checkout.folder / "results/small/report.html").read_text(encoding="utf-8")
    for shown in ("metrics_per_label.csv", "event_metrics_oof.csv", "thresholds.csv", f"{PATH}-event-roc.png"):
        assert shown in page


def test_models_score_other_skims_and_refuse_those_with_other_columns(killed: Run) -> None:
    checkout = killed.checkout
    checkout.write(
        "config/datasets/more.yaml", DATASET.format(toy=TOY.replace("files: 2", "files: 1").replace("31", "77"))
    )
    other = ("--config", "datasets=[more]", f"models={RESULTS}/models")
    checkout.run("emulator_scores", *DEMO, "--cores", "2", *other, "name=other")
    assert not (checkout.folder / "results/other/emulator/models").exists()
    for label in (PATH, PRESCALED):
        [path] = (checkout.folder / f"results/other/emulator/applied/{label}/more").iterdir()
        scored = pq.read_table(path).to_pandas()
        assert len(scored) > 500
        assert scored["score"].between(0, 1).all()
    skim = pq.read_table(next((checkout.folder / "results/other/skim/more").glob("*.events.parquet"))).to_pandas()
    first = skim[skim["pair"] <= 0]
    scored = pq.read_table(checkout.folder / f"results/other/emulator/applied/{PATH}/more/{path.name}").to_pandas()
    fired, lost = (scored["score"].to_numpy()[first[PATH].to_numpy(bool) == which].mean() for which in (True, False))
    assert fired > lost + 0.2
    assert np.array_equal(scored["event"], first["event"])

    target = f"results/third/emulator/applied/{PATH}/more/{path.name}"
    text = checkout.run(
        target, *DEMO, "--cores", "2", *other, "name=third", "selection={muon: {min_pt: 5}}", check=False
    )
    assert "was made with other columns, so its score would mean nothing here: selection differs: muon" in text
    assert "Skim with the selection of the model, or train a new one" in text
    assert not (checkout.folder / target).exists()
