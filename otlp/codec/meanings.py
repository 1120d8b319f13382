"""What the keys of plain JSON mean, by signal; `plain.py` lists them for people."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp.codec.instant import NS_MAX, duration_ns, instant_ns, milliseconds_ns
from otlp.codec.record import Fault, Record, identifier, text, write
from otlp.codec.vocabulary import (
    END,
    EVENT_NAME,
    KINDS,
    LEVEL,
    LEVELS,
    MESSAGE,
    PARENT_SPAN_ID,
    SEVERITY_NUMBER,
    SPAN_ID,
    SPAN_START,
    START,
    STATUS_MESSAGE,
    STATUSES,
    TEMPORALITIES,
    TIME,
    TRACE_ID,
    TYPES,
)
from pipeline.signal import Signal

_TRACE: Final = identifier(16)
_SPAN: Final = identifier(8)


def _log(record: Record, now_ns: int) -> LogRecord:
    number = record.take(SEVERITY_NUMBER, _severity_number)
    level = record.take(LEVEL, _level)
    log = LogRecord(
        time_unix_nano=record.take(TIME, instant_ns) or 0,
        observed_time_unix_nano=now_ns,
        severity_text=level[1] if level else "",
        trace_id=record.take(TRACE_ID, _TRACE) or b"",
        span_id=record.take(SPAN_ID, _SPAN) or b"",
        event_name=record.take(EVENT_NAME, text) or "",
    )
    # A number beyond the enum is kept: OTLP's enums are open.
    log.severity_number = number or (level[0] if level else 0)  # type: ignore[assignment]
    record.take(MESSAGE, lambda value: write(log.body, value, "message"), blank=True)
    record.rest(log.attributes)
    return log


def _span(record: Record, now_ns: int) -> Span:
    start = record.take(SPAN_START, instant_ns)
    end = record.take(END, instant_ns)
    length = record.take(("duration",), duration_ns)
    if length is None:
        length = record.take(("duration_ms",), milliseconds_ns)
    if start is None:
        start = max((end or now_ns) - (length or 0), 0)
    if end is None:
        end = min(start + (length or 0), NS_MAX)
    span = Span(
        trace_id=_required(record, TRACE_ID, _TRACE),
        span_id=_required(record, SPAN_ID, _SPAN),
        parent_span_id=record.take(PARENT_SPAN_ID, _SPAN) or b"",
        name=record.take(("name",), text) or "",
        start_time_unix_nano=start,
        end_time_unix_nano=end,
    )
    kind = record.take(("kind",), _choice(KINDS)) or 0
    span.kind = kind  # type: ignore[assignment]
    code = record.take(("status",), _choice(STATUSES)) or 0
    message = record.take(STATUS_MESSAGE, text) or ""
    if code or message:
        span.status.CopyFrom(Status(message=message))
        span.status.code = code  # type: ignore[assignment]
    record.rest(span.attributes)
    return span


def _metric(record: Record, now_ns: int) -> Metric:
    metric = Metric(
        name=_required(record, ("name",), text),
        unit=record.take(("unit",), text) or "",
        description=record.take(("description",), text) or "",
    )
    kind = record.take(("type",), _choice(TYPES)) or 0
    temporality = record.take(("temporality",), _choice(TEMPORALITIES)) or 0
    if kind:
        metric.sum.is_monotonic = kind == 2
        metric.sum.aggregation_temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            if temporality
            else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
    point = (metric.sum if kind else metric.gauge).data_points.add(
        start_time_unix_nano=record.take(START, instant_ns) or 0,
        time_unix_nano=record.take(TIME, instant_ns) or now_ns,
    )
    number = _required(record, ("value",), _number)
    if isinstance(number, int):
        point.as_int = number
    else:
        point.as_double = number
    record.rest(point.attributes)
    return metric


WRITERS: Final[Mapping[Signal, Callable[[Record, int], Any]]] = {
    Signal.LOGS: _log,
    Signal.TRACES: _span,
    Signal.METRICS: _metric,
}
"""Fill a record of the signal from its keys and the time of now; raises Fault."""


def _required(record: Record, names: tuple[str, ...], read: Callable[[Any], Any]) -> Any:
    value = record.take(names, read)
    if value is None or value in (b"", ""):
        raise Fault(names[0], "is required")
    return value


def _level(value: Any) -> tuple[int, str]:
    if isinstance(value, int) and not isinstance(value, bool):
        return _severity_number(value), ""
    name = text(value)
    return LEVELS.get(name.strip().upper(), 0), name


def _severity_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 24:
        raise ValueError("must be a name such as INFO, or a severity number of OpenTelemetry, 1-24")
    return value


def _choice(names: tuple[str, ...]) -> Callable[[Any], int]:
    """Return a reader of one of the names, its number, or its name in OTLP."""

    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
            return value
        # SPAN_KIND_SERVER, STATUS_CODE_OK
        name = value.rpartition("_")[2].lower() if isinstance(value, str) else ""
        if name not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return names.index(name)

    return read


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError("must be within the range of a double") from error
    return value
