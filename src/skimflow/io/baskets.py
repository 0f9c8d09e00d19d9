"""Decoding the baskets of numeric branches: bytes from the file to numpy arrays, with little in between.

uproot says where baskets are (tree metadata) and brings their bytes (sources, local and remote). What is between is
simple for the branches that NanoAOD has, and here it is done with one pass over the bytes. Assumed of a branch, and
checked by `column`, or else it is left to uproot:

- each entry is one number, or, in a jagged branch, as many as another branch of the list counts (`nElectron`);
- all its baskets are in the file itself, none embedded in the tree's header.

Assumed of a basket, and checked for each: it starts with a key whose lengths agree with the tree's metadata; then come
the numbers, big-endian, one after the other; then, in a jagged branch, where each entry starts, which the counts say
already. So the latter need not be decompressed: LZMA and ZLIB end with a checksum of everything, and the checksum of
the numbers and of the *expected* rest must equal it. Otherwise, as for the other codecs, everything is decompressed,
with the checks that codec and file have. A file that contradicts itself raises ValueError, struct.error or the codec's
own errors: io.nanoaod makes them InputErrors.
"""

import queue
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from skimflow.io.light import uproot

try:
    import lzma_mt as lzma  # the standard library's interface to a newer, faster liblzma
except ImportError:
    import lzma

_KEY = struct.Struct(">ihiIhh")  # bytes in all, version, bytes when decompressed, date, bytes of the key, cycle
_BASKET = struct.Struct(">hiiiib")  # at the end of the key: version, sizes, entries, end of the numbers, a flag
_BLOCK = struct.Struct("<2sxHBHB")  # before compressed bytes: codec, method, two lengths of 3 bytes
_CRC32 = 1

Columns = dict[str, np.ndarray]


class Column(NamedTuple):
    """A branch that can be decoded here.

    `dtype` is that of the bytes in the file. `counter` is the branch with the number of values of each entry (None: one
    each). Basket i holds entries `starts[i]` to `starts[i + 1]`, and is `sizes[i]` bytes from byte `places[i]` on.
    """

    name: str
    dtype: np.dtype
    counter: str | None
    starts: list[int]
    places: list[int]
    sizes: list[int]


def columns(tree: Any, names: Sequence[str]) -> list[Column]:
    """Those of the branches that can be decoded here; none of an RNTuple."""
    if not isinstance(tree, uproot.TTree):
        return []
    found = [column for name in names if (column := _column(tree[name]))]
    flat = {column.name for column in found if column.counter is None}
    return [column for column in found if column.counter is None or column.counter in flat]


def _column(branch: Any) -> Column | None:
    kind, counter = branch.interpretation, None
    if type(kind) is uproot.AsJagged and kind.header_bytes == 0 and branch.count_branch is not None:
        kind, counter = kind.content, branch.count_branch.name
    simple = type(kind) is uproot.AsDtype and kind.from_dtype.kind in "biuf" and kind.inner_shape == ()
    starts = branch.entry_offsets
    number = len(starts) - 1
    places, sizes = (branch.member(name)[:number].tolist() for name in ("fBasketSeek", "fBasketBytes"))
    if not simple or len(branch.embedded_baskets) or len(branch.branches):
        return None
    return Column(branch.name, kind.from_dtype, counter, starts, places, sizes)


def pieces(source: Any, wanted: Sequence[Column], steps: Iterable[tuple[int, int]], threads: int) -> Iterator[Columns]:
    """Columns piece by piece; the bytes of the next piece are on their way while one is decoded.

    Args:
        source: uproot's access to the bytes of the file.
        steps: first and last + 1 entry of each piece, without gaps.
        threads: how many decompress at a time. With more than one, a piece is also decoded while the caller works on
            the one before.

    Yields:
        Flat arrays of native byte order, as `NanoAOD.chunks` describes them.
    """
    if threads == 1:
        yield from _decoded(_requested(source, wanted, steps), wanted, map)
        return
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as beside:
        yield from _ahead(_decoded(_requested(source, wanted, steps), wanted, pool.map), beside)


class _Piece(NamedTuple):
    """Entries of a piece, and the bytes of the baskets that start in it, by column."""

    start: int
    stop: int
    baskets: list[list[tuple[int, Any]]]


def _requested(source: Any, wanted: Sequence[Column], steps: Iterable[tuple[int, int]]) -> Iterator[_Piece]:
    """Each piece, after the bytes of the next one were asked for. All of a piece is asked for at once."""
    following = [0] * len(wanted)
    waiting: list[_Piece] = []
    for start, stop in steps:
        numbers = []
        for which, column in enumerate(wanted):
            first = last = following[which]
            while last < len(column.places) and column.starts[last] < stop:
                last += 1
            numbers.append(range(first, last))
            following[which] = last
        waiting.append(_Piece(start, stop, _request(source, wanted, numbers)))
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting


def _request(source: Any, wanted: Sequence[Column], numbers: list[range]) -> list[list[tuple[int, Any]]]:
    ranges = [
        (column.places[i], column.places[i] + column.sizes[i])
        for column, chosen in zip(wanted, numbers, strict=True)
        for i in chosen
    ]
    chunks = iter(source.chunks(ranges, queue.Queue()) if ranges else [])
    return [[(i, next(chunks)) for i in chosen] for chosen in numbers]


def _decoded(requested: Iterator[_Piece], wanted: Sequence[Column], run: Callable) -> Iterator[Columns]:
    """Decode pieces. What a basket holds beyond the end of a piece is kept for the next one.

    Args:
        run: `map`, or that of a pool of threads.
    """
    kept = {column.name: np.empty(0, column.dtype.newbyteorder("=")) for column in wanted}
    flat = [which for which, column in enumerate(wanted) if column.counter is None]
    jagged = [which for which, column in enumerate(wanted) if column.counter is not None]
    for piece in requested:
        result: Columns = {}
        for group in (flat, jagged):
            tasks = [(wanted[which], i, chunk) for which in group for i, chunk in piece.baskets[which]]
            counts = [_counts(column, i, piece.start, kept, result) for column, i, _ in tasks]
            arrays = run(_basket, [t[0] for t in tasks], [t[1] for t in tasks], [t[2] for t in tasks], counts)
            for (column, _, _), values in zip(tasks, arrays, strict=True):
                kept[column.name] = np.concatenate([kept[column.name], values]) if len(kept[column.name]) else values
            if group is flat:
                result = {wanted[which].name: kept[wanted[which].name] for which in flat}
        yield _take(piece, wanted, kept)
    for name, values in kept.items():
        if len(values):
            raise ValueError(f"{name} has {len(values)} values more than belong to the entries")


def _counts(column: Column, i: int, start: int, kept: Columns, counters: Columns) -> np.ndarray | None:
    """Number of values of each entry of a basket, if they are known by now."""
    if column.counter is None:
        return None
    first, last = column.starts[i] - start, column.starts[i + 1] - start
    known = counters[column.counter]
    return known[first:last] if last <= len(known) else None


def _take(piece: _Piece, wanted: Sequence[Column], kept: Columns) -> Columns:
    """The values of a piece; they leave `kept`."""
    entries = piece.stop - piece.start
    totals = {name: int(kept[name][:entries].sum()) for name in {c.counter for c in wanted if c.counter is not None}}
    numbers = {column.name: entries if column.counter is None else totals[column.counter] for column in wanted}
    result = {name: kept[name][:number] for name, number in numbers.items()}
    for name, number in numbers.items():
        kept[name] = kept[name][number:]
    return result


def _ahead(results: Iterator[Columns], beside: ThreadPoolExecutor) -> Iterator[Columns]:
    """The same results, each worked out beside while the caller has the one before."""
    coming = beside.submit(next, results, None)
    while (result := coming.result()) is not None:
        coming = beside.submit(next, results, None)
        yield result


def _basket(column: Column, i: int, chunk: Any, counts: np.ndarray | None) -> np.ndarray:
    """The numbers of basket i.

    Args:
        chunk: its bytes, perhaps still on their way.
        counts: number of values of each entry, if they are known.

    Raises:
        ValueError: lengths contradict each other.
    """
    content = memoryview(chunk.raw_data).cast("B")
    size, _, unpacked, _, key, _ = _KEY.unpack_from(content)
    _, _, _, entries, end, _ = _BASKET.unpack_from(content, key - _BASKET.size)
    needed, here = end - key, column.starts[i + 1] - column.starts[i]
    if size != column.sizes[i] or entries != here or not 0 <= needed <= unpacked:
        raise ValueError(f"{column.name}: the header of basket {i} contradicts the tree")
    _check_numbers(column, here, needed, counts)
    rest = None if counts is None or needed == unpacked else _starts(key, column.dtype.itemsize, counts)
    data = content[key:]
    if len(data) != unpacked:
        data = _decompressed(data, unpacked, needed, rest)
    return np.frombuffer(data, column.dtype, needed // column.dtype.itemsize).astype(column.dtype.newbyteorder("="))


def _check_numbers(column: Column, entries: int, needed: int, counts: np.ndarray | None) -> None:
    """Raise ValueError unless as many numbers are there as belong to the entries, where that is known."""
    number = entries if column.counter is None else needed // column.dtype.itemsize
    number = number if counts is None else int(counts.sum())
    if needed != number * column.dtype.itemsize:
        raise ValueError(f"{column.name}: a basket has {needed} bytes where {number} values belong")


class _Rest(NamedTuple):
    """What follows the numbers of a jagged branch: bytes that are known, and the two kinds of end that there are."""

    known: bytes
    ends: tuple[bytes, bytes]


def _starts(key: int, width: int, counts: np.ndarray) -> _Rest:
    """How many places there are, the byte each entry starts at (the key counts too), and one more, which is 0 in ROOT's
    files and the end of the last entry in uproot's."""
    places = np.empty(len(counts) + 2, ">i4")
    places[0] = len(counts) + 1
    places[1] = key
    places[2:] = key + width * np.cumsum(counts)
    known = places.tobytes()
    return _Rest(known[:-4], (bytes(4), known[-4:]))


def _decompressed(data: memoryview, size: int, needed: int, rest: _Rest | None) -> Any:
    """At least the first `needed` of `size` bytes. With `rest`, what stands after them, this takes less time."""
    codec, low, high, unpacked_low, unpacked_high = _BLOCK.unpack_from(data)
    block, length = data[_BLOCK.size :], low + (high << 16)
    if codec not in _CODECS or len(block) != length or unpacked_low + (unpacked_high << 16) != size:
        # Several blocks, or a codec where nothing is gained.
        chunk = uproot.source.chunk.Chunk.wrap(_Nameless, np.frombuffer(data, np.uint8))
        whole = uproot.compression.decompress(chunk, uproot.source.cursor.Cursor(0), {}, len(data), size)
        return whole.raw_data
    begin, whole, checksum, written = _CODECS[codec]
    if rest and needed:
        start = begin(block, needed)
        so_far = checksum(rest.known, checksum(start))
        if len(start) == needed and written(block) in [checksum(end, so_far) for end in rest.ends]:
            return start
    data = whole(block)
    if len(data) != size:
        raise ValueError(f"a block of {len(data)} bytes, where its header says {size}")
    return data


class _Nameless:
    """Stands for the file in uproot's own messages."""

    file_path = "it"


def _in_zlib(block: memoryview) -> int:
    """The checksum that ends a ZLIB stream."""
    return int.from_bytes(block[-4:], "big")


def _in_xz(block: memoryview) -> int | None:
    """The checksum of an XZ stream. It stands before the index, whose length is in the last 12 bytes (ROOT writes
    CRC32; of other kinds None is returned)."""
    index, flags = struct.unpack_from("<IH", block, len(block) - 8)
    end = len(block) - 12 - 4 * (index + 1)
    return int.from_bytes(block[end - 4 : end], "little") if flags >> 8 == _CRC32 else None


def _unxz(block: memoryview, size: int = -1) -> bytes:
    """At most the first `size` bytes; without it all, and then the stream must be at its end."""
    stream = lzma.LZMADecompressor()
    data = stream.decompress(block, size)
    if size < 0 and not stream.eof:
        raise ValueError("an LZMA block ends too early")
    return data


# By ROOT's name of a codec: the beginning of a block, all of it, its checksum: how to compute it, and what was written.
_CODECS: dict[bytes, tuple[Callable, Callable, Callable, Callable]] = {
    b"XZ": (_unxz, _unxz, zlib.crc32, _in_xz),
    b"ZL": (lambda block, size: zlib.decompressobj().decompress(block, size), zlib.decompress, zlib.adler32, _in_zlib),
}
