"""The pages of the report: well-formed, and what they say is what was measured."""

import doctest
import html
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skimflow import pages, wording
from skimflow.analyses import hww_emu, tag_and_probe
from skimflow.config import HwwEmu, Measurement
from skimflow.config.tag_and_probe import TagAndProbe
from skimflow.targets import page_settings
from tests.tag_and_probe import MUON
from tests.tag_and_probe import settings as legs
from tests.unit.test_comparison import row

VOID = {"meta", "br", "wbr"}


class Tree(HTMLParser):
    """Checks that each tag that is opened is closed in its place, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> str:
    """The text of a page, without the marks that let a path break."""
    tree = Tree()
    tree.feed(page)
    assert not tree.open
    return re.sub(r"[ \n]+", " ", tree.text)


@pytest.fixture
def how(measurement: Measurement) -> dict:
    return page_settings(measurement.config, measurement.datasets)


def test_doctests() -> None:
    assert doctest.testmod(wording).failed == 0


def test_every_cut_has_its_words() -> None:
    """The steps of the analyses on no events, and the settings in the words for them."""
    chosen = HwwEmu(min_mll=17.5).model_dump(mode="json")
    columns = {name: np.zeros(0) for name in hww_emu.branches(chosen)}
    selection = hww_emu.select({**columns, "nElectron": np.zeros(0, int), "nMuon": np.zeros(0, int)}, chosen)
    steps = [name for name, _ in selection.steps] + [cut.name for cut in selection.cuts]
    words = wording.cuts("hww_emu", chosen)
    assert list(words) == ["read", "certified", *steps]
    assert words["mll"] == "dilepton mass > 17.5 GeV"


def test_an_analysis_without_words_shows_its_settings() -> None:
    assert wording.cuts("other", {"min_pt": 30})["min_pt"] == "min_pt: 30"


def test_words_of_tag_and_probe() -> None:
    chosen = legs(MUON, dz={"path": "HLT_WITH", "reference": "HLT_WITHOUT"})
    chosen["tag"] = {**chosen["tag"], "gap": [1.4442, 1.566]}
    words = wording.cuts("tag_and_probe", TagAndProbe(**chosen).model_dump(mode="json"))
    assert list(words) == ["read", "certified", "tag_trigger", "tag", "pair"]
    assert words["tag_trigger"] == f"fired {' or '.join(chosen['tag']['paths'])}"
    assert "not 1.4442 < |η| < 1.566" in words["tag"]
    assert f"ΔR < {chosen['max_delta_r']:g}" in words["tag"]
    assert wording.legs(chosen)["dz"] == "HLT_WITH fired, of the events with HLT_WITHOUT"
    assert tag_and_probe.DZ in wording.legs(chosen)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (r"$m_T(\ell_2, E_T^{miss})$", "m<sub>T</sub>(ℓ<sub>2</sub>, E<sub>T</sub><sup>miss</sup>)"),
        (r"$p_T^{\ell\ell}$", "p<sub>T</sub><sup>ℓℓ</sup>"),
        ("a < b", "a &lt; b"),
    ],
)
def test_axis_titles(label: str, expected: str) -> None:
    assert wording.html_title(label) == expected


def completeness(**luminosity: object) -> dict:
    events = {"entries": 20000, "read": 20000, "certified": 18255, "rejected": 1745, "selected": 3516}
    account = {"files": {"expected": 2, "processed": 1}, "events": events}
    line = {"sample": "MuonEG", "dataset": "all", "certified": 546, "processed": 192}
    line |= {"scaled_runs": 0, "sections_not_in_table": 0, "recorded_pb": None, **luminosity}
    return {
        "statement": "1 of 2 files",
        "files": {"failed": [{"message": "x.root <is> truncated"}]},
        "datasets": {"one": {**account, "luminosity_sections": {"certified": 546, "processed": 192}}},
        "luminosity": {"rows": [line, {**line, "dataset": "one"}], "statement": ""},
    }


ONE = {"one": {"kind": "data", "sample": "MuonEG", "era": "Run2016G", "reference": "", "source": "list"}}


def test_measurement(how: dict) -> None:
    table = pd.DataFrame([row(3, 4, trigger="any", low=0.5, high=0.9)])
    text = read(pages.measurement(table, completeness(recorded_pb=4.20879121), {**how, "datasets": ONE}))
    for path in how["probe"]["any_of"]:
        assert path in text
    for words in wording.cuts("hww_emu", how["selection"]).values():
        assert words in text or words == "all events of the files"
    assert "1 of 2 files processed. Recorded luminosity of the processed sections: MuonEG: 4.20879 pb⁻¹." in text
    assert "x.root <is> truncated" in text
    for number in ("1 of 2", "20,000", "18,255", "3,516", "192 of 546", "P(trigger | something)"):
        assert number in text
    without = read(pages.measurement(table, completeness(), {**how, "datasets": ONE}))
    assert "pb⁻¹" not in without


def test_cutflow_in_words(how: dict) -> None:
    flow = pd.DataFrame(
        {
            "dataset": "one",
            "cut": ["read", "certified", "two_tight_leptons"],
            "events": [1000, 800, 200],
            "sumw": [np.nan, 1600.0, 320.0],
            "of_previous": [np.nan, 0.8, 0.25],
        }
    )
    text = read(pages.cutflow(flow, {**how, "datasets": ONE}))
    assert f"{wording.cuts('hww_emu', how['selection'])['two_tight_leptons']}200 20.0 %" in text
    assert "800 80.0 %" in text


def test_efficiencies(how: dict) -> None:
    nan = dict.fromkeys(("alpha", "alpha_low", "alpha_high"), np.nan)
    bins = [
        row(8, 10, variable="met", x_low=20.0, x_high=50.0, low=0.66, high=0.9, **nan),
        row(2, 2, variable="met", x_low=250.0, x_high=np.inf, low=0.4, high=1.0, **nan),
        row(0, 0, variable="met", x_low=-np.inf, x_high=20.0, low=0.0, high=1.0, **nan),
    ]
    total = row(7052, 8465, low=0.831831, high=0.834406, absent_n=12, **nan)
    text = read(pages.efficiencies(pd.DataFrame([total, *bins]), how))
    assert "P(trigger | something)" in text
    assert "HLT_A 12 events without it in the menu7,0528,4650.8331+0.0013−0.0012" in text
    assert "20 to 500.80+0.10−0.14 8 of 10" in text
    assert "≥ 2501.00+0.00−0.60 2 of 2" in text
    assert "< 20" not in text


def test_a_page_escapes_what_it_is_given() -> None:
    assert "<b>&" not in pages.result("<b>& text")
    assert html.escape("<b>& text") in pages.result("<b>& text")
