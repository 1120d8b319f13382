"""The plan of a table: what stages compute of the records that match, one after the other."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pipeline.condition import Condition
from pipeline.field import AttributeField, Column
from pipeline.signal import Signal


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
