"""What live tails tell Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class TailMeters:
    """The series of live tails in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.readers = Gauge("aura_tail_readers", "Live tails that are open", registry=registry)
        self._records = Counter(
            "aura_tail_records",
            "Records for each reader of a live tail, by what became of them",
            ("outcome",),
            registry=registry,
        )

    def count(self, outcomes: Mapping[str, int]) -> None:
        """Count records, each once for every reader that they were for."""
        for outcome, records in outcomes.items():
            if records:
                self._records.labels(outcome).inc(records)
