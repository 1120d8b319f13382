"""What a condition means, row by row in Python: what compiled SQL is compared with."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import search, value
from pipeline.envelope import Resource, Scope
from pipeline.plan import (
    And,
    AttributeField,
    AttributeKeys,
    Attributes,
    Column,
    Compare,
    Condition,
    Exists,
    Find,
    Keys,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Path,
    Scalar,
    Search,
)
from pipeline.value import Attribute

Row = Mapping[str, Any]
"""Columns of a schema and `service_name`; attributes as mappings with key, type and value."""

OPERATORS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
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
    return _leaf(condition, row)


def _leaf(condition: Compare | OneOf | Exists | Find | Path, row: Row) -> bool:
    match condition:
        case Compare(Column(name), how, wanted):
            stored = column(name, row)
            return stored is not None and OPERATORS[how](stored, wanted)
        case Compare(AttributeField() | AttributeKeys() as field, how, wanted):
            found = _values(field, row)
            if how is Operator.NOT_EQUAL:
                return bool(found) and not _any(found, Operator.EQUAL, wanted)
            return _any(found, how, wanted)
        case OneOf(field, values):
            found = _values(field, row)
            return any(_any(found, Operator.EQUAL, wanted) for wanted in values)
        case Exists(field):
            return bool(_values(field, row))
        case Find(Column(name), kind, text):
            stored = column(name, row)
            return stored is not None and has(stored, kind, text)
        case Find(AttributeField() | AttributeKeys() as field, kind, text):
            return any(has(stored, kind, text) for _, stored in _values(field, row))
    raise TypeError(condition)


def keys(asked: Keys, row: Row) -> Iterator[tuple[str, str, int]]:
    """Yield the key, level and type of each attribute of a row that a plan asks for."""
    patterns = [re.compile(search.key(one)) for one in asked.patterns]
    every = not asked.names and not patterns
    for level in (Level.RECORD, Level.RESOURCE, Level.SCOPE):
        for key, kind, _ in attributes(row, level):
            if every or key in asked.names or any(one.fullmatch(key) for one in patterns):
                yield key, level.value, kind


def _any(found: Sequence[tuple[int, str]], how: Operator, wanted: Scalar) -> bool:
    return any(
        OPERATORS[how](stored, wanted)
        for kind, text in found
        for stored in _comparable(kind, text, wanted)
    )


def _comparable(kind: int, text: str, wanted: Scalar) -> tuple[Any, ...]:
    """Return the value in the form that is compared with such a scalar, or nothing."""
    if isinstance(wanted, str):
        return (text,)
    kinds = (value.BOOL,) if isinstance(wanted, bool) else (value.INT, value.DOUBLE)
    return (value.decode(kind, text),) if kind in kinds else ()


def has(stored: str, how: Search, text: str) -> bool:
    """Tell whether a search finds something in a text."""
    match how:
        case Search.CONTAINS:
            return re.search(search.containing(text), stored) is not None
        case Search.PHRASE:
            return re.search(search.phrase(text), stored) is not None
        case Search.MATCH:
            # Python's own expressions are not RE2's.
            found = pc.match_substring_regex(pa.array([stored]), search.matching(text))
            return bool(found[0].as_py())


def attribute(field: AttributeField, row: Row) -> tuple[int, str] | None:
    """Return the type and the text of an attribute's first value."""
    return next(iter(_values(field, row)), None)


def _values(field: Attributes, row: Row) -> list[tuple[int, str]]:
    """Return the type and the text of each value that a field names."""
    every = attributes(row, field.level)
    if isinstance(field, AttributeField):
        return [(kind, text) for key, kind, text in every if key == field.key]
    pattern = re.compile(search.key(field.pattern))
    return [(kind, text) for key, kind, text in every if pattern.fullmatch(key)]


def attributes(row: Row, level: Level) -> Iterator[Attribute]:
    """Yield the attributes of a row at a level."""
    if level in (Level.ANY, Level.RECORD):
        for one in row["attributes"]:
            yield one["key"], one["type"], one["value"]
    if level in (Level.ANY, Level.RESOURCE):
        yield from Resource.parse(row["resource"]).attributes
    if level in (Level.ANY, Level.SCOPE):
        yield from Scope.parse(row["scope"]).attributes
    if level in (Level.EVENT, Level.LINK):
        for around in row[f"{level}s"]:
            for one in around["attributes"]:
                yield one["key"], one["type"], one["value"]


def column(name: str, row: Row) -> Any:
    """Return a column of a record, also one that is derived."""
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
