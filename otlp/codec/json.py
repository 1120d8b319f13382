"""OTLP/JSON to protobuf and back: protobuf's JSON but for IDs, enums and leniency.

The rules are those of the OTLP specification ("JSON Protobuf Encoding"), read leniently:

- keys in lowerCamelCase or snake_case; unknown keys are ignored at any depth; null is absent;
- IDs are hex in either case. What is not hex, or has an odd number of digits, is read as
  `INVALID_ID`, whose length is wrong for any ID: the rules then refuse the one span, drop the one
  link, or take the log's trace as absent, and nothing else of the request is lost;
- other bytes are base64, standard or URL-safe, padded or not;
- integers are numbers (whole floats too) or decimal text; doubles are numbers, decimal text, "NaN",
  "Infinity" or "-Infinity"; enums are numbers, of unknown meaning too, or names;
- a key selects its arm of a oneof, whatever its value; of two arms the last one counts;
- text with half a surrogate pair gets U+FFFD in its place, since protobuf holds UTF-8 only.

Anything else is Rejected with its path.

Usual requests are read natively, by the same rules; what is wrong or odd there is read here.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NoReturn, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from otlp.codec._native import transcode
from otlp.codec.grammar import IDS, grammar
from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.signal import Signal
from pipeline.value import double_text

INVALID_ID: Final = b"\xff"
"""Stands for an ID that is not hex: neither empty nor of any ID's length."""

DEPTH_MAX: Final = 100
"""Nesting of messages, as in protobuf's own parser, which would refuse the result."""

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_Scalar: TypeAlias = Callable[[Any], Any]
_Reader: TypeAlias = Callable[[Any, Any, int], None]
"""Reads a JSON value into its field of the message; the number is the message's depth."""


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """A value that cannot be read; `path` grows from the inside out."""

    def __init__(self, must: str) -> None:
        super().__init__(must)
        self.path: list[str] = []


class Misread(Rejected):
    """A value of OTLP/JSON that cannot be read; `path` leads to it, empty for the whole body."""

    def __init__(self, path: str, must: str) -> None:
        super().__init__(f"{path or 'the body'}: {must}")
        self.path = path


def from_json(signal: Signal, body: bytes) -> bytes:
    """Return an OTLP/JSON request as protobuf; raises Rejected, which for a value is Misread."""
    payload = transcode(grammar(signal), body)
    return from_text(signal, body) if payload is None else payload


def from_text(signal: Signal, body: bytes) -> bytes:
    """Do the same without native code, which leaves to it what is wrong or odd."""
    try:
        content = json.loads(body.decode(), parse_constant=no_constant)
    except RecursionError as error:
        raise Rejected("the body is JSON of too deep nesting") from error
    except ValueError as error:  # text that is not UTF-8, not JSON, or a number of 5,000 digits
        raise Rejected(f"the body is not valid JSON: {error}") from error
    return from_content(signal, content)


def from_content(signal: Signal, content: Any) -> bytes:
    """Return what was parsed of an OTLP/JSON request as protobuf; raises Rejected likewise."""
    request = REQUESTS[signal]()
    try:
        _fill(request, content, 0)
    except _Wrong as wrong:
        path = "".join(reversed(wrong.path)).removeprefix(".")
        raise Misread(path, str(wrong)) from wrong
    return request.SerializeToString()


def no_constant(name: str) -> NoReturn:
    """Refuse what Python's parser takes and JSON has not: NaN and the infinities."""
    raise ValueError(f"{name} is not a JSON number")


def _fill(message: Message, content: Any, depth: int) -> None:
    if not isinstance(content, dict):
        raise _Wrong("must be an object")
    if depth > DEPTH_MAX:
        raise _Wrong(f"must not be nested deeper than {DEPTH_MAX} messages")
    readers = _readers(message.DESCRIPTOR)
    for key, value in content.items():
        read = readers.get(key)
        if read is None or value is None:
            continue
        try:
            read(message, value, depth)
        except _Wrong as wrong:
            wrong.path.append(f".{key}")
            raise


@cache  # one entry for each of OTLP's message types
def _readers(descriptor: Descriptor) -> Mapping[str, _Reader]:
    readers = {}
    for field in descriptor.fields:
        readers[field.name] = readers[field.json_name] = _reader(field)
    return readers


def _reader(field: FieldDescriptor) -> _Reader:
    name = field.name
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _read_messages(name) if field.is_repeated else _read_message(name)
    scalar = _scalar(field)
    return _read_scalars(name, scalar) if field.is_repeated else _read_scalar(name, scalar)


def _read_scalar(name: str, scalar: _Scalar) -> _Reader:
    def read(message: Any, value: Any, _: int) -> None:
        setattr(message, name, scalar(value))

    return read


def _read_scalars(name: str, scalar: _Scalar) -> _Reader:
    def read(message: Any, value: Any, _: int) -> None:
        items = getattr(message, name)
        for index, item in enumerate(_listed(value)):
            try:
                items.append(scalar(item))
            except _Wrong as wrong:
                wrong.path.append(f"[{index}]")
                raise

    return read


def _read_message(name: str) -> _Reader:
    def read(message: Any, value: Any, depth: int) -> None:
        child = getattr(message, name)
        child.SetInParent()  # selects the arm of a oneof, even when the object is empty
        _fill(child, value, depth + 1)

    return read


def _read_messages(name: str) -> _Reader:
    def read(message: Any, value: Any, depth: int) -> None:
        items = getattr(message, name)
        for index, item in enumerate(_listed(value)):
            try:
                # null keeps its place: in an array of values it is the empty one
                _fill(items.add(), {} if item is None else item, depth + 1)
            except _Wrong as wrong:
                wrong.path.append(f"[{index}]")
                raise

    return read


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong("must be an array")
    return value


def _scalar(field: FieldDescriptor) -> _Scalar:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _identifier if field.name in IDS else _bytes
    if field.enum_type is not None:
        return _enum({value.name: value.number for value in field.enum_type.values})
    return _SCALARS[field.cpp_type]


def _identifier(value: Any) -> bytes:
    text = _text(value)
    return bytes.fromhex(text) if _HEX.fullmatch(text) else INVALID_ID


def _bytes(value: Any) -> bytes:
    text = _text(value).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Wrong("must be base64") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be a string")
    return sound(value)


def sound(text: str) -> str:
    """Return a text that UTF-8 has a form for: U+FFFD in the place of half a surrogate pair."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _double(value: Any) -> float:
    if isinstance(value, str):
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if not _NUMBER.fullmatch(value):
            raise _Wrong('must be a number, "NaN", "Infinity" or "-Infinity"')
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong('must be a number, "NaN", "Infinity" or "-Infinity"')
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _Wrong("must be within the range of a double")
    return number


def _integer(smallest: int, largest: int) -> _Scalar:
    def read(value: Any) -> int:
        if isinstance(value, str):
            number = int(value) if _INTEGER.fullmatch(value) else None
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else None
        else:
            number = value if isinstance(value, int) and not isinstance(value, bool) else None
        if number is None or not smallest <= number <= largest:
            raise _Wrong(f"must be an integer from {smallest} to {largest}, a number or its text")
        return number

    return read


_INT32: Final = _integer(-(2**31), 2**31 - 1)

_SCALARS: Final[Mapping[int, _Scalar]] = {
    FieldDescriptor.CPPTYPE_STRING: _text,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _integer(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integer(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer(0, 2**64 - 1),
}


def _enum(names: Mapping[str, int]) -> _Scalar:
    def read(value: Any) -> int:
        number = names.get(value) if isinstance(value, str) else None
        return int(_INT32(value)) if number is None else number

    return read


def to_json(message: Message) -> dict[str, Any]:
    """
    Return a message as OTLP/JSON, ready for `json.dumps`.

    Keys in lowerCamelCase, IDs in lower-case hex, 64-bit integers as text, enums as integers; a
    field at its default is left out unless the message knows that it was set.
    """
    written = {}
    for field, value in message.ListFields():
        name, write = _writer(field)
        written[name] = write(value)
    return written


@cache  # one entry for each field of OTLP's messages
def _writer(field: FieldDescriptor) -> tuple[str, Callable[[Any], Any]]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        write: Callable[[Any], Any] = to_json
    elif field.type == FieldDescriptor.TYPE_BYTES:
        write = bytes.hex if field.name in IDS else _base64
    else:
        write = _WRITERS.get(field.cpp_type, _as_is)
    if field.is_repeated:
        return field.json_name, lambda values: [write(value) for value in values]
    return field.json_name, write


def _as_is(value: Any) -> Any:
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else double_text(value)


_WRITERS: Final[Mapping[int, Callable[[Any], Any]]] = {
    FieldDescriptor.CPPTYPE_INT64: str,
    FieldDescriptor.CPPTYPE_UINT64: str,
    FieldDescriptor.CPPTYPE_DOUBLE: _number,
}
