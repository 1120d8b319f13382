"""Spans: OTLP's message to columns, and back."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.window import TimeWindow
from tests.support.plain import attributes
from tests.support.plain.cells import bytes_or_none, triples
from tests.support.plain.columns import Readers
from tests.support.plain.rules import NO_SPAN, valid_span_id, valid_trace_id

_U32_MAX: Final = 2**32 - 1

_AS_SENT: Final = (
    "trace_id",
    "span_id",
    "trace_state",
    "flags",
    "name",
    "kind",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "attributes",
    "dropped_attributes_count",
    "dropped_events_count",
)
"""Columns that hold the field of the same name."""


def readers(window: TimeWindow, arrived_ns: int) -> Readers:
    """Return how each column is read from a span; the effective time is the start."""
    return {
        **{name: attrgetter(name) for name in _AS_SENT},
        "time": lambda span: window.effective(span.start_time_unix_nano, None, arrived_ns),
        "parent_span_id": lambda span: span.parent_span_id or NO_SPAN,
        "events": lambda span: [_event(event) for event in span.events],
        "links": lambda span: [_link(link) for link in span.links if _valid(link)],
        "dropped_links_count": _dropped_links_count,
        "status_code": attrgetter("status.code"),
        "status_message": attrgetter("status.message"),
    }


def _event(event: Span.Event) -> tuple[Any, ...]:
    return (
        event.time_unix_nano,
        event.name,
        list(attributes.read(event.attributes)),
        event.dropped_attributes_count,
    )


def _link(link: Span.Link) -> tuple[Any, ...]:
    return (
        link.trace_id,
        link.span_id,
        link.trace_state,
        list(attributes.read(link.attributes)),
        link.dropped_attributes_count,
        link.flags,
    )


def _valid(link: Span.Link) -> bool:
    return valid_trace_id(link.trace_id) and valid_span_id(link.span_id)


def _dropped_links_count(span: Span) -> int:
    # Nothing is dropped silently: a link that cannot be kept is counted where OTLP counts them.
    invalid = sum(not _valid(link) for link in span.links)
    return min(span.dropped_links_count + invalid, _U32_MAX)


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
