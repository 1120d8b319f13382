"""What the cache tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter


class CacheMeters:
    """The series of the cache in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "aura_cache_answers",
            "Questions about closed time ranges: hit, miss, stale (something was stored late)",
            ("outcome",),
            registry=registry,
        )
        self._bytes = Counter(
            "aura_cache_bytes", "Bytes of kept answers", ("direction",), registry=registry
        )
        self.errors = Counter(
            "aura_cache_errors", "Operations that Redis did not answer", registry=registry
        )

    def answered(self, outcome: str) -> None:
        """Count a question by what came of the cache."""
        self._answers.labels(outcome).inc()

    def moved(self, direction: str, size: int) -> None:
        """Count the bytes of an answer that was read or written."""
        self._bytes.labels(direction).inc(size)
