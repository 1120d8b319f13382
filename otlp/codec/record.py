"""One record of plain JSON, key by key: what is taken has a meaning, what is left is attributes."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otlp.codec.json import sound
from otlp.codec.vocabulary import SERVICE

Read = TypeVar("Read")

DEPTH_MAX: Final = 30
"""Objects and arrays in each other: three messages each, and protobuf stops at 100."""


class Fault(Exception):  # noqa: N818 - a verdict on one record, named as one
    """What is wrong with a record, and with which key."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class Record:
    """The keys of one record that nobody has taken yet."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._left = {key: value for key, value in content.items() if value is not None}

    def take(
        self, names: tuple[str, ...], read: Callable[[Any], Read], *, blank: bool = False
    ) -> Read | None:
        """
        Read the value of the first of these names that is there; the others stay attributes.

        Empty text is taken as nothing, or read where it may be `blank`. Raises Fault where `read`
        raises ValueError.
        """
        for name in names:
            if name in self._left:
                value = self._left.pop(name)
                if value == "" and not blank:
                    continue
                try:
                    return read(value)
                except ValueError as error:
                    raise Fault(name, str(error)) from error
        return None

    def resource(self) -> Resource:
        """Take the service and, where it is an object, `resource`."""
        resource = Resource()
        around = self._object("resource")
        service = None
        for name in SERVICE:
            if isinstance(self._left.get(name), str):
                service = self._left.pop(name)
                break
        if service:
            around.pop("service.name", None)
            write(resource.attributes.add(key="service.name").value, service, "service_name")
        attributes(resource.attributes, around, "resource.")
        return resource

    def rest(self, into: Any) -> None:
        """Append all that is left, and what is in `attributes`, as attributes."""
        named = self._object("attributes")
        attributes(into, self._left, "")
        attributes(into, named, "attributes.")

    def _object(self, name: str) -> dict[str, Any]:
        if not isinstance(self._left.get(name), dict):
            return {}
        return dict(self._left.pop(name))


def attributes(into: Any, content: Mapping[str, Any], path: str) -> None:
    """Append each key as an attribute with its type; null is nothing."""
    for key, value in content.items():
        if value is not None:
            write(into.add(key=sound(key)).value, value, path + key)


def write(  # noqa: C901 - a table of JSON's types
    value: AnyValue, content: Any, key: str, depth: int = 0
) -> None:
    """Set a value as JSON types it; an integer beyond 64 bits keeps its digits, as text."""
    if depth > DEPTH_MAX:
        raise Fault(key, f"must not be nested deeper than {DEPTH_MAX}")
    if isinstance(content, str):
        value.string_value = sound(content)
    elif isinstance(content, bool):  # before int: a bool is an int in Python
        value.bool_value = content
    elif isinstance(content, int):
        if -(2**63) <= content < 2**63:
            value.int_value = content
        else:
            value.string_value = str(content)
    elif isinstance(content, float):
        value.double_value = content
    elif isinstance(content, dict):
        value.kvlist_value.SetInParent()
        for name, item in content.items():
            pair = value.kvlist_value.values.add(key=sound(name))
            write(pair.value, item, key, depth + 1)
    elif isinstance(content, list):
        value.array_value.SetInParent()
        for item in content:
            write(value.array_value.values.add(), item, key, depth + 1)
    else:
        value.SetInParent()  # null in its place


def text(value: Any) -> str:
    """Read text; raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return sound(value)


def identifier(size: int) -> Callable[[Any], bytes]:
    """Return a reader of IDs of this size in hex, with or without hyphens; all zeros is none."""
    pattern = re.compile(f"[0-9a-fA-F]{{{2 * size}}}", re.ASCII)

    def read(value: Any) -> bytes:
        digits = value.replace("-", "") if isinstance(value, str) else ""
        if not pattern.fullmatch(digits):
            raise ValueError(f"must be {2 * size} hexadecimal digits")
        found = bytes.fromhex(digits)
        return found if any(found) else b""

    return read
