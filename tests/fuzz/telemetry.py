"""Requests of OTLP by a seed: valid ones, and valid ones with fields that nobody would send."""

import json
from random import Random

from google.protobuf.message import Message

from otlp.codec.json import to_json
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from tests.fuzz.messages import Habits, fill

NOW_NS = 1_790_000_000_000_000_000
TRACE_IDS = tuple(bytes([one]) * 16 for one in range(1, 256))
"""Few, so that traces have many spans, and questions find them."""
SPAN_IDS = tuple(bytes([one]) * 8 for one in range(1, 40))
"""Few, so that spans are their own parents, and there twice."""
_TIMES = tuple(NOW_NS + step for step in (0, 1, 10**6, 10**9 - 1))
_HABITS = Habits(
    there=0.5,
    firm=0.95,
    firm_depth=3,
    usual={
        "trace_id": TRACE_IDS,
        "span_id": SPAN_IDS,
        "parent_span_id": SPAN_IDS,
        "time_unix_nano": _TIMES,
        "start_time_unix_nano": _TIMES,
        "end_time_unix_nano": _TIMES,
        "observed_time_unix_nano": _TIMES,
    },
)


def request(chance: Random, signal: Signal, wild: float) -> Message:
    """Return a request; `wild` is the probability that a field has any value of its type."""
    message = REQUESTS[signal]()
    fill(chance, message, _HABITS, wild)
    return message


def as_json(message: Message) -> bytes:
    """Return the request as OTLP/JSON."""
    return json.dumps(to_json(message), ensure_ascii=False).encode(errors="replace")
