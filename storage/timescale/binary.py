"""Arrow columns as the rows of PostgreSQL's binary COPY, and back: kernels, no row in Python.

A field is its length and its bytes, both in network order; so a column of fields is an Arrow array
of binary, and a row is what `binary_join_element_wise` makes of its columns. Formats of the types:
PostgreSQL's array_send, record_send, int8send, float8send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Fields: TypeAlias = Any
"""An Arrow array of binary: in each row one or more fields with their lengths in front."""

NULL: Final = pa.scalar(b"\xff\xff\xff\xff", pa.binary())

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EMPTY: Final = pa.scalar(b"", pa.binary())
_FORMS: Final[Mapping[pa.DataType, str]] = {
    pa.bool_(): ">i1",
    pa.uint8(): ">i2",  # types without a sign: the next larger one that has one
    pa.uint16(): ">i4",
    pa.uint32(): ">i8",
    pa.int16(): ">i2",
    pa.int32(): ">i4",
    pa.int64(): ">i8",
    pa.uint64(): ">i8",
    pa.float64(): ">f8",
}


def copy(columns: Sequence[Fields], count: int) -> bytes:
    """Return the rows as the bytes of a binary COPY; `count` is how many fields a row has."""
    body = _joined(pa.scalar(count.to_bytes(2, "big"), pa.binary()), *columns)
    borders = np.frombuffer(body.buffers()[1], np.int32)
    first, last = borders[body.offset], borders[body.offset + len(body)]
    rows_ = memoryview(body.buffers()[2] or b"")[first:last]
    return b"".join((_HEADER, rows_, _TRAILER))


def fixed(*columns: Any) -> Fields:
    """Return columns of numbers without nulls as one array of all their fields."""
    values = [_numbers(column) for column in columns]
    kinds = [one.dtype.str for one in values]
    rows_ = np.empty(len(values[0]), _record(zip(map(str, range(len(kinds))), kinds, strict=True)))
    for at, one in enumerate(values):
        rows_[f"length {at}"] = one.dtype.itemsize
        rows_[f"{at}"] = one
    return _equal(rows_)


def nullable(column: Any) -> Fields:
    """Return a column of numbers, some of which may be null."""
    if column.null_count == len(column):
        return nulls(len(column))
    filled = fixed(pc.fill_null(column, pa.scalar(0, column.type)))
    return pc.if_else(column.is_valid(), filled, NULL) if column.null_count else filled


def nulls(length: int) -> Fields:
    """Return a column of nulls."""
    return _equal(np.full(length, -1, ">i4"))


def sized(payload: Any) -> Fields:
    """Return texts or bytes with their lengths in front."""
    plain = pc.cast(payload, pa.binary())
    return _joined(_equal(pc.binary_length(plain).to_numpy().astype(">i4")), plain)


def array(offsets: Any, elements: Fields, oid: int) -> Fields:
    """Return lists as fields: `offsets` into the elements, whose type has the number `oid`."""
    starts = offsets.to_numpy()
    borders = np.frombuffer(elements.buffers()[1], np.int32)[elements.offset :][starts]
    data = elements.buffers()[2] or pa.py_buffer(b"")
    lists = [None, pa.py_buffer(borders), data]
    payload = pa.BinaryArray.from_buffers(pa.binary(), len(starts) - 1, lists)
    head = np.empty(len(starts) - 1, [(name, ">i4") for name in ("length", *_ARRAY)])
    for name, value in zip(("length", *_ARRAY), (np.diff(borders) + 20, 1, 0, oid), strict=False):
        head[name] = value
    head["size"] = np.diff(starts)
    head["lowest"] = 1
    return _joined(_equal(head), payload)


_ARRAY: Final = ("dimensions", "nulls", "oid", "size", "lowest")


def composite(parts: Sequence[tuple[int, Fields]]) -> Fields:
    """Return rows of a composite type: of each part the number of its type, and its fields."""
    pieces: list[Any] = [pa.scalar(len(parts).to_bytes(4, "big"), pa.binary())]
    for oid, fields in parts:
        pieces += [pa.scalar(oid.to_bytes(4, "big"), pa.binary()), fields]
    return sized(_joined(*pieces))


def rows(body: bytes | bytearray, columns: pa.Schema) -> pa.Table:
    """Read a binary COPY of numbers without nulls."""
    record = _record((field.name, _FORMS[field.type]) for field in columns)
    count = (len(body) - len(_HEADER) - len(_TRAILER)) // (record.itemsize + 2)
    whole = np.dtype([("count", ">i2"), ("fields", record)])
    found = np.frombuffer(body, whole, count, len(_HEADER))["fields"]
    arrays = []
    for field in columns:
        plain: Any = found[field.name].astype(_FORMS[field.type].replace(">", "="))
        unsigned = field.type == pa.uint64()
        arrays.append(pa.array(plain.view(np.uint64) if unsigned else plain, field.type))
    return pa.Table.from_arrays(arrays, schema=columns)


def _record(kinds: Any) -> np.dtype[Any]:
    parts = [(("length " + name, ">i4"), (name, kind)) for name, kind in kinds]
    return np.dtype([one for part in parts for one in part])


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """Return a column as numbers in network order; uint64 keeps its bits as int64."""
    plain: np.ndarray[Any, Any] = column.to_numpy(zero_copy_only=False)
    if column.type == pa.uint64():
        plain = plain.view(np.int64)
    return plain.astype(_FORMS[column.type])


def _equal(rows_: np.ndarray[Any, Any]) -> Fields:
    """Return an array whose elements are the bytes of the rows, all of the same number."""
    body: Any = rows_
    borders = np.arange(len(rows_) + 1, dtype=np.int64) * rows_.dtype.itemsize
    buffers = [None, pa.py_buffer(borders.astype(np.int32)), pa.py_buffer(body)]
    return pa.BinaryArray.from_buffers(pa.binary(), len(rows_), buffers)


def _joined(*parts: Any) -> Fields:
    return pc.binary_join_element_wise(*parts, _EMPTY)
