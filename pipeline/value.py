"""The text form of an attribute's value: lossless, searchable, the same in every column.

An OTLP AnyValue becomes a type and a text. The type is the number of the field that is set in
`opentelemetry.proto.common.v1.AnyValue`, so a column of types needs no table of our own:

====  ========  ==========================================================================
type  arm       text
====  ========  ==========================================================================
0     none      empty
1     string    as it is
2     bool      ``true`` or ``false``
3     int       decimal
4     double    the shortest decimal that reads back the same, ``NaN``, ``Infinity``,
                ``-Infinity``
5     array     JSON (below)
6     kvlist    JSON (below), pairs in their order, repeated keys kept
7     bytes     standard base64, padded
====  ========  ==========================================================================

Inside JSON: no value is ``null``; an int is a JSON number without ``.`` and ``e``, a double one
with either; ``{"$bytes": "…"}`` holds base64 and ``{"$double": "NaN"}`` what JSON has no number
for. A map whose only key starts with ``$`` is wrapped as ``{"$map": {…}}``: nothing is ambiguous.
"""

import base64
import json
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

EMPTY: Final = 0
STRING: Final = 1
BOOL: Final = 2
INT: Final = 3
DOUBLE: Final = 4
ARRAY: Final = 5
KVLIST: Final = 6
BYTES: Final = 7

TYPE_NAMES: Final = ("empty", "string", "bool", "int", "double", "array", "kvlist", "bytes")

Pairs: TypeAlias = "Sequence[tuple[str, Value]]"
"""A kvlist: its pairs in order."""


class Map(tuple[tuple[str, "Value"], ...]):
    """An OTLP kvlist: pairs in order; a type of its own, so that it differs from an array."""

    __slots__ = ()


Value: TypeAlias = "str | bool | int | float | list[Value] | Map | bytes | None"
Attribute: TypeAlias = "tuple[str, int, str]"
"""A key, its value's type and its value's text: one element of an attributes column."""


def encode(value: Value) -> tuple[int, str]:
    """Return the type and the text of a value."""
    # The order matters: bool is an int in Python.
    if isinstance(value, str):
        return STRING, value
    if isinstance(value, bool):
        return BOOL, "true" if value else "false"
    if isinstance(value, int):
        return INT, str(value)
    if isinstance(value, float):
        return DOUBLE, double_text(value)
    if value is None:
        return EMPTY, ""
    if isinstance(value, bytes):
        return BYTES, base64.b64encode(value).decode()
    return KVLIST if isinstance(value, Map) else ARRAY, _json(value)


def decode(kind: int, text: str) -> Value:
    """Return the value that `encode` made the type and the text from."""
    if kind == STRING:
        return text
    if kind == BOOL:
        return text == "true"
    if kind == INT:
        return int(text)
    if kind == DOUBLE:
        return float(text)
    if kind == EMPTY:
        return None
    if kind == BYTES:
        return base64.b64decode(text)
    return _from_json(text)


def double_text(value: float) -> str:
    """Return the shortest decimal that reads back the same; OTLP/JSON's names for the rest."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


# Kept, as `json.dumps` makes one for each call that asks for anything else than its defaults.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: object) -> str:
    """Write JSON as every column of ours does: no spaces, no escapes that JSON does not need."""
    return _ENCODER.encode(value)


def _json(value: Value) -> str:
    if isinstance(value, Map):
        body = ",".join(f"{dumps(key)}:{_json(item)}" for key, item in value)
        if len(value) == 1 and value[0][0].startswith("$"):
            return f'{{"$map":{{{body}}}}}'
        return f"{{{body}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, bytes):
        return f'{{"$bytes":"{base64.b64encode(value).decode()}"}}'
    if isinstance(value, float) and not isinstance(value, bool):
        text = double_text(value)
        return text if math.isfinite(value) else f'{{"$double":"{text}"}}'
    return dumps(value)


def _from_json(text: str) -> Value:
    # Maps are read as they stand first: only from outside in can an escaped map be told apart.
    return _revive(json.loads(text, object_pairs_hook=Map))


def _revive(raw: Value) -> Value:
    if isinstance(raw, list):
        return [_revive(item) for item in raw]
    if not isinstance(raw, Map):
        return raw
    if len(raw) == 1:
        key, item = raw[0]
        if key == "$bytes" and isinstance(item, str):
            return base64.b64decode(item)
        if key == "$double" and isinstance(item, str):
            return float(item)
        if key == "$map" and isinstance(item, Map):
            return Map((name, _revive(inner)) for name, inner in item)
    return Map((name, _revive(inner)) for name, inner in raw)
