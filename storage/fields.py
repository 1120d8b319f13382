"""Which columns a condition may name and what with they are compared, in every backend."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

from pipeline import search
from pipeline.errors import Rejected
from pipeline.plan import (
    HEADS_MAX,
    And,
    AttributeField,
    AttributeKeys,
    Attributes,
    Column,
    Compare,
    Condition,
    Exists,
    Find,
    Head,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Path,
    Scalar,
    Search,
)
from pipeline.signal import Signal


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    ID = "id"
    ANY = "any"


_SHARED: Final = {
    **dict.fromkeys(("service_name", "scope_name", "scope_version"), Kind.TEXT),
    "time": Kind.NUMBER,
}
COLUMNS: Final[Mapping[Signal, Mapping[str, Kind]]] = {
    Signal.TRACES: {
        **_SHARED,
        **dict.fromkeys(("name", "status_message", "trace_state"), Kind.TEXT),
        **dict.fromkeys(("kind", "status_code", "flags", "duration_ns"), Kind.NUMBER),
        **dict.fromkeys(("start_time_unix_nano", "end_time_unix_nano"), Kind.NUMBER),
        **dict.fromkeys(("trace_id", "span_id", "parent_span_id"), Kind.ID),
    },
    Signal.LOGS: {
        **_SHARED,
        **dict.fromkeys(("severity_text", "body", "event_name"), Kind.TEXT),
        **dict.fromkeys(("severity_number", "flags"), Kind.NUMBER),
        **dict.fromkeys(("time_unix_nano", "observed_time_unix_nano"), Kind.NUMBER),
        **dict.fromkeys(("trace_id", "span_id"), Kind.ID),
    },
    Signal.METRICS: {
        **_SHARED,
        **dict.fromkeys(("metric_name", "metric_description", "metric_unit"), Kind.TEXT),
        **dict.fromkeys(("metric_type", "aggregation_temporality", "flags", "value"), Kind.NUMBER),
        **dict.fromkeys(("time_unix_nano", "start_time_unix_nano"), Kind.NUMBER),
        "is_monotonic": Kind.FLAG,
    },
}
"""A body is compared by its text form."""

PARTS: Final = (Level.EVENT, Level.LINK)
"""Levels that only spans have, and that only conditions ask for."""

_ID_BYTES: Final = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_EQUALITY: Final = (Operator.EQUAL, Operator.NOT_EQUAL)


def check(signal: Signal, condition: Condition | None) -> None:
    """Raise Rejected for what no backend answers: unknown columns, values of another kind."""
    match condition:
        case None:
            return
        case And(parts) | Or(parts):
            for part in parts:
                check(signal, part)
        case Not(part):
            check(signal, part)
        case Path():
            raise Rejected("a path is no condition of records")
        case _:
            _leaf(signal, condition)


WHOLE: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("span_count", "error_count", "service_count", "duration_ns"), Kind.NUMBER),
    **dict.fromkeys(("root_service", "root_name"), Kind.TEXT),
}
"""The columns of a trace as a whole."""


def check_whole(condition: Condition) -> None:
    """Raise Rejected for what no backend answers of a trace as a whole."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check_whole(part)
        case Not(part):
            check_whole(part)
        case Path(steps, relations):
            if not steps or len(steps) != len(relations) + 1:
                raise Rejected(f"a path of {len(steps)} spans and {len(relations)} relations")
            for step in steps:
                check(Signal.TRACES, step)
        case _:
            check_columns(condition, WHOLE)


def check_columns(condition: Condition, columns: Mapping[str, Kind]) -> None:
    """Raise Rejected for what cannot be asked of these columns, and for all that is no column."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check_columns(part, columns)
        case Not(part):
            check_columns(part, columns)
        case Compare(Column(name), operator, value):
            kind = columns.get(name)
            if kind is None or not _fits(kind, name, operator, value):
                raise Rejected(f"{name!r} {operator} {value!r}: there is no such column to compare")
        case Find(Column(name), how, text) if columns.get(name) in (Kind.TEXT, Kind.ANY):
            _search(how, text)
        case _:
            raise Rejected(f"no table can answer {condition}")


def check_level(level: Level) -> None:
    """Raise Rejected for a level at which attributes are neither listed nor read."""
    if level in PARTS:
        raise Rejected(f"only conditions ask for attributes of {level}s")


def check_text(signal: Signal, field: Column | AttributeField) -> None:
    """Raise Rejected for what has no texts to list; a column's name becomes part of a statement."""
    if isinstance(field, AttributeField):
        check_level(field.level)
    elif COLUMNS[signal].get(field.name) is not Kind.TEXT:
        raise Rejected(f"{signal} have no column {field.name!r} that holds text")


def check_step(step_ns: int) -> None:
    """Raise Rejected for intervals that are none."""
    if step_ns < 1:
        raise Rejected(f"step_ns: {step_ns} is not at least 1")


def check_trace_ids(ids: Iterable[bytes]) -> None:
    """Raise Rejected for an ID that no trace has."""
    for one in ids:
        if len(one) != _ID_BYTES["trace_id"]:
            raise Rejected(f"trace_id has {_ID_BYTES['trace_id']} bytes, not {len(one)}")


def check_heads(heads: Sequence[Head]) -> None:
    """Raise Rejected for more heads than a store compares."""
    if len(heads) > HEADS_MAX or any(one.partition >= HEADS_MAX for one in heads):
        raise Rejected(f"heads: at most those of the partitions 0 to {HEADS_MAX - 1}")


def check_partitions(number: int) -> None:
    """Raise Rejected for more partitions than a bus has, and for none."""
    if not 1 <= number <= HEADS_MAX:
        raise Rejected(f"partitions: {number} is not 1 to {HEADS_MAX}")


def _leaf(signal: Signal, condition: Compare | OneOf | Exists | Find) -> None:
    match condition:
        case Compare(Column(name), operator, value):
            kind = COLUMNS[signal].get(name)
            if kind is None:
                raise Rejected(f"{signal} have no column {name}")
            if not _fits(kind, name, operator, value):
                raise Rejected(f"{name} {operator} {value!r}: {name} is of the kind {kind.value}")
        case Compare(AttributeField() | AttributeKeys() as field, _, value):
            _attribute(signal, field, (value,))
        case OneOf(field, values):
            _attribute(signal, field, values)
        case Exists(field):
            _attribute(signal, field, ())
        case Find(Column(name), how, text):
            if COLUMNS[signal].get(name) is not Kind.TEXT:
                raise Rejected(f"{signal} have no column {name} of text")
            _search(how, text)
        case Find(AttributeField() | AttributeKeys() as field, how, text):
            _attribute(signal, field, ())
            _search(how, text)
        case _:
            raise Rejected(f"no store can answer {condition}")


def _attribute(signal: Signal, field: Attributes, values: tuple[Scalar, ...]) -> None:
    name = field.pattern if isinstance(field, AttributeKeys) else field.key
    if field.level in PARTS and signal is not Signal.TRACES:
        raise Rejected(f"attribute {name!r}: {signal} have no {field.level}s")
    for value in values:
        if isinstance(value, bytes) or not _bounded(value):
            raise Rejected(f"attribute {name!r} cannot be compared with {value!r}")


def _search(how: Search, text: str) -> None:
    if not 1 <= len(text) <= search.TEXT_MAX:
        raise Rejected(f"{how}: {len(text)} characters, not 1 to {search.TEXT_MAX}")
    if how is Search.MATCH and (fault := search.fault(text)):
        raise Rejected(f"{text!r} is no regular expression: {fault}")


def _fits(kind: Kind, name: str, operator: Operator, value: Scalar) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.NUMBER:
            whole = isinstance(value, (int, float)) and not isinstance(value, bool)
            return whole and _bounded(value)
        case Kind.FLAG:
            return isinstance(value, bool) and operator in _EQUALITY
        case Kind.ID:
            size = _ID_BYTES.get(name)
            return isinstance(value, bytes) and size in (None, len(value))
        case Kind.ANY:
            return isinstance(value, (str, int, float)) and _bounded(value)


def _bounded(value: Scalar) -> bool:
    """Tell whether 64 bits hold a number; NaN and infinities are no numbers that anyone asks."""
    if isinstance(value, float):
        return value - value == 0
    return not isinstance(value, int) or -(2**63) <= value < 2**63
