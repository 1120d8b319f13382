"""Uniquely numbered records of every signal, sent with retries: what was answered is known."""

import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.signal import Signal
from tests.support.aura_process import Aura, poll

PER_REQUEST = 8
KINDS = ("gauge", "histogram", "exponential_histogram", "sum", "summary")
DAY_NS = 86_400 * 10**9
METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
COUNTED = {
    Signal.TRACES: ["spans"],
    Signal.LOGS: ["logs"],
    Signal.METRICS: [
        "number_points",
        "histogram_points",
        "exponential_histogram_points",
        "summary_points",
    ],
}


def stored(aura: Aura, prefix: str = "") -> Counter[str]:
    """Return how often each label of this prefix is stored, over all tables; Aura is down."""
    return counted(aura.sql(*asking(prefix)))


def asking(prefix: str = "") -> list[str]:
    """Return what to ask each table about labels of this prefix; `counted` takes the answers."""
    having = f"GROUP BY 1 HAVING startsWith(label, '{prefix}')"
    statements = []
    for signal, tables in COUNTED.items():
        for table in tables:
            if signal is Signal.METRICS:
                series = "(SELECT series_id, any(attributes) AS a FROM series GROUP BY series_id)"
                statements.append(
                    f"SELECT a.value[1] AS label, count() FROM {table} INNER JOIN {series} AS s "
                    f"USING (series_id) {having}"
                )
            else:
                statements.append(
                    f"SELECT attributes.value[1] AS label, count() FROM {table} {having}"
                )
    return statements


def counted(answers: Iterable[list[list[object]]]) -> Counter[str]:
    """Add up the labels of all tables."""
    counts: Counter[str] = Counter()
    for rows in answers:
        for label, number in rows:
            counts[str(label)] += int(str(number))
    return counts


def labels(name: str, first: int, attempt: int, count: int = PER_REQUEST) -> list[str]:
    """Return what the records of a request are called."""
    return [f"{name}-{number} {attempt}" for number in range(first, first + count)]


def request(signal: Signal, name: str, first: int, attempt: int, count: int = PER_REQUEST) -> bytes:
    """Return records `name`-first … as one request; every second one is of yesterday."""
    now = time.time_ns()
    build: Callable[[str, int, int], bytes] = {
        Signal.TRACES: _traces,
        Signal.LOGS: _logs,
        Signal.METRICS: _metrics,
    }[signal]
    return b"".join(
        build(label, number, now - (number % 2) * DAY_NS)
        for number, label in enumerate(labels(name, first, attempt, count), first)
    )


def _label(attributes, key: str, text: str) -> None:
    one = attributes.add()
    one.key = key
    one.value.string_value = text


def _logs(label: str, _number: int, now: int) -> bytes:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = now
    _label(record.attributes, "label", label)
    return message.SerializeToString()


def _traces(label: str, _number: int, now: int) -> bytes:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
    span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1000
    _label(span.attributes, "label", label)
    return message.SerializeToString()


def _metrics(label: str, number: int, now: int) -> bytes:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name = "numbered"
    kind = KINDS[number % len(KINDS)]
    holder = getattr(metric, kind)
    if kind.endswith(("histogram", "sum")):
        holder.aggregation_temporality = 2
    point = holder.data_points.add()
    if kind in {"gauge", "sum"}:
        point.as_int = number
    point.time_unix_nano = now
    _label(point.attributes, "label", label)
    return message.SerializeToString()


class Sender(threading.Thread):
    """Sends numbered requests of one signal until told to stop; repeats what was not answered."""

    def __init__(
        self, signal: Signal, name: str, port: int, transport: str, pause_s: float = 0.0
    ) -> None:
        super().__init__(daemon=True)
        self.signal, self.label = signal, name
        self.answered: set[str] = set()
        """Labels of the attempts that were answered with success."""
        self.last = ""
        self.sent = 0
        self._port, self._transport, self._pause_s = port, transport, pause_s
        self._stopped = threading.Event()

    def finish(self) -> None:
        self._stopped.set()
        self.join(30)
        assert not self.is_alive()

    def run(self) -> None:
        first = 0
        while not self._stopped.is_set():
            attempt = 0
            while not self._stopped.is_set():
                attempt += 1
                self.sent += 1
                try:
                    kept = self._send(request(self.signal, self.label, first, attempt))
                except (OSError, http.client.HTTPException, grpc.RpcError):
                    kept = False
                if kept:
                    kept_labels = labels(self.label, first, attempt)
                    self.answered.update(kept_labels)
                    self.last = kept_labels[-1]
                    break
                self._stopped.wait(0.02)  # a client's own pause before it tries again
            first += PER_REQUEST
            self._stopped.wait(self._pause_s)

    def _send(self, body: bytes) -> bool:
        if self._transport == "grpc":
            with grpc.insecure_channel(f"127.0.0.1:{self._port}") as channel:
                channel.unary_unary(METHODS[self.signal])(body, timeout=3)
            return True
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3)
        try:
            headers = {"Content-Type": "application/x-protobuf"}
            connection.request("POST", f"/v1/{self.signal}", body, headers)
            return connection.getresponse().status == 200
        finally:
            connection.close()


def settle(aura: Aura, senders: list[Sender]) -> None:
    """Wait until the last answered record of every sender is found."""
    for sender in senders:
        query = f'label="{sender.last}"'
        path = f"/v1/{sender.signal}"
        poll(
            lambda query=query, path=path, sender=sender: aura.ask(path, q=query, start="now-3d")[
                str(sender.signal)
            ],
            30,
            f"{sender.label}: {sender.last} is found",
        )


def check(aura: Aura, load: list[Sender]) -> None:
    """See that each answered record is stored once, and none twice; Aura is down."""
    once(stored(aura), load)


def once(counts: Counter[str], load: list[Sender]) -> None:
    """See that each answered record was counted once, and none twice."""
    answered = set().union(*(one.answered for one in load))
    lost = answered - set(counts)
    doubled = {label: number for label, number in counts.items() if number > 1}
    sent = sum(one.sent for one in load) * PER_REQUEST
    print(
        f"sent {sent}, answered {len(answered)}, stored {len(counts)}, "
        f"lost {len(lost)}, doubled {len(doubled)}"
    )
    assert not lost
    assert not doubled
