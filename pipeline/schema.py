"""The Arrow columns of the three signals: the only list of columns.

The decoder makes these columns, processors see them, stores take them. Names and numbers are
OTLP's own (opentelemetry-proto v1). What every signal shares:

- `sequence`: the bus sequence of the message that the record came in;
- `time`: the effective time in Unix nanoseconds, which sorts, partitions and expires: the sent
  time, or for logs without one the observed time, or the arrival when neither is believable;
- `resource`, `scope`: JSON text, once per distinct value (`pipeline/envelope.py`);
- attributes at every level: a list of (key, type, value text), in their order
  (`pipeline/value.py`).

IDs that are absent (a root's parent, a log without a trace) are all zero, as in W3C Trace Context.
"""

from typing import Final

import pyarrow as pa

from pipeline.signal import Signal

TEXT: Final = pa.dictionary(pa.int32(), pa.utf8())
ATTRIBUTE: Final = pa.struct([("key", pa.utf8()), ("type", pa.uint8()), ("value", pa.utf8())])
ATTRIBUTES: Final = pa.list_(ATTRIBUTE)
TRACE_ID: Final = pa.binary(16)
SPAN_ID: Final = pa.binary(8)

EVENT: Final = pa.struct(
    [
        ("time_unix_nano", pa.uint64()),
        ("name", pa.utf8()),
        ("attributes", ATTRIBUTES),
        ("dropped_attributes_count", pa.uint32()),
    ]
)
LINK: Final = pa.struct(
    [
        ("trace_id", TRACE_ID),
        ("span_id", SPAN_ID),
        ("trace_state", pa.utf8()),
        ("attributes", ATTRIBUTES),
        ("dropped_attributes_count", pa.uint32()),
        ("flags", pa.uint32()),
    ]
)
EXEMPLAR: Final = pa.struct(
    [
        ("time_unix_nano", pa.uint64()),
        ("value_double", pa.float64()),  # at most one of the two values is set
        ("value_int", pa.int64()),
        ("span_id", SPAN_ID),
        ("trace_id", TRACE_ID),
        ("filtered_attributes", ATTRIBUTES),
    ]
)
QUANTILE: Final = pa.struct([("quantile", pa.float64()), ("value", pa.float64())])

_SHARED: Final = [
    ("sequence", pa.uint64()),
    ("time", pa.uint64()),
    ("resource", TEXT),
    ("scope", TEXT),
]

SPANS: Final = pa.schema(
    [
        *_SHARED,
        ("trace_id", TRACE_ID),
        ("span_id", SPAN_ID),
        ("parent_span_id", SPAN_ID),
        ("trace_state", TEXT),
        ("flags", pa.uint32()),
        ("name", TEXT),
        ("kind", pa.int32()),
        ("start_time_unix_nano", pa.uint64()),
        ("end_time_unix_nano", pa.uint64()),
        ("attributes", ATTRIBUTES),
        ("dropped_attributes_count", pa.uint32()),
        ("events", pa.list_(EVENT)),
        ("dropped_events_count", pa.uint32()),
        ("links", pa.list_(LINK)),
        ("dropped_links_count", pa.uint32()),
        ("status_code", pa.int32()),
        ("status_message", pa.utf8()),
    ]
)

LOGS: Final = pa.schema(
    [
        *_SHARED,
        ("time_unix_nano", pa.uint64()),
        ("observed_time_unix_nano", pa.uint64()),
        ("severity_number", pa.int32()),
        ("severity_text", TEXT),
        ("body_type", pa.uint8()),
        ("body", pa.utf8()),
        ("attributes", ATTRIBUTES),
        ("dropped_attributes_count", pa.uint32()),
        ("flags", pa.uint32()),
        ("trace_id", TRACE_ID),
        ("span_id", SPAN_ID),
        ("event_name", TEXT),
    ]
)

GAUGE: Final = 5
SUM: Final = 7
HISTOGRAM: Final = 9
EXPONENTIAL_HISTOGRAM: Final = 10
SUMMARY: Final = 11
METRIC_TYPES: Final = {
    GAUGE: "gauge",
    SUM: "sum",
    HISTOGRAM: "histogram",
    EXPONENTIAL_HISTOGRAM: "exponential_histogram",
    SUMMARY: "summary",
}
"""`metric_type`: the number of the field that is set in OTLP's Metric, and its name there."""

NO_RECORDED_VALUE: Final = 1
"""`flags` of a point: a staleness marker, a gap and never a zero."""

# One row is one data point; columns that its type has no use for hold null, zero or nothing.
POINTS: Final = pa.schema(
    [
        *_SHARED,
        ("metric_name", TEXT),
        ("metric_description", TEXT),
        ("metric_unit", TEXT),
        ("metric_metadata", TEXT),  # JSON: a list of [key, type, value]
        ("metric_type", pa.uint8()),
        ("aggregation_temporality", pa.int32()),
        ("is_monotonic", pa.bool_()),
        ("attributes", ATTRIBUTES),
        ("start_time_unix_nano", pa.uint64()),
        ("time_unix_nano", pa.uint64()),
        ("flags", pa.uint32()),
        ("exemplars", pa.list_(EXEMPLAR)),
        ("value_double", pa.float64()),  # gauge and sum: at most one of the two is set
        ("value_int", pa.int64()),
        ("count", pa.uint64()),
        ("sum", pa.float64()),  # null where the sender left it out; never null in a summary
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("bucket_counts", pa.list_(pa.uint64())),
        ("explicit_bounds", pa.list_(pa.float64())),
        ("scale", pa.int32()),
        ("zero_count", pa.uint64()),
        ("zero_threshold", pa.float64()),
        ("positive_offset", pa.int32()),
        ("positive_bucket_counts", pa.list_(pa.uint64())),
        ("negative_offset", pa.int32()),
        ("negative_bucket_counts", pa.list_(pa.uint64())),
        ("quantile_values", pa.list_(QUANTILE)),
    ]
)

SCHEMAS: Final = {Signal.TRACES: SPANS, Signal.LOGS: LOGS, Signal.METRICS: POINTS}
