"""A checked question: what a query backend runs.

Fields are resolved and values typed before a plan is built; a backend compiles it, and refuses what
it cannot answer exactly.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from pipeline.condition import And as And
from pipeline.condition import Compare as Compare
from pipeline.condition import Condition as Condition
from pipeline.condition import Exists as Exists
from pipeline.condition import Find as Find
from pipeline.condition import Not as Not
from pipeline.condition import OneOf as OneOf
from pipeline.condition import Operator as Operator
from pipeline.condition import Or as Or
from pipeline.condition import Path as Path
from pipeline.condition import Relation as Relation
from pipeline.condition import Search as Search
from pipeline.field import AttributeField as AttributeField
from pipeline.field import AttributeKeys as AttributeKeys
from pipeline.field import Attributes as Attributes
from pipeline.field import Column as Column
from pipeline.field import Field as Field
from pipeline.field import Level as Level
from pipeline.field import Scalar as Scalar
from pipeline.lists import HEADS_MAX as HEADS_MAX
from pipeline.lists import Changes as Changes
from pipeline.lists import Dependencies as Dependencies
from pipeline.lists import Head as Head
from pipeline.lists import Heads as Heads
from pipeline.lists import Keys as Keys
from pipeline.lists import Metrics as Metrics
from pipeline.lists import Operations as Operations
from pipeline.lists import Services as Services
from pipeline.lists import Values as Values
from pipeline.signal import Signal


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
class Traces:
    """
    The newest traces of which a span matches, or that match as a `whole`, one row each.

    `whole` comes instead of `where`. Its parts are `Path`, whose spans lie in the time range, and
    comparisons of columns of all the trace's spans: span_count, error_count, service_count,
    duration_ns, root_service, root_name (the last two as texts). What might match are traces that
    have a span in the time range; of these the `candidates_max` newest are examined. When there are
    more, the answer's schema has the metadata `CUT`.

    Columns: trace_id binary(16), start_ns u64, end_ns u64 (smallest start, largest end of the
    trace's spans), span_count u64, error_count u64, services list<utf8> (sorted), root_service
    utf8, root_name utf8 (of the earliest span without a parent; empty when there is none),
    matched_ns u64, ordered by start_ns, newest first. Which are the newest, their places say; with
    `after`, they are those that come after one. `within` leaves out the matches that were committed
    later, so that no trace changes its place from one answer to the next; without, all count.
    """

    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    limit: int
    whole: Condition | None = None
    candidates_max: int = 0
    after: TracePlace | None = None
    within: tuple[Head, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of one trace, at most `limit`, oldest first; columns as in `Records`."""

    tenant: str
    trace_id: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class Spans:
    """
    All spans of these traces, at most `limit`, trace by trace, the oldest of each first.

    Columns: those of `Records` that are named, in the order that they have there; all, if none is.
    """

    tenant: str
    trace_ids: tuple[bytes, ...]
    limit: int
    columns: tuple[str, ...] = ()


class Kind(StrEnum):
    """
    What a column of a table holds; each may be null, which no comparison holds for.

    `ANY` is the text of a value whose type only its record knows, an attribute's or an extracted
    one: with a number what reads as a number is compared, and it sorts before other texts.
    Durations and times are nanoseconds, an ID bytes, which the answer has as hex.
    """

    TEXT = "text"
    ANY = "any"
    INTEGER = "integer"
    NUMBER = "number"
    DURATION = "duration"
    TIME = "time"
    FLAG = "bool"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Labels:
    """
    The text that stands for a column's value; null where it is none of them.

    Where the column is 0 and there is `unset`, its label instead.
    """

    column: Column
    labels: tuple[tuple[int | str, str], ...]
    unset: "Labels | None" = None


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether a record meets a condition, as a bool."""

    condition: Condition


Expression: TypeAlias = Column | AttributeField | Labels | Holds


@dataclass(frozen=True, slots=True)
class Made:
    """
    A column of a table, made of a record.

    An attribute is its first value, the record's own before the resource's and the scope's: as
    `ANY` its text form, as `NUMBER` the value if it is an int or a double, else null. A time or an
    ID that is zero is null, as is the `value` of a point that has none.
    """

    name: str
    kind: Kind
    of: Expression


class Format(StrEnum):
    """What is read out of a text."""

    JSON = "json"
    LOGFMT = "logfmt"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Extract:
    """
    Adds columns of the kind `ANY` that are read out of the text of another; null where not there.

    `fields` are (key, name of the column). A key of JSON is a member's name, or else the names of
    members inside each other, joined by dots. `pattern` belongs to `REGEX`, whose keys are the
    names of its groups, all of them named.
    """

    how: Format
    of: str
    fields: tuple[tuple[str, str], ...]
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Keeps the rows that meet a condition, in which `Column` is a column of the table."""

    where: Condition


class Function(StrEnum):
    """
    What is computed of the rows of a group; nulls are left out, of none the result is null.

    `COUNT` counts rows. `QUANTILE` is exact: of n sorted values the one at floor(q * n), from 0.
    `RATE` is rows per second of the time range, or of the part of the group's bucket in it. Sums
    of whole numbers end at 64 bits.
    """

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    QUANTILE = "quantile"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """
    A column computed of the rows of each group, of those only that meet `where`.

    `of` is a column, "" for `COUNT` and `RATE`; of the kind `ANY` what reads as a number counts,
    but for `COUNT_DISTINCT`. It is an INTEGER for counts, a NUMBER for rates, else of the kind of
    the column, NUMBER in place of `ANY` and for averages of integers.
    """

    name: str
    function: Function
    of: str = ""
    quantile: float = 0.0
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A column by which rows are grouped; a time by its start of `bucket_ns`, if that is not 0."""

    name: str
    of: str
    bucket_ns: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """Makes a row of each group: its keys, then its aggregates. Without keys all is one group."""

    aggregates: tuple[Aggregate, ...]
    by: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A column to sort by."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """Sorts the rows; null comes last, whatever the direction."""

    by: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """Keeps the first rows, in the order of the sort before."""

    rows: int


@dataclass(frozen=True, slots=True)
class Pick:
    """Keeps columns, (column, its new name), in that order."""

    columns: tuple[tuple[str, str], ...]


Stage: TypeAlias = Extract | Keep | Stats | Sort | Limit | Pick


@dataclass(frozen=True, slots=True)
class Table:
    """
    What stages make of the records that match, one after the other.

    `columns` are what the first stage finds. The answer has the columns of the last: TEXT, ANY and
    ID as utf8, INTEGER int64, NUMBER float64, DURATION duration[ns], TIME timestamp[ns, UTC], FLAG
    bool; a time or duration beyond 64 bits is the largest there is. More than `groups_max` groups
    of one stage are Rejected. Column names are any text, each once.
    """

    signal: Signal
    tenant: str
    start_ns: int
    end_ns: int
    where: Condition | None
    columns: tuple[Made, ...]
    stages: tuple[Stage, ...]
    limit: int
    groups_max: int


CUT: Final = b"aura.cut"
"""In the metadata of an answer's schema: not everything that might match was examined."""


Question: TypeAlias = (
    Records
    | Traces
    | Trace
    | Spans
    | Heads
    | Changes
    | Keys
    | Values
    | Services
    | Operations
    | Dependencies
    | Metrics
    | Table
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
