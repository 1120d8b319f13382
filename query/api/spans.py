"""Spans to JSON, one object each."""

from collections.abc import Mapping
from typing import Any, Final

from query.api import render, times
from query.api.render import Json
from query.language.fields import SPAN_KINDS, STATUSES

KINDS: Final = {number: name for name, number in SPAN_KINDS.items()}
_STATUSES: Final = {number: name for name, number in STATUSES.items()}


def span(row: Mapping[str, Any], sources: render.Sources) -> dict[str, Json]:
    """
    Return a row of spans as an object.

    `start` is the effective time, `start_time_unix_nano` what was sent. An absent parent, message,
    events and links are left out.
    """
    start_ns, end_ns = row["start_time_unix_nano"], row["end_time_unix_nano"]
    message: dict[str, Json] = {"status_message": row["status_message"]}
    return {
        **render.identifiers(row, "trace_id", "span_id", "parent_span_id"),
        "name": row["name"],
        "kind": KINDS.get(row["kind"], "unspecified"),
        "start": times.text(row["time"]),
        "start_time_unix_nano": str(start_ns),
        "duration_ns": render.integer(max(0, end_ns - start_ns)),
        "status": _STATUSES.get(row["status_code"], "unset"),
        **(message if row["status_message"] else {}),
        "service_name": row["service_name"],
        "attributes": render.column(row["attributes"]),
        **_events(row),
        **_links(row),
        **sources(row),
    }


def _events(row: Mapping[str, Any]) -> dict[str, Json]:
    events: list[Json] = [
        {
            **render.time("time", event["time_unix_nano"]),
            "name": event["name"],
            "attributes": render.column(event["attributes"]),
        }
        for event in row["events"]
    ]
    return {"events": events} if events else {}


def _links(row: Mapping[str, Any]) -> dict[str, Json]:
    links: list[Json] = [
        {
            **render.identifiers(link, "trace_id", "span_id"),
            "attributes": render.column(link["attributes"]),
        }
        for link in row["links"]
    ]
    return {"links": links} if links else {}
