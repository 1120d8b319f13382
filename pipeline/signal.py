"""The three kinds of telemetry."""

from enum import StrEnum


class Signal(StrEnum):
    """One of OpenTelemetry's signals; the value is the bus subject and the URL segment."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"
