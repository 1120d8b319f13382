"""The columns of answers, the same from every backend."""

from typing import Any, Final, cast

import pyarrow as pa

from pipeline import schema


def _plain(columns: pa.Schema) -> pa.Schema:
    fields: list[pa.Field[Any]] = [
        field.with_type(pa.utf8()) if pa.types.is_dictionary(field.type) else field
        for field in columns
    ]
    return pa.schema([cast("pa.Field[Any]", pa.field("service_name", pa.utf8())), *fields])


RECORDS: Final = {signal: _plain(columns) for signal, columns in schema.SCHEMAS.items()}
"""The schema's columns, texts as plain strings, and `service_name`."""

SUMMARY: Final = pa.schema(
    [
        pa.field("trace_id", schema.TRACE_ID),
        pa.field("start_ns", pa.uint64()),
        pa.field("end_ns", pa.uint64()),
        pa.field("span_count", pa.uint64()),
        pa.field("error_count", pa.uint64()),
        pa.field("services", pa.list_(pa.utf8())),
        pa.field("root_service", pa.utf8()),
        pa.field("root_name", pa.utf8()),
    ]
)
"""One row a trace, as `pipeline.plan.Traces` says."""
