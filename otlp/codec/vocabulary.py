"""The names by which records of plain JSON have things, and the words of some of their values."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from otlp.codec import _native
from otlp.codec.pieces import PATHS
from pipeline.signal import Signal

SERVICE: Final = ("service_name", "service.name", "serviceName", "service")
TIME: Final = ("timestamp", "time", "@timestamp")
START: Final = ("start_time", "start", "startTime")
SPAN_START: Final = (*START, *TIME)
END: Final = ("end_time", "end", "endTime")
LEVEL: Final = ("level", "severity", "severity_text", "severityText")
SEVERITY_NUMBER: Final = ("severity_number", "severityNumber")
TRACE_ID: Final = ("trace_id", "traceId")
SPAN_ID: Final = ("span_id", "spanId")
PARENT_SPAN_ID: Final = ("parent_span_id", "parentSpanId")
EVENT_NAME: Final = ("event_name", "eventName")
MESSAGE: Final = ("message", "body", "msg")
STATUS_MESSAGE: Final = ("status_message", "statusMessage")

LEVELS: Final = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "NOTICE": 10,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "ERR": 17,
    "CRITICAL": 21,
    "FATAL": 21,
    "ALERT": 22,
    "EMERGENCY": 23,
}
"""The severity numbers of what loggers call their levels; other texts are kept without one."""

KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")
TYPES: Final = ("gauge", "sum", "counter")
TEMPORALITIES: Final = ("cumulative", "delta")

EXPORTS: Final[Mapping[Signal, tuple[str, str]]] = {
    signal: (snake, snake.split("_")[0] + snake.split("_")[1].capitalize())
    for signal, (snake, *_) in PATHS.items()
}
"""The keys that make an object an export request of the signal."""

_EVERYWHERE: Final[Mapping[str, Sequence[str]]] = {
    "service": SERVICE,
    "resource": ("resource",),
    "attributes": ("attributes",),
    "export": [name for names in EXPORTS.values() for name in names],
}

NAMES: Final[Mapping[Signal, Mapping[str, Sequence[str]]]] = {
    Signal.LOGS: {
        **_EVERYWHERE,
        "time": TIME,
        "level": LEVEL,
        "severity_number": SEVERITY_NUMBER,
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "event_name": EVENT_NAME,
        "message": MESSAGE,
    },
    Signal.TRACES: {
        **_EVERYWHERE,
        "start": SPAN_START,
        "end": END,
        "duration": ("duration",),
        "duration_ms": ("duration_ms",),
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "parent_span_id": PARENT_SPAN_ID,
        "name": ("name",),
        "kind": ("kind",),
        "status": ("status",),
        "status_message": STATUS_MESSAGE,
    },
    Signal.METRICS: {
        **_EVERYWHERE,
        "name": ("name",),
        "unit": ("unit",),
        "description": ("description",),
        "type": ("type",),
        "temporality": ("temporality",),
        "start": START,
        "time": TIME,
        "value": ("value",),
    },
}
"""By signal and role, the names of which the first that a record has counts."""

_WORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "level": {name.lower(): number for name, number in LEVELS.items()},
    **{
        role: {word: number for number, word in enumerate(words)}
        for role, words in {
            "kind": KINDS,
            "status": STATUSES,
            "type": TYPES,
            "temporality": TEMPORALITIES,
        }.items()
    },
}


@cache  # one for each signal
def vocabulary(signal: Signal) -> "_native.Vocabulary":
    """Return the vocabulary of a signal's records, for `_native.read_plain`."""
    return _native.vocabulary(text(signal))


def text(signal: Signal) -> str:
    """Return it as the lines of words that `native/vocabulary.hpp` describes."""
    return "".join(" ".join(map(str, words)) + "\n" for words in _lines(signal))


def _lines(signal: Signal) -> Iterator[tuple[Any, ...]]:
    for role, names in NAMES[signal].items():
        for rank, name in enumerate(names):
            yield "name", role, rank, name
        for word, number in _WORDS.get(role, {}).items():
            yield "word", role, number, word
