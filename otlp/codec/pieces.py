"""A request taken apart at its record borders, and put together again as one or several.

Works on the wire form: a piece is the serialized record, an envelope the serialized message around
it without its records. Unknown fields stay where they were, on every level, and nothing is copied
more often than once. All field numbers on the way are below 16, so that a tag is one byte.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from otlp.codec.request import Request
from pipeline.signal import Signal

_DATA: Final = "data"
"""Stands for the field of Metric that is set in its oneof of this name."""

PATHS: Final[Mapping[Signal, Sequence[str]]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics", _DATA, "data_points"),
}

_FRAME: Final = 6
"""The most that tag and length of one message take: 1 byte and a varint below 2^35."""


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """A message around records, without them; shared by its pieces, so compared by identity."""

    tag: bytes
    header: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """One record with the envelopes around it, outermost (the request itself) first."""

    envelopes: tuple[Envelope, ...]
    tag: bytes
    body: bytes

    @property
    def overhead(self) -> int:
        """The most that the envelopes take in a request."""
        return sum(len(envelope.header) + _FRAME for envelope in self.envelopes)


def take_apart(signal: Signal, request: Request) -> Iterator[Piece]:
    """Yield the records in their order; consumes the request."""
    return _take_apart(request, b"", PATHS[signal], ())


def _take_apart(
    message: Any, tag: bytes, path: Sequence[str], around: tuple[Envelope, ...]
) -> Iterator[Piece]:
    name = message.WhichOneof(_DATA) if path[0] == _DATA else path[0]
    if name is None:
        return
    field = message.DESCRIPTOR.fields_by_name[name]
    child_tag = bytes([field.number << 3 | 2])
    children = [getattr(message, name)] if path[0] == _DATA else list(getattr(message, name))
    message.ClearField(name)  # the children live on by themselves
    envelopes = (*around, Envelope(tag, message.SerializeToString()))
    if len(path) == 1:
        for child in children:
            yield Piece(envelopes, child_tag, child.SerializeToString())
        return
    for child in children:
        yield from _take_apart(child, child_tag, path[1:], envelopes)


def join(pieces: Iterable[Piece]) -> bytes:
    """Return the request that holds these pieces; neighbours share their common envelopes."""
    return b"".join(_join(list(pieces), 0))


def _join(pieces: Sequence[Piece], depth: int) -> Iterator[bytes]:
    if depth == len(pieces[0].envelopes):
        for piece in pieces:
            yield _framed(piece.tag, piece.body)
        return
    for envelope, group in groupby(pieces, key=lambda piece: piece.envelopes[depth]):
        content = envelope.header + b"".join(_join(list(group), depth + 1))
        yield _framed(envelope.tag, content) if envelope.tag else content


def _framed(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def pack(pieces: Iterable[Piece], bytes_max: int) -> Iterator[list[Piece]]:
    """
    Yield runs of pieces that each join to at most `bytes_max`, in order.

    A piece that may be larger comes alone; what it joins to must be looked at.
    """
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        around = run[-1].envelopes if run else ()
        added = len(piece.body) + _FRAME + _added(piece.envelopes, around)
        if run and size + added > bytes_max:
            yield run
            run = []
            size = 0
            added = len(piece.body) + _FRAME + piece.overhead
        run.append(piece)
        size += added
    if run:
        yield run


def _added(envelopes: tuple[Envelope, ...], around: tuple[Envelope, ...]) -> int:
    if envelopes is around:
        return 0
    return sum(len(envelope.header) + _FRAME for envelope in envelopes if envelope not in around)
