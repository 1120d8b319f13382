"""The answers of success: nothing to say, or exactly how many records were refused."""

from typing import Final

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp.door import Outcome
from pipeline.rpc.status import printable
from pipeline.signal import Signal

RESPONSES: Final[dict[Signal, tuple[type[Message], str]]] = {
    Signal.TRACES: (ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: (ExportMetricsServiceResponse, "rejected_data_points"),
}


def protobuf(signal: Signal, outcome: Outcome) -> bytes:
    """Return an Export…ServiceResponse; zero bytes where everything was taken without remark."""
    if not outcome.refused and not outcome.message:
        return b""
    return _partial(signal, outcome).SerializeToString()


def json(signal: Signal, outcome: Outcome) -> bytes:
    """Return the same as OTLP/JSON; `{}` where everything was taken without remark."""
    if not outcome.refused and not outcome.message:
        return b"{}"
    message = _partial(signal, outcome)
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()


def _partial(signal: Signal, outcome: Outcome) -> Message:
    kind, field = RESPONSES[signal]
    partial = {field: outcome.refused, "error_message": printable(outcome.message)}
    return kind(partial_success=partial)
