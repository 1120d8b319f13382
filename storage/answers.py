"""The columns of answers, the same from every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import pyarrow as pa

from pipeline import schema
from pipeline.plan import Kind
from pipeline.ports import Counts


def _plain(columns: pa.Schema) -> pa.Schema:
    for at, field in enumerate(columns):
        if pa.types.is_dictionary(field.type):
            columns = columns.set(at, field.with_type(pa.utf8()))
    return columns.insert(0, pa.field("service_name", pa.utf8()))


RECORDS: Final = {signal: _plain(columns) for signal, columns in schema.SCHEMAS.items()}
"""The schema's columns, texts as plain strings, and `service_name`."""

_SUMMARY: Final[list[pa.Field[Any]]] = [
    pa.field("trace_id", schema.TRACE_ID),
    pa.field("start_ns", pa.uint64()),
    pa.field("end_ns", pa.uint64()),
    pa.field("span_count", pa.uint64()),
    pa.field("error_count", pa.uint64()),
    pa.field("services", pa.list_(pa.utf8())),
    pa.field("root_service", pa.utf8()),
    pa.field("root_name", pa.utf8()),
]
SUMMARY: Final = pa.schema(_SUMMARY)
"""One row a trace, as `pipeline.plan.Traces` says."""

_POSITION: Final[list[pa.Field[Any]]] = [
    pa.field("signal", pa.utf8()),
    pa.field("partition", pa.uint16()),
    pa.field("epoch", pa.uint32()),
    pa.field("last", pa.uint64()),
    pa.field("log", pa.utf8()),
]
POSITIONS: Final = pa.schema(_POSITION)
"""One row a log, as `pipeline.plan.Positions` says."""

COUNTED: Final = tuple(one.name for one in fields(Counts) if one.name != "reasons")
"""What the ledger counts of a tenant."""

_ENTRY: Final[list[pa.Field[Any]]] = [
    pa.field("signal", pa.utf8()),
    pa.field("start_ns", pa.uint64()),
    *(pa.field(name, pa.uint64()) for name in (*COUNTED, "expired")),
    pa.field("reasons", pa.list_(pa.utf8())),
    pa.field("reason_records", pa.list_(pa.uint64())),
]
LEDGER: Final = pa.schema(_ENTRY)
"""One row a signal and interval, as `pipeline.plan.Ledger` says."""

_KEY: Final[list[pa.Field[Any]]] = [
    pa.field("key", pa.utf8()),
    pa.field("level", pa.utf8()),
    pa.field("type", pa.uint8()),
]
KEYS: Final = pa.schema(_KEY)
"""One row a key, level and type, as `pipeline.plan.Keys` says."""

_TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.TEXT: pa.utf8(),
    Kind.ANY: pa.utf8(),
    Kind.ID: pa.utf8(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.DURATION: pa.duration("ns"),
    Kind.TIME: pa.timestamp("ns", "UTC"),
    Kind.FLAG: pa.bool_(),
}


def table(columns: Mapping[str, Kind]) -> pa.Schema:
    """Return the columns of a table's answer, as `pipeline.plan.Table` says."""
    return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in columns.items()])
