"""Tables to SQL: each stage is a query about the rows of the one before."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Iterable
from typing import Final

from pipeline import search
from pipeline.plan import (
    Aggregate,
    And,
    Column,
    Compare,
    Condition,
    Extract,
    Find,
    Format,
    Function,
    Keep,
    Key,
    Kind,
    Limit,
    Not,
    Or,
    Pick,
    Sort,
    Stage,
    Stats,
    Table,
)
from pipeline.signal import Signal
from storage.compile import points, rows
from storage.compile.condition import searching, type_of
from storage.compile.expression import INT64_MAX, Expressions
from storage.compile.parameters import Parameters, Statement
from storage.compile.relation import Relation, Seat, number
from storage.kinds import Kinds, after, kinds

_FUNCTIONS: Final = {
    Function.MIN: "minOrNull",
    Function.MAX: "maxOrNull",
    Function.SUM: "sumOrNull",
}


def table(plan: Table) -> Statement:
    """Return the answer, its columns called c and their place; raises Rejected."""
    answer = kinds(plan)
    parameters = Parameters()
    stages = _Stages(plan, parameters)
    relation, known = stages.records(), {one.name: one.kind for one in plan.columns}
    for stage in plan.stages:
        known = after(stage, known)
        relation = stages.after(stage, relation, known)
    columns = [
        f"lower(hex({name})) AS c{at}" if kind is Kind.ID else f"{name} AS c{at}"
        for at, (name, kind) in enumerate(relation.columns[name] for name in answer)
    ]
    limit = parameters.add(plan.limit, "UInt64")
    sql = (
        f"SELECT {', '.join(columns) or '1'} FROM ({relation.select()})"
        f"{relation.order_by} LIMIT {limit}"
    )
    if any(isinstance(one, Stats) for one in plan.stages):
        sql += (
            f" SETTINGS max_rows_to_group_by = {int(plan.groups_max)}, "
            "group_by_overflow_mode = 'throw'"
        )
    return Statement(sql, parameters.bound)


class _Stages:
    """Compiles the stages of one statement."""

    def __init__(self, plan: Table, parameters: Parameters) -> None:
        self._plan = plan
        self._parameters = parameters
        self._names = 0

    def records(self) -> Relation:
        """Return the records that match, with the columns that stages see of them."""
        plan, parameters = self._plan, self._parameters
        if plan.signal is Signal.METRICS:
            source = points.joined(plan, parameters)
        else:
            name = "spans" if plan.signal is Signal.TRACES else "logs"
            source = f"{name} WHERE {rows.where(plan, plan.signal, parameters)}"
        tenant = parameters.add(plan.tenant, "String")
        expressions = Expressions(plan.signal, tenant, parameters)
        columns = {one.name: (self._name(), one.kind) for one in plan.columns}
        made = [f"{expressions.sql(one)} AS {columns[one.name][0]}" for one in plan.columns]
        return Relation(f"(SELECT {', '.join(made) or '1'} FROM {source})", columns)

    def after(self, stage: Stage, before: Relation, known: Kinds) -> Relation:
        """Return the rows after a stage; `known` are their columns."""
        match stage:
            case Extract():
                return self._extract(stage, before)
            case Keep(where):
                return before.inside(before.select(rest=f" WHERE {self._where(where, before)}"))
            case Stats():
                return self._stats(stage, before, known)
            case Sort(by):
                return before.sorted(by)
            case Limit(most):
                limit = self._parameters.add(most, "UInt64")
                return before.inside(before.select(rest=f"{before.order_by} LIMIT {limit}"))
            case Pick(columns):
                picked = {name: before.columns[of] for of, name in columns}
                return Relation(before.source, picked, before.order)

    def _extract(self, stage: Extract, before: Relation) -> Relation:
        text = before.columns[stage.of][0]
        added: list[str] = []
        columns = dict(before.columns)
        match stage.how:
            case Format.JSON:
                found = [_member(text, key, self._parameters) for key, _ in stage.fields]
            case Format.LOGFMT:
                found = [self._pair(text, key, added) for key, _ in stage.fields]
            case Format.REGEX:
                groups = self._groups(text, search.matching(stage.pattern), added)
                names = search.groups(stage.pattern) or []
                found = [
                    f"if(empty({groups}), NULL, {groups}[{names.index(key) + 1}])"
                    for key, _ in stage.fields
                ]
        for (_, name), value in zip(stage.fields, found, strict=True):
            columns[name] = self._name(), Kind.ANY
            added.append(f"{value} AS {columns[name][0]}")
        return before.inside(before.select(added), columns)

    def _groups(self, text: str, pattern: str, added: list[str]) -> str:
        """Return what the groups of a pattern hold, as a column of arrays that is added."""
        name = self._name()
        bound = self._parameters.add(pattern, "String")
        added.append(f"extractGroups(ifNull({text}, ''), {bound}) AS {name}")
        return name

    def _pair(self, text: str, key: str, added: list[str]) -> str:
        groups = self._groups(text, search.matching(search.logfmt(key)), added)
        value = f"{groups}[1]"
        bare = f"substring({value}, 2, length({value}) - 2)"
        # What stands in quotes is escaped as JSON is, or else it is taken as it stands.
        read = f"ifNull(JSONExtract(concat('[', {value}, ']'), 1, 'Nullable(String)'), {bare})"
        return f"multiIf(empty({groups}), NULL, startsWith({value}, '\"'), {read}, {value})"

    def _stats(self, stage: Stats, before: Relation, known: Kinds) -> Relation:
        columns: dict[str, Seat] = {}
        selected, grouped = [], []
        for key in stage.by:
            name, sql = self._key(key, before)
            columns[key.name] = name, known[key.name]
            grouped.append(name)
            selected.append(sql)
        seconds = ""
        if any(one.function is Function.RATE for one in stage.aggregates):
            seconds = self._seconds(stage, columns)
        shared = self._quantiles(stage, before, selected)
        for one in stage.aggregates:
            name = self._name()
            columns[one.name] = name, known[one.name]
            sql = shared.get(_quantile(one)) or self._aggregate(one, before, seconds)
            selected.append(f"{sql} AS {name}")
        by = f" GROUP BY {', '.join(dict.fromkeys(grouped))}" if grouped else ""
        query = f"SELECT {', '.join(dict.fromkeys(selected)) or '1'} FROM {before.source}{by}"
        return Relation(f"({query})", columns)

    def _quantiles(self, stage: Stats, before: Relation, selected: list[str]) -> dict[str, str]:
        """Select quantiles of the same values at once, as arrays; return where each stands."""
        same: dict[str, list[Aggregate]] = {}
        for one in stage.aggregates:
            if one.function is Function.QUANTILE:
                same.setdefault(f"{one.of} {one.where}", []).append(one)
        shared = {}
        for some in same.values():
            levels = list(dict.fromkeys(one.quantile for one in some))
            if len(levels) < 2:
                continue
            condition = "" if some[0].where is None else self._where(some[0].where, before)
            value, name = _number(*before.columns[some[0].of]), self._name()
            every = f"({', '.join(map(repr, levels))})"
            selected.append(f"{_call('quantilesExact', value, condition, every)} AS {name}")
            none = f"{_call('count', value, condition)} = 0"
            for one in some:
                at = levels.index(one.quantile) + 1
                shared[_quantile(one)] = f"if({none}, NULL, {name}[{at}])"
        return shared

    def _key(self, key: Key, before: Relation) -> tuple[str, str]:
        """Return the name of a key's column, and what selects it."""
        of = before.columns[key.of][0]
        if not key.bucket_ns:
            return of, of
        name, width = self._name(), self._parameters.add(key.bucket_ns, "Int64")
        return name, f"intDiv({of}, {width}) * {width} AS {name}"

    def _seconds(self, stage: Stats, columns: dict[str, Seat]) -> str:
        """Return how long a group is: its bucket, as far as it lies in the range, or the range."""
        start, end = (
            self._parameters.add(min(max(0, ns), 2**63 - 1), "Int64")
            for ns in (self._plan.start_ns, self._plan.end_ns)
        )
        bucket = next((one for one in stage.by if one.bucket_ns), None)
        if bucket is None:
            return f"(({end} - {start}) / 1e9)"
        at, width = columns[bucket.name][0], self._parameters.add(bucket.bucket_ns, "Int64")
        return f"((least({at} + {width}, {end}) - greatest({at}, {start})) / 1e9)"

    def _aggregate(self, one: Aggregate, before: Relation, seconds: str) -> str:
        condition = "" if one.where is None else self._where(one.where, before)
        if one.function in (Function.COUNT, Function.RATE):
            counted = f"countIf({condition})" if condition else "count()"
            if one.function is Function.RATE:
                return f"{counted} / {seconds}"
            return f"toInt64({counted})"
        of, kind = before.columns[one.of]
        if one.function is Function.COUNT_DISTINCT:
            return f"toInt64({_call('uniqExact', of, condition)})"
        value = _number(of, kind)
        if one.function is Function.QUANTILE:
            return _call("quantileExactOrNull", value, condition, f"({one.quantile!r})")
        if one.function is Function.AVG:
            mean = _call("avgOrNull", f"toFloat64({value})", condition)
            return f"toInt64(floor({mean}))" if kind is Kind.DURATION else mean
        if one.function is Function.SUM and kind in (Kind.INTEGER, Kind.DURATION):
            total = _call("sumOrNull", f"toInt128({value})", condition)
            least = f"(-{INT64_MAX} - 1)"
            bounded = f"{total} > {INT64_MAX}, {INT64_MAX}, {total} < {least}, {least}"
            return f"multiIf({bounded}, toInt64({total}))"
        return _call(_FUNCTIONS[one.function], value, condition)

    def _name(self) -> str:
        """Return a name that no column has: an alias hides the column of its name."""
        self._names += 1
        return f"v{self._names}"

    def _where(self, condition: Condition, relation: Relation) -> str:
        """Return a condition of a table's columns; of a null no comparison holds."""
        match condition:
            case And(parts):
                return f"({' AND '.join(self._where(one, relation) for one in parts) or 'true'})"
            case Or(parts):
                return f"({' OR '.join(self._where(one, relation) for one in parts) or 'false'})"
            case Not(part):
                return f"(NOT {self._where(part, relation)})"
            case Compare(Column(name), operator, value):
                column, kind = relation.columns[name]
                if kind is Kind.ANY and not isinstance(value, str):
                    column = number(column)
                if isinstance(value, bytes):
                    bound = self._parameters.fixed(value)
                else:
                    bound = self._parameters.add(value, type_of(value))
                return f"ifNull({column} {operator} {bound}, false)"
            case Find(Column(name), how, text):
                found = searching(how, text, self._parameters)
                return f"ifNull({found.format(value=relation.columns[name][0])}, false)"
        raise TypeError(condition)


def _quantile(one: Aggregate) -> str:
    return f"{one.function} {one.quantile} {one.of} {one.where}"


def _number(of: str, kind: Kind) -> str:
    return number(of) if kind is Kind.ANY else of


def _call(function: str, of: str, condition: str, level: str = "") -> str:
    """Return a call of an aggregate function, with its level, of the rows that meet a condition."""
    if condition:
        return f"{function}If{level}({of}, {condition})"
    return f"{function}{level}({of})"


def _member(text: str, key: str, parameters: Parameters) -> str:
    """Return a member of a JSON object: of that name, or else down the names between the dots."""
    paths: Iterable[list[str]] = [[key], key.split(".")] if "." in key else [[key]]
    found = [
        f"JSONExtract({text}, {', '.join(parameters.add(one, 'String') for one in path)}, "
        "'Nullable(String)')"
        for path in paths
    ]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
