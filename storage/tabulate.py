"""What a table means, row by row in Python: what compiled SQL is compared with."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import search, value
from pipeline.errors import Rejected
from pipeline.plan import (
    Aggregate,
    And,
    AttributeField,
    Column,
    Compare,
    Condition,
    Expression,
    Extract,
    Find,
    Format,
    Function,
    Holds,
    Keep,
    Key,
    Kind,
    Labels,
    Limit,
    Made,
    Not,
    Or,
    Pick,
    Sort,
    Stage,
    Stats,
    Table,
)
from storage import answers
from storage.evaluate import OPERATORS, Row, attribute, column, has, matches
from storage.kinds import Kinds, after, kinds

Rows = list[dict[str, Any]]

INT64_MAX: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def plain(rows: pa.Table) -> pa.Table:
    """Leave out events, buckets and the like: nothing asks for them, and they are slow to read."""
    names = [
        field.name
        for field in rows.schema
        if not pa.types.is_nested(field.type) or field.name == "attributes"
    ]
    return rows.select(names)


def tabulate(plan: Table, records: Iterable[Row]) -> pa.Table:
    """Return the answer about the records that match; raises Rejected."""
    answer = kinds(plan)
    known: Kinds = {one.name: one.kind for one in plan.columns}
    rows = [{one.name: _made(one, record) for one in plan.columns} for record in records]
    for stage in plan.stages:
        rows = _after(stage, rows, known, plan)
        known = after(stage, known)
    schema = answers.table(answer)
    columns = [
        pa.array([_shown(row[name], kind) for row in rows[: plan.limit]], schema.field(at).type)
        for at, (name, kind) in enumerate(answer.items())
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _after(stage: Stage, rows: Rows, known: Kinds, plan: Table) -> Rows:
    match stage:
        case Extract(how, of, fields, pattern):
            read = _READ[how]
            return [
                row | {name: read(row[of], key, pattern) for key, name in fields} for row in rows
            ]
        case Keep(where):
            return [row for row in rows if _meets(where, row, known)]
        case Stats():
            return _stats(stage, rows, known, plan)
        case Sort(by):
            for order in reversed(by):  # sorting is stable: the last column first
                rows = _sorted(rows, order.column, known[order.column], falling=order.descending)
            return rows
        case Limit(most):
            return rows[:most]
        case Pick(columns):
            return [{name: row[of] for of, name in columns} for row in rows]


def _made(made: Made, record: Row) -> Any:
    return _value(made.of, made.kind, record)


def _value(of: Expression, kind: Kind, record: Row) -> Any:
    match of:
        case Column(name):
            stored = column(name, record)
            if kind is Kind.ID:
                return stored if any(stored) else None
            if kind in (Kind.TIME, Kind.DURATION):
                stored = min(stored, INT64_MAX)
                return stored or None if kind is Kind.TIME and name != "time" else stored
            return float(stored) if kind is Kind.NUMBER and stored is not None else stored
        case AttributeField():
            found = attribute(of, record)
            if found is None or kind is Kind.ANY:
                return None if found is None else found[1]
            return float(found[1]) if found[0] in (value.INT, value.DOUBLE) else None
        case Labels(Column(name), labels, unset):
            stored = column(name, record)
            if stored == 0 and unset is not None:
                return _value(unset, kind, record)
            return dict(labels).get(stored) or None
        case Holds(condition):
            return matches(condition, record)


def _meets(condition: Condition, row: Mapping[str, Any], known: Kinds) -> bool:
    """Tell whether a row meets a condition of a table's columns."""
    match condition:
        case And(parts):
            return all(_meets(one, row, known) for one in parts)
        case Or(parts):
            return any(_meets(one, row, known) for one in parts)
        case Not(part):
            return not _meets(part, row, known)
        case Compare(Column(name), how, wanted):
            stored = row[name]
            if known[name] is Kind.ANY and not isinstance(wanted, str):
                stored = number(stored)
            return stored is not None and OPERATORS[how](stored, wanted)
        case Find(Column(name), kind, text):
            return row[name] is not None and has(row[name], kind, text)
    raise TypeError(condition)


def number(text: str | None) -> float | None:
    """Return the number as which a text reads."""
    return None if text is None or not _NUMBER.fullmatch(text) else float(text)


def _stats(stage: Stats, rows: Rows, known: Kinds, plan: Table) -> Rows:
    groups: dict[tuple[Any, ...], Rows] = {} if stage.by else {(): []}
    for row in rows:
        groups.setdefault(tuple(_key(key, row) for key in stage.by), []).append(row)
    if len(groups) > plan.groups_max:
        raise Rejected(f"more than {plan.groups_max} groups")
    found: Rows = []
    for values, members in groups.items():
        row = {key.name: one for key, one in zip(stage.by, values, strict=True)}
        bucket = next(((row[key.name], key.bucket_ns) for key in stage.by if key.bucket_ns), None)
        seconds = _seconds(plan, bucket)
        found.append(
            row | {one.name: _aggregate(one, members, known, seconds) for one in stage.aggregates}
        )
    return found


def _key(key: Key, row: Mapping[str, Any]) -> Any:
    stored = row[key.of]
    return stored // key.bucket_ns * key.bucket_ns if key.bucket_ns and stored else stored


def _seconds(plan: Table, bucket: tuple[int, int] | None) -> float:
    start, end = (min(max(0, ns), INT64_MAX) for ns in (plan.start_ns, plan.end_ns))
    if bucket is not None:
        start, end = max(start, bucket[0]), min(end, sum(bucket))
    return (end - start) / 1e9


def _aggregate(one: Aggregate, rows: Rows, known: Kinds, seconds: float) -> Any:
    if one.where is not None:
        rows = [row for row in rows if _meets(one.where, row, known)]
    if one.function is Function.COUNT:
        return len(rows)
    if one.function is Function.RATE:
        return len(rows) / seconds
    values = [row[one.of] for row in rows if row[one.of] is not None]
    kind = known[one.of]
    if one.function is Function.COUNT_DISTINCT:
        return len(set(values))
    if kind is Kind.ANY:
        values = [read for read in map(number, values) if read is not None]
    return _of_numbers(one, values, kind) if values else None


def _of_numbers(one: Aggregate, values: Sequence[Any], kind: Kind) -> Any:
    match one.function:
        case Function.SUM:
            total = sum(values)
            if kind in (Kind.INTEGER, Kind.DURATION):
                return max(-INT64_MAX - 1, min(INT64_MAX, total))
            return total
        case Function.AVG:
            mean = sum(map(float, values)) / len(values)
            return math.floor(mean) if kind is Kind.DURATION else mean
        case Function.MIN:
            return min(values)
        case Function.MAX:
            return max(values)
        case _:
            at = min(int(one.quantile * len(values)), len(values) - 1)
            return sorted(values)[at]


def _sorted(rows: Rows, name: str, kind: Kind, *, falling: bool) -> Rows:
    """Sort by a column: what reads as a number before all else where texts may, nulls last."""
    there = [row for row in rows if row[name] is not None]
    nulls = [row for row in rows if row[name] is None]
    if kind is not Kind.ANY:
        return sorted(there, key=lambda row: row[name], reverse=falling) + nulls
    numbers = [row for row in there if number(row[name]) is not None]
    texts = [row for row in there if number(row[name]) is None]
    by_number: Callable[[dict[str, Any]], Any] = lambda row: (number(row[name]), row[name])  # noqa: E731
    in_order = sorted(numbers, key=by_number, reverse=falling)
    return in_order + sorted(texts, key=lambda row: row[name], reverse=falling) + nulls


def _shown(stored: Any, kind: Kind) -> Any:
    return stored.hex() if kind is Kind.ID and stored is not None else stored


def _json(text: str | None, key: str, pattern: str) -> str | None:
    del pattern
    try:
        whole = json.loads(text or "", object_pairs_hook=_first)
    except (ValueError, RecursionError):
        return None
    found = _text(_down(whole, [key]))
    return found if found is not None or "." not in key else _text(_down(whole, key.split(".")))


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a repeated name the first counts."""
    found: dict[str, Any] = {}
    for name, member in pairs:
        found.setdefault(name, member)
    return found


def _down(within: Any, path: list[str]) -> Any:
    for name in path:
        within = within.get(name) if isinstance(within, dict) else None
    return within


def _text(member: Any) -> str | None:
    if member is None or isinstance(member, str):
        return member
    if isinstance(member, float) and not isinstance(member, bool) and member == int(member):
        return str(int(member))
    return value.dumps(member)


def _logfmt(text: str | None, key: str, pattern: str) -> str | None:
    del pattern
    found = re.search(search.matching(search.logfmt(key)), text or "")
    if found is None:
        return None
    stored = found[1] or ""
    if not stored.startswith('"'):
        return stored
    try:
        return str(json.loads(stored)).encode().decode()
    except ValueError:  # no JSON, or half a character
        return stored[1:-1]


def _regex(text: str | None, key: str, pattern: str) -> str | None:
    # Python's own expressions are not RE2's.
    found: Any = pc.extract_regex(pa.array([text or ""]), search.matching(pattern))[0].as_py()
    return None if found is None else str(found[key])


_READ: Final[Mapping[Format, Callable[[str | None, str, str], str | None]]] = {
    Format.JSON: _json,
    Format.LOGFMT: _logfmt,
    Format.REGEX: _regex,
}
