"""Recorded luminosity from tables of brilcalc, and what is said about it."""

import json
from pathlib import Path

import numpy as np
import pytest

from skimflow.errors import InputError
from skimflow.luminosity import account
from skimflow.physics.luminosity import CertifiedLuminosity, ranges
from skimflow.physics.recorded import RecordedLuminosity, shown

RUNS = """\
#Data tag : 24v2 , Norm tag: onlineresult
+-------------+-------------------+------+------+----------------+---------------+
| run:fill    | time              | nls  | ncms | delivered(/ub) | recorded(/ub) |
+-------------+-------------------+------+------+----------------+---------------+
| 100:4915    | 05/11/16 20:42:35 | 10   | 10   | 6000000.0      | 5000000.0     |
| 200:4919    | 05/13/16 02:13:38 | 4    | 4    | 3000000.0      | 2000000.0     |
+-------------+-------------------+------+------+----------------+---------------+
#Summary:
+-------+------+-----+------+-------------------+------------------+
| nfill | nrun | nls | ncms | totdelivered(/ub) | totrecorded(/ub) |
+-------+------+-----+------+-------------------+------------------+
| 2     | 2    | 14  | 14   | 9000000.0         | 7000000.0        |
+-------+------+-----+------+-------------------+------------------+
"""
SECTIONS = """\
#Data tag : 19v2 , Norm tag: None
#run:fill,ls,time,beamstatus,E(GeV),delivered(/pb),recorded(/pb),avgpu,source
100:5839,1:1,06/16/17 20:55:44,STABLE BEAMS,6500,0.6,0.5,40.3,HFET
100:5839,3:3,06/16/17 20:56:07,STABLE BEAMS,6500,0.3,0.25,40.2,HFET
200:5839,7:0,06/16/17 20:56:31,STABLE BEAMS,6500,0.2,0.125,40.2,HFET
#Summary:
#nfill,nrun,nls,ncms,totdelivered(/pb),totrecorded(/pb)
#1,2,3,3,1.1,0.875
"""


@pytest.fixture
def read(tmp_path: Path):
    def from_text(text: str, unit: str | None = None) -> RecordedLuminosity:
        (tmp_path / "lumi.txt").write_text(text)
        return RecordedLuminosity.read(tmp_path / "lumi.txt", unit)

    return from_text


def pairs(*sections: tuple[int, int]) -> np.ndarray:
    return np.array(sections, np.int64).reshape(-1, 2)


def test_whole_runs_and_parts_of_runs(read) -> None:
    table = read(RUNS)
    whole = [(100, n) for n in range(1, 11)] + [(200, n) for n in range(1, 5)]
    assert table.of(pairs(*whole)) == (pytest.approx(7.0), [], {})
    assert table.of(pairs(*whole[:13])) == (pytest.approx(5 + 2 * 3 / 4), [200], {})
    assert table.of(pairs((100, 3))) == (pytest.approx(0.5), [100], {})
    assert table.of(pairs()) == (0, [], {})
    # The table has fewer sections of the run than were processed: it is not more than the whole run.
    assert table.of(pairs(*whole, (200, 5), (200, 6))) == (pytest.approx(7.0), [], {200: 2})


def test_sections(read) -> None:
    table = read(SECTIONS)
    assert table.of(pairs((200, 7), (100, 1), (100, 3))) == (0.875, [], {})
    assert table.of(pairs((100, 1))) == (0.5, [], {})
    assert table.of(pairs((100, 1), (100, 2), (100, 4), (200, 7))) == (0.625, [], {100: 2})


def test_csv_of_runs(read) -> None:
    table = read("#run:fill,time,nls,ncms,delivered(/fb),recorded(/fb)\n100:1,t,2,2,0.2,0.1\n")
    assert table.of(pairs((100, 1), (100, 2))).value == pytest.approx(100)


def test_a_run_that_the_table_does_not_have(read) -> None:
    with pytest.raises(InputError, match=r"lumi\.txt: has no luminosity for run 150, 300, of which sections were"):
        read(RUNS).of(pairs((100, 1), (300, 1), (150, 2)))
    with pytest.raises(InputError, match="run 1, 2, 3, 4, 5 and 2 more, of which"):
        read(SECTIONS).of(pairs(*((run, 1) for run in range(1, 8))))


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        (RUNS, "/pb", "its luminosity is in /ub, but the configuration says /pb"),
        (RUNS.replace("recorded(/ub)", "recorded"), None, "luminosity in None: give `unit`, one of /b"),
        (RUNS.replace("recorded(/ub)", "recorded(hz/ub)"), None, "luminosity in hz/ub: give `unit`"),
        (RUNS.replace(" recorded(/ub)", " taken(/ub)"), None, "has no column `recorded`"),
        (RUNS.replace("| nls  | ncms", "| a    | b   "), None, "has no column ls or nls"),
        (RUNS.replace("run:fill", "time"), None, "no line names its columns"),
        ("\n".join(RUNS.splitlines()[:4]), None, "holds no run"),
        (RUNS.replace("5000000.0 ", "many "), None, "a row of the luminosity table is damaged"),
        (RUNS.replace("200:4919", "100:4919"), None, "run 100 is listed twice"),
        (SECTIONS.replace("3:3", "1:1"), None, "run 100, section 1 is listed twice"),
    ],
)
def test_tables_that_cannot_be_used(text: str, unit: str | None, message: str, read) -> None:
    with pytest.raises(InputError) as caught:
        read(text, unit)
    assert message in str(caught.value)
    assert "lumi.txt: " in str(caught.value)


def test_the_configuration_may_say_the_unit(read) -> None:
    assert read(RUNS.replace("recorded(/ub)", "recorded"), "/ub").of(pairs((200, 1))).value == pytest.approx(0.5)


def test_an_absent_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.txt: luminosity table cannot be read"):
        RecordedLuminosity.read(tmp_path / "absent.txt")


def test_account_of_samples(read) -> None:
    """Sections that two datasets of a sample share count once in the sample."""
    first, second = pairs(*((100, n) for n in range(1, 11))), pairs((100, 10), (200, 1), (200, 2))
    certified = {"G": first, "H": pairs((100, 10), *((200, n) for n in range(1, 5))), "MET": second}
    processed = {"G": first, "H": second, "MET": second}
    samples = {"G": "MuonEG", "H": "MuonEG", "MET": "MET"}
    found = account(processed, certified, samples, read(RUNS))
    assert [list(row.values()) for row in found["rows"]] == [
        ["MuonEG", "all", 14, 12, 6.0, 1, 0],
        ["MuonEG", "G", 10, 10, 5.0, 0, 0],
        ["MuonEG", "H", 5, 3, 1.5, 2, 0],
        ["MET", "all", 3, 3, 1.5, 2, 0],
        ["MET", "MET", 3, 3, 1.5, 2, 0],
    ]
    assert found["statement"] == "1.5 to 6 pb⁻¹"
    without = account(processed, certified, samples, None)
    assert without["statement"] == ""
    assert {row["recorded_pb"] for row in without["rows"]} == {None}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([16393.0], "16.4 fb⁻¹"),
        ([16393.0, 16410.0], "16.4 fb⁻¹"),
        ([15900.0, 16393.0], "15.9 to 16.4 fb⁻¹"),
        ([99.0], "99 pb⁻¹"),
        ([0.0123], "12.3 nb⁻¹"),
        ([0.0], "0 nb⁻¹"),
        ([], ""),
    ],
)
def test_luminosity_in_words(values: list[float], text: str) -> None:
    assert shown(values) == text


@pytest.mark.real
def test_the_2016_runs(data: Path) -> None:
    """Runs 2016 G and H with the golden JSON. Expected: the column `recorded` of the table, added up with awk; the
    portal states 7.65 and 8.74 /fb, from a later calibration than the table's (`onlineresult`)."""
    golden = json.loads((data / "golden/Cert_271036-284044_13TeV_Legacy2016_Collisions16_JSON.txt").read_text())
    table = RecordedLuminosity.read(data / "lumi/2016lumi_allgolden_per_run_ub.txt")
    for window, expected, portal in (((278820, 280385), 7544.48155, 7650), ((280919, 284044), 8746.23187, 8740)):
        found = table.of(CertifiedLuminosity(golden).sections(window))
        assert (found.scaled, found.unknown) == ([], {})
        assert found.value == pytest.approx(expected, rel=1e-8)
        assert found.value == pytest.approx(portal, rel=0.015)
    # The whole year: the golden JSON has one section more than the table, in the run that its last line names.
    year = table.of(CertifiedLuminosity(golden).sections())
    assert year.unknown == {273158: 1}
    assert year.value == pytest.approx(35552.2427106, rel=1e-10)


@pytest.mark.real
def test_a_table_of_sections(data: Path) -> None:
    """Sum of the seventh column of lumi_small.csv, with awk."""
    path = data / "lumi/lumi_small.csv"
    lines = [line.split(",") for line in path.read_text().splitlines() if line[0] != "#"]
    chosen = pairs(*((int(cells[0].split(":")[0]), int(cells[1].split(":")[0])) for cells in lines))
    found = RecordedLuminosity.read(path).of(chosen)
    assert (len(chosen), found.unknown) == (998, {})
    assert found.value == pytest.approx(138.789557764, rel=1e-9)
    assert len(ranges(chosen)) == 3
