"""Plans to ClickHouse SQL. Text is made only here, and values enter it only as parameters."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Mapping
from typing import Final

from pipeline import schema
from pipeline.plan import And, Column, Compare, Condition, Not, Or, Records, Trace, Traces
from pipeline.signal import Signal
from storage.answers import PLACE
from storage.compile import pages
from storage.compile.condition import Conditions
from storage.compile.parameters import Parameters, Statement, within
from storage.fields import check
from storage.series import SERIES_COLUMNS
from storage.tables import AS_DOUBLE, AS_INT, POINT_TABLES

_IDS_MAX: Final = 2000
"""IDs in one parameter: a server takes 128 KiB (`http_max_field_value_size`)."""


def records(plan: Records) -> Statement:
    """Return the newest records that match, with the columns of the schema and service_name."""
    check(plan.signal, plan.where)
    parameters = Parameters()
    if plan.signal is Signal.METRICS:
        return _points(plan, parameters)
    table = "spans" if plan.signal is Signal.TRACES else "logs"
    names = ", ".join(["service_name", *schema.SCHEMAS[plan.signal].names, *PLACE])
    where = _where(plan.signal, plan, parameters)
    where += "".join(f" AND {one}" for one in pages.after(plan.after, parameters))
    limit = parameters.add(plan.limit, "UInt64")
    sql = f"SELECT {names} FROM {table} WHERE {where} ORDER BY {pages.ORDER} LIMIT {limit}"
    return Statement(sql, parameters.bound)


def matching(plan: Traces) -> Statement:
    """Return the IDs, as hex, of the traces whose newest matching span is newest, and its time."""
    check(Signal.TRACES, plan.where)
    parameters = Parameters()
    where = _where(Signal.TRACES, plan, parameters)
    where += "".join(f" AND {one}" for one in pages.committed(plan.within, parameters))
    having = pages.after_trace(plan.after, parameters)
    limit = parameters.add(plan.limit, "UInt64")
    sql = (
        f"SELECT hex(trace_id) AS id, max(time) AS matched_ns FROM spans WHERE {where} "
        f"GROUP BY trace_id{having} ORDER BY matched_ns DESC, trace_id DESC LIMIT {limit}"
    )
    return Statement(sql, parameters.bound)


def summaries(tenant: str, trace_ids: list[str]) -> Statement:
    """Return one row for each of these traces; columns as `plan.Traces` says."""
    parameters = Parameters()
    who = f"tenant = {parameters.add(tenant, 'String')}"
    parts = [
        parameters.add(trace_ids[at : at + _IDS_MAX], "Array(String)")
        for at in range(0, len(trace_ids), _IDS_MAX)
    ]
    ids = f"arrayJoin(arrayConcat({', '.join(parts)}))"
    wanted = f"{who} AND trace_id IN (SELECT toFixedString(unhex({ids}), 16))"
    # By the ID as well, so that two roots of one time are not mixed.
    earliest = "(start_time_unix_nano, span_id), parent_span_id = toFixedString('', 8)"
    sql = f"""SELECT trace_id,
    min(start_time_unix_nano) AS start_ns,
    max(end_time_unix_nano) AS end_ns,
    count() AS span_count,
    countIf(status_code = 2) AS error_count,
    arraySort(groupUniqArray(toString(service_name))) AS services,
    argMinIf(toString(service_name), {earliest}) AS root_service,
    argMinIf(toString(name), {earliest}) AS root_name
FROM spans
WHERE {wanted} AND {_bounded(wanted)}
GROUP BY trace_id
ORDER BY start_ns DESC, trace_id DESC"""
    return Statement(sql, parameters.bound)


def trace(plan: Trace) -> Statement:
    """Return the spans of one trace, oldest first."""
    parameters = Parameters()
    who = f"tenant = {parameters.add(plan.tenant, 'String')}"
    wanted = f"{who} AND trace_id = {parameters.fixed(plan.trace_id)}"
    names = ", ".join(["service_name", *schema.SPANS.names, *PLACE])
    limit = parameters.add(plan.limit, "UInt64")
    sql = (
        f"SELECT {names} FROM spans WHERE {wanted} AND {_bounded(wanted)} "
        f"ORDER BY time, span_id LIMIT {limit}"
    )
    return Statement(sql, parameters.bound)


def _bounded(wanted: str) -> str:
    """Bound the time by where these traces lie: constants by the time that indexes are read."""
    first, last = (
        f"(SELECT {bound} FROM trace_bounds WHERE {wanted})"
        for bound in ("min(first)", "max(last)")
    )
    return f"time >= {first} AND time <= {last}"


def _where(signal: Signal, plan: Records | Traces, parameters: Parameters) -> str:
    who = parameters.add(plan.tenant, "String")
    parts = [f"tenant = {who}", *within(plan.start_ns, plan.end_ns, parameters)]
    if plan.where is not None:
        parts.append(Conditions(signal, who, parameters).sql(plan.where))
    return " AND ".join(parts)


# Columns of `schema.POINTS` that only some tables have, as the others read them.
_NOTHING: Final = {
    "value_type": "toUInt8(0)",
    "value_double": "0.0",
    "value_int": "toInt64(0)",
    "count": "toUInt64(0)",
    "sum": "CAST(NULL AS Nullable(Float64))",
    "min": "CAST(NULL AS Nullable(Float64))",
    "max": "CAST(NULL AS Nullable(Float64))",
    "bucket_counts": "CAST([] AS Array(UInt64))",
    "explicit_bounds": "CAST([] AS Array(Float64))",
    "scale": "toInt32(0)",
    "zero_count": "toUInt64(0)",
    "zero_threshold": "0.0",
    "positive_offset": "toInt32(0)",
    "positive_bucket_counts": "CAST([] AS Array(UInt64))",
    "negative_offset": "toInt32(0)",
    "negative_bucket_counts": "CAST([] AS Array(UInt64))",
    "quantile_values": "CAST([] AS Array(Tuple(quantile Float64, value Float64)))",
}
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "number_points": frozenset({"value_type", "value_double", "value_int"}),
    "histogram_points": frozenset(
        {"count", "sum", "min", "max", "bucket_counts", "explicit_bounds"}
    ),
    "exponential_histogram_points": frozenset(_NOTHING)
    - {"value_type", "value_double", "value_int"}
    - {"bucket_counts", "explicit_bounds", "quantile_values"},
    "summary_points": frozenset({"count", "sum", "quantile_values"}),
}
_POINT: Final = (
    *("sequence", "time", "time_unix_nano", "start_time_unix_nano", "flags", "exemplars"),
    *PLACE,
)


# Columns that belong to a point; every other one, and every attribute, to its series.
_OF_POINTS: Final = ("value", "flags", "time", "time_unix_nano", "start_time_unix_nano")


def _points(plan: Records, parameters: Parameters) -> Statement:
    """Join the points of every kind with their series; what is asked of series prunes points."""
    who = parameters.add(plan.tenant, "String")
    conditions = Conditions(Signal.METRICS, who, parameters)
    of_series, of_points = ["true"], ["true"]
    for part in _parts(plan.where):
        (of_points if _asks_points(part) else of_series).append(conditions.sql(part))
    series = f"tenant = {who} AND {' AND '.join(of_series)}"
    scope = [f"tenant = {who}", *within(plan.start_ns, plan.end_ns, parameters)]
    scope += pages.after(plan.after, parameters)
    if len(of_series) > 1:
        scope.append(f"series_id IN (SELECT series_id FROM series WHERE {series})")
    kinds = " UNION ALL ".join(_kind(table, " AND ".join(scope)) for table in POINT_TABLES)
    names = ", ".join(
        {
            "value_double": f"if(value_type = {AS_DOUBLE}, value_double, NULL) AS value_double",
            "value_int": f"if(value_type = {AS_INT}, value_int, NULL) AS value_int",
        }.get(name, name)
        for name in ("service_name", *schema.POINTS.names, *PLACE)
    )
    limit = parameters.add(plan.limit, "UInt64")
    shared = ", ".join(("series_id", "variant", "service_name", *SERIES_COLUMNS))
    # SEMI: a series that was written again and is not merged yet still joins each point once.
    sql = f"""SELECT {names} FROM (SELECT * FROM ({kinds}) AS points
SEMI LEFT JOIN (SELECT {shared} FROM series WHERE {series}) AS series
USING (series_id, variant) WHERE {" AND ".join(of_points)}
ORDER BY {pages.ORDER} LIMIT {limit})"""
    return Statement(sql, parameters.bound)


def _kind(table: str, scope: str) -> str:
    """Return the points of one table with the columns of all."""
    own = (
        name if name in _OWN[table] else f"{nothing} AS {name}"
        for name, nothing in _NOTHING.items()
    )
    return f"SELECT series_id, variant, {', '.join((*_POINT, *own))} FROM {table} WHERE {scope}"


def _parts(condition: Condition | None) -> tuple[Condition, ...]:
    """Return what must hold, part by part."""
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, And) else (condition,)


def _asks_points(condition: Condition) -> bool:
    match condition:
        case And(parts) | Or(parts):
            return any(map(_asks_points, parts))
        case Not(part):
            return _asks_points(part)
        case Compare(Column(name)):
            return name in _OF_POINTS
        case _:
            return False
