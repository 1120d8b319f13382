"""Why a door refuses a record: the few names by which the ledger counts."""

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a record; the sentence that its sender is told says more."""

    TRACE_ID = "trace_id"
    SPAN_ID = "span_id"
    PARENT_SPAN_ID = "parent_span_id"
    TIME = "time"
    TEMPORALITY = "temporality"
    VALUE = "value"
    BOUNDS = "bounds"
    BUCKETS = "buckets"
    COUNT = "count"
    QUANTILES = "quantiles"
    SIZE = "size"
    UNREADABLE = "unreadable"
    OTHER = "other"
