"""Attributes and values: OTLP's AnyValue to the type and text of `pipeline/value.py`."""

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pipeline import value as text_form
from pipeline.value import Map, Value


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
