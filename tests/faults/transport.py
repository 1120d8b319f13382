"""One attempt over gRPC or HTTP, and what its answer means to a client that keeps OTLP's rules."""

import http.client
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pipeline.signal import Signal
from tests.support.numbered import METHODS

TIMEOUT_S = 5.0
"""Of one attempt, as a Collector's exporters have it."""

RESPONSES = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
AGAIN_HTTP = {429, 502, 503, 504}
"""OTLP/HTTP, "Retryable Response Codes"."""

AGAIN_GRPC = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""OTLP/gRPC, "Failures"; RESOURCE_EXHAUSTED as well, when it comes with RetryInfo."""

RETRY_INFO = "google.rpc.retryinfo-bin"
RECONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
]


class Verdict(Enum):
    """What a client may do after an attempt."""

    KEPT = auto()
    AGAIN = auto()
    NEVER = auto()


@dataclass(frozen=True)
class Answer:
    """What came back; `hint_s` is how long the server asks to wait, None when it does not say."""

    verdict: Verdict
    said: str
    hint_s: float | None = None


class Transport(Protocol):
    """A client's way to one Aura; it connects anew by itself."""

    def send(self, signal: Signal, body: bytes) -> Answer:
        """Send one Export…ServiceRequest and return its answer, also when there is none."""
        ...

    def close(self) -> None:
        """Leave."""
        ...


class Grpc:
    """One channel, as an SDK keeps it."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=RECONNECT)
        self._calls = {
            signal: self._channel.unary_unary(method) for signal, method in METHODS.items()
        }

    def send(self, signal: Signal, body: bytes) -> Answer:
        """Call Export."""
        try:
            return _kept(signal, self._calls[signal](body, timeout=TIMEOUT_S))
        except grpc.RpcError as error:
            code = error.code()
            hint_s = _retry_info_s(error)
            again = code in AGAIN_GRPC or (
                code is grpc.StatusCode.RESOURCE_EXHAUSTED and hint_s is not None
            )
            verdict = Verdict.AGAIN if again else Verdict.NEVER
            return Answer(verdict, f"{code.name}: {error.details()}", hint_s)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class Http:
    """One connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def send(self, signal: Signal, body: bytes) -> Answer:
        """POST to the signal's path."""
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            self._connection.request("POST", f"/v1/{signal}", body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(Verdict.AGAIN, repr(error))
        if answer.status == 200:
            return _kept(signal, content)
        again = answer.status in AGAIN_HTTP
        hint = answer.getheader("Retry-After") if again else None
        verdict = Verdict.AGAIN if again else Verdict.NEVER
        return Answer(verdict, f"{answer.status}: {content!r}", float(hint) if hint else None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _kept(signal: Signal, content: bytes) -> Answer:
    told = RESPONSES[signal].FromString(content)
    if told.HasField("partial_success"):
        return Answer(Verdict.NEVER, f"refused in part: {told.partial_success}")
    return Answer(Verdict.KEPT, "")


def _retry_info_s(error: grpc.RpcError) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == RETRY_INFO:
            delay = RetryInfo.FromString(value).retry_delay
            return float(delay.seconds + delay.nanos / 1e9)
    return None
