"""What the router tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.ports import Group
from pipeline.signal import Signal

_LOG = ("signal", "partition")


class RouterMeters:
    """The router's series in one registry; `of` gives those of one log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "aura_router_records",
            "Records by what became of them",
            (*_LOG, "outcome"),
            registry=registry,
        )
        self.groups = Counter("aura_router_groups", "Groups committed", _LOG, registry=registry)
        self.failures = Counter(
            "aura_router_failures",
            "Attempts that failed and were repeated",
            _LOG,
            registry=registry,
        )
        self.lost = Counter(
            "aura_router_lost_messages",
            "Messages that the bus forgot before they were committed",
            _LOG,
            registry=registry,
        )
        self.position = Gauge(
            "aura_router_position", "Last committed sequence", _LOG, registry=registry
        )
        self.seconds = Histogram(
            "aura_router_seconds", "Time of a step of a group", (*_LOG, "step"), registry=registry
        )

    def of(self, signal: Signal, partition: int) -> "LogMeters":
        """Return the series of one signal and partition."""
        return LogMeters(self, (signal.value, str(partition)))


class LogMeters:
    """The series of one log of the bus."""

    def __init__(self, meters: RouterMeters, labels: tuple[str, str]) -> None:
        self._meters = meters
        self._labels = labels

    def prepared(self, seconds: float) -> None:
        """Note how long it took to decode and process a group."""
        self._meters.seconds.labels(*self._labels, "prepare").observe(seconds)

    def committed(self, group: Group, seconds: float) -> None:
        """Note a committed group and its ledger."""
        self._meters.seconds.labels(*self._labels, "commit").observe(seconds)
        self._meters.groups.labels(*self._labels).inc()
        self._meters.position.labels(*self._labels).set(group.commit.last)
        for counts in group.counts.values():
            for outcome in ("stored", "filtered", "sampled", "buried"):
                taken = getattr(counts, outcome)
                if taken:
                    self._meters.records.labels(*self._labels, outcome).inc(taken)

    def failed(self) -> None:
        """Note an attempt that has to be repeated."""
        self._meters.failures.labels(*self._labels).inc()

    def lost(self, messages: int) -> None:
        """Note messages that were gone before they were committed."""
        self._meters.lost.labels(*self._labels).inc(messages)
