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


@dataclass(frozen=True, slots=True)
class Keys:
    """
    The keys that attributes of a signal's records, resources and scopes have, with their types.

    Columns: key utf8, level utf8 (a `Level`, never `ANY`), type u8 (`pipeline/value.py`); distinct,
    ordered by all three. `patterns` are as in `AttributeKeys`, `names` keys as they are; without
    either, all keys are meant. Keys of records that expired may be among them.
    """

    signal: Signal
    tenant: str
    names: tuple[str, ...]
    patterns: tuple[str, ...]
    limit: int


Limited: TypeAlias = Records | Traces | Trace | Keys
"""What is cut at its limit."""


@dataclass(frozen=True, slots=True)
class Positions:
    """
    The newest commit record of each log: of every signal, the partitions below `partitions`.

    Columns: signal utf8, partition u16, epoch u32, last u64, log utf8 (as in `ports.Commit`). A log
    without one has no row.
    """

    partitions: int


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to where a log is looked at: a commit record's place; epoch 0 is before the first."""

    signal: Signal
    partition: int
    epoch: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """
    What became of a tenant's records, by signal and interval, as the commit records count it.

    Intervals are `step_ns` long, from `start_ns` on, and end before `end_ns`; a commit is counted
    as a whole, in the interval in which the bus stored its last message. Of the logs in `until`
    only the commit records up to that place count, of others all.

    Columns: signal utf8, start_ns u64, what `ports.Counts` counts and expired, u64 each, reasons
    list<utf8> with reason_records list<u64> beside it (of some of the refused). Ordered by signal
    and start; an interval in which nothing was committed has no row.

    A stored record is expired when its retention was over at the last full hour before `now_ns`,
    whether or not the store has removed it yet; a store without retention has none. Records of
    commits before migration 7 are never counted as expired.
    """

    tenant: str
    start_ns: int
    end_ns: int
    step_ns: int
    now_ns: int
    until: tuple[Reached, ...] = ()


Plan: TypeAlias = Limited | Positions | Ledger
