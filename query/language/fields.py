"""The names of each signal's own fields; every other name is an attribute."""

from collections.abc import Mapping
from typing import Final

from pipeline.schema import METRIC_TYPES
from pipeline.signal import Signal
from query.language.columns import (
    Choice,
    Duration,
    Failed,
    Flag,
    Identifier,
    Kind,
    Number,
    Text,
    Time,
)
from query.language.level import Severity

SPAN_KINDS: Final = {
    "unspecified": 0,
    "internal": 1,
    "server": 2,
    "client": 3,
    "producer": 4,
    "consumer": 5,
}
STATUSES: Final = {"unset": 0, "ok": 1, "error": 2}
TEMPORALITIES: Final = {"unspecified": 0, "delta": 1, "cumulative": 2}

_SERVICE: Final = Text("service_name")
_TIME: Final = Time("time")
_OBSERVED: Final = Time("observed_time_unix_nano")
_START: Final = Time("start_time_unix_nano")
_END: Final = Time("end_time_unix_nano")
_SHARED: Final[Mapping[str, Kind]] = {
    "time": _TIME,
    "timestamp": _TIME,
    "service": _SERVICE,
    "service_name": _SERVICE,
    "service.name": _SERVICE,
    "resource.service.name": _SERVICE,
    "scope.name": Text("scope_name"),
    "scope.version": Text("scope_version"),
}
_STATUS: Final = Choice(
    "status_code",
    STATUSES,
    prefix="status_code_",
    hint=" (an HTTP status is in http.response.status_code)",
)
_TEMPORALITY: Final = Choice(
    "aggregation_temporality", TEMPORALITIES, prefix="aggregation_temporality_"
)
_TYPE: Final = Choice("metric_type", {name: number for number, name in METRIC_TYPES.items()})

COLUMNS: Final[Mapping[Signal, Mapping[str, Kind]]] = {
    Signal.LOGS: {
        **_SHARED,
        "level": Severity(),
        "severity": Severity(),
        "severity_number": Number("severity_number", whole=True),
        "severity_text": Text("severity_text"),
        "body": Text("body"),
        "message": Text("body"),
        "trace_id": Identifier("trace_id", 16),
        "span_id": Identifier("span_id", 8),
        "event_name": Text("event_name"),
        "observed_time": _OBSERVED,
        "observed_timestamp": _OBSERVED,
        "observed_time_unix_nano": _OBSERVED,
    },
    Signal.TRACES: {
        **_SHARED,
        "name": Text("name"),
        "kind": Choice("kind", SPAN_KINDS, prefix="span_kind_"),
        "status": _STATUS,
        "status.code": _STATUS,
        "status_code": _STATUS,
        "status_message": Text("status_message"),
        "status.message": Text("status_message"),
        "error": Failed("status_code", STATUSES["error"]),
        "duration": Duration("duration_ns"),
        "start_time": _START,
        "start_time_unix_nano": _START,
        "end_time": _END,
        "end_time_unix_nano": _END,
        "trace_id": Identifier("trace_id", 16),
        "span_id": Identifier("span_id", 8),
        "parent_span_id": Identifier("parent_span_id", 8),
        "trace_state": Text("trace_state"),
    },
    Signal.METRICS: {
        **_SHARED,
        "name": Text("metric_name"),
        "metric": Text("metric_name"),
        "metric_name": Text("metric_name"),
        "unit": Text("metric_unit"),
        "type": _TYPE,
        "metric_type": _TYPE,
        "temporality": _TEMPORALITY,
        "aggregation_temporality": _TEMPORALITY,
        "monotonic": Flag("is_monotonic"),
        "is_monotonic": Flag("is_monotonic"),
        "value": Number("value"),
        "start_time": _START,
        "start_time_unix_nano": _START,
    },
}
"""Each signal's fields by the names that people type: OpenTelemetry's own and the short forms."""

WORDS: Final = {Signal.LOGS: "body", Signal.TRACES: "name", Signal.METRICS: "metric_name"}
"""The column in which words that stand alone are looked for."""

RECORDS: Final = {Signal.LOGS: "log", Signal.TRACES: "span", Signal.METRICS: "point"}
"""What one record of a signal is called."""
