"""Plans to messages of proto/aura/v1/storage.proto and back, by the names that both have.

Nothing here knows a plan: what a class looks like is read from its fields, and from the message of
its name. So a new plan needs a class and a message, and nothing else.
"""

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from pipeline import plan as plans
from pipeline.errors import Rejected
from pipeline.plan import Plan

NODES_MAX: Final = 20_000
"""Objects in a plan; the deepest nesting, of 100 messages, is protobuf's own."""

_SET: Final = Path(__file__).with_name("storage.binpb")
"""The descriptors that the build makes of the .proto: they fit every version of protobuf."""

_SCALARS: Final[Mapping[type, frozenset[int]]] = {
    bool: frozenset({FieldDescriptor.TYPE_BOOL}),
    int: frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64}),
    float: frozenset({FieldDescriptor.TYPE_DOUBLE}),
    str: frozenset({FieldDescriptor.TYPE_STRING}),
    bytes: frozenset({FieldDescriptor.TYPE_BYTES}),
}


@cache
def messages() -> Mapping[str, type[Message]]:
    """Return the message classes of the package aura.v1 by their short names."""
    pool = descriptor_pool.Default()  # where gRPC's reflection looks
    for file in descriptor_pb2.FileDescriptorSet.FromString(_SET.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    described = pool.FindFileByName("aura/v1/storage.proto").message_types_by_name
    return {name: message_factory.GetMessageClass(one) for name, one in described.items()}


@cache
def classes() -> Mapping[str, type]:
    """Return the dataclasses and enums that plans are made of by their names."""
    found = {name: one for name, one in vars(plans).items() if isinstance(one, type)}
    return {name: one for name, one in found.items() if is_dataclass(one) or issubclass(one, Enum)}


def encode(plan: Plan) -> bytes:
    """Return a `RunRequest`; raises Rejected for what no message has room for."""
    message: Any = messages()["RunRequest"]()
    _fill(message.plan, plan)
    payload: bytes = message.SerializeToString()
    return payload


def decode(payload: bytes) -> Plan:
    """
    Return the plan of a `RunRequest`; raises Rejected, naming the field that is wrong.

    A field that is not known here is: without it another question would be answered.
    """
    try:
        message: Any = messages()["RunRequest"].FromString(payload)
    except DecodeError as error:
        raise Rejected(f"no message aura.v1.RunRequest, or one nested too deep: {error}") from None
    _all_known(message, "request")
    _all_known(message.plan, "plan")
    found: Plan = _Reader().union(message.plan, "plan")
    return found


def is_union(descriptor: Descriptor) -> bool:
    """Tell whether a message is nothing but one `oneof`."""
    real = [one for one in descriptor.oneofs if not one.name.startswith("_")]
    return len(real) == 1 and len(real[0].fields) == len(descriptor.fields)


def enum_name(member: Enum) -> str:
    """Return the name of an enum's member in the .proto."""
    return f"{snake(type(member).__name__).upper()}_{member.name}"


def snake(name: str) -> str:
    """Return a class's name in lower case with underscores."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _fill(message: Any, value: Any) -> None:
    """Write a value into a message: its class's, a union or a tuple's."""
    described = message.DESCRIPTOR
    if is_union(described):
        if value is not None:
            _set(message, _member(described, value), value)
    elif isinstance(value, tuple):
        for field, element in zip(described.fields, value, strict=True):
            _set(message, field, element)
    else:
        message.SetInParent()  # a class without fields is there as well
        for field in fields(value):
            _set(message, described.fields_by_name[field.name], getattr(value, field.name))


def _set(message: Any, field: FieldDescriptor, value: Any) -> None:
    if value is None:
        return
    try:
        if field.is_repeated and field.message_type:
            for element in value:
                _fill(getattr(message, field.name).add(), element)
        elif field.is_repeated:
            getattr(message, field.name).extend(_plain(field, one) for one in value)
        elif field.message_type:
            _fill(getattr(message, field.name), value)
        else:
            setattr(message, field.name, _plain(field, value))
    except ValueError as error:  # a number beyond 64 bits, text that is no Unicode
        raise Rejected(f"{field.name}: {error}") from None


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_UINT64:
        return min(max(0, value), 2**64 - 1)  # times may be beyond; every backend cuts them so
    return field.enum_type.values_by_name[enum_name(value)].number if field.enum_type else value


def _member(union: Descriptor, value: Any) -> FieldDescriptor:
    kind = type(value)
    for field in union.fields:
        if field.message_type and field.message_type.name == kind.__name__:
            return field
        if not field.message_type and field.type in _SCALARS.get(kind, ()):
            return field
    raise TypeError(f"{union.full_name} has no place for a {kind.__name__}")


class _Reader:
    """Reads one plan; `place` is the path of what is read, for messages."""

    def __init__(self) -> None:
        self._nodes = 0

    def union(self, message: Any, place: str) -> Any:
        """Return the member that is set; raises Rejected when none is."""
        (choice,) = message.DESCRIPTOR.oneofs
        name = message.WhichOneof(choice.name)
        if name is None:
            names = ", ".join(one.name for one in choice.fields)
            raise Rejected(f"{place}: one of {names} is missing")
        return self._value(message, message.DESCRIPTOR.fields_by_name[name], f"{place}.{name}")

    def _message(self, message: Any, place: str, *, optional: bool = False) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise Rejected(f"{place}: a plan has at most {NODES_MAX} parts")
        _all_known(message, place)
        described = message.DESCRIPTOR
        if is_union(described):
            choice = described.oneofs[0].name
            empty = optional and message.WhichOneof(choice) is None
            return None if empty else self.union(message, place)
        cls = classes().get(described.name)
        if cls is None:
            return tuple(self._there(message, one, place) for one in described.fields)
        return cls(**self._fields(message, cls, place))

    def _fields(self, message: Any, cls: type, place: str) -> dict[str, Any]:
        found = {}
        described = message.DESCRIPTOR.fields_by_name
        for field in fields(cls):
            name = field.name
            optional = _optional(cls, name)
            value = self._field(message, described[name], place, optional=optional)
            if value is not None or optional:
                found[name] = value
            elif field.default is MISSING:
                raise Rejected(f"{place}.{name}: it is missing")
        return found

    def _there(self, message: Any, field: FieldDescriptor, place: str) -> Any:
        value = self._field(message, field, place)
        if value is None:
            raise Rejected(f"{place}.{field.name}: it is missing")
        return value

    def _field(
        self, message: Any, field: FieldDescriptor, place: str, *, optional: bool = False
    ) -> Any:
        """Return the value of a field; None: it is not there."""
        place = f"{place}.{field.name}"
        if field.is_repeated:
            values = enumerate(getattr(message, field.name))
            return tuple(
                self._element(field, one, f"{place}[{at}]", optional=optional) for at, one in values
            )
        if field.has_presence and not message.HasField(field.name):
            return None
        return self._value(message, field, place, optional=optional)

    def _value(
        self, message: Any, field: FieldDescriptor, place: str, *, optional: bool = False
    ) -> Any:
        return self._element(field, getattr(message, field.name), place, optional=optional)

    def _element(self, field: FieldDescriptor, value: Any, place: str, *, optional: bool) -> Any:
        if field.message_type:
            return self._message(value, place, optional=optional)
        if field.enum_type:
            return _enum(field.enum_type, value, place)
        return value


def _all_known(message: Message, place: str) -> None:
    unknown = UnknownFieldSet(message)
    if len(unknown):
        number = unknown[0].field_number
        raise Rejected(f"{place}: field {number} is not known here; is it of a newer version?")


def _enum(described: EnumDescriptor, number: int, place: str) -> Enum | None:
    """Return an enum's member; None when it is not said."""
    if number == 0:
        return None
    cls = classes()[described.name]
    known = described.values_by_number.get(number)
    for member in cls:  # type: ignore[attr-defined] # `classes` says that it is an enum
        if known and enum_name(member) == known.name:
            found: Enum = member
            return found
    raise Rejected(f"{place}: {number} is no value of {described.full_name}")


@cache
def _optional(cls: type, name: str) -> bool:
    """Tell whether a field, or each element of it, may be None."""
    hint = hints(cls)[name]
    if get_origin(hint) is tuple:
        hint = get_args(hint)[0]
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


@cache
def hints(cls: type) -> Mapping[str, Any]:
    """Return the types of a class's fields, names resolved."""
    return get_type_hints(cls, vars(plans))
