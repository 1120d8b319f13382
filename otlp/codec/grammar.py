"""What the native codec knows of OTLP/JSON: written from protobuf's own descriptors."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from otlp.codec import _native
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal

IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
"""The fields that are hex in OTLP/JSON: no other field of any message has one of these names."""

_HEX: Final = 0
"""Stands for the type of such a field, beside protobuf's own numbers of types."""


@cache  # one for each signal
def grammar(signal: Signal) -> "_native.Grammar":
    """Return the grammar of a signal's request, for `_native.transcode`."""
    return _native.grammar(text(signal))


def text(signal: Signal) -> str:
    """Return it as the lines of words that `native/grammar.hpp` describes."""
    return "".join(" ".join(map(str, words)) + "\n" for words in _lines(signal))


def _lines(signal: Signal) -> Iterator[tuple[Any, ...]]:
    messages = [REQUESTS[signal].DESCRIPTOR]
    enums: list[Any] = []
    for number, message in enumerate(messages):  # grows while it is walked
        for field in message.fields:
            target = _place(messages, field.message_type) + _place(enums, field.enum_type)
            yield "field", number, *_field(message, field), target, field.name, field.json_name
    for number, enum in enumerate(enums):
        for value in enum.values:
            yield "value", number, value.number, value.name


def _field(message: Descriptor, field: FieldDescriptor) -> tuple[int, ...]:
    """Return its number, type, whether it is repeated, packed, has presence, and its oneof."""
    kind = _HEX if field.type == FieldDescriptor.TYPE_BYTES and field.name in IDS else field.type
    arm = 1 + message.oneofs.index(field.containing_oneof) if field.containing_oneof else 0
    flags = map(int, (field.is_repeated, field.is_packed, field.has_presence))
    return field.number, kind, *flags, arm


def _place(known: list[Any], descriptor: Any) -> int:
    """Return the place of a descriptor among the known ones, or 0 where there is none."""
    if descriptor is None:
        return 0
    if descriptor not in known:
        known.append(descriptor)
    return known.index(descriptor)
