"""Log records: columns to OTLP's message."""

from collections.abc import Mapping
from typing import Any

from otlp.codec import attributes
from otlp.codec.cells import bytes_or_none
from pipeline.value import EMPTY


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
