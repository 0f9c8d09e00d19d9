"""Baskets decoded here are what uproot makes of them, and cost no more than they must; damage is noticed."""

import itertools
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skimflow.errors import InputError
from skimflow.io import baskets, lean
from skimflow.io.nanoaod import NanoAOD
from skimflow.skim import Task, skim_file
from skimflow.skim.job import _branches
from skimflow.toy import Sample, write_file, writing

TTBAR = Sample(1, 0, process="TTTo2L2Nu")
CODECS = ["ZSTD", "LZMA", "ZLIB", "LZ4", "none"]
REAL = {  # branches of each file that can be decoded here; the 2015 file and the muons have embedded baskets
    "HiggsDNA_DYJetsToLL_UL2017v9_100ev": 1658,
    "HiggsDNA_EGamma2022F_100ev": 1594,
    "UnROOT_NanoAODv5_ttbar2018_1000ev": 1479,
    "coffea_missing_luminosityBlock_2ev": 1582,
    "coffea_nano_dimuon_2018A_40ev": 1601,
    "coffea_nano_dy_40ev": 1499,
    "coffea_nano_dy_empty_0ev": 1499,
    "skhep_ttbar2015_opendata_200ev": 0,
    "AGC_open-data-example_muons_100k": 0,
}


def flat(array: ak.Array) -> np.ndarray:
    return ak.to_numpy(ak.flatten(array, axis=1) if array.ndim > 1 else array)


def read(tree, names: list[str], steps: list[tuple[int, int]], threads: int = 1) -> dict[str, np.ndarray]:
    """The columns of all pieces, put together."""
    found = list(baskets.pieces(tree.file.source, baskets.columns(tree, names), steps, threads))
    return {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}


def assert_as_uproot(tree, steps: list[tuple[int, int]], threads: int = 1, every: int = 1) -> int:
    """Compare all branches, or every so many; the number of those that were decoded here is returned."""
    found = read(tree, tree.keys(recursive=False), steps, threads)
    for name, values in list(found.items())[::every]:
        expected = flat(tree[name].array())
        assert values.dtype == expected.dtype
        assert values.dtype.isnative
        np.testing.assert_array_equal(values, expected)
    return len(found)


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_files_are_what_uproot_reads(name: str, data: Path) -> None:
    with uproot.open(data / f"nano/{name}.root") as file:
        tree = file["Events"]
        assert len(baskets.columns(tree, tree.keys(recursive=False))) == REAL[name]
        if REAL[name]:
            half = tree.num_entries // 2
            steps = [(0, half), (half, tree.num_entries)]
            assert assert_as_uproot(tree, steps, every=4) == REAL[name]


@pytest.mark.real
@pytest.mark.parametrize("name", ["skhep_ttbar2015_opendata_200ev", "coffea_nano_dy_rntuple_40ev"])
def test_the_others_are_left_to_uproot(name: str, data: Path) -> None:
    path, names = data / f"nano/{name}.root", ["nMuon", "Muon_pt", "Muon_tightId", "event"]
    with NanoAOD(str(path), wanted=names) as file, uproot.open(path) as plain:
        (piece,) = file.chunks(names)
        for branch in names:
            np.testing.assert_array_equal(piece[branch], flat(plain["Events"][branch].array()))


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_lean_opening_knows_all_branches_and_reads_the_same(name: str, data: Path) -> None:
    wanted = ["run", "nMuon", "Muon_pt", "Muon_charge", "PuppiMET_pt", "HLT_NotThere"]
    with uproot.open(data / f"nano/{name}.root", object_cache=None, array_cache=None) as file:
        tree, names = lean.events(file, wanted)
        plain = file["Events"]
        assert names == set(plain.keys(recursive=False))
        assert set(tree.keys()) == names & set(wanted)
        for branch in tree.keys():  # noqa: SIM118 (no dict)
            assert tree[branch].array().tolist() == plain[branch].array().tolist()


def test_lean_opening_leaves_doubt_to_uproot(toy: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    with uproot.open(toy(TTBAR), object_cache=None) as file:
        assert len(lean.events(file, ["run"])[0].branches) == 1
        # The counter is passed over: the branch alone does not say any more that it is jagged.
        tree, _ = lean.events(file, ["Muon_pt"])
        assert len(tree.branches) > 50
        assert tree["Muon_pt"].count_branch.name == "nMuon"


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("codec", CODECS)
def test_toy_files_are_what_uproot_reads(codec: str, threads: int, toy: Callable) -> None:
    with uproot.open(toy(TTBAR, 2000, codec=codec)) as file:
        assert assert_as_uproot(file["Events"], [(0, 1000), (1000, 2000)], threads) == len(file["Events"].keys())


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Baskets of many sizes, among them some without a single value."""
    path = tmp_path_factory.mktemp("baskets") / "many.root"
    rng = np.random.default_rng(1)
    with uproot.recreate(path, compression=uproot.LZMA(1)) as file:
        tree = file.mktree(
            "Events", {"x": np.int16, "Muon": ak.types.from_datashape("var * {pt: float32}", highlevel=False)}
        )
        for size in (1, 300, 40, 5, 900, 2, 100):
            counts = rng.poisson(0.1 if size < 6 else 2, size)
            pt = ak.unflatten(rng.gamma(2, 20, counts.sum()).astype(np.float32), counts)
            tree.extend({"x": rng.integers(-9, 9, size, np.int16), "Muon": ak.zip({"pt": pt})})
    return path


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 1347), max_size=8), threads=st.sampled_from([1, 2]))
def test_pieces_may_end_anywhere(cuts: set[int], threads: int, many: Path) -> None:
    ends = [0, *sorted(cuts), 1348]
    with uproot.open(many) as file:
        assert assert_as_uproot(file["Events"], list(itertools.pairwise(ends)), threads) == 3


def test_threads_change_no_byte(toy: Callable, settings: Callable, tmp_path: Path) -> None:
    def run(threads: int) -> list[bytes]:
        outputs = [tmp_path / f"{threads}.{kind}" for kind in ("counts", "events")]
        task = Task("ds", "x", "/x.root", str(toy(TTBAR, 2000)), None, settings("mc"), {}, threads=threads)
        skim_file(task, *outputs)
        return [path.read_bytes() for path in outputs]

    assert run(1) == run(2) == run(5)


# What a skim costs.


def test_only_needed_bytes_are_read_each_once(toy: Callable, settings: Callable) -> None:
    names = ["run", "nElectron", "Electron_pt", "Electron_charge", "PuppiMET_pt"]
    path = toy(TTBAR, 2000, codec="LZMA", filler=300)
    with NanoAOD(str(path), wanted=names) as file, uproot.open(path) as plain:
        source, tree = file._file.file.source, plain["Events"]
        # To open: the file's header and directories, and the tree, whose size is in its key.
        assert source.num_requested_bytes < plain.key("Events").fNbytes + 10_000
        assert source.num_requests <= 8
        before, requests = source.num_requested_bytes, source.num_requests
        assert sum(len(piece["run"]) for piece in file.chunks(names)) == 2000
        least = sum(tree[name].basket_compressed_bytes(i) for name in names for i in range(tree[name].num_baskets))
        assert source.num_requested_bytes - before == least
        assert source.num_requests - requests == 1


UNUSED = ("awkward", "pyarrow.compute", "pandas", "matplotlib", "scipy", "vector", "snakemake", "numba")


def test_a_skim_imports_only_what_it_uses(toy: Callable, settings: Callable, tmp_path: Path) -> None:
    code = f"""
import json, sys
from skimflow.skim import Task, skim_file
from skimflow.skim.job import _branches
settings = json.loads({json.dumps(json.dumps(settings("mc")))})
skim_file(Task("ds", "x", "/x", {str(toy(TTBAR))!r}, None, settings, {{}}), "c.parquet", "e.parquet")
print(*(name for name in {UNUSED} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert (tmp_path / "e.parquet").exists()


def calls_of_a_skim(path: Path, settings: dict, folder: Path) -> int:
    """How many functions are called, of Python and of C: what a skim costs beside decompression, without a clock."""
    number = 0

    def look(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        skim_file(Task("ds", "x", "/x", str(path), None, settings, {}), folder / "c.parquet", folder / "e.parquet")
    finally:
        sys.setprofile(before)
    return number


def test_the_work_for_a_branch_that_is_not_wanted_and_for_a_basket(
    toy: Callable, settings: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, wide = (toy(TTBAR, 2000, codec="LZMA", filler=filler) for filler in (100, 300))
    monkeypatch.setattr(writing, "_BASKET", 250)
    write_file(tmp_path / "many.root", TTBAR, 2000, "LZMA", 100)
    calls_of_a_skim(few, settings("mc"), tmp_path)  # what is done once in a process
    of_few, of_wide, of_many = (
        calls_of_a_skim(path, settings("mc"), tmp_path) for path in (few, wide, tmp_path / "many.root")
    )
    assert 0 < of_wide - of_few < 200 * 60  # uproot's own model of a branch takes many hundred
    columns = len(_branches(settings("mc"), settings("mc")["probe"]["paths"]))
    assert 0 < of_many - of_few < 7 * columns * 90


# Damage.


def basket(path: Path, branch: str) -> tuple[int, int, int]:
    """Where the first basket starts, the length of its key, and of the whole."""
    with uproot.open(path) as file:
        key = file["Events"][branch].basket_key(0)
    return key.fSeekKey, key.fKeylen, key.fNbytes


def read_changed(path: Path, changed: Path, changes: Iterable[tuple[int, bytes]]) -> np.ndarray:
    content = bytearray(path.read_bytes())
    for place, new in changes:
        content[place : place + len(new)] = new
    changed.write_bytes(content)
    names = ["run", "nMuon", "Muon_charge", "Muon_pt"]
    with NanoAOD(str(changed), wanted=names) as file:
        return np.concatenate([piece["Muon_charge"] for piece in file.chunks(names)])


@pytest.mark.parametrize("codec", ["LZMA", "ZLIB", "LZ4"])
def test_no_damaged_byte_gives_a_wrong_number(codec: str, toy: Callable, tmp_path: Path) -> None:
    """What is not decompressed may be damaged, but then the checksum says that the numbers are right."""
    path = toy(TTBAR, 2000, codec=codec)
    start, key, size = basket(path, "Muon_charge")
    right, noticed = read_changed(path, tmp_path / "x.root", []), 0
    places = np.linspace(start + key, start + size - 1, 40).astype(int).tolist()
    for place in places:
        flipped = bytes([path.read_bytes()[place] ^ 0x55])
        try:
            found = read_changed(path, tmp_path / "x.root", [(place, flipped)])
        except InputError:
            noticed += 1
        else:
            np.testing.assert_array_equal(found, right)
    assert noticed > 5


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("branch", ["Muon_pt", "run"])
@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (0, ">i", 77),  # bytes in all
        (6, ">i", 5),  # bytes when decompressed
        (14, ">h", 30),  # bytes of the key
        (14, ">h", -20),
        (-9, ">i", 1999),  # entries
        (-5, ">i", 4000),  # end of the numbers
        (-5, ">i", -4000),
        (-5, ">i", 2**30),
    ],
)
def test_lengths_that_contradict_each_other(
    at: int, form: str, value: int, branch: str, codec: str, toy: Callable, tmp_path: Path
) -> None:
    path = toy(TTBAR, 2000, codec=codec)
    start, key, _ = basket(path, branch)
    place = start + at + (key if at < 0 else 0)
    with pytest.raises(InputError) as caught:
        read_changed(path, tmp_path / "x.root", [(place, struct.pack(form, value))])
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("codec", ["LZMA", "ZLIB", "ZSTD", "LZ4"])
@pytest.mark.parametrize("at", [0, 3, 6])  # of a block: codec, compressed and uncompressed length
def test_blocks_that_say_something_else(at: int, codec: str, toy: Callable, tmp_path: Path) -> None:
    path = toy(TTBAR, 2000, codec=codec)
    start, key, _ = basket(path, "run")
    with pytest.raises(InputError):
        read_changed(path, tmp_path / "x.root", [(start + key + at, b"\x09")])
