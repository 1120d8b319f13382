"""
Hypothesis strategies of OTLP requests of all three signals, and the form to compare them in.

Hypothesis draws a seed and a size, and a `Sender` makes the request of them: the requests have far
more fields than Hypothesis would draw one by one. A failing case is repeated by its seed.
"""

import math
import struct
from dataclasses import dataclass
from random import Random
from typing import Any

from google.protobuf.message import Message
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otlp.codec.request import REQUESTS
from pipeline.signal import Signal

LAWS = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)

NOW = 1_700_000_000_000_000_000

TEXTS = ("", "a", "api", "é", "\x00", "😀 \u2028", '"\\\n', "service.name", "x" * 300)
# Keys of our own text form among them, which must not be mistaken.
KEYS = (*TEXTS, "$bytes", "$double", "$map", "$")
DOUBLES = (0.0, -0.0, 1.0, 0.1, 1e22, -5e-324, math.inf, -math.inf, math.nan, 2.0**53)
BOUNDS = (-math.inf, -1.5, -0.0, 5e-324, 0.25, 3.0, 1e300, math.inf)
QUANTILES = (0.0, 0.1, 0.5, 0.99, 1.0)
FAULTY_IDS = (b"", bytes(16), b"abc", b"x" * 17)

FIELDS = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What makes a request, and is shown when a law fails."""

    signal: Signal
    seed: int
    size: int
    faults: bool

    def request(self) -> Any:
        return Sender(self).request()


class Sender:
    """Sends anything that OTLP allows: all types, odd values, empty envelopes, extreme numbers."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.random = Random(case.seed)
        self.pick = self.random.choice

    def request(self) -> Any:
        outer, middle, inner = FIELDS[self.case.signal]
        add = {Signal.TRACES: self.span, Signal.LOGS: self.log, Signal.METRICS: self.metric}
        request = REQUESTS[self.case.signal]()
        for _ in range(self.count(self.case.size)):
            around = getattr(request, outer).add(schema_url=self.text())
            self.resource(around.resource)
            for _ in range(self.count(2)):
                group = getattr(around, middle).add(schema_url=self.text())
                self.scope(group.scope)
                for _ in range(self.count(self.case.size)):
                    add[self.case.signal](getattr(group, inner))
        return request

    def count(self, most: int) -> int:
        """Return how many: none now and then."""
        return self.random.randint(0, most) if self.one_in(6) else self.random.randint(1, most)

    def one_in(self, times: int) -> bool:
        return self.random.randrange(times) == 0

    def text(self) -> str:
        return self.pick(TEXTS)

    def unsigned(self, bits: int) -> int:
        return self.pick((0, 1, 2, self.random.getrandbits(bits), 2**bits - 1))

    def signed(self, bits: int) -> int:
        top = 2 ** (bits - 1)
        return self.pick((0, 1, -1, self.random.randrange(-top, top), -top, top - 1))

    def double(self) -> float:
        if self.one_in(3):
            value = float(struct.unpack("<d", self.random.randbytes(8))[0])
            # One NaN only: text has a single one, and its payload means nothing.
            return math.nan if math.isnan(value) else value
        return self.pick(DOUBLES)

    def time(self) -> int:
        return self.pick((0, NOW, NOW - self.random.getrandbits(40), self.unsigned(64)))

    def identifier(self, size: int) -> bytes:
        return self.random.randbytes(size - 1) + b"\x01"

    def maybe(self, value: Any) -> Any:
        return None if self.one_in(3) else value

    def attributes(self, attributes: Any) -> None:
        for _ in range(self.random.randrange(4)):
            self.value(attributes.add(key=self.pick(KEYS)).value, 3)

    def value(self, value: Any, depth: int) -> None:
        arm = self.random.randrange(9 if depth else 7)
        if arm in {1, 2}:
            value.string_value = self.text()
        elif arm == 3:
            value.bool_value = self.pick((False, True))
        elif arm == 4:
            value.int_value = self.signed(64)
        elif arm == 5:
            value.double_value = self.double()
        elif arm == 6:
            value.bytes_value = self.random.randbytes(self.random.randrange(5))
        elif arm == 7:
            value.array_value.SetInParent()
            for _ in range(self.random.randrange(3)):
                self.value(value.array_value.values.add(), depth - 1)
        elif arm == 8:
            value.kvlist_value.SetInParent()
            for _ in range(self.random.randrange(3)):
                pair = value.kvlist_value.values.add(key=self.pick(KEYS))
                self.value(pair.value, depth - 1)

    def resource(self, resource: Any) -> None:
        resource.dropped_attributes_count = self.unsigned(32)
        self.attributes(resource.attributes)
        if self.one_in(3):
            resource.entity_refs.add(
                schema_url=self.text(),
                type=self.text(),
                id_keys=[self.text()],
                description_keys=[self.text() for _ in range(self.random.randrange(3))],
            )

    def scope(self, scope: Any) -> None:
        scope.name = self.text()
        scope.version = self.text()
        scope.dropped_attributes_count = self.unsigned(32)
        self.attributes(scope.attributes)

    def span(self, spans: Any) -> None:
        span = spans.add(
            trace_id=self.identifier(16),
            span_id=self.identifier(8),
            parent_span_id=self.maybe(self.identifier(8)),
            trace_state=self.text(),
            name=self.text(),
            kind=self.signed(32),
            start_time_unix_nano=self.time(),
            end_time_unix_nano=self.time(),
            dropped_attributes_count=self.unsigned(32),
            dropped_events_count=self.unsigned(32),
            dropped_links_count=self.unsigned(32),
            flags=self.unsigned(32),
        )
        self.attributes(span.attributes)
        for _ in range(self.random.randrange(3)):
            event = span.events.add(
                time_unix_nano=self.time(),
                name=self.text(),
                dropped_attributes_count=self.unsigned(32),
            )
            self.attributes(event.attributes)
        for _ in range(self.random.randrange(3)):
            link = span.links.add(
                trace_id=self.identifier(16),
                span_id=self.identifier(8),
                trace_state=self.text(),
                dropped_attributes_count=self.unsigned(32),
                flags=self.unsigned(32),
            )
            self.attributes(link.attributes)
        if self.one_in(2):
            span.status.code = self.pick((0, 1, 2))
            span.status.message = self.text()
        if self.case.faults and self.one_in(2):
            span.trace_id = self.pick(FAULTY_IDS)

    def log(self, logs: Any) -> None:
        log = logs.add(
            time_unix_nano=self.time(),
            observed_time_unix_nano=self.time(),
            severity_number=self.signed(32),
            severity_text=self.text(),
            dropped_attributes_count=self.unsigned(32),
            flags=self.unsigned(32),
            trace_id=self.maybe(self.identifier(16)),
            span_id=self.maybe(self.identifier(8)),
            event_name=self.text(),
        )
        self.value(log.body, 3)
        self.attributes(log.attributes)

    def metric(self, metrics: Any) -> None:
        metric = metrics.add(name=self.text(), description=self.text(), unit=self.text())
        self.attributes(metric.metadata)
        add = {
            "gauge": self.number,
            "sum": self.number,
            "histogram": self.histogram,
            "exponential_histogram": self.exponential_histogram,
            "summary": self.summary,
        }
        arm = self.pick((*add, None))
        if arm is None:
            return
        data = getattr(metric, arm)
        data.SetInParent()
        if arm not in {"gauge", "summary"}:
            data.aggregation_temporality = self.pick((1, 2))
        if arm == "sum":
            data.is_monotonic = self.pick((False, True))
        for _ in range(self.count(self.case.size)):
            point = data.data_points.add(
                start_time_unix_nano=self.time(),
                time_unix_nano=self.time() or NOW,
                flags=self.pick((0, 0, 1, 2, 2**32 - 2)),
            )
            self.attributes(point.attributes)
            add[arm](point)
            if self.case.faults and self.one_in(2):
                point.time_unix_nano = 0

    def number(self, point: Any) -> None:
        self.exemplars(point)
        if not point.flags & 1 or self.one_in(2):
            self.measured(point)

    def measured(self, point: Any) -> None:
        if self.one_in(2):
            point.as_int = self.signed(64)
        else:
            point.as_double = self.double()

    def exemplars(self, point: Any) -> None:
        for _ in range(self.random.randrange(3)):
            exemplar = point.exemplars.add(
                time_unix_nano=self.time(),
                span_id=self.maybe(self.identifier(8)),
                trace_id=self.maybe(self.identifier(16)),
            )
            self.attributes(exemplar.filtered_attributes)
            if not self.one_in(5):
                self.measured(exemplar)

    def population(self, point: Any) -> None:
        self.exemplars(point)
        for name in ("sum", "min", "max"):
            if self.one_in(2):
                setattr(point, name, self.double())

    def histogram(self, point: Any) -> None:
        self.population(point)
        point.explicit_bounds.extend(sorted(self.random.sample(BOUNDS, self.random.randrange(4))))
        point.count = self.unsigned(64)
        if point.explicit_bounds or self.one_in(2):
            counts = [self.unsigned(50) for _ in range(len(point.explicit_bounds) + 1)]
            point.bucket_counts.extend(counts)
            point.count = sum(counts)

    def exponential_histogram(self, point: Any) -> None:
        self.population(point)
        point.scale = self.signed(32)
        point.zero_count = point.count = self.unsigned(50)
        point.zero_threshold = self.double()
        for side in (point.positive, point.negative):
            if self.one_in(3):
                continue
            side.offset = self.signed(32)
            side.bucket_counts.extend(self.unsigned(50) for _ in range(self.random.randrange(4)))
            point.count += sum(side.bucket_counts)

    def summary(self, point: Any) -> None:
        point.count = self.unsigned(64)
        point.sum = self.double()
        for quantile in sorted(self.random.sample(QUANTILES, self.random.randrange(4))):
            point.quantile_values.add(quantile=quantile, value=self.double())


def cases(signal: Signal | None = None, *, faults: bool = False) -> st.SearchStrategy[Case]:
    """Return cases of one signal or of any; with `faults` the rules refuse some records."""
    signals = st.just(signal) if signal else st.sampled_from(list(Signal))
    return st.builds(
        Case, signals, st.integers(0, 2**32 - 1), st.integers(1, 4), faults=st.just(faults)
    )


def requests(signal: Signal | None = None, *, faults: bool = False) -> st.SearchStrategy[Any]:
    """Return (signal, request) of such cases."""
    return cases(signal, faults=faults).map(lambda case: (case.signal, case.request()))


valid = requests()
mixed = requests(faults=True)
VALID = {signal: cases(signal).map(Case.request) for signal in Signal}


def records(signal: Signal, request: Any) -> list[tuple[bytes, ...]]:
    """
    Return each record with what is around it, outermost first, as deterministic bytes.

    How records are grouped, and whether a message without content is there, makes no difference.
    """
    outer, middle, inner = FIELDS[signal]
    found: list[tuple[bytes, ...]] = []
    for around in getattr(request, outer):
        for group in getattr(around, middle):
            head = (_without(around, middle), _without(group, inner))
            for record in getattr(group, inner):
                if signal is not Signal.METRICS:
                    found.append((*head, _bytes(record)))
                elif arm := record.WhichOneof("data"):
                    points = getattr(record, arm).data_points
                    metric = type(record)()
                    metric.CopyFrom(record)
                    getattr(metric, arm).ClearField("data_points")
                    getattr(metric, arm).SetInParent()
                    found.extend((*head, _bytes(metric), _bytes(point)) for point in points)
    return found


def _without(message: Any, field: str) -> bytes:
    shell = type(message)()
    shell.CopyFrom(message)
    shell.ClearField(field)
    return _bytes(shell)


_OPTIONAL = {"status", "body", "positive", "negative", "resource", "scope"}


def _bytes(message: Message) -> bytes:
    copy = type(message)()
    copy.CopyFrom(message)
    _prune(copy)
    return copy.SerializeToString(deterministic=True)


def _prune(message: Any) -> None:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for child in value if field.is_repeated else [value]:
            _prune(child)
        if field.name in _OPTIONAL and not value.ByteSize():
            message.ClearField(field.name)
    if isinstance(message, KeyValue):
        message.value.SetInParent()
