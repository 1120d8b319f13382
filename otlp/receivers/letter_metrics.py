"""What is counted about dead letters."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from pipeline.letter import Pile
from pipeline.signal import Signal


class LetterMetrics:
    """The ingestor's metrics of dead letters in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._written = Counter(
            "aura_dead_letters_written",
            "Letters of refused records and requests that are kept",
            ["signal"],
            registry=registry,
        )
        self._dropped = Counter(
            "aura_dead_letters_dropped",
            "Letters that are not kept: too many waited, the bus did not take them, Aura stopped",
            ["signal", "why"],
            registry=registry,
        )
        self._replayed = Counter(
            "aura_dead_letters_replayed",
            "Letters that were sent again, by whether they were taken",
            ["signal", "outcome"],
            registry=registry,
        )
        self._letters = Gauge(
            "aura_dead_letters", "Letters that are kept, buried messages too", registry=registry
        )
        self._bytes = Gauge(
            "aura_dead_letters_bytes", "What they take on the bus", registry=registry
        )
        self._oldest = Gauge(
            "aura_dead_letters_oldest_timestamp_seconds",
            "When the oldest was kept, 0 when there is none",
            registry=registry,
        )

    def written(self, signal: Signal) -> None:
        """Count a letter that the bus has."""
        self._written.labels(signal).inc()

    def dropped(self, signal: Signal, why: str, number: int = 1) -> None:
        """Count letters that are lost: "full", "bus" or "stopped"."""
        self._dropped.labels(signal, why).inc(number)

    def replayed(self, signal: Signal, *, accepted: bool) -> None:
        """Count a letter that was sent again."""
        self._replayed.labels(signal, "accepted" if accepted else "refused").inc()

    def pile(self, pile: Pile) -> None:
        """Show what there is."""
        self._letters.set(pile.letters)
        self._bytes.set(pile.bytes)
        self._oldest.set((pile.oldest_ns or 0) / 1e9)
