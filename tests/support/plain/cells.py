"""Cells of a table as Python values, whatever a store made of the columns' types."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.value import Attribute


def rows_of(table: pa.Table, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """
    Yield each row as a mapping of these columns; `attributes` as a list of (key, type, text).

    Dictionary and plain text columns, fixed and variable binary, 32 and 64 bit offsets are alike.
    """
    names = list(names)
    columns = [
        _attributes(table.column(name)) if name == "attributes" else table.column(name).to_pylist()
        for name in names
    ]
    for cells in zip(*columns, strict=True):
        yield dict(zip(names, cells, strict=True))


def _attributes(column: "pa.ChunkedArray[Any]") -> list[list[Attribute]]:
    # Flat columns first: a dict for each attribute would cost three times as much.
    flat = pc.list_flatten(column)
    parts = [pc.struct_field(flat, name).to_pylist() for name in ("key", "type", "value")]
    triples = list(zip(*parts, strict=True))
    rows = []
    start = 0
    for length in pc.list_value_length(column).to_pylist():
        stop = start + (length or 0)
        rows.append(triples[start:stop])
        start = stop
    return rows


def triples(attributes: Iterable[Mapping[str, Any]] | None) -> Iterator[Attribute]:
    """Yield the attributes of a nested struct as (key, type, text)."""
    for attribute in attributes or ():
        yield attribute["key"], attribute["type"], attribute["value"]


def bytes_or_none(value: bytes | None) -> bytes | None:
    """Return an ID, or None where it is all zero: the columns' way to say that there is none."""
    return value if value and any(value) else None
