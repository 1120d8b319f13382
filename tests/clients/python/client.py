"""
Sends numbered spans, log records and data points with the OpenTelemetry SDK for Python.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python client.py 10

OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf or grpc; OTEL_EXPORTER_OTLP_COMPRESSION is none or
gzip. Exits with 0 only when everything was taken.
"""

import logging
import os
import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode

if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

ATTRIBUTES = {
    "text": 'grüße "✓"',
    "flag": True,
    "share": 0.25,
    "largest": 2**63 - 1,
    "texts": ["one", "two"],
    "flags": [True, False],
    "numbers": [1, -2],
    "shares": [0.5, -0.125],
    "bytes": b"\x00\xff",
    "map": {"inner": [1, "two"]},
}
BODY = {"said": "hello", "bytes": b"\x00\xff", "list": [1, "two", {"three": False}]}


class Failures(logging.Handler):
    """Exporters tell of a failure in the log, and nowhere else."""

    seen = False

    def emit(self, record):
        self.seen = True
        print(record.getMessage(), file=sys.stderr)


def send(traces, logs, metrics, count):
    tracer = traces.get_tracer("client", "1.2.3")
    logger = logs.get_logger("client", "1.2.3")
    meter = metrics.get_meter("client", "1.2.3")
    requests = meter.create_counter("client.requests", "{request}")
    load = meter.create_gauge("client.load", "1")
    duration = meter.create_histogram(
        "client.duration", "s", explicit_bucket_boundaries_advisory=[10.0, 20.0]
    )
    sizes = meter.create_histogram("client.sizes", "By")

    with tracer.start_as_current_span("run") as root:
        for index in range(count):
            number = {"number": index}
            with tracer.start_as_current_span(
                "work",
                kind=SpanKind.SERVER,
                attributes=ATTRIBUTES | number,
                links=[Link(root.get_span_context(), number)],
            ) as span:
                span.add_event("step", number)
                if index % 2:
                    span.set_status(StatusCode.ERROR, "odd")
                logger.emit(
                    LogRecord(
                        event_name="client.worked",
                        severity_number=SeverityNumber.WARN,
                        severity_text="WARN",
                        body=BODY,
                        attributes=ATTRIBUTES | number,
                    )
                )
                requests.add(index + 1, number)
                load.set(index + 0.5, number)
                duration.record(index + 0.5, number)
                sizes.record(index + 0.5, number)


def main():
    failures = Failures(logging.ERROR)
    logging.getLogger("opentelemetry").addHandler(failures)
    resource = Resource.create({"client.build": 7, "client.tags": ["a", "b"]})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    exponential = View(
        instrument_type=Histogram,
        instrument_name="client.sizes",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    metrics = MeterProvider([reader], resource, views=[exponential])

    send(traces, logs, metrics, int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    for provider in (traces, logs, metrics):
        provider.shutdown()
    return failures.seen


if __name__ == "__main__":
    sys.exit(main())
