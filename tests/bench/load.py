"""Export requests of distinct records, cheap to make: templates are encoded once, then patched.

A template is a request whose varying fields (ids, times, tokens, values) hold marks; a request is a
copy of its bytes with fresh values written over the marks. Both sides of the bench make the same
rows from the same `Load`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline.signal import Signal
from tests.bench import templates
from tests.bench.templates import ANCHORS, Mark

REQUEST_RECORDS: Final = 512
"""Records of a request when nothing else is said."""

TEMPLATES: Final = 40
TRACE_SPANS: Final = 8

SECOND_NS: Final = 10**9
PERIOD_NS: Final = 600 * SECOND_NS
"""Spans and logs come evenly over this time."""

SCRAPE_NS: Final = 10 * SECOND_NS
"""Each series has a point this often."""

HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class Load:
    """
    At least so many records of a signal, the newest sent at `end_ns`, in requests of one size.

    The same arguments make the same bytes.
    """

    signal: Signal
    wanted: int
    end_ns: int
    seed: int = 1
    size: int = REQUEST_RECORDS

    @property
    def requests(self) -> int:
        """How many requests hold them, each full."""
        return -(-self.wanted // self.size)

    @property
    def records(self) -> int:
        """How many records there are."""
        return self.requests * self.size

    @property
    def templates(self) -> int:
        """How many requests differ in more than ids, times and values: few where they are large."""
        return max(4, min(TEMPLATES, TEMPLATES * REQUEST_RECORDS // self.size))

    def __iter__(self) -> Iterator[bytes]:
        count = min(self.templates, self.requests)
        made = [
            Template(templates.request(self.signal, number, self.size), ANCHORS[self.signal])
            for number in range(count)
        ]
        for number in range(self.requests):
            rng = np.random.default_rng([self.seed, number])
            fresh = _FRESH[self.signal](self, number, rng)
            yield made[number % count].filled(fresh)


class Template:
    """A request and where its marks are."""

    def __init__(self, encoded: bytes, first: Mark) -> None:
        self._encoded = np.frombuffer(encoded, np.uint8)
        self._places = {mark: _places(encoded, mark) for mark in Mark}
        anchor = self._places[first]
        self._records = {
            mark: np.searchsorted(anchor, places, "right") - 1
            for mark, places in self._places.items()
        }

    def filled(self, fresh: dict[Mark, Bytes]) -> bytes:
        """Return the request with a row of `fresh` over the marks of each record."""
        request = self._encoded.copy()
        for mark, values in fresh.items():
            places = self._places[mark]
            across = np.arange(mark.width)
            request[places[:, None] + across] = values[self._records[mark]]
        return request.tobytes()


def _places(encoded: bytes, mark: Mark) -> np.ndarray[Any, np.dtype[np.int64]]:
    found, at = [], encoded.find(mark.text)
    while at >= 0:
        found.append(at)
        at = encoded.find(mark.text, at + mark.width)
    return np.array(found, np.int64)


def _fixed64(values: Any) -> Bytes:
    """Return numbers as protobuf's fixed64."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)


def _times(load: Load, number: int, rng: np.random.Generator) -> Numbers:
    """Return when the records of a request were: up to five seconds before it was sent."""
    sent = load.end_ns - PERIOD_NS + (number + 1) * PERIOD_NS // load.requests
    late = np.sort(rng.integers(0, 5 * SECOND_NS, load.size, np.uint64))[::-1]
    return np.uint64(sent) - late


def _tokens(rng: np.random.Generator, size: int) -> Bytes:
    return HEX[rng.integers(0, 16, (size, Mark.TOKEN.width), np.uint8)]


def _users(rng: np.random.Generator, size: int) -> Bytes:
    """Return six digits a record, skewed: few users do most."""
    user = (rng.pareto(0.6, size) * 50).astype(np.int64) % 200_000
    return (user[:, None] // 10 ** np.arange(5, -1, -1) % 10 + ord("0")).astype(np.uint8)


def _traces(rng: np.random.Generator, size: int) -> Bytes:
    ids = rng.integers(0, 256, (-(-size // TRACE_SPANS), 16), np.uint8)
    return np.repeat(ids, TRACE_SPANS, axis=0)[:size]


def _spans(load: Load, number: int, rng: np.random.Generator) -> dict[Mark, Bytes]:
    start = _times(load, number, rng)
    end = start + rng.lognormal(15, 1.5, load.size).astype(np.uint64)
    span = rng.integers(0, 256, (load.size, 8), np.uint8)
    return {
        Mark.TRACE: _traces(rng, load.size),
        Mark.SPAN: span,
        Mark.PARENT: np.roll(span, 1, axis=0),
        Mark.START: _fixed64(start),
        Mark.END: _fixed64(end),
        Mark.TOKEN: _tokens(rng, load.size),
        Mark.USER: _users(rng, load.size),
    }


def _logs(load: Load, number: int, rng: np.random.Generator) -> dict[Mark, Bytes]:
    time = _times(load, number, rng)
    return {
        Mark.START: _fixed64(time),
        Mark.END: _fixed64(time + np.uint64(1_000_000)),
        Mark.TRACE: _traces(rng, load.size),
        Mark.SPAN: rng.integers(0, 256, (load.size, 8), np.uint8),
        Mark.TOKEN: _tokens(rng, load.size),
        Mark.USER: _users(rng, load.size),
    }


def _points(load: Load, number: int, rng: np.random.Generator) -> dict[Mark, Bytes]:
    scrape = number // load.templates
    ago = (load.requests - 1) // load.templates - scrape
    time = np.full(load.size, load.end_ns - ago * SCRAPE_NS, np.uint64)
    index = np.arange(load.size)
    double = np.round(20 + 5 * np.sin(scrape / 50 + index) + rng.normal(0, 1, load.size), 3)
    return {
        Mark.END: _fixed64(time),
        Mark.DOUBLE: _fixed64(double),
        Mark.INT: _fixed64((scrape + 1) * (index % 97)),
    }


_Fresh = Callable[[Load, int, np.random.Generator], dict[Mark, Bytes]]
_FRESH: Final[dict[Signal, _Fresh]] = {
    Signal.TRACES: _spans,
    Signal.LOGS: _logs,
    Signal.METRICS: _points,
}
