"""Which columns a table has after each stage, and of what kinds, in every backend."""

from collections.abc import Iterable, Mapping
from typing import Final

from pipeline import search
from pipeline.errors import Rejected
from pipeline.plan import (
    Aggregate,
    AttributeField,
    Column,
    Expression,
    Extract,
    Format,
    Function,
    Holds,
    Keep,
    Kind,
    Labels,
    Limit,
    Made,
    Pick,
    Sort,
    Stage,
    Stats,
    Table,
)
from pipeline.signal import Signal
from storage import fields

COLUMNS_MAX: Final = 200
"""Columns of a table, those that only conditions need included."""
STAGES_MAX: Final = 64

_KINDS: Final[Mapping[Kind, fields.Kind]] = {
    Kind.TEXT: fields.Kind.TEXT,
    Kind.ANY: fields.Kind.ANY,
    Kind.FLAG: fields.Kind.FLAG,
    Kind.ID: fields.Kind.ID,
    **dict.fromkeys((Kind.INTEGER, Kind.NUMBER, Kind.DURATION, Kind.TIME), fields.Kind.NUMBER),
}
_SUMMED: Final = (Kind.INTEGER, Kind.NUMBER, Kind.DURATION, Kind.ANY)
_ROWS: Final = (Function.COUNT, Function.RATE)

Kinds = dict[str, Kind]


def kinds(plan: Table) -> Kinds:
    """Return the columns of the answer; raises Rejected for what no backend answers."""
    fields.check(plan.signal, plan.where)
    if len(plan.stages) > STAGES_MAX:
        raise Rejected(f"{len(plan.stages)} stages, at most {STAGES_MAX}")
    for one in plan.columns:
        _made(plan.signal, one)
    found = _new({}, ((one.name, one.kind) for one in plan.columns))
    for stage in plan.stages:
        found = after(stage, found)
    return found


def after(stage: Stage, before: Kinds) -> Kinds:
    """Return the columns after a stage."""
    match stage:
        case Extract():
            return _extract(stage, before)
        case Keep(where):
            fields.check_columns(where, {name: _KINDS[kind] for name, kind in before.items()})
        case Stats():
            return _stats(stage, before)
        case Sort(by):
            for order in by:
                _of(order.column, before)
        case Limit(rows) if rows < 0:
            raise Rejected(f"{rows} rows")
        case Pick(columns):
            return _new({}, ((name, _of(of, before)) for of, name in columns))
    return before


def _extract(stage: Extract, before: Kinds) -> Kinds:
    if before.get(stage.of) not in (Kind.TEXT, Kind.ANY):
        raise Rejected(f"{stage.of!r} is no text to read {stage.how} from")
    if stage.how is Format.REGEX:
        names = None if search.fault(stage.pattern) else search.groups(stage.pattern)
        if not {key for key, _ in stage.fields} <= set(names or ()):
            raise Rejected(f"{stage.pattern!r} has not the groups that are read")
    return _new(before, ((name, Kind.ANY) for _, name in stage.fields))


def _stats(stage: Stats, before: Kinds) -> Kinds:
    keys = [(key.name, _of(key.of, before)) for key in stage.by]
    for key, (_, kind) in zip(stage.by, keys, strict=True):
        if key.bucket_ns and (kind is not Kind.TIME or key.bucket_ns < 0):
            raise Rejected(f"{key.of!r} cannot be cut to buckets of {key.bucket_ns} ns")
    computed = ((one.name, _aggregate(one, before)) for one in stage.aggregates)
    return _new({}, (*keys, *computed))


def _made(signal: Signal, made: Made) -> None:
    if not _fits(signal, made.kind, made.of):
        raise Rejected(f"{signal} have no {made.of} as {made.kind}")


def _fits(signal: Signal, kind: Kind, of: Expression) -> bool:
    columns = fields.COLUMNS[signal]
    match of:
        case Column(name):
            return columns.get(name) is _KINDS[kind] and kind is not Kind.ANY
        case AttributeField(_, level):
            fields.check_level(level)
            return kind in (Kind.ANY, Kind.NUMBER)
        case Labels(Column(name), labels, unset):
            known = columns.get(name) in (fields.Kind.TEXT, fields.Kind.NUMBER)
            text = columns.get(name) is fields.Kind.TEXT
            typed = all(isinstance(value, str) is text for value, _ in labels)
            inner = unset is None or (not text and _fits(signal, kind, unset))
            return kind is Kind.TEXT and known and typed and inner
        case Holds(condition):
            fields.check(signal, condition)
            return kind is Kind.FLAG


def _aggregate(one: Aggregate, before: Kinds) -> Kind:
    if one.where is not None:
        after(Keep(one.where), before)
    if one.function in _ROWS:
        return Kind.INTEGER if one.function is Function.COUNT else Kind.NUMBER
    kind = _of(one.of, before)
    if one.function is Function.COUNT_DISTINCT:
        return Kind.INTEGER
    timed = kind is Kind.TIME and one.function in (Function.MIN, Function.MAX)
    if not (kind in _SUMMED or timed) or not 0 <= one.quantile <= 1:
        raise Rejected(f"{one.function} of {one.of!r}, which is of the kind {kind}")
    if kind is Kind.ANY or (one.function is Function.AVG and kind is Kind.INTEGER):
        return Kind.NUMBER
    return kind


def _of(name: str, before: Kinds) -> Kind:
    kind = before.get(name)
    if kind is None:
        raise Rejected(f"there is no column {name!r}")
    return kind


def _new(before: Kinds, added: Iterable[tuple[str, Kind]]) -> Kinds:
    found = dict(before)
    for name, kind in added:
        if name in found:
            raise Rejected(f"two columns are called {name!r}")
        found[name] = kind
    if len(found) > COLUMNS_MAX:
        raise Rejected(f"{len(found)} columns, at most {COLUMNS_MAX}")
    return found
