"""A checked question: what a query backend runs.

Fields are resolved and values typed before a plan is built; a backend compiles it, and refuses what
it cannot answer exactly.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pipeline.signal import Signal


class Level(StrEnum):
    """Where an attribute stands; `ANY` is record, resource and scope."""

    ANY = "any"
    RESOURCE = "resource"
    SCOPE = "scope"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of `schema.SCHEMAS[signal]`, or one that is derived.

    Derived: `service_name` (text of the resource's `service.name`, else empty), `scope_name`,
    `scope_version`; of spans `duration_ns` (0 where the end is before the start); of points `value`
    (whichever is set; where none is, no comparison holds).
    """

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AttributeField:
    """An attribute by key, at one level or at any."""

    key: str
    level: Level = Level.ANY


@dataclass(frozen=True, slots=True)
class AttributeKeys:
    """
    All attributes whose keys a pattern fits, as if they were one attribute with all their values.

    `*` in the pattern stands for any characters, also none; all else for itself. The whole key has
    to fit, in its own case.
    """

    pattern: str
    level: Level = Level.ANY


Attributes: TypeAlias = AttributeField | AttributeKeys
Field: TypeAlias = Column | Attributes
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

    With a string, the value's text form is compared; with a number or a bool the value is compared
    as such, and values of other types do not match. An attribute's comparison holds when it does
    for one of the values that its key has at the level (at any: at all of them); `!=` when there
    is a value and `=` does not hold. So a record without the attribute matches no comparison, `!=`
    included. Nothing is null: `Not` is exact.

    A time is compared as whole Unix nanoseconds, an ID as its bytes.
    """

    field: Field
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """`=` holds between the attribute and at least one of the values; of no values it is false."""

    field: Attributes
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """There is an attribute of that key at the level, whatever its value."""

    field: Attributes


class Search(StrEnum):
    """
    What is looked for in a text; `pipeline/search.py` gives each as one pattern for every engine.

    `CONTAINS`: the characters stand anywhere in it. `PHRASE`: they do, and no word is cut at either
    end of them; a word is a run of ASCII letters, ASCII digits and characters beyond ASCII. Both in
    any case: a letter matches its own upper and lower case, ASCII letters nothing beyond ASCII.

    `MATCH`: a regular expression matches somewhere in it (RE2 syntax, case-sensitive; `^` and `$`
    are the ends of the text, `.` is any character, a newline included).
    """

    CONTAINS = "contains"
    PHRASE = "phrase"
    MATCH = "=~"


@dataclass(frozen=True, slots=True)
class Find:
    """
    A search in a column that holds text, or in the text form of an attribute's values.

    An attribute's holds when it does for one of the values, as in `Compare`. `text` is not empty
    and has at most `search.TEXT_MAX` characters.
    """

    field: Field
    how: Search
    text: str


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


Condition: TypeAlias = Compare | OneOf | Exists | Find | And | Or | Not


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A record's place in the order of answers: its time, then its own place in the log."""

    time_ns: int
    epoch: int
    partition: int
    sequence: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class Records:
    """
    The newest records that match, in the order of their places, or those that come after one.

    Columns: those of `schema.SCHEMAS[signal]`, `service_name`, and what else makes a `Place`: epoch
    u32, partition u16, ordinal u32 (the record's number among those of its message). Times are Unix
    nanoseconds of the effective time; `start_ns` is inclusive, `end_ns` exclusive.
    """

    signal: Signal
    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    limit: int
    after: Place | None = None


@dataclass(frozen=True, slots=True, order=True)
class TracePlace:
    """A trace's place in the order of answers: the time of its newest span that matches, its ID."""

    matched_ns: int
    trace_id: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log of one partition was committed."""

    partition: int
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Traces:
    """
    The newest traces of which a span matches, one row each, or those that come after one.

    Which are the newest, their places say. Columns: trace_id binary(16), start_ns u64, end_ns u64
    (smallest start, largest end of the trace's spans), span_count u64, error_count u64, services
    list<utf8> (sorted), root_service utf8, root_name utf8 (of the earliest span without a parent;
    empty when there is none), matched_ns u64, ordered by start_ns, newest first.

    `within` leaves out the matches that were committed later, so that no trace changes its place
    from one answer to the next; without, all count.
    """

    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    limit: int
    after: TracePlace | None = None
    within: tuple[Head, ...] = ()


@dataclass(frozen=True, slots=True)
class Heads:
    """How far each log of a signal is committed: partition u16, epoch u32, sequence u64."""

    signal: Signal
    tenant: str
    limit: int


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of one trace, at most `limit`, oldest first; columns as in `Records`."""

    tenant: str
    trace_id: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class Keys:
    """
    The keys that attributes of a signal's records, resources and scopes have, with their types.

    Columns: key utf8, level utf8 (a `Level`, never `ANY`), type u8 (`pipeline/value.py`); distinct,
    ordered by all three. `patterns` are as in `AttributeKeys`, `names` keys as they are; without
    either, all keys are meant, of the level and with the prefix in any case. Keys of records that
    expired may be among them.
    """

    signal: Signal
    tenant: str
    names: tuple[str, ...]
    patterns: tuple[str, ...]
    limit: int
    level: Level = Level.ANY
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """
    Texts that a field has, for completion: value utf8, distinct and in order, with the prefix.

    From lists where there are any: services, resources, scopes, operations and series, in which
    what expired may be still. Else from `examined` records of the time range, about the newest, so
    that rare values may be missing. A `field` is a column that holds text, or an attribute.
    """

    signal: Signal
    tenant: str
    field: Column | AttributeField
    prefix: str
    start_ns: int
    end_ns: int
    examined: int
    limit: int


@dataclass(frozen=True, slots=True)
class Services:
    """
    The services that sent records of a signal, or of any: service_name utf8, signals list<utf8>.

    In order; those whose records expired may be among them. Records without one are of the service
    "".
    """

    tenant: str
    signal: Signal | None
    prefix: str
    limit: int


@dataclass(frozen=True, slots=True)
class Operations:
    """
    The names of spans: service_name utf8, name utf8, kind i32 (as in OTLP), in this order.

    Of one service and kind, or of all of them; those of expired spans may be among them.
    """

    tenant: str
    service: str | None
    kind: int | None
    prefix: str
    limit: int


@dataclass(frozen=True, slots=True)
class Dependencies:
    """
    Which service calls which: parent utf8, child utf8, call_count u64, error_count u64.

    A call is a span whose parent is a span of the same trace; both are in the time range, and may
    be of one service. Its error is that of the called span. The most frequent first.
    """

    tenant: str
    start_ns: int
    end_ns: int
    limit: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """
    What metrics there are, in the order of their names.

    Columns: metric_name utf8, metric_type u8, metric_unit utf8, metric_description utf8,
    aggregation_temporality i32, is_monotonic bool, series_count u64. A name that was sent as
    several things has a row for each; of several descriptions one is there.
    """

    tenant: str
    prefix: str
    limit: int


Question: TypeAlias = (
    Records
    | Traces
    | Trace
    | Heads
    | Keys
    | Values
    | Services
    | Operations
    | Dependencies
    | Metrics
)


@dataclass(frozen=True, slots=True)
class Explain:
    """
    How a question would be answered; it is not run.

    Columns, a row for each statement: sql utf8, parameters utf8 (JSON), indexes list<struct<table
    utf8, index utf8 (its kind), name utf8, condition utf8, parts u64, parts_of u64, granules u64,
    granules_of u64>>: what each index leaves of what the one before it left. What one statement
    gets from another's answer is empty here.
    """

    of: Question

    @property
    def tenant(self) -> str:
        """Whose data would be asked for."""
        return self.of.tenant


Plan: TypeAlias = Question | Explain
