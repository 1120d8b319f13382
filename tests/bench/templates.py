"""Requests as a Collector sends them, of 50 services of skewed size, with marks to be patched."""

import random
import struct
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from pipeline.signal import Signal

SERVICES, OPERATIONS, REQUEST_RESOURCES = 50, 8, 4
STARTED_NS: Final = 1_700_000_000_000_000_000


class Mark(Enum):
    """What stands in a template where each request has a value of its own."""

    TRACE = b"\xf1" * 16
    SPAN = b"\xf2" * 8
    PARENT = b"\xf3" * 8
    START = b"\xf4" * 8
    END = b"\xf5" * 8
    DOUBLE = b"\xf7" * 8
    INT = b"\xf8" * 8
    TOKEN = b"~" * 16
    USER = b"^" * 6

    @property
    def text(self) -> bytes:
        """The bytes of the mark."""
        value: bytes = self.value
        return value

    @property
    def width(self) -> int:
        """How many bytes it has."""
        return len(self.text)


ANCHORS: Final = {Signal.TRACES: Mark.TRACE, Signal.LOGS: Mark.START, Signal.METRICS: Mark.END}
"""The mark that comes first in every record."""

_START, _END = (struct.unpack("<Q", mark.text)[0] for mark in (Mark.START, Mark.END))
_INT: Final[int] = struct.unpack("<q", Mark.INT.text)[0]
_DOUBLE: Final[float] = struct.unpack("<d", Mark.DOUBLE.text)[0]
_WORDS: Final = [
    "payment",
    "order",
    "cart",
    "refused",
    "timeout",
    "retry",
    "cache",
    "miss",
    "shipped",
    "invoice",
]
_KINDS: Final = ("go", "java", "python")
_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def request(signal: Signal, number: int, records: int) -> bytes:
    """Return the encoded template of this number: `records` records of a few resources."""
    rng = random.Random(number)
    message = _MESSAGES[signal]()
    count = min(REQUEST_RESOURCES, records)
    for index in range(count):
        service = min(int(rng.paretovariate(0.9) * 4) - 4, SERVICES - 1)
        share = range(index * records // count, (index + 1) * records // count)
        around = getattr(message, _AROUND[signal]).add(schema_url=_SCHEMA_URL)
        _resource(around.resource, service, number * REQUEST_RESOURCES + index)
        _FILL[signal](around, rng, service, share)
    encoded: bytes = message.SerializeToString()
    return encoded


_SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.27.0"


def _resource(resource: Any, service: int, pod: int) -> None:
    _attributes(
        resource.attributes,
        {
            "service.name": f"service-{service}",
            "k8s.pod.name": f"pod-{pod}-7c9d8b6f5",
            "host.name": f"node-{pod % 97}.europe-west1.internal",
            "process.pid": 1000 + pod,
            "telemetry.sdk.language": _KINDS[service % 3],
        },
    )


def _attributes(field: Any, values: dict[str, str | int]) -> None:
    for key, value in values.items():
        one = field.add(key=key).value
        if isinstance(value, int):
            one.int_value = value
        else:
            one.string_value = value


def _varying(rng: random.Random, operation: int, count: int) -> dict[str, str | int]:
    """Return attributes as an operation has them: one unique, one skewed, some of few values."""
    few = {
        f"app.attribute_{(operation * 7 + at) % 37}": (
            f"value-{min(int(rng.paretovariate(0.8)), 499)}"
        )
        for at in range(count - 3)
    }
    status = rng.choices((200, 201, 301, 404, 500), (80, 8, 5, 5, 2))[0]
    head = {
        "request.id": Mark.TOKEN.text.decode(),
        "user.id": f"user-{Mark.USER.text.decode()}",
        "http.response.status_code": status,
    }
    return head | few


def _spans(around: Any, rng: random.Random, service: int, share: range) -> None:
    group = around.scope_spans.add()
    group.scope.name, group.scope.version = "io.opentelemetry.http", "1.2"
    for index in share:
        operation = service * OPERATIONS + min(int(rng.paretovariate(1)), OPERATIONS - 1)
        span = group.spans.add(
            trace_id=Mark.TRACE.text,
            span_id=Mark.SPAN.text,
            parent_span_id=b"" if index % 8 == 0 else Mark.PARENT.text,
            flags=257,
            name=f"GET /api/v1/operation_{operation}",
            kind=operation % 5 + 1,
            start_time_unix_nano=_START,
            end_time_unix_nano=_END,
        )
        _attributes(span.attributes, _varying(rng, operation, 8))
        if rng.random() < 0.02:
            span.status.code, span.status.message = 2, "handler failed"
            event = span.events.add(time_unix_nano=_END, name="exception")
            _attributes(
                event.attributes,
                {
                    "exception.type": "ValueError",
                    "exception.stacktrace": f"{Mark.TOKEN.text.decode()}: " + "in handle\n" * 40,
                },
            )
        if rng.random() < 0.002:
            span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)


def _logs(around: Any, rng: random.Random, service: int, share: range) -> None:
    group = around.scope_logs.add()
    group.scope.name = "app.logger"
    for _ in share:
        severity = rng.choices((("INFO", 9), ("WARN", 13), ("ERROR", 17)), (90, 7, 3))[0]
        record = group.log_records.add(
            time_unix_nano=_START,
            observed_time_unix_nano=_END,
            severity_text=severity[0],
            severity_number=severity[1],
            trace_id=Mark.TRACE.text,
            span_id=Mark.SPAN.text,
            flags=1,
        )
        words = " ".join(rng.choices(_WORDS, k=6))
        token, user = Mark.TOKEN.text.decode(), Mark.USER.text.decode()
        record.body.string_value = f"handled {words} request {token} for user {user} in the shop"
        _attributes(record.attributes, _varying(rng, service, 5))


def _points(around: Any, rng: random.Random, service: int, share: range) -> None:
    group = around.scope_metrics.add()
    group.scope.name = "app.meter"
    for first in share[::16]:
        metric = group.metrics.add(name=f"app.metric_{first // 16 % 12}", unit="1")
        add = _KIND[first // 16 % len(_KIND)](metric)
        for index in range(first, min(first + 16, share.stop)):
            point = add(start_time_unix_nano=STARTED_NS, time_unix_nano=_END)
            route = f"/api/v1/operation_{service * OPERATIONS + index % OPERATIONS}"
            labels = {"http.route": route, "http.response.status_code": 200 + index % 5}
            _attributes(point.attributes, labels | {"instance": f"worker-{index}"})


def _gauge(metric: Metric) -> Callable[..., Any]:
    return lambda **times: metric.gauge.data_points.add(as_double=_DOUBLE, **times)


def _sum(metric: Metric) -> Callable[..., Any]:
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    return lambda **times: metric.sum.data_points.add(as_int=_INT, **times)


def _histogram(metric: Metric) -> Callable[..., Any]:
    metric.histogram.aggregation_temporality = 2
    counts = [3, 5, 8, 13, 21, 13, 8, 5, 3, 1, 0]
    return lambda **times: metric.histogram.data_points.add(
        count=sum(counts),
        sum=_DOUBLE,
        bucket_counts=counts,
        explicit_bounds=_BOUNDS,
        **times,
    )


_KIND: Final = (_gauge, _sum, _gauge, _sum, _histogram)
_MESSAGES: Final[dict[Signal, Callable[[], Any]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_AROUND: Final = {
    Signal.TRACES: "resource_spans",
    Signal.LOGS: "resource_logs",
    Signal.METRICS: "resource_metrics",
}
_FILL: Final[dict[Signal, Callable[[Any, random.Random, int, range], None]]] = {
    Signal.TRACES: _spans,
    Signal.LOGS: _logs,
    Signal.METRICS: _points,
}
