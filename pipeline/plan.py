"""
A checked question: what a query backend runs.

Fields are resolved and values typed before a plan is built; a backend compiles it, and refuses what
it cannot answer exactly. Conditions and tables have modules of their own, and all names are here.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.condition import (
    And,
    AttributeField,
    AttributeKeys,
    Attributes,
    Column,
    Compare,
    Condition,
    Exists,
    Field,
    Find,
    Level,
    Not,
    OneOf,
    Operator,
    Or,
    Path,
    Relation,
    Scalar,
    Search,
)
from pipeline.signal import Signal
from pipeline.table import (
    Aggregate,
    Expression,
    Extract,
    Format,
    Function,
    Holds,
    Keep,
    Key,
    Kind,
    Labels,
    Limit,
    Made,
    Order,
    Pick,
    Sort,
    Stage,
    Stats,
    Table,
)

__all__ = [
    "CUT",
    "Aggregate",
    "And",
    "AttributeField",
    "AttributeKeys",
    "Attributes",
    "Column",
    "Compare",
    "Condition",
    "Exists",
    "Expression",
    "Extract",
    "Field",
    "Find",
    "Format",
    "Function",
    "Holds",
    "Keep",
    "Key",
    "Keys",
    "Kind",
    "Labels",
    "Ledger",
    "Level",
    "Limit",
    "Limited",
    "Made",
    "Not",
    "OneOf",
    "Operator",
    "Or",
    "Order",
    "Path",
    "Pick",
    "Plan",
    "Positions",
    "Reached",
    "Records",
    "Relation",
    "Scalar",
    "Search",
    "Sort",
    "Stage",
    "Stats",
    "Table",
    "Trace",
    "Traces",
]


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
    The newest traces of which a span matches, or that match as a `whole`, one row each.

    `whole` comes instead of `where`. Its parts are `Path`, whose spans lie in the time range, and
    comparisons of columns of all the trace's spans: span_count, error_count, service_count,
    duration_ns, root_service, root_name (the last two as texts). What might match are traces that
    have a span in the time range; of these the `candidates_max` newest are examined. When there are
    more, the answer's schema has the metadata `CUT`.

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
    whole: Condition | None = None
    candidates_max: int = 0


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


CUT: Final = b"aura.cut"
"""In the metadata of an answer's schema: not everything that might match was examined."""

Limited: TypeAlias = Records | Traces | Trace | Keys | Table
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
