"""The export request of each signal: bytes to protobuf's own message."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.errors import Rejected
from pipeline.signal import Signal

Request: TypeAlias = (
    ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest
)

REQUESTS: Final[Mapping[Signal, type[Request]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}


NUMBERS: Final[Mapping[Signal, int]] = {Signal.TRACES: 0, Signal.LOGS: 1, Signal.METRICS: 2}
"""What the native codec calls the signals."""

UNCLEAR: Final = "the body is a request in a form that no sender makes"


def canonical(signal: Signal, payload: bytes) -> bytes:
    """
    Return the same request as protobuf itself writes it: what came twice is merged.

    Raises Rejected as `parse` does.
    """
    return parse(signal, payload).SerializeToString()


def parse(signal: Signal, payload: bytes) -> Request:
    """
    Read a request to its end; protobuf itself bounds the nesting to 100 messages.

    Raises Rejected for what is not a request: broken framing, text that is not UTF-8, deep nesting.
    """
    request = REQUESTS[signal]
    try:
        return request.FromString(payload)
    except DecodeError as error:
        # protobuf says "Error parsing message with type '…': <what>"; the type is in our own words.
        what = str(error).rpartition(": ")[2]
        raise Rejected(
            f"the body ({len(payload)} bytes) is not a valid {request.DESCRIPTOR.name}: {what}"
        ) from error
