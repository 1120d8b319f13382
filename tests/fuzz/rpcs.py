"""The ports of gRPC: their methods, what is sent to each, and what a right answer of each is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pipeline.rpc.server import HEALTH
from pipeline.signal import Signal
from query.jaeger.rpc import idl, storage, v2, v3
from storage import wire
from storage.pieces import RUN
from tests.fuzz import chance as odd
from tests.fuzz import messages, mutate, plans, telemetry
from tests.fuzz.jaeger import KINDS, OPERATIONS, SERVICES
from tests.fuzz.messages import Habits
from tests.fuzz.telemetry import NOW_NS, TRACE_IDS
from tests.fuzz.wire import compressed
from tests.support.numbered import METHODS

INGEST, STORAGE, JAEGER = "ingestor.grpc", "storage.listen", "query.jaeger.grpc"

Body = Callable[[Random], bytes]
Right = Callable[[Sequence[bytes]], object]
"""Raises for messages that are no answer with the status OK."""


@dataclass(frozen=True)
class Method:
    """A method by its path, what may be sent to it, and what its answers are."""

    path: str
    body: Body
    right: Right
    refuses: str = ""
    """What it says with the status INTERNAL, as Jaeger does: it is not offered."""


def _once(response: type[Message], found: Sequence[bytes]) -> None:
    assert len(found) == 1, f"{len(found)} messages"
    response.FromString(found[0])


def _many(response: type[Message], found: Sequence[bytes]) -> None:
    for one in found:
        response.FromString(one)


def _arrow(found: Sequence[bytes]) -> None:
    response: Any = wire.messages()["RunResponse"]
    pieces = [response.FromString(one).arrow for one in found]
    pa.ipc.open_stream(b"".join(pieces)).read_all().validate(full=True)


def _changed(chance: Random, whole: bytes) -> bytes:
    draw = chance.random()
    if draw < 0.4:
        return whole
    if draw < 0.75:
        return mutate.damaged(chance, whole)
    if draw < 0.8:
        return compressed(chance, whole, "gzip")
    return odd.noise(chance, 400)


def _export(signal: Signal, chance: Random) -> bytes:
    wild = chance.choice((0.0, 0.1, 0.5))
    return _changed(chance, telemetry.request(chance, signal, wild).SerializeToString())


_JAEGER = Habits(
    there=0.5,
    firm=0.9,
    usual={
        **dict.fromkeys(("service", "service_name"), SERVICES),
        **dict.fromkeys(("operation", "operation_name"), OPERATIONS),
        **dict.fromkeys(("key", "span_kind"), (*KINDS, "label", "error", "span.kind")),
        **dict.fromkeys(("value", "string_value"), ("", "x", "true", "clean-traces-0 1")),
        "trace_id": TRACE_IDS,
        "Timestamp.seconds": (0, NOW_NS // 10**9 - 86_400, NOW_NS // 10**9 + 10**8),
        "Duration.seconds": (0, 0, 1, 3600),
        "nanos": (0, 1, 999_999_999),
        "search_depth": (0, 1, 20, 1500, 1501),
    },
)  # fmt: skip
_IDS_V3 = {"trace_id": tuple(one.hex() for one in TRACE_IDS)}
_JAEGER_V3 = Habits(_JAEGER.there, _JAEGER.firm, usual={**_JAEGER.usual, **_IDS_V3})


def _asked(request: type[Message], habits: Habits, chance: Random) -> bytes:
    message: Any = request()
    messages.fill(chance, message, habits, chance.choice((0.0, 0.02, 0.2)))
    search = message.query if "query" in message.DESCRIPTOR.fields_by_name else None
    # A filter is always refused: it is there seldom, else little else is tried.
    if isinstance(search, Message) and chance.random() < 0.95:
        for field, _ in search.ListFields():
            if field.name == "filter":
                search.ClearField("filter")
    whole: bytes = message.SerializeToString()
    return whole if chance.random() < 0.7 else _changed(chance, whole)


def _health(chance: Random) -> bytes:
    name = chance.choice(("", "aura.v1.Storage", v2.SERVICE, odd.text(chance)))
    return _changed(chance, HealthCheckRequest(service=name).SerializeToString())


_ANSWERS = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
_EXPORTS = {
    signal: Method(METHODS[signal], partial(_export, signal), partial(_once, _ANSWERS[signal]))
    for signal in Signal
}
_HEALTH = Method(HEALTH, _health, partial(_once, HealthCheckResponse))
_STORAGE = (storage.TRACES, storage.DEPENDENCIES, storage.CAPABILITIES)
_NO_ARCHIVE = "archive span storage was not configured"


def _of_jaeger(service: str) -> list[Method]:
    habits = _JAEGER_V3 if service == v3.SERVICE else _JAEGER
    return [
        Method(
            one.path,
            partial(_asked, one.request, habits),
            partial(_many if one.streams else _once, one.response),
            _NO_ARCHIVE if name == "ArchiveTrace" else "",
        )
        for name, one in idl.methods(service).items()
    ]


PORTS: dict[str, tuple[Method, ...]] = {
    INGEST: (*_EXPORTS.values(), *_EXPORTS.values(), *_EXPORTS.values(), _HEALTH),
    STORAGE: (*[Method(RUN, plans.payload, _arrow)] * 9, _HEALTH),
    JAEGER: (
        *(
            method
            for service in (v2.SERVICE, v3.SERVICE, *_STORAGE)
            for method in _of_jaeger(service)
        ),
        _EXPORTS[Signal.TRACES],
        _HEALTH,
    ),
}
"""The methods of each port, by the setting of its address."""
