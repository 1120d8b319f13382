"""Attributes and values: OTLP's AnyValue to the type and text of `pipeline/value.py`, and back."""

import base64
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pipeline import value as text_form
from pipeline.value import Attribute, Map, Value


def read(attributes):
    """Yield the attributes as (key, type, value text)."""
    for attribute in attributes:
        yield (attribute.key, *read_value(attribute.value))


def read_value(value: AnyValue) -> tuple[int, str]:
    """Return the type and the text of a value."""
    arm = value.WhichOneof("value")
    if arm == "string_value":  # first, as most are; no other arm needs less work
        return text_form.STRING, value.string_value
    if arm == "int_value":
        return text_form.INT, str(value.int_value)
    return text_form.encode(_value(value, arm))


def _value(value: AnyValue, arm: str | None) -> Value:
    if arm == "array_value":
        return [_value(item, item.WhichOneof("value")) for item in value.array_value.values]
    if arm == "kvlist_value":
        return Map(
            (pair.key, _value(pair.value, pair.value.WhichOneof("value")))
            for pair in value.kvlist_value.values
        )
    if arm is None or arm == "string_value_strindex":
        return None
    scalar: str | bool | int | float | bytes = getattr(value, arm)
    return scalar


def write(attributes: Any, written: Iterable[Attribute]) -> None:
    """Append attributes to a repeated KeyValue field."""
    for key, kind, text in written:
        write_value(attributes.add(key=key).value, kind, text)


def write_value(value: AnyValue, kind: int, text: str) -> None:
    """Set a value from its type and text; an empty value is there, but has no arm."""
    if kind == text_form.STRING:
        value.string_value = text
    elif kind == text_form.INT:
        value.int_value = int(text)
    elif kind == text_form.BYTES:
        value.bytes_value = base64.b64decode(text)
    else:
        _set(value, text_form.decode(kind, text))


def _set(value: AnyValue, content: Value) -> None:
    if content is None:
        value.SetInParent()
    elif isinstance(content, str):
        value.string_value = content
    elif isinstance(content, bool):  # before int: a bool is an int in Python
        value.bool_value = content
    elif isinstance(content, int):
        value.int_value = content
    elif isinstance(content, float):
        value.double_value = content
    elif isinstance(content, bytes):
        value.bytes_value = content
    elif isinstance(content, Map):
        value.kvlist_value.SetInParent()
        for key, item in content:
            _set(value.kvlist_value.values.add(key=key).value, item)
    else:
        value.array_value.SetInParent()
        for item in content:
            _set(value.array_value.values.add(), item)
