"""Log records: OTLP's message to columns, and back."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pipeline.value import EMPTY
from pipeline.window import TimeWindow
from tests.support.plain import attributes
from tests.support.plain.cells import bytes_or_none
from tests.support.plain.columns import Readers
from tests.support.plain.rules import NO_SPAN, NO_TRACE, valid_span_id, valid_trace_id

_AS_SENT: Final = (
    "time_unix_nano",
    "observed_time_unix_nano",
    "severity_number",
    "severity_text",
    "attributes",
    "dropped_attributes_count",
    "flags",
    "event_name",
)
"""Columns that hold the field of the same name."""


def readers(window: TimeWindow, arrived_ns: int) -> Readers:
    """Return how each column is read from a log record."""

    def time(log: LogRecord) -> int:
        return window.effective(log.time_unix_nano, log.observed_time_unix_nano, arrived_ns)

    return {
        **{name: attrgetter(name) for name in _AS_SENT},
        "time": time,
        "body_type": lambda log: attributes.read_value(log.body)[0],
        "body": lambda log: attributes.read_value(log.body)[1],
        "trace_id": lambda log: log.trace_id if valid_trace_id(log.trace_id) else NO_TRACE,
        "span_id": lambda log: log.span_id if valid_span_id(log.span_id) else NO_SPAN,
    }


def write(logs: Any, row: Mapping[str, Any]) -> None:
    """Append a row to a repeated LogRecord field."""
    log = logs.add(
        time_unix_nano=row["time_unix_nano"],
        observed_time_unix_nano=row["observed_time_unix_nano"],
        severity_number=row["severity_number"],
        severity_text=row["severity_text"],
        dropped_attributes_count=row["dropped_attributes_count"],
        flags=row["flags"],
        trace_id=bytes_or_none(row["trace_id"]),
        span_id=bytes_or_none(row["span_id"]),
        event_name=row["event_name"],
    )
    attributes.write(log.attributes, row["attributes"])
    if row["body_type"] != EMPTY:
        attributes.write_value(log.body, row["body_type"], row["body"])
