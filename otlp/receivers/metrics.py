"""What the ingestor counts about itself."""

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.signal import Signal

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds of the answering times: from an idle bus to a client's own time-out."""


class Metrics:
    """
    The ingestor's metrics in one registry; no label takes its value from what a client sent.

    Tenants are no label: their number is not bounded, and the ledger counts them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = Counter(
            "aura_ingest_requests",
            "Requests by the code of their answer",
            ["transport", "signal", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "aura_ingest_request_seconds",
            "Time from a request's head to its answer",
            ["transport", "signal"],
            buckets=SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "aura_ingest_bytes", "Decompressed OTLP taken in", ["signal"], registry=registry
        )
        self._accepted = Counter(
            "aura_ingest_accepted_records",
            "Records that the bus acknowledged",
            ["signal"],
            registry=registry,
        )
        self._refused = Counter(
            "aura_ingest_refused_records",
            "Records refused one by one",
            ["signal", "reason"],
            registry=registry,
        )
        self._turned_away = Counter(
            "aura_ingest_turned_away_requests",
            "Requests of tenants beyond their limits: per second, to be sent again, or at once",
            ["limit"],
            registry=registry,
        )
        self._messages = Counter(
            "aura_ingest_messages",
            "Messages published, by how the bus answered",
            ["signal", "outcome"],
            registry=registry,
        )
        self._message_bytes = Counter(
            "aura_ingest_message_bytes",
            "OTLP in the messages that the bus acknowledged",
            ["signal"],
            registry=registry,
        )
        self._buried = Counter(
            "aura_dead_letters_buried",
            "Refused records and unreadable requests that became dead letters",
            ["signal"],
            registry=registry,
        )
        self._dropped = Counter(
            "aura_dead_letters_dropped",
            "Refused ones that did not: many of one request, the queue full, not taken by the bus",
            ["signal", "why"],
            registry=registry,
        )
        self._replayed = Counter(
            "aura_dead_letters_replayed",
            "Dead letters that were sent again, by how that ended",
            ["signal", "outcome"],
            registry=registry,
        )
        # Finding a child by its labels costs more than counting; the sets of labels are small.
        self._answers: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._taken = {
            signal: (self._bytes.labels(signal), self._accepted.labels(signal)) for signal in Signal
        }

    def watch(self, in_flight_bytes: Callable[[], int]) -> None:
        """Show the bytes that unanswered requests hold."""
        gauge = Gauge(
            "aura_ingest_in_flight_bytes",
            "Bytes that unanswered requests hold",
            registry=self._registry,
        )
        gauge.set_function(in_flight_bytes)

    def answered(self, transport: str, signal: Signal | None, code: str, seconds: float) -> None:
        """Count an answer; `signal` is None where the path or method names none."""
        key = transport, signal or "none", code
        children = self._answers.get(key)
        if children is None:
            children = self._requests.labels(*key), self._seconds.labels(*key[:2])
            self._answers[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def admitted(
        self, signal: Signal, size: int, accepted: int, refused: Mapping[str, int]
    ) -> None:
        """Count a request that was answered with success, partial or full."""
        bytes_in, records = self._taken[signal]
        bytes_in.inc(size)
        records.inc(accepted)
        for reason, count in refused.items():
            self._refused.labels(signal, reason).inc(count)

    def turned_away(self, limit: str) -> None:
        """Count a request that its tenant's limits did not let in, by a name of `rates.Why`."""
        self._turned_away.labels(limit).inc()

    def published(self, signal: Signal, size: int, failure: Exception | None) -> None:
        """Count a message and what became of it."""
        outcome = "acknowledged" if failure is None else type(failure).__name__.lower()
        self._messages.labels(signal, outcome).inc()
        if failure is None:
            self._message_bytes.labels(signal).inc(size)

    def letter_buried(self, signal: Signal) -> None:
        """Count a dead letter that the bus has."""
        self._buried.labels(signal).inc()

    def letters_dropped(self, signal: Signal, why: str, number: int = 1) -> None:
        """Count what became no dead letter: "many", "full" or "bus"."""
        self._dropped.labels(signal, why).inc(number)

    def letter_replayed(self, signal: Signal, *, accepted: bool) -> None:
        """Count a dead letter that was sent again."""
        self._replayed.labels(signal, "accepted" if accepted else "refused").inc()
