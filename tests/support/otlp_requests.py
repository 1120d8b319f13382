"""Export requests in one line, and a door in front of a real memory bus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from time import monotonic
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry

from otlp.config import IngestorConfig
from otlp.door import Door
from otlp.receivers.metrics import Metrics
from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.keyring import Keyring
from pipeline.ports import Message
from pipeline.signal import Signal

NOW_NS = 1_790_000_000_000_000_000
_ids = count(1)


def spans(number: int = 1, *, zero_ids: int = 0, short_ids: int = 0, name: str = "work") -> bytes:
    """Valid spans, then some of a zero trace ID, then some of a 15-byte span ID."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for index in range(number + zero_ids + short_ids):
        span = scope.spans.add(name=name, start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS)
        bad = index - number
        span.trace_id = bytes(16) if 0 <= bad < zero_ids else next(_ids).to_bytes(16, "big")
        span.span_id = next(_ids).to_bytes(15 if bad >= zero_ids else 8, "big")
    return request.SerializeToString()


def logs(number: int = 1) -> bytes:
    """Log records without a trace."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for _ in range(number):
        scope.log_records.add(time_unix_nano=NOW_NS).body.string_value = "hello"
    return request.SerializeToString()


def points(number: int = 1, *, timeless: int = 0) -> bytes:
    """One gauge with valid points, then some without a time."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="load")
    for index in range(number + timeless):
        time = NOW_NS if index < number else 0
        metric.gauge.data_points.add(time_unix_nano=time, as_int=index)
    return request.SerializeToString()


REQUESTS: dict[Signal, Callable[[int], bytes]] = {
    Signal.TRACES: spans,
    Signal.LOGS: logs,
    Signal.METRICS: points,
}


class Gate:
    """A `publish` that notes each message and waits until it is opened."""

    def __init__(self, publish: Callable[[Signal, Message], Awaitable[None]]) -> None:
        self.messages: list[Message] = []
        self.opened = asyncio.Event()
        self._publish = publish

    async def __call__(self, signal: Signal, message: Message) -> None:
        self.messages.append(message)
        await self.opened.wait()
        await self._publish(signal, message)


def memory_bus(**settings: Any) -> MemoryBus:
    return MemoryBus(BusConfig(url="memory://", **settings))


def ingestor(**settings: Any) -> IngestorConfig:
    return IngestorConfig(grpc="127.0.0.1:0", http="127.0.0.1:0", **settings)


def door(
    publish: Callable[[Signal, Message], Awaitable[None]],
    config: IngestorConfig | None = None,
    *,
    message_bytes_max: int = 2**20,
    registry: CollectorRegistry | None = None,
    **parts: Any,
) -> Door:
    metrics = Metrics(registry or CollectorRegistry())
    parts.setdefault("keyring", Keyring())
    config = config or ingestor()
    return Door(publish, config, message_bytes_max=message_bytes_max, metrics=metrics, **parts)


@asynccontextmanager
async def opened(
    receiver: Any,
    publish: Callable[[Signal, Message], Awaitable[None]],
    keyring: Keyring | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Any, Door]]:
    """A receiver on a free port, and the door behind it."""
    config = ingestor(**settings)
    async with (
        door(publish, config, keyring=keyring or Keyring()) as stands,
        receiver(config, stands) as listens,
    ):
        yield listens, stands


async def stored(bus: MemoryBus, signal: Signal) -> Sequence[Message]:
    """All messages of a signal, in one partition."""
    async with bus.read(signal, 0, 0) as reader:
        return [delivery.message for delivery in await reader.take(2**40, 0)]


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for a condition, with a deadline."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "the deadline passed"
        await asyncio.sleep(0.001)
