"""Attributes and values: the type and text of `pipeline/value.py` to OTLP's AnyValue.

A KeyValue without a value and one with an empty AnyValue are the same (type 0); so is a
`string_value_strindex`, which has a meaning in profiles only. Repeated keys are kept, in their
order.
"""

import base64
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pipeline import value as text_form
from pipeline.value import Attribute, Map, Value


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
