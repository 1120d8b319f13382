"""Tables to JSON: columns with their types, and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from query.api import render, times
from query.api.render import Json

_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "int64": "integer",
    "double": "number",
    "duration[ns]": "duration",
    "timestamp[ns, tz=UTC]": "time",
    "bool": "bool",
}
_CELLS: Final[Mapping[str, Callable[[Any], Json]]] = {
    "integer": render.integer,
    "number": render.double,
    "duration": render.integer,
    "time": times.text,
}


def columns(schema: pa.Schema) -> list[Json]:
    """
    Return the columns, {"name", "type", "unit"?}.

    The type is text, integer, number, duration (nanoseconds, the unit says so), time (RFC 3339) or
    bool.
    """
    found: list[Json] = []
    for one in schema:
        unit: dict[str, Json] = {"unit": "ns"} if pa.types.is_duration(one.type) else {}
        found.append({"name": one.name, "type": _TYPES[str(one.type)], **unit})
    return found


def rows(table: pa.Table) -> list[Json]:
    """Return the rows, a list each in the order of the columns; null is what is not there."""
    return list(cells(table))


def cells(table: pa.Table) -> list[list[Json]]:
    """Return the cells of each row."""
    columns = [_cells(column, _TYPES[str(column.type)]) for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _cells(column: pa.ChunkedArray[Any], kind: str) -> list[Json]:
    # As numbers: Python's own times have no nanoseconds.
    stored = column.cast(pa.int64()) if kind in ("time", "duration") else column
    cell = _CELLS.get(kind)
    values: list[Any] = stored.to_pylist()
    if cell is None:
        return values
    return [None if value is None else cell(value) for value in values]
