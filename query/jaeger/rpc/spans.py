"""Spans of Jaeger's model as messages of its API v2, put in chunks of one trace each.

Every span of a chunk carries its process, and most of its tags others had before it: what is alike
is written once and put together as bytes, which in protobuf is the same message.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from pipeline import value
from query.jaeger import arrays
from query.jaeger.model import Model, Process
from query.jaeger.rpc import idl
from query.jaeger.rpc.times import parts

CHUNK_SPANS_MAX: Final = 10
"""As in Jaeger's own chunks."""

CHUNK_BYTES_MAX: Final = 1024 * 1024
"""Clients take messages of 4 MiB; a span that is larger than this is alone in its chunk."""

_ROWS: Final = 500
"""Spans that are Python objects at a time."""

_TAGS_KEPT: Final = 4096
"""Different tags that are remembered as bytes."""

_TAG_BYTES_MAX: Final = 256
"""Of the value of one: those that are longer are seldom the same."""

_LENGTH_DELIMITED: Final = 2


class Chunks:
    """Writes models; remembers tags from one to the next."""

    def __init__(self) -> None:
        described = idl.message("jaeger.api_v2.Span").DESCRIPTOR.fields_by_name
        self._tags, self._process = (described[name].number for name in ("tags", "process"))
        self._remembered = lru_cache(_TAGS_KEPT)(self._tag)

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

    def _spans(self, rows: pa.Table, processes: list[bytes]) -> Iterator[bytes]:
        """Yield each span as the field `spans` of a chunk."""
        for start in range(0, rows.num_rows, _ROWS):
            for row in rows.slice(start, _ROWS).to_pylist():
                tags = b"".join(self._written(tag) for tag in row["tags"])
                yield _framed(1, _span(row) + tags + processes[row["process"]])

    def _written(self, tag: Mapping[str, Any]) -> bytes:
        text = tag["value"]
        write = self._remembered if len(text) <= _TAG_BYTES_MAX else self._tag
        return write(tag["key"], tag["type"], text)

    def _tag(self, key: str, kind: int, text: str) -> bytes:
        return _framed(self._tags, _pair(key, kind, text).SerializeToString())


def _span(row: Mapping[str, Any]) -> bytes:
    """Return a span without its tags and its process."""
    span = idl.message("jaeger.api_v2.Span")(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        operation_name=row["name"],
        flags=row["flags"],
        start_time=parts(row["start_ns"]),
        duration=parts(row["duration_ns"]),
        warnings=row["warnings"],
    )
    for reference in row["references"]:
        span.references.add(
            trace_id=reference["trace_id"],
            span_id=reference["span_id"],
            ref_type=int(reference["follows"]),
        )
    for log in row["logs"]:
        fields = [_pair(one["key"], one["type"], one["value"]) for one in log["fields"]]
        span.logs.add(timestamp=parts(log["time_ns"]), fields=fields)
    written: bytes = span.SerializeToString()
    return written


def _process(process: Process) -> bytes:
    tags = [_pair(*tag) for tag in process.tags]
    made: bytes = idl.message("jaeger.api_v2.Process")(
        service_name=process.service, tags=tags
    ).SerializeToString()
    return made


def _pair(key: str, kind: int, text: str) -> Any:
    """Return an attribute as a KeyValue, only the field of its type set."""
    name, number = _FIELDS[kind]
    return idl.message("jaeger.api_v2.KeyValue")(
        key=key, v_type=number, **{name: value.decode(kind, text)}
    )


_FIELDS: Final = {
    value.STRING: ("v_str", 0),
    value.BOOL: ("v_bool", 1),
    value.INT: ("v_int64", 2),
    value.DOUBLE: ("v_float64", 3),
    value.BYTES: ("v_binary", 4),
}
"""The field of each type of the model, and the type's number in ValueType."""


def _framed(number: int, payload: bytes) -> bytes:
    """Return a message as a field of another."""
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))  # numbers below 16 take one byte
    size = len(payload)
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
