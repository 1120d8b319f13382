"""The rules of `otlp/codec/rules.py` on protobuf's messages."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp.codec.request import Request
from otlp.codec.rules import (
    BOUNDS,
    BUCKETS,
    COUNT,
    EXPONENTIAL_COUNT,
    PARENT_SPAN_ID,
    QUANTILES,
    SPAN_ID,
    TEMPORALITY,
    TIME,
    TRACE_ID,
    VALUE,
)
from pipeline.schema import NO_RECORDED_VALUE
from pipeline.signal import Signal

NO_TRACE: Final = bytes(16)
NO_SPAN: Final = bytes(8)


def verdicts(signal: Signal, request: Request) -> Iterator[str | None]:
    """
    Yield for each record in its order the rule that it breaks, or None.

    What is counted are spans, log records and data points, never metrics.
    """
    return _VERDICTS[signal](request)


def valid_trace_id(value: bytes) -> bool:
    """Tell whether these bytes are a trace ID (W3C Trace Context)."""
    return len(value) == 16 and value != NO_TRACE


def valid_span_id(value: bytes) -> bool:
    """Tell whether these bytes are a span ID (W3C Trace Context)."""
    return len(value) == 8 and value != NO_SPAN


def _spans(request: Any) -> Iterator[str | None]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from map(_span, scope_spans.spans)


def _span(span: Span) -> str | None:
    if not valid_trace_id(span.trace_id):
        return TRACE_ID
    if not valid_span_id(span.span_id):
        return SPAN_ID
    if len(span.parent_span_id) not in {0, 8}:
        return PARENT_SPAN_ID
    return None


def _logs(request: Any) -> Iterator[str | None]:
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for _ in scope_logs.log_records:
                yield None


def _points(request: Any) -> Iterator[str | None]:
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                yield from _metric(metric)


def _metric(metric: metrics_pb2.Metric) -> Iterator[str | None]:
    arm = metric.WhichOneof("data")
    if arm is None:
        return
    data = getattr(metric, arm)
    # A gauge and a summary have no temporality.
    if getattr(data, "aggregation_temporality", 1) not in {1, 2}:
        for _ in data.data_points:
            yield TEMPORALITY
        return
    check = _POINT[arm]
    for point in data.data_points:
        if not point.time_unix_nano:
            yield TIME
        elif point.flags & NO_RECORDED_VALUE:
            yield None
        else:
            yield check(point)


def _number(point: metrics_pb2.NumberDataPoint) -> str | None:
    return None if point.WhichOneof("value") else VALUE


def _histogram(point: metrics_pb2.HistogramDataPoint) -> str | None:
    counts = point.bucket_counts
    bounds = point.explicit_bounds
    if not counts and not bounds:
        return None
    if len(counts) != len(bounds) + 1:
        return BUCKETS
    # Written so that NaN, which compares as false, is refused; a single NaN has no pair.
    if not all(a < b for a, b in pairwise(bounds)) or (bounds and bounds[0] != bounds[0]):
        return BOUNDS
    # Python's integers do not wrap: counts that only add up modulo 2^64 are refused.
    return None if sum(counts) == point.count else COUNT


def _exponential_histogram(point: metrics_pb2.ExponentialHistogramDataPoint) -> str | None:
    counted = (
        point.zero_count + sum(point.positive.bucket_counts) + sum(point.negative.bucket_counts)
    )
    return None if counted == point.count else EXPONENTIAL_COUNT


def _summary(point: metrics_pb2.SummaryDataPoint) -> str | None:
    quantiles = [value.quantile for value in point.quantile_values]
    within = all(0.0 <= quantile <= 1.0 for quantile in quantiles)
    increasing = all(a < b for a, b in pairwise(quantiles))
    return None if within and increasing else QUANTILES


_POINT: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}

_VERDICTS: Final[Mapping[Signal, Callable[[Any], Iterator[str | None]]]] = {
    Signal.TRACES: _spans,
    Signal.LOGS: _logs,
    Signal.METRICS: _points,
}
