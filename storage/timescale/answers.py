"""Rows of PostgreSQL as the columns of answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from storage.timescale.text import meant

_BITS: Final = 2**64 - 1


def table(rows: Sequence[Any], columns: pa.Schema) -> pa.Table:
    """Return rows that the driver fetched, in the order of the columns, as these columns."""
    if not rows:
        return columns.empty_table()
    found = zip(*rows, strict=True)
    arrays = [
        pa.array([_value(one, field.type) for one in values], field.type)
        for field, values in zip(columns, found, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def _value(stored: Any, kind: pa.DataType) -> Any:
    """Return a value as Arrow takes it: numbers without sign from their bits, texts as meant."""
    if stored is None:
        return [] if pa.types.is_list(kind) else None
    if kind == pa.uint64():
        return stored & _BITS
    if kind == pa.utf8():
        return meant(stored)
    if isinstance(kind, pa.ListType):
        return [_value(one, kind.value_type) for one in stored]
    if isinstance(kind, pa.StructType):
        return _struct(stored, kind)
    return stored


def _struct(stored: Any, kind: pa.StructType) -> Mapping[str, Any]:
    return {field.name: _value(one, field.type) for field, one in zip(kind, stored, strict=True)}
