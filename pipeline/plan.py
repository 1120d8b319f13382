"""A checked question: what a query backend runs.

Fields are resolved and values typed before a plan is built; a backend compiles it, and refuses what
it cannot answer exactly.
"""

from dataclasses import dataclass
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
from pipeline.ranges import Measure as Measure
from pipeline.ranges import Range as Range
from pipeline.ranges import Series as Series
from pipeline.signal import Signal
from pipeline.table import Aggregate as Aggregate
from pipeline.table import Expression as Expression
from pipeline.table import Extract as Extract
from pipeline.table import Format as Format
from pipeline.table import Function as Function
from pipeline.table import Holds as Holds
from pipeline.table import Keep as Keep
from pipeline.table import Key as Key
from pipeline.table import Kind as Kind
from pipeline.table import Labels as Labels
from pipeline.table import Limit as Limit
from pipeline.table import Made as Made
from pipeline.table import Order as Order
from pipeline.table import Pick as Pick
from pipeline.table import Sort as Sort
from pipeline.table import Stage as Stage
from pipeline.table import Stats as Stats
from pipeline.table import Table as Table


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
    With `archived`, they are the spans that `Archive` has copied, and no others.
    """

    tenant: str
    trace_ids: tuple[bytes, ...]
    limit: int
    columns: tuple[str, ...] = ()
    archived: bool = False


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
    | Series
    | Range
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


@dataclass(frozen=True, slots=True)
class Archive:
    """
    Copies a trace into the archive: the one plan that writes, and doing it again changes nothing.

    There its spans stay until `keep_for_s` after their own time, whatever their retention; what
    came since it was copied is added. Rejected is a trace of more than `limit` spans, and one for
    which `spans_max` of a tenant leave no room.

    Columns: spans u64, in one row: how many of the trace the archive then has. Without any, there
    is no such trace.
    """

    tenant: str
    trace_id: bytes
    keep_for_s: int
    limit: int
    spans_max: int


Plan: TypeAlias = Question | Explain | Positions | Ledger | Archive
