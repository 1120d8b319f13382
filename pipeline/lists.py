"""Plans of what there is: for completion, the service graph and metadata."""

from dataclasses import dataclass
from typing import Final

from pipeline.field import AttributeField, Column, Level
from pipeline.signal import Signal

HEADS_MAX: Final = 256
"""Partitions whose heads are compared: each is a condition of a statement."""


@dataclass(frozen=True, slots=True)
class Heads:
    """How far each log of a signal is committed: partition u16, epoch u32, sequence u64."""

    signal: Signal
    tenant: str
    limit: int


@dataclass(frozen=True, slots=True)
class Head:
    """
    How far the log of one partition was committed.

    `committed_ns` is the bus's time of its last message: it tells logs apart that stand at the same
    place.
    """

    partition: int
    epoch: int
    sequence: int
    committed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """
    What was stored since the logs stood at some heads: records of a time range, and other logs.

    Columns as of `Heads`, a row for some of what there is; one of zeros when the logs never stood
    there. No row at all says that questions about the time range have the answers that they had
    then, but for what retention has removed.
    """

    signal: Signal
    tenant: str
    start_ns: int
    end_ns: int
    heads: tuple[Head, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Keys:
    """
    The keys that attributes of a signal's records, resources and scopes have, with their types.

    Columns: key utf8, level utf8 (a `Level` of these), type u8 (`pipeline/value.py`); distinct,
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
