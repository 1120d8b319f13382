"""Log records to JSON."""

from collections.abc import Mapping
from typing import Any

from pipeline import value
from query.api import render, times
from query.api.render import Json
from query.language.level import level


def log(row: Mapping[str, Any], sources: render.Sources) -> dict[str, Json]:
    """
    Return a row of a `Records` plan as an object.

    `time` is the effective time; `time_unix_nano` what was sent, "0" when nothing was. `body` is
    text, or the JSON of what else it was, null when there was none. Without a known level, IDs,
    an event name or an observed time these members are left out.
    """
    known = level(row["severity_number"], row["severity_text"])
    optional = {"level": known, "event_name": row["event_name"]}
    return {
        "time": times.text(row["time"]),
        "time_unix_nano": str(row["time_unix_nano"]),
        **render.time("observed_time", row["observed_time_unix_nano"]),
        **{name: text for name, text in optional.items() if text},
        "severity_number": row["severity_number"],
        "severity_text": row["severity_text"],
        "service_name": row["service_name"],
        "body": render.plain(value.decode(row["body_type"], row["body"])),
        **render.identifiers(row, "trace_id", "span_id"),
        "attributes": render.column(row["attributes"]),
        **sources(row),
    }
