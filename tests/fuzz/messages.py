"""Messages by their descriptors: filled with what is usual and what nobody sends, or shaken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from tests.fuzz import chance as odd

INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-1, 30),
}
NESTED_MAX = 6
"""From this depth on no arm of a oneof is taken that leads back to it."""


@dataclass(frozen=True)
class Habits:
    """How messages are filled; `there` is how likely a field is, `firm` one that is a message."""

    there: float
    firm: float
    firm_depth: int = 99
    depth_max: int = 9
    usual: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Values by the name of a field, or of its message and itself: `Column.name`."""


def fill(chance: Random, message: Message, habits: Habits, wild: float, depth: int = 0) -> None:
    """Set fields; `wild` is the probability that one has any value of its type."""
    described = message.DESCRIPTOR
    arms = {one.name: _arm(chance, one, depth) for one in described.oneofs}
    for one in described.fields:
        if one.containing_oneof and arms[one.containing_oneof.name] is not one:
            continue
        firm = depth < habits.firm_depth and one.message_type is not None
        if chance.random() < (habits.firm if firm else habits.there):
            _set(chance, message, one, habits, wild, depth)


def _set(
    chance: Random,
    message: Message,
    one: FieldDescriptor,
    habits: Habits,
    wild: float,
    depth: int,
) -> None:
    if one.is_repeated:
        for _ in range(_many(chance, depth)):
            if one.message_type is None:
                getattr(message, one.name).append(_scalar(chance, one, habits, wild))
            elif _is_map(one):
                key, value = one.message_type.fields
                held = getattr(message, one.name)
                held[_scalar(chance, key, habits, wild)] = _scalar(chance, value, habits, wild)
            elif depth < habits.depth_max:
                fill(chance, getattr(message, one.name).add(), habits, wild, depth + 1)
    elif one.message_type is None:
        setattr(message, one.name, _scalar(chance, one, habits, wild))
    elif depth < habits.depth_max:
        child = getattr(message, one.name)
        child.SetInParent()
        fill(chance, child, habits, wild, depth + 1)


def _many(chance: Random, depth: int) -> int:
    return chance.choice((0, 1, 1, 2, 3)) if depth > 3 else chance.choice((1, 1, 2))


def _arm(chance: Random, choice: OneofDescriptor, depth: int) -> FieldDescriptor:
    """Return the arm to take: seldom, and never far down, one that leads back here."""
    flat = [one for one in choice.fields if not _reaches(one.message_type, choice.containing_type)]
    deep = depth >= NESTED_MAX or chance.random() < 0.6
    return chance.choice(flat if flat and deep else list(choice.fields))


@cache
def _reaches(start: Descriptor | None, target: Descriptor) -> bool:
    waiting, seen = [start], set[str]()
    while waiting:
        described = waiting.pop()
        if described is target:
            return True
        if described is not None and described.full_name not in seen:
            seen.add(described.full_name)
            waiting += [one.message_type for one in described.fields]
    return False


def _scalar(chance: Random, one: FieldDescriptor, habits: Habits, wild: float) -> Any:
    if chance.random() < wild:
        return any_value(chance, one)
    both = f"{one.containing_type.name}.{one.name}"
    if usual := habits.usual.get(both) or habits.usual.get(one.name):
        return chance.choice(usual)
    if one.type == FieldDescriptor.TYPE_BYTES:
        return chance.randbytes(5)
    if one.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return odd.name(chance)
    if one.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return float(chance.randrange(1000))
    return chance.randrange(2 if one.cpp_type == FieldDescriptor.CPPTYPE_BOOL else 3)


def any_value(chance: Random, one: FieldDescriptor) -> Any:
    """Return a value of the field's type, likely at one of its edges."""
    if one.type == FieldDescriptor.TYPE_BYTES:
        return odd.noise(chance)
    kind = one.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return odd.text(chance)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return chance.choice(odd.DOUBLES)
    return odd.integer(chance, *INTEGERS[kind])


def shake(chance: Random, message: Message, share: float) -> None:
    """Change about this share of the fields that are set: another value, none, or more of them."""
    for one, held in message.ListFields():
        hit = chance.random() < share
        if hit and chance.random() < 0.3:
            message.ClearField(one.name)
        elif one.is_repeated:
            if hit and len(held) and not _is_map(one):
                held.extend([held[0]] * chance.choice((1, 30)))
            for child in held if one.message_type and not _is_map(one) else ():
                shake(chance, child, share)
        elif one.message_type is not None:
            shake(chance, held, share)
        elif hit:
            setattr(message, one.name, any_value(chance, one))


def _is_map(one: FieldDescriptor) -> bool:
    return bool(one.message_type and one.message_type.GetOptions().map_entry)
