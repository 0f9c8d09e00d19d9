"""Arrow arrays from numpy's memory.

`pyarrow.array` could make them too, but it imports pandas, which takes longer than a skim has to read for.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def numbers(values: np.ndarray, kind: pa.DataType | None = None) -> pa.Array:
    """Numbers or truth values, shape (n,), of their own type or as `kind`."""
    kind = kind or pa.from_numpy_dtype(values.dtype)
    if pa.types.is_boolean(kind):
        content = np.packbits(values, bitorder="little")
    else:
        content = np.ascontiguousarray(values, kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(content)])


def texts(words: Sequence[str], index: np.ndarray) -> pa.Array:
    """The words at these places, shape (n,)."""
    content = [word.encode() for word in words]
    length = np.array([len(word) for word in content], np.int32)
    start, chosen = (np.cumsum(length, dtype=np.int32) - length)[index], length[index]
    ends = np.concatenate([[0], np.cumsum(chosen)]).astype(np.int32)
    letters = np.repeat(start - ends[:-1], chosen)
    letters += np.arange(ends[-1], dtype=np.int32)
    data = np.frombuffer(b"".join(content), np.uint8)[letters]
    return pa.Array.from_buffers(pa.string(), len(index), [None, pa.py_buffer(ends), pa.py_buffer(data)])


def lists(values: np.ndarray, lengths: np.ndarray) -> pa.Array:
    """Lists of these lengths, shape (n,), filled with `values` one after the other."""
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(numbers(ends, pa.int32()), numbers(values))


def values(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Numbers without nulls, as numpy sees them, shape (n,). (`to_numpy` imports pandas too.)"""
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return np.from_dlpack(whole)
