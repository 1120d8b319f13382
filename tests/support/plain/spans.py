"""Spans: OTLP's message to columns."""

from operator import attrgetter
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pipeline.window import TimeWindow
from tests.support.plain import attributes
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
