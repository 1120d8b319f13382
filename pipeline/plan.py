"""A checked question: what a query backend runs.

Fields are resolved and values typed before a plan is built; a backend compiles it, and refuses what
it cannot answer exactly.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pipeline.signal import Signal


class Level(StrEnum):
    """Where an attribute stands; `ANY` is record, then resource, then scope."""

    ANY = "any"
    RESOURCE = "resource"
    SCOPE = "scope"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Column:
    """A stored column of the signal (`COLUMNS` in `query/language/check.py` maps the names)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AttributeField:
    """An attribute by key, at one level or at any."""

    key: str
    level: Level = Level.ANY


Field: TypeAlias = Column | AttributeField
Scalar: TypeAlias = str | int | float | bool | bytes


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Compare:
    """
    A comparison of a field with a value.

    With a string, `=` compares the value's text form and `<` its text; with a number or a bool the
    value is compared as such, and values that are no number do not match. A record without the
    attribute matches no comparison, `!=` included.
    """

    field: Field
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"


Condition: TypeAlias = Compare | And | Or | Not


@dataclass(frozen=True, slots=True)
class Records:
    """
    The newest records that match: columns of `schema.SCHEMAS[signal]` and `service_name`.

    Times are Unix nanoseconds of the effective time; `start_ns` is inclusive, `end_ns` exclusive.
    """

    signal: Signal
    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    limit: int


@dataclass(frozen=True, slots=True)
class Traces:
    """
    The newest traces of which a span matches, one row each.

    Columns: trace_id binary(16), start_ns u64, end_ns u64 (smallest start, largest end of the
    trace's spans), span_count u64, error_count u64, services list<utf8> (sorted), root_service
    utf8, root_name utf8 (of the earliest span without a parent; empty when there is none), ordered
    by start_ns, newest first.
    """

    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    limit: int


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of one trace, at most `limit`, oldest first; columns as in `Records`."""

    tenant: str
    trace_id: bytes
    limit: int


Plan: TypeAlias = Records | Traces | Trace
