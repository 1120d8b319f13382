"""What a condition means, row by row in Python: what compiled SQL is compared with."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline import value
from pipeline.envelope import Resource, Scope
from pipeline.plan import (
    And,
    AttributeField,
    Column,
    Compare,
    Condition,
    Level,
    Not,
    Operator,
    Or,
    Scalar,
)
from pipeline.value import Attribute

Row = Mapping[str, Any]
"""Columns of a schema and `service_name`; attributes as mappings with key, type and value."""

_OPERATORS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def matches(condition: Condition, row: Row) -> bool:
    """Tell whether a row meets a condition."""
    match condition:
        case And(parts):
            return all(matches(part, row) for part in parts)
        case Or(parts):
            return any(matches(part, row) for part in parts)
        case Not(part):
            return not matches(part, row)
        case Compare(Column(name), how, wanted):
            stored = _column(name, row)
            return stored is not None and _OPERATORS[how](stored, wanted)
        case Compare(AttributeField(key, level), how, wanted):
            found = [(kind, text) for name, kind, text in _attributes(row, level) if name == key]
            if how is Operator.NOT_EQUAL:
                return bool(found) and not _any(found, Operator.EQUAL, wanted)
            return _any(found, how, wanted)
    raise TypeError(condition)


def _any(found: Sequence[tuple[int, str]], how: Operator, wanted: Scalar) -> bool:
    return any(
        _OPERATORS[how](stored, wanted)
        for kind, text in found
        for stored in _comparable(kind, text, wanted)
    )


def _comparable(kind: int, text: str, wanted: Scalar) -> tuple[Any, ...]:
    """Return the value in the form that is compared with such a scalar, or nothing."""
    if isinstance(wanted, str):
        return (text,)
    kinds = (value.BOOL,) if isinstance(wanted, bool) else (value.INT, value.DOUBLE)
    return (value.decode(kind, text),) if kind in kinds else ()


def _attributes(row: Row, level: Level) -> Iterator[Attribute]:
    if level in (Level.ANY, Level.RECORD):
        for one in row["attributes"]:
            yield one["key"], one["type"], one["value"]
    if level in (Level.ANY, Level.RESOURCE):
        yield from Resource.parse(row["resource"]).attributes
    if level in (Level.ANY, Level.SCOPE):
        yield from Scope.parse(row["scope"]).attributes


def _column(name: str, row: Row) -> Any:
    match name:
        case "duration_ns":
            return max(0, row["end_time_unix_nano"] - row["start_time_unix_nano"])
        case "value":
            return row["value_double"] if row["value_int"] is None else row["value_int"]
        case "scope_name":
            return Scope.parse(row["scope"]).name
        case "scope_version":
            return Scope.parse(row["scope"]).version
        case _:
            return row[name]
