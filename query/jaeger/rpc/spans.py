"""Spans of Jaeger's model as messages of its API v2, put in chunks of one trace each.

Every span of a chunk carries its process, and most of its tags others had before it: what is alike
is written once and put together as bytes, which in protobuf is the same message.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import value
from query.jaeger import arrays
from query.jaeger.arrays import Column, Pairs
from query.jaeger.model import Model, Process
from query.jaeger.rpc import idl, times

CHUNK_SPANS_MAX: Final = 10
"""As in Jaeger's own chunks."""

CHUNK_BYTES_MAX: Final = 1024 * 1024
"""Clients take messages of 4 MiB; a span that is larger than this is alone in its chunk."""

_ROWS: Final = 1000
"""Spans that are Python objects at a time."""

_PAIRS_KEPT: Final = 4096
"""Different attributes that are remembered as bytes."""

_PAIR_CHARACTERS_MAX: Final = 256
"""Of the value of one: those that are longer are seldom the same."""

_LENGTH_DELIMITED: Final = 2

_FIELDS: Final = {
    value.STRING: ("v_str", 0),
    value.BOOL: ("v_bool", 1),
    value.INT: ("v_int64", 2),
    value.DOUBLE: ("v_float64", 3),
    value.BYTES: ("v_binary", 4),
}
"""The field of each type of the model, and the type's number in ValueType."""


class Chunks:
    """Writes models; remembers attributes from one to the next."""

    def __init__(self) -> None:
        self._span = idl.message("jaeger.api_v2.Span")
        self._log = idl.message("jaeger.api_v2.Log")
        numbers = self._span.DESCRIPTOR.fields_by_name
        self._tags, self._logs, self._references, self._process = (
            numbers[name].number for name in ("tags", "logs", "references", "process")
        )
        self._fields = self._log.DESCRIPTOR.fields_by_name["fields"].number
        self._remembered = lru_cache(_PAIRS_KEPT)(_pair)

    def of(self, model: Model) -> Iterator[bytes]:
        """Yield the spans of whole traces as messages SpansResponseChunk."""
        processes = [_framed(self._process, _process(one)) for one in model.processes]
        for start, size in arrays.runs(model.spans):
            chunk: list[bytes] = []
            held = 0
            for span in self._spans(model.spans.slice(start, size), processes):
                full = len(chunk) == CHUNK_SPANS_MAX or held + len(span) > CHUNK_BYTES_MAX
                if chunk and full:
                    yield b"".join(chunk)
                    chunk, held = [], 0
                chunk.append(span)
                held += len(span)
            yield b"".join(chunk)

    def _spans(self, spans: pa.Table, processes: list[bytes]) -> Iterator[bytes]:
        """Yield each span as the field `spans` of a chunk."""
        for start in range(0, spans.num_rows, _ROWS):
            rows = spans.slice(start, _ROWS)
            parts = (
                self._plain(rows),
                self._linked(arrays.one(rows["references"])),
                self._pairs(self._tags, arrays.one(rows["tags"])),
                self._logged(arrays.one(rows["logs"])),
                (processes[at] for at in _list(rows["process"])),
            )
            for fields in zip(*parts, strict=True):
                yield _framed(1, b"".join(fields))

    def _plain(self, rows: pa.Table) -> Iterator[bytes]:
        """Yield of each span what is no list, and its warnings."""
        columns = (_list(rows[name]) for name in _PLAIN)
        for trace_id, span_id, name, flags, start_ns, duration_ns, warnings in zip(
            *columns, strict=True
        ):
            span = self._span(
                trace_id=trace_id,
                span_id=span_id,
                operation_name=name,
                flags=flags,
                start_time=times.parts(start_ns),
                duration=times.parts(duration_ns),
                warnings=warnings,
            )
            yield span.SerializeToString()

    def _linked(self, column: Column) -> Iterator[bytes]:
        """Yield each span's references."""
        make = idl.message("jaeger.api_v2.SpanRef")
        flat: Any = pc.list_flatten(column)
        columns = (_list(flat.field(name)) for name in ("follows", "trace_id", "span_id"))
        written = [
            _framed(
                self._references,
                make(trace_id=of, span_id=to, ref_type=int(follows)).SerializeToString(),
            )
            for follows, of, to in zip(*columns, strict=True)
        ]
        return _joined(column, written)

    def _logged(self, column: Column) -> Iterator[bytes]:
        """Yield each span's logs."""
        flat: Any = pc.list_flatten(column)
        fields = self._pairs(self._fields, flat.field("fields"))
        written = [
            _framed(self._logs, self._log(timestamp=times.parts(at)).SerializeToString() + said)
            for at, said in zip(_list(flat.field("time_ns")), fields, strict=True)
        ]
        return _joined(column, written)

    def _pairs(self, number: int, column: Column) -> Iterator[bytes]:
        """Yield each row's attributes as a repeated field of this number."""
        pairs = Pairs.of(column)
        columns = (_list(pairs.keys), pairs.types.tolist(), _list(pairs.values))
        written = [
            (self._remembered if len(text) <= _PAIR_CHARACTERS_MAX else _pair)(
                number, key, kind, text
            )
            for key, kind, text in zip(*columns, strict=True)
        ]
        return _joined(column, written)


_PLAIN: Final = (
    "trace_id",
    "span_id",
    "name",
    "flags",
    "start_ns",
    "duration_ns",
    "warnings",
)


def _process(process: Process) -> bytes:
    made = idl.message("jaeger.api_v2.Process")
    tags = made.DESCRIPTOR.fields_by_name["tags"].number
    written: bytes = made(service_name=process.service).SerializeToString()
    return written + b"".join(_pair(tags, *tag) for tag in process.tags)


def _pair(number: int, key: str, kind: int, text: str) -> bytes:
    """Return an attribute as the field of this number, a KeyValue with only its type's field."""
    name, known = _FIELDS[kind]
    said = {name: value.decode(kind, text)}
    made = idl.message("jaeger.api_v2.KeyValue")(key=key, v_type=known, **said)
    return _framed(number, made.SerializeToString())


def _list(column: Any) -> list[Any]:
    """Return a column as Python has it; texts and IDs by way of numpy, which is faster."""
    plain = arrays.one(column)
    if pa.types.is_nested(plain.type):
        found: list[Any] = plain.to_pylist()
        return found
    numpy: list[Any] = plain.to_numpy(zero_copy_only=False).tolist()
    return numpy


def _joined(column: Column, written: list[bytes]) -> Iterator[bytes]:
    """Yield what was written of the elements of each row's list, put together."""
    at = 0
    for size in pc.list_value_length(column).to_numpy(zero_copy_only=False).tolist():
        yield b"".join(written[at : at + size])
        at += size


def _framed(number: int, payload: bytes) -> bytes:
    """Return a message as a field of another."""
    size = len(payload)
    tag = number << 3 | _LENGTH_DELIMITED  # numbers below 16 take one byte
    if size <= 0x7F:
        return bytes((tag, size)) + payload
    head = bytearray((tag,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
