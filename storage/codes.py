"""Columns as small numbers, so that what is distinct is found at the speed of hashing numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Codes: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
_Offsets: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int32]]"

KEY: Final = np.dtype([("type", "u1"), ("length", "<u4")])
"""What `runs` says of an attribute: its type, and how many bytes its key has."""

_CODE_MAX: Final = 2**62
_TABLE_FACTOR: Final = 4
"""A table of the codes may have so many places a row: beyond that they are numbered anew first."""


def coded(column: pa.Array[Any]) -> tuple[Codes, pa.Array[Any]]:
    """Return a number for each row, equal where the values are equal, and the numbered values."""
    whole = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = cast("pa.DictionaryArray[Any, Any]", whole)
    # A dictionary may repeat a value after batches were joined: encode its values once more.
    values = encoded.dictionary.dictionary_encode()
    codes = values.indices.to_numpy()[encoded.indices.to_numpy()]
    return codes.astype(np.int64), values.dictionary


def combined(columns: Sequence[Codes]) -> Codes:
    """Fold columns of codes into one."""
    whole, size = columns[0], _size(columns[0])
    for codes in columns[1:]:
        more = _size(codes)
        if size * more >= _CODE_MAX:  # both are below the number of rows after this
            whole = numbered(whole)
            size = _size(whole)
        whole, size = whole * more + codes, size * more
    return whole


def numbered(codes: Codes) -> Codes:
    """Return codes numbered anew, from 0 in the order in which they first come."""
    return pa.array(codes).dictionary_encode().indices.to_numpy().astype(np.int64)


def firsts(codes: Codes) -> Codes:
    """Return the row at which each code first comes, by the codes."""
    if _size(codes) > _TABLE_FACTOR * len(codes):
        codes = numbered(codes)
    found = np.full(_size(codes), -1, np.int64)
    found[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return found[found >= 0]


def _size(codes: Codes) -> int:
    return 1 + int(codes.max(initial=-1))


def several(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the rows in which these columns first have their values: each combination once."""
    columns = [coded(rows[name].combine_chunks())[0] for name in names]
    first: Any = pa.array(firsts(combined(columns)))
    return rows.take(first)


def runs(attributes: pa.ListArray[Any]) -> tuple[pa.Array[Any], ...]:
    """
    Return columns of bytes that are equal where the attributes are, order included.

    Those of `shapes`, then the same of the values, and their lengths. Keys and values are not
    copied.
    """
    value = cast("Any", cast("pa.StructArray", attributes.flatten()).field(2))
    borders = _borders(attributes)
    lengths = pc.binary_length(value).to_numpy()
    return (
        *shapes(attributes),
        _texts(_offsets(value)[borders], value.buffers()[2]),
        _texts(borders * lengths.itemsize, pa.py_buffer(lengths)),
    )


def shapes(attributes: pa.ListArray[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """
    Return columns of bytes that are equal where keys and types are.

    Each row's keys one after the other, and for each attribute its type and the key's length, so
    that no key can imitate another's border.
    """
    flat = cast("pa.StructArray", attributes.flatten())
    key, kind = (cast("Any", flat.field(at)) for at in range(2))
    borders = _borders(attributes)
    kinds: Any = np.empty(len(flat), KEY)
    kinds["type"], kinds["length"] = kind.to_numpy(), pc.binary_length(key).to_numpy()
    return (
        _texts(_offsets(key)[borders], key.buffers()[2]),
        _texts(borders * KEY.itemsize, pa.py_buffer(kinds.view(np.uint8))),
    )


def _borders(attributes: pa.ListArray[Any]) -> _Offsets:
    """Return where each row's attributes begin and end among all of them."""
    offsets = attributes.offsets.to_numpy()
    return cast("_Offsets", offsets - offsets[0])


def _offsets(texts: pa.Array[Any]) -> _Offsets:
    buffer = texts.buffers()[1]
    if not len(texts) or buffer is None:
        return np.zeros(1, np.int32)
    whole = np.frombuffer(memoryview(buffer), np.int32)
    return whole[texts.offset : texts.offset + len(texts) + 1]


def _texts(offsets: _Offsets, data: pa.Buffer | None) -> pa.Array[Any]:
    """Return the bytes between these offsets of each row and the next."""
    borders = pa.py_buffer(offsets.astype(np.int32).tobytes())
    buffers = [None, borders, data or pa.py_buffer(b"")]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
