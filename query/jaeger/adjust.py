"""What is put right before a trace is shown: duplicates, clocks, IDs and names of old clients.

All of it works on tables of whole traces, the spans of each together, and on what was stored:
what comes out can be written in every form.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from query.jaeger import duplicates, skew, tidy
from query.jaeger.config import JaegerConfig


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Spans as they are shown, and what is said of some, by the number of their row."""

    rows: pa.Table
    warnings: dict[int, list[str]] = field(default_factory=dict)


def adjust(rows: pa.Table, config: JaegerConfig) -> Adjusted:
    """
    Return whole traces as they are shown.

    In Jaeger's order: a server's span that shares its client's ID gets one of its own; attributes
    are sorted by key, events by name; what was sent twice is there once; clocks are compared (and
    put right up to `query.jaeger.clock_skew_max`); addresses that are numbers are written with
    dots; what a span says of its library is told of its resource.
    """
    rows = tidy.own_ids(rows)
    rows = tidy.sort(rows)
    rows = duplicates.distinct(rows)
    rows, warnings = skew.correct(rows, int(config.clock_skew_max * 10**9))
    return Adjusted(tidy.library(tidy.addresses(rows)), warnings)
