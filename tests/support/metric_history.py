"""Histories of metrics: counters that begin anew, gaps, late points, every type and temporality."""

import math
from random import Random

from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from tests.support.stores import NOW, around, attribute

SECOND = 10**9
BEGIN = NOW - 3600 * SECOND
STEP_S = 15


class History:
    """What one series was up to: increments at times, and where it began anew."""

    def __init__(self, random: Random, length: int) -> None:
        self.random = random
        self.start = BEGIN - 600 * SECOND
        self.time = BEGIN - random.randrange(400) * SECOND
        self.length = length

    def points(self):
        """Yield (start, time, begins anew, is a gap)."""
        for _ in range(self.length):
            self.time += self.random.randrange(1, 2 * STEP_S) * SECOND + self.random.randrange(3)
            chance = self.random.random()
            if chance < 0.04:  # with a start time that moves on
                self.start = self.time - self.random.randrange(SECOND)
            yield self.start, self.time, chance < 0.07, 0.07 < chance < 0.1


def request(random: Random, service: str, host: str, length: int):
    """Return a message with a series of every type and temporality."""
    whole = REQUESTS[Signal.METRICS]()
    scope = around(whole.resource_metrics, service).scope_metrics.add()
    scope.scope.name = "lib"
    attribute(whole.resource_metrics[0].resource.attributes, "zone", random.choice("xy"))
    for name, kind, temporality, monotonic in METRICS:
        data = getattr(scope.metrics.add(name=name, unit="s"), kind)
        if temporality:
            data.aggregation_temporality = temporality
        if kind == "sum":
            data.is_monotonic = monotonic
        FILLS[kind](random, data, History(random, length), temporality, host)
    return whole


def _number(random, data, history, temporality, host):
    level: float = 0
    for start, time, anew, gap in history.points():
        point = _point(data, start, time, gap, host)
        step = random.randrange(-3, 4) if not getattr(data, "is_monotonic", False) else 0
        step += random.choice((0, random.randrange(20), random.random()))
        level = step if anew or temporality == 1 else level + step
        if gap:
            continue
        if random.random() < 0.05 and temporality == 0:
            point.as_double = math.nan
        elif float(level).is_integer() and random.random() < 0.8:
            point.as_int = int(level)
        else:
            point.as_double = level


def _histogram(random, data, history, temporality, host):
    bounds = [0.5, 1.0, 2.5, 10.0] if random.random() < 0.7 else [-1.0, 0.0, 5.0]
    counts = [0] * (len(bounds) + 1)
    total = 0.0
    for start, time, anew, gap in history.points():
        if anew and random.random() < 0.3:
            bounds = sorted(random.sample(range(-5, 20), 4))
            counts = [0] * 5
        if anew or temporality == 1:
            counts, total = [0] * len(counts), 0.0
        for _ in range(random.randrange(5)):
            counts[random.randrange(len(counts))] += 1
            total += random.random()
        point = _point(data, start, time, gap, host)
        if not gap:
            point.bucket_counts.extend(counts)
            point.explicit_bounds.extend(map(float, bounds))
            _totals(random, point, sum(counts), total)


def _exponential(random, data, history, temporality, host):
    scale, positive, negative, zero = 3, {}, {}, 0
    for start, time, anew, gap in history.points():
        if anew or temporality == 1:
            positive, negative, zero = {}, {}, 0
            scale = random.randrange(0, 5)
        if scale > 0 and random.random() < 0.1:
            scale -= 1
            positive, negative = (_halved(one) for one in (positive, negative))
        for _ in range(random.randrange(5)):
            side = random.choice((positive, positive, negative))
            index = random.randrange(-8, 16)
            side[index] = side.get(index, 0) + 1
        zero += random.randrange(2)
        point = _point(data, start, time, gap, host)
        if gap:
            continue
        point.scale, point.zero_count = scale, zero
        for side, counts in ((point.positive, positive), (point.negative, negative)):
            if counts:
                side.offset = min(counts)
                every = range(min(counts), max(counts) + 1)
                side.bucket_counts.extend(counts.get(at, 0) for at in every)
        count = zero + sum(positive.values()) + sum(negative.values())
        _totals(random, point, count, float(count))


def _summary(random, data, history, temporality, host):
    count, total = 0, 0.0
    for start, time, anew, gap in history.points():
        step = random.randrange(5)
        count = step if anew else count + step
        total = count * 1.5
        point = _point(data, start, time, gap, host)
        if not gap:
            point.count, point.sum = count, total


def _halved(counts):
    found: dict[int, int] = {}
    for index, count in counts.items():
        found[index >> 1] = found.get(index >> 1, 0) + count
    return found


def _totals(random, point, count, total):
    point.count = count
    if random.random() < 0.9:
        point.sum = total
    if random.random() < 0.5:
        point.min, point.max = total / 10, total + 1


def _point(data, start, time, gap, host):
    point = data.data_points.add(start_time_unix_nano=start, time_unix_nano=time, flags=int(gap))
    attribute(point.attributes, "host", host)
    return point


FILLS = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
METRICS = [
    ("level", "gauge", 0, False),
    ("requests", "sum", 2, True),
    ("requests.delta", "sum", 1, True),
    ("queue", "sum", 2, False),
    ("latency", "histogram", 2, False),
    ("latency.delta", "histogram", 1, False),
    ("size", "exponential_histogram", 2, False),
    ("size.delta", "exponential_histogram", 1, False),
    ("rpc", "summary", 0, False),
]
