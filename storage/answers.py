"""The columns of answers, the same from every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import pyarrow as pa

from pipeline import schema
from pipeline.errors import Rejected
from pipeline.plan import Kind, Spans
from pipeline.ports import Counts
from pipeline.signal import Signal


def _plain(columns: pa.Schema) -> pa.Schema:
    for at, field in enumerate(columns):
        if pa.types.is_dictionary(field.type):
            columns = columns.set(at, field.with_type(pa.utf8()))
    columns = columns.insert(0, pa.field("service_name", pa.utf8()))
    for place in _PLACE:
        columns = columns.append(place)
    return columns


_PLACE: Final[list[pa.Field[Any]]] = [
    pa.field("epoch", pa.uint32()),
    pa.field("partition", pa.uint16()),
    pa.field("ordinal", pa.uint32()),
]
PLACE: Final = tuple(field.name for field in _PLACE)
"""What makes a `Place`, besides `time` and `sequence`."""

RECORDS: Final = {signal: _plain(columns) for signal, columns in schema.SCHEMAS.items()}
"""The schema's columns, texts as plain strings, `service_name`, and PLACE."""


def span_columns(plan: Spans) -> pa.Schema:
    """Return the columns of spans that a plan names; raises Rejected for one that is not there."""
    every = RECORDS[Signal.TRACES]
    if unknown := set(plan.columns) - set(every.names):
        raise Rejected(f"spans have no column {min(unknown)}")
    return pa.schema([one for one in every if not plan.columns or one.name in plan.columns])


_SUMMARY: Final[list[pa.Field[Any]]] = [
    pa.field("trace_id", schema.TRACE_ID),
    pa.field("start_ns", pa.uint64()),
    pa.field("end_ns", pa.uint64()),
    pa.field("span_count", pa.uint64()),
    pa.field("error_count", pa.uint64()),
    pa.field("services", pa.list_(pa.utf8())),
    pa.field("root_service", pa.utf8()),
    pa.field("root_name", pa.utf8()),
    pa.field("matched_ns", pa.uint64()),
]
SUMMARY: Final = pa.schema(_SUMMARY)
"""One row a trace, as `pipeline.plan.Traces` says."""

SUMMARIES: Final = pa.schema(_SUMMARY[:-1])
"""A summary without what only the search knows, the time of the newest match."""

_MATCH: Final[list[pa.Field[Any]]] = [
    pa.field("id", pa.utf8()),
    pa.field("matched_ns", pa.uint64()),
]
MATCHES: Final = pa.schema(_MATCH)
"""What the search for traces answers: IDs as hex."""

_LISTED: Final[list[pa.Field[Any]]] = [
    pa.field("place", pa.uint8()),
    pa.field("text", pa.utf8()),
]
LISTED: Final = pa.schema(_LISTED)
"""What `compile.lookups` answers: of which look-up, and a text of a resource or scope."""

_HEAD: Final[list[pa.Field[Any]]] = [
    pa.field("partition", pa.uint16()),
    pa.field("epoch", pa.uint32()),
    pa.field("sequence", pa.uint64()),
    pa.field("committed_ns", pa.uint64()),
]
HEADS: Final = pa.schema(_HEAD)
"""One row a log, as `pipeline.plan.Heads` says."""
_POSITION: Final[list[pa.Field[Any]]] = [
    pa.field("signal", pa.utf8()),
    pa.field("partition", pa.uint16()),
    pa.field("epoch", pa.uint32()),
    pa.field("last", pa.uint64()),
    pa.field("log", pa.utf8()),
]
POSITIONS: Final = pa.schema(_POSITION)
"""One row a log, as `pipeline.plan.Positions` says."""

_ARCHIVED: Final[list[pa.Field[Any]]] = [pa.field("spans", pa.uint64())]
ARCHIVED: Final = pa.schema(_ARCHIVED)
"""One row, as `pipeline.plan.Archive` says."""

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

_VALUE: Final[list[pa.Field[Any]]] = [pa.field("value", pa.utf8())]
VALUES: Final = pa.schema(_VALUE)
"""As `pipeline.plan.Values` says."""

_SERVICE: Final[list[pa.Field[Any]]] = [
    pa.field("service_name", pa.utf8()),
    pa.field("signals", pa.list_(pa.utf8())),
]
SERVICES: Final = pa.schema(_SERVICE)
"""As `pipeline.plan.Services` says."""

_OPERATION: Final[list[pa.Field[Any]]] = [
    pa.field("service_name", pa.utf8()),
    pa.field("name", pa.utf8()),
    pa.field("kind", pa.int32()),
]
OPERATIONS: Final = pa.schema(_OPERATION)
"""As `pipeline.plan.Operations` says."""

_DEPENDENCY: Final[list[pa.Field[Any]]] = [
    pa.field("parent", pa.utf8()),
    pa.field("child", pa.utf8()),
    pa.field("call_count", pa.uint64()),
    pa.field("error_count", pa.uint64()),
]
DEPENDENCIES: Final = pa.schema(_DEPENDENCY)
"""As `pipeline.plan.Dependencies` says."""

_METRIC: Final[list[pa.Field[Any]]] = [
    pa.field("metric_name", pa.utf8()),
    pa.field("metric_type", pa.uint8()),
    pa.field("metric_unit", pa.utf8()),
    pa.field("metric_description", pa.utf8()),
    pa.field("aggregation_temporality", pa.int32()),
    pa.field("is_monotonic", pa.bool_()),
    pa.field("series_count", pa.uint64()),
]
METRICS: Final = pa.schema(_METRIC)
"""As `pipeline.plan.Metrics` says."""

INDEX: Final = pa.struct(
    [
        pa.field("table", pa.utf8()),
        pa.field("index", pa.utf8()),
        pa.field("name", pa.utf8()),
        pa.field("condition", pa.utf8()),
        pa.field("parts", pa.uint64()),
        pa.field("parts_of", pa.uint64()),
        pa.field("granules", pa.uint64()),
        pa.field("granules_of", pa.uint64()),
    ]
)
_EXPLAINED: Final[list[pa.Field[Any]]] = [
    pa.field("sql", pa.utf8()),
    pa.field("parameters", pa.utf8()),
    pa.field("indexes", pa.list_(INDEX)),
]
EXPLAINED: Final = pa.schema(_EXPLAINED)
"""One row a statement, as `pipeline.plan.Explain` says."""

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


_SERIES: Final[list[pa.Field[Any]]] = [
    pa.field("series_id", pa.uint64()),
    pa.field("service_name", pa.utf8()),
    pa.field("metric_name", pa.utf8()),
    pa.field("metric_unit", pa.utf8()),
    pa.field("metric_type", pa.uint8()),
    pa.field("aggregation_temporality", pa.int32()),
    pa.field("is_monotonic", pa.bool_()),
    pa.field("resource", pa.utf8()),
    pa.field("scope", pa.utf8()),
    pa.field("attributes", schema.ATTRIBUTES),
]
SERIES: Final = pa.schema(_SERIES)
"""As `pipeline.plan.Series` says."""

_RANGE: Final[list[pa.Field[Any]]] = [
    pa.field("labels", pa.list_(pa.utf8())),
    pa.field("time", pa.uint64()),
    pa.field("value", pa.float64()),
]
RANGE: Final = pa.schema(_RANGE)
"""As `pipeline.plan.Range` says."""
