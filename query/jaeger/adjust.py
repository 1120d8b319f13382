"""What is put right before a trace is shown: duplicates, clocks, IDs and names of old clients.

All of it works on tables of whole traces, the spans of each together, and on what was stored:
what comes out can be written in every form.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from query.jaeger import arrays, duplicates, skew, tidy
from query.jaeger.config import JaegerConfig


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Spans as they are shown, and what is said of some, by the number of their row."""

    rows: pa.Table
    warnings: dict[int, list[str]] = field(default_factory=dict)


def shown(rows: pa.Table, config: JaegerConfig, *, raw: bool, more: bool = False) -> Adjusted:
    """
    Return whole traces as they are shown, or raw, within `query.jaeger.trace_spans_max`.

    The first span of a trace of which there is more has a warning that says so; `more`: there is
    of the one trace that this is.
    """
    whole = arrays.runs(rows)
    rows = arrays.first(rows, config.trace_spans_max)
    told = Adjusted(rows) if raw else adjust(rows, config)
    for (_, size), (at, _) in zip(whole, arrays.runs(told.rows), strict=True):
        if more or size > config.trace_spans_max:
            told.warnings.setdefault(at, []).append(config.cut)
    return told


def adjust(rows: pa.Table, config: JaegerConfig) -> Adjusted:
    """
    Return whole traces as they are shown.

    In Jaeger's order: a service without a name gets one; a server's span that shares its client's
    ID gets one of its own; attributes are sorted by key, events by name; what was sent twice is
    there once; clocks are compared (and put right up to `query.jaeger.clock_skew_max`); addresses
    that are numbers are written with dots; what a span says of its library is told of its resource.
    """
    rows = tidy.own_ids(tidy.services(rows))
    rows = tidy.sort(rows)
    rows = duplicates.distinct(rows)
    rows, warnings = skew.correct(rows, int(config.clock_skew_max * 10**9))
    return Adjusted(tidy.library(tidy.addresses(rows)), warnings)
