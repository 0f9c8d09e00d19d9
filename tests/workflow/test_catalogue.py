"""From a catalogue to a lock to a measurement, and what the workflow says when the files are not what they were."""

import json
import re
from pathlib import Path

import pytest

from skimflow import lock, paths
from skimflow.toy import Sample, write_file
from tests.checkout import Checkout
from tests.portal import serving_records

pytestmark = pytest.mark.xdist_group("catalogue")

LISTED = """\
kind: mc
process: TTTo2L2Nu
files_per_job: {per_job}
files: [store/*.root]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Five small local files, two of them for each job, as the only dataset."""
    checkout = Checkout(tmp_path)
    (tmp_path / "store").mkdir()
    for index in range(5):
        write_file(tmp_path / f"store/{index}.root", Sample(31, index, process="TTTo2L2Nu"), 150)
    checkout.write("config/datasets/listed.yaml", LISTED.format(per_job=2))
    checkout.edit("config/config.yaml", lambda text: text.replace("[small_G, small_tt]", "[listed]"))
    # Of data and simulation, which are not there.
    checkout.edit("config/config.yaml", lambda text: re.sub(r"scale_factors:\n.*\n", "", text))
    return checkout


def test_lock_run_add_check(checkout: Checkout) -> None:
    text = checkout.run("-n", check=False)
    assert "error: dataset listed: files_per_job needs a lock, so that jobs keep their files" in text
    assert "error: run once, with the same configuration: snakemake lock --cores 4" in text
    checkout.edit("config/datasets/listed.yaml", lambda text: text.replace("files_per_job: 2", "files_per_job: 1"))
    assert checkout.jobs()["skim"] == 5  # a local list works without a lock
    text = checkout.run("lock", "--cores", "2")
    assert "listed: 5 of 5 files opened, 0 failed" in text
    assert checkout.jobs()["skim"] == 5
    checkout.edit("config/datasets/listed.yaml", lambda text: text.replace("files_per_job: 1", "files_per_job: 2"))
    checkout.run("lock", "--cores", "2")
    assert checkout.jobs()["skim"] == 3
    checkout.run("--cores", "2", "results/small/summary.txt")
    assert "5 of 5 files processed" in (checkout.folder / "results/small/summary.txt").read_text()

    # A file more: one new job.
    write_file(checkout.folder / "store/2b.root", Sample(31, 9, process="TTTo2L2Nu"), 150)
    assert "store/2b.root: not in the lock config/locks/listed.tsv" in checkout.run("-n", check=False)
    checkout.run("lock", "--cores", "2")
    assert checkout.jobs("results/small/counts.parquet") == {"skim": 1, "aggregate": 1}
    assert "6 of 6 checks passed" in checkout.run("check_inputs", "--cores", "2")

    # A file changed: the skim and the check name both versions, and the rest goes on.
    before = {row.lfn: row.uuid for row in locked_rows(checkout, "listed")}["store/4.root"]
    write_file(checkout.folder / "store/4.root", Sample(32, 4, process="TTTo2L2Nu"), 150)
    text = checkout.run("check_inputs", "--cores", "2", check=False)
    assert re.search(rf"listed: store/4\.root: changed: uuid is [0-9a-f-]+, locked as {before}", text)
    table = (checkout.folder / "results/small/inputs.tsv").read_text().splitlines()
    assert [line.split("\t")[2] for line in table] == ["status", "ok", "ok", "ok", "ok", "ok", "changed"]
    text = checkout.run("--cores", "2", "results/small/summary.txt", check=False)
    assert re.search(rf"error: store/4\.root: changed since it was locked: uuid is .*config/locks says {before}", text)
    settings = ("--config", "on_unreadable=record", "completeness=0.8")
    checkout.run("--cores", "2", "results/small/summary.txt", *settings)
    shown = (checkout.folder / "results/small/summary.txt").read_text()
    assert "5 of 6 files, 83.3 % of events processed" in shown
    assert "warning: not processed: store/4.root: changed since it was locked" in shown


def locked_rows(checkout: Checkout, dataset: str) -> list[lock.Row]:
    found = lock.read(checkout.folder / lock.path_of(dataset))
    assert found is not None
    return found.rows


def test_a_file_that_vanishes(checkout: Checkout) -> None:
    """Before its skim it is an error, or recorded; after its skim the results stay, and stay up to date."""
    checkout.edit(
        "config/datasets/listed.yaml", lambda text: text.replace("store/*.root", "store/0.root, store/gone.root")
    )
    checkout.edit("config/datasets/listed.yaml", lambda text: text.replace("files_per_job: 2", "files_per_job: 1"))
    target = "results/small/summary.txt"
    text = checkout.run("--cores", "2", target, check=False)
    assert "error: store/gone.root: no such file" in text
    record = (target, "--config", "on_unreadable=record", "completeness=0.4")
    checkout.run("--cores", "2", *record)
    assert "1 of 2 files processed" in (checkout.folder / target).read_text()
    assert checkout.jobs(*record)["skim"] == 1
    (checkout.folder / "store/1.root").rename(checkout.folder / "store/gone.root")
    checkout.run("--cores", "2", *record)
    assert "2 of 2 files processed" in (checkout.folder / target).read_text()
    for name in ("0", "gone"):
        (checkout.folder / f"store/{name}.root").unlink()
    assert checkout.jobs(*record) == {}


def test_files_and_events_that_occur_twice_are_reported(checkout: Checkout) -> None:
    (checkout.folder / "store/copy.root").write_bytes((checkout.folder / "store/0.root").read_bytes())
    checkout.edit("config/datasets/listed.yaml", lambda text: text.replace("files_per_job: 2", "files_per_job: 1"))
    checkout.run("--cores", "2", "results/small/summary.txt")
    text = (checkout.folder / "results/small/summary.txt").read_text()
    assert "warning: counted twice: store/0.root and store/copy.root are one file (ROOT UUID" in text
    found = json.loads((checkout.folder / "results/small/duplicates.json").read_text())
    assert f"warning: counted twice: {found['duplicates']} events" in text
    assert found["duplicates"] > 5


RECORD = """\
kind: data
primary_dataset: MuonEG
era: Run2016{era}
recid: [{recid}]
"""


@pytest.mark.real
def test_the_two_muon_eg_records(data: Path, checkout: Checkout, tmp_path: Path) -> None:
    """The records, served in the portal's format, become locks of 29 and 19 files. The files themselves are small toys
    in a mirror folder, so what is opened differs from what the records state, and the check says so."""
    records = {"G": (30528, 29, 33_854_612), "H": (30561, 19, 29_236_516)}
    urls = (data / "filelists/MuonEG_Run2016GH_urls.txt").read_text().split()
    for index, url in enumerate(urls):
        path = tmp_path / "mirror" / paths.lfn(url).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, Sample(41, index, primary_dataset="MuonEG", era="Run2016G"), 5, codec="LZ4")
    for era, (recid, _, _) in records.items():
        checkout.write(f"config/datasets/record_{era}.yaml", RECORD.format(era=era, recid=recid))
    golden = data / "golden/Cert_271036-284044_13TeV_Legacy2016_Collisions16_JSON.txt"
    change = {
        "[listed]": "[record_G, record_H]",
        "{toy: true, url: null": f"{{toy: false, path: {golden}, url: null",
        "eras: {Run2016G: [278820, 280385]}": "site: test",
    }
    for before, after in change.items():
        checkout.edit("config/config.yaml", lambda text, b=before, a=after: text.replace(b, a))
    with serving_records(data) as portal:
        site = f"portal: {portal}\nredirectors: ['file://{tmp_path}/mirror']\nattempts: 1\n"
        checkout.write("config/sites/test.yaml", site)
        assert "error: dataset record_G: not locked yet" in checkout.run("-n", check=False)
        checkout.run("lock", "--cores", "2")
    for era, (_, number, events) in records.items():
        locked = lock.read(checkout.folder / lock.path_of(f"record_{era}"))
        assert locked is not None
        assert len(locked.rows) == locked.stated["files"] == number
        assert locked.stated["events"] == events
        assert {row.lfn for row in locked.rows} == {paths.lfn(url) for url in urls if f"Run2016{era}" in url}
    assert checkout.jobs()["skim"] == 48
    text = checkout.run("check_inputs", "--cores", "2", check=False)
    assert "the catalogue states 33854612 events, the files hold 145" in text


@pytest.mark.real
def test_the_record_of_the_emulator(data: Path, checkout: Checkout, tmp_path: Path) -> None:
    """Record 30522 becomes a lock of 29 files, and a dry run shows all that the emulator would do with them. As above,
    the files themselves are small toys in a mirror folder."""
    index = next((data / "filelists").glob("CMS_Run2016G_DoubleMuon_*_file_index.txt"))
    urls = index.read_text().split()
    for number, url in enumerate(urls):
        path = tmp_path / "mirror" / paths.lfn(url).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        sample = Sample(42, number, primary_dataset="DoubleMuon", era="Run2016G", physics="dimuon")
        write_file(path, sample, 5, codec="LZ4")
    real = ("--configfile", "config/emulator_2016.yaml", "--config", "site=test")
    with serving_records(data) as portal:
        site = f"portal: {portal}\nredirectors: ['file://{tmp_path}/mirror']\nattempts: 1\n"
        checkout.write("config/sites/test.yaml", site)
        assert "error: dataset DoubleMuon_Run2016G: not locked yet" in checkout.run("-n", *real, check=False)
        checkout.run("lock", *real, "--cores", "2")
    locked = lock.read(checkout.folder / lock.path_of("DoubleMuon_Run2016G"))
    assert locked is not None
    assert locked.stated == {"files": 29, "events": 45_235_604, "bytes": 42_213_844_893}
    assert sorted(row.lfn for row in locked.rows) == sorted(paths.lfn(url) for url in urls)
    found = checkout.jobs("emulator", *real)
    assert (found["skim"], found["fetch"], found["emulator_table"]) == (29, 1, 1)
    assert (found["emulator_train"], found["emulator_final"]) == (3 * (5 + 5 + 4), 3)


def test_lock_says_what_it_cannot_reach(checkout: Checkout) -> None:
    bad = checkout.folder / "store/3.root"
    intact = bad.read_bytes()
    bad.write_bytes(b"not root at all")
    checkout.edit("config/datasets/listed.yaml", lambda text: text.replace("files_per_job: 2", "files_per_job: 1"))
    text = checkout.run("lock", "--cores", "2", check=False)
    assert (
        "error: listed: 1 files cannot be locked (run it again for these):\n  store/3.root: is not a ROOT file" in text
    )
    assert not (checkout.folder / "config/locks/listed.tsv").exists()
    bad.write_bytes(intact)
    assert "listed: 1 of 1 files opened, 0 failed" in checkout.run("lock", "--cores", "2")
