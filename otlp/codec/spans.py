"""Spans: columns to OTLP's message."""

from collections.abc import Mapping
from typing import Any

from otlp.codec import attributes
from otlp.codec.cells import bytes_or_none, triples


def write(spans: Any, row: Mapping[str, Any]) -> None:
    """Append a row to a repeated Span field."""
    span = spans.add(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        trace_state=row["trace_state"],
        parent_span_id=bytes_or_none(row["parent_span_id"]),
        flags=row["flags"],
        name=row["name"],
        kind=row["kind"],
        start_time_unix_nano=row["start_time_unix_nano"],
        end_time_unix_nano=row["end_time_unix_nano"],
        dropped_attributes_count=row["dropped_attributes_count"],
        dropped_events_count=row["dropped_events_count"],
        dropped_links_count=row["dropped_links_count"],
    )
    attributes.write(span.attributes, row["attributes"])
    for event in row["events"] or ():
        held = _held(event)
        attributes.write(span.events.add(**held).attributes, triples(event["attributes"]))
    for link in row["links"] or ():
        held = _held(link)
        attributes.write(span.links.add(**held).attributes, triples(link["attributes"]))
    if row["status_code"] or row["status_message"]:
        span.status.code = row["status_code"]
        span.status.message = row["status_message"]


def _held(struct: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's or a link's fields but its attributes: their names are OTLP's own."""
    return {name: value for name, value in struct.items() if name != "attributes"}
