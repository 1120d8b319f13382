"""Plans that are answered from lists, or from a bounded look at records: never a full scan."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Final

from pipeline.plan import (
    AttributeField,
    Column,
    Heads,
    Keys,
    Level,
    Metrics,
    Operations,
    Services,
    Values,
)
from pipeline.signal import Signal
from storage.compile.condition import PARSED, SCOPE, like
from storage.compile.parameters import Parameters, Statement
from storage.compile.rows import within
from storage.fields import check_level, check_text
from storage.tables import RECORD_TABLES

_HOUR: Final = "intDiv(time, 3600000000000)"
"""As in the tables' sort order: descending, it reads the newest and stops."""


def heads(plan: Heads) -> Statement:
    """Return the newest commit record of each log."""
    parameters = Parameters()
    signal, limit = _bound(parameters, plan.signal.value, plan.limit)
    return Statement(
        f"SELECT partition, epoch, last AS sequence, committed_ns FROM commits "
        f"WHERE signal = {signal} "
        f"ORDER BY partition, epoch DESC, last DESC LIMIT 1 BY partition LIMIT {limit}",
        parameters.bound,
    )


def keys(plan: Keys) -> Statement:
    """Return the keys of attributes with their levels and types."""
    check_level(plan.level)
    parameters = Parameters()
    who = parameters.add(plan.tenant, "String")
    signal = parameters.add(plan.signal.value, "String")
    asked = []
    if plan.names:
        asked.append(f"key IN {parameters.add(list(plan.names), 'Array(String)')}")
    asked += [f"key LIKE {parameters.add(like(one), 'String')}" for one in plan.patterns]
    where = f"({' OR '.join(asked) or 'true'})"
    if plan.prefix:
        where += f" AND startsWith(key, {parameters.add(plan.prefix, 'String')})"
    if plan.level is not Level.ANY:
        where += f" AND level = {parameters.add(plan.level.value, 'String')}"
    limit = parameters.add(plan.limit, "UInt64")
    sql = (
        "SELECT DISTINCT key, level, type FROM attribute_keys "
        f"WHERE tenant = {who} AND signal = {signal} AND {where} "
        f"ORDER BY key, level, type LIMIT {limit}"
    )
    return Statement(sql, parameters.bound)


def services(plan: Services) -> Statement:
    """Return services with the signals that they send."""
    parameters = Parameters()
    where = _named(parameters, plan.tenant, "service_name", plan.prefix)
    if plan.signal is not None:
        where += f" AND signal = {parameters.add(plan.signal.value, 'String')}"
    limit = parameters.add(plan.limit, "UInt64")
    return Statement(
        "SELECT service_name, arraySort(groupUniqArray(toString(signal))) AS signals "
        f"FROM services WHERE {where} GROUP BY service_name ORDER BY service_name LIMIT {limit}",
        parameters.bound,
    )


def operations(plan: Operations) -> Statement:
    """Return the names of spans with their services and kinds."""
    parameters = Parameters()
    where = _named(parameters, plan.tenant, "name", plan.prefix)
    if plan.service is not None:
        where += f" AND service_name = {parameters.add(plan.service, 'String')}"
    if plan.kind is not None:
        where += f" AND kind = {parameters.add(plan.kind, 'Int32')}"
    limit = parameters.add(plan.limit, "UInt64")
    return Statement(
        f"SELECT DISTINCT service_name, name, kind FROM operations WHERE {where} "
        f"ORDER BY service_name, name, kind LIMIT {limit}",
        parameters.bound,
    )


def metrics(plan: Metrics) -> Statement:
    """Return what metrics there are, from their series."""
    parameters = Parameters()
    where = _named(parameters, plan.tenant, "metric_name", plan.prefix)
    limit = parameters.add(plan.limit, "UInt64")
    names = "metric_name, metric_type, metric_unit, aggregation_temporality, is_monotonic"
    return Statement(
        f"SELECT {names}, max(toString(metric_description)) AS metric_description, "
        f"uniqExact(series_id) AS series_count FROM series WHERE {where} "
        f"GROUP BY {names} ORDER BY {names} LIMIT {limit}",
        parameters.bound,
    )


def values(plan: Values) -> Statement:
    """Return the texts that a field has."""
    check_text(plan.signal, plan.field)
    parameters = Parameters()
    sources = " UNION ALL ".join(_Sources(plan, parameters).of(plan.field))
    limit = parameters.add(plan.limit, "UInt64")
    sql = f"SELECT DISTINCT value FROM ({sources}) ORDER BY value LIMIT {limit}"
    return Statement(sql, parameters.bound)


class _Sources:
    """Where the values of a field are found, as SELECTs of one column, `value`."""

    def __init__(self, plan: Values, parameters: Parameters) -> None:
        self._plan = plan
        self._bind = parameters
        self._who = f"tenant = {parameters.add(plan.tenant, 'String')}"
        self._prefix = parameters.add(plan.prefix, "String")

    def of(self, field: Column | AttributeField) -> list[str]:
        if isinstance(field, Column):
            return [self._of_column(field.name)]
        every = (Level.RECORD, Level.RESOURCE, Level.SCOPE)
        levels = every if field.level is Level.ANY else (field.level,)
        return [self._of_level(one, field.key) for one in levels]

    def _of_column(self, name: str) -> str:
        signal = self._plan.signal
        if name == "service_name":
            return self._select(name, "services", self._of_signal())
        if name in SCOPE:
            return self._select(
                f"JSONExtractString(text, '{SCOPE[name]}')", "scopes", self._of_signal()
            )
        if signal is Signal.TRACES and name == "name":
            return self._select(name, "operations", self._who)
        if signal is Signal.METRICS:
            return self._select(name, "series", self._who)
        return self._select(name, self._newest(name), "true")

    def _of_level(self, level: Level, key: str) -> str:
        named = self._bind.add(key, "String")
        if level is Level.RECORD:
            source, where = "series", self._who
            if self._plan.signal is not Signal.METRICS:
                source, where = self._newest("attributes"), "true"
            return self._select("a.value", f"{source} ARRAY JOIN attributes AS a", where, named)
        source = f"{level.value}s ARRAY JOIN {PARSED} AS a"
        return self._select("a.3", source, self._of_signal(), named)

    def _of_signal(self) -> str:
        return f"{self._who} AND signal = {self._bind.add(self._plan.signal.value, 'String')}"

    def _newest(self, column: str) -> str:
        table = RECORD_TABLES[self._plan.signal][0]
        times = " AND ".join(within(self._plan.start_ns, self._plan.end_ns, self._bind))
        examined = self._bind.add(self._plan.examined, "UInt64")
        return (
            f"(SELECT {column} FROM {table} WHERE {self._who} AND {times} "
            f"ORDER BY {_HOUR} DESC LIMIT {examined})"
        )

    def _select(self, value: str, source: str, where: str, key: str = "") -> str:
        name = "a.1" if value == "a.3" else "a.key"
        keyed = f" AND {name} = {key}" if key else ""
        return (
            f"SELECT toString({value}) AS value FROM {source} "
            f"WHERE {where}{keyed} AND startsWith({value}, {self._prefix})"
        )


def _named(parameters: Parameters, tenant: str, name: str, prefix: str) -> str:
    who = f"tenant = {parameters.add(tenant, 'String')}"
    return f"{who} AND startsWith({name}, {parameters.add(prefix, 'String')})"


def _bound(parameters: Parameters, signal: str, limit: int) -> tuple[str, str]:
    return parameters.add(signal, "String"), parameters.add(limit, "UInt64")
