"""Requests of OTLP by a seed: valid ones, and valid ones with fields that nobody would send."""

import json
from random import Random

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from otlp.codec.json import to_json
from otlp.codec.request import REQUESTS
from pipeline.signal import Signal
from tests.fuzz import chance as odd

NOW_NS = 1_790_000_000_000_000_000
DEPTH_MAX = 9
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-1, 30),
}
_IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


def request(chance: Random, signal: Signal, wild: float) -> Message:
    """Return a request; `wild` is the probability that a field has any value of its type."""
    message = REQUESTS[signal]()
    _fill(chance, message, wild, 0)
    return message


def as_json(message: Message) -> bytes:
    """Return the request as OTLP/JSON."""
    return json.dumps(to_json(message), ensure_ascii=False).encode(errors="replace")


def _fill(chance: Random, message: Message, wild: float, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        envelope = depth < 3 and field.message_type is not None
        # A oneof keeps the last of its arms that is set.
        if chance.random() > (0.95 if envelope else 0.5):
            continue
        if field.is_repeated:
            for _ in range(_many(chance, depth)):
                if field.message_type is None:
                    getattr(message, field.name).append(_scalar(chance, field, wild))
                elif depth < DEPTH_MAX:
                    _fill(chance, getattr(message, field.name).add(), wild, depth + 1)
        elif field.message_type is None:
            setattr(message, field.name, _scalar(chance, field, wild))
        elif depth < DEPTH_MAX:
            child = getattr(message, field.name)
            child.SetInParent()
            _fill(chance, child, wild, depth + 1)


def _many(chance: Random, depth: int) -> int:
    return chance.choice((0, 1, 1, 2, 3)) if depth > 3 else chance.choice((1, 1, 2))


def _scalar(chance: Random, field: FieldDescriptor, wild: float) -> object:
    anything = chance.random() < wild
    if field.type == FieldDescriptor.TYPE_BYTES:
        size = _IDS.get(field.name, 5)
        return odd.noise(chance) if anything else chance.randbytes(size)
    if field.name.endswith("time_unix_nano") and not anything:
        return NOW_NS + chance.randrange(10**9)
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return odd.text(chance) if anything else odd.name(chance)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return chance.choice(odd.DOUBLES) if anything else float(chance.randrange(1000))
    low, high = _INTEGERS[kind]
    return odd.integer(chance, low, high) if anything else chance.randrange(3)
