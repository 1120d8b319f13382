"""Plans to ClickHouse SQL. Text is made only here, and values enter it only as parameters."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Final

from pipeline import schema
from pipeline.plan import Records, Spans, Trace, Traces
from pipeline.signal import Signal
from storage.answers import PLACE, span_columns
from storage.compile import pages, points, rows
from storage.compile.condition import Listed
from storage.compile.parameters import Parameters, Statement
from storage.fields import check, check_trace_ids
from storage.newest import HOUR_NS
from storage.tables import ARCHIVE, AS_DOUBLE, AS_INT

# By the ID as well, so that two roots of one time are not mixed.
EARLIEST: Final = "(start_time_unix_nano, span_id), parent_span_id = toFixedString('', 8)"
"""Of several spans the first root: the arguments of argMinIf that follow what is taken of it."""

_IDS_MAX: Final = 2000
"""IDs in one parameter: a server takes 128 KiB (`http_max_field_value_size`)."""


def records(plan: Records, listed: Listed = ()) -> Statement:
    """
    Return the newest records that match, with the columns of the schema and service_name.

    `listed` is what `lookups` found of the plan.
    """
    check(plan.signal, plan.where)
    parameters = Parameters()
    if plan.signal is Signal.METRICS:
        return _points(plan, parameters)
    table = "spans" if plan.signal is Signal.TRACES else "logs"
    names = ", ".join(["service_name", *schema.SCHEMAS[plan.signal].names, *PLACE])
    matches = rows.where(plan, plan.signal, parameters, listed)
    where = " AND ".join([matches, *pages.after(plan.after, parameters)])
    limit = parameters.add(plan.limit, "UInt64")
    sql = f"SELECT {names} FROM {table} WHERE {where} ORDER BY {pages.ORDER} LIMIT {limit}"
    return Statement(sql, parameters.bound)


def matching(plan: Traces, listed: Listed = ()) -> Statement:
    """
    Return the IDs, as hex, of the traces whose newest matching span is newest, and its time.

    `listed` is what `lookups` found of the plan.
    """
    check(Signal.TRACES, plan.where)
    parameters = Parameters()
    matches = rows.where(plan, Signal.TRACES, parameters, listed)
    where = " AND ".join([matches, *pages.committed(plan.within, parameters)])
    having = "".join(f" HAVING {one}" for one in pages.after_trace(plan.after, parameters))
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
    wanted = f"{who} AND {among(trace_ids, parameters)}"
    sql = f"""SELECT trace_id,
    min(start_time_unix_nano) AS start_ns,
    max(end_time_unix_nano) AS end_ns,
    count() AS span_count,
    countIf(status_code = 2) AS error_count,
    arraySort(groupUniqArray(toString(service_name))) AS services,
    argMinIf(toString(service_name), {EARLIEST}) AS root_service,
    argMinIf(toString(name), {EARLIEST}) AS root_name
FROM spans
WHERE {wanted} AND {bounded(wanted)}
GROUP BY trace_id
ORDER BY start_ns DESC, trace_id DESC"""
    return Statement(sql, parameters.bound)


def trace(plan: Trace) -> Statement:
    """Return the spans of one trace, oldest first."""
    check_trace_ids([plan.trace_id])
    parameters = Parameters()
    who = f"tenant = {parameters.add(plan.tenant, 'String')}"
    wanted = f"{who} AND trace_id = {parameters.fixed(plan.trace_id)}"
    names = ", ".join(["service_name", *schema.SPANS.names, *PLACE])
    limit = parameters.add(plan.limit, "UInt64")
    sql = (
        f"SELECT {names} FROM spans WHERE {wanted} AND {bounded(wanted)} "
        f"ORDER BY time, span_id LIMIT {limit}"
    )
    return Statement(sql, parameters.bound)


def spans(plan: Spans) -> Statement:
    """Return the spans of traces, trace by trace, oldest first."""
    check_trace_ids(plan.trace_ids)
    parameters = Parameters()
    who = f"tenant = {parameters.add(plan.tenant, 'String')}"
    ids = [one.hex() for one in plan.trace_ids]
    wanted = f"{who} AND {among(ids, parameters)}"
    names = ", ".join(span_columns(plan).names)
    limit = parameters.add(plan.limit, "UInt64")
    rows = (
        f"{ARCHIVE} FINAL WHERE {wanted}"
        if plan.archived
        else f"spans WHERE {wanted} AND {bounded(wanted)}"
    )
    sql = f"SELECT {names} FROM {rows} ORDER BY trace_id, time, span_id LIMIT {limit}"
    return Statement(sql, parameters.bound)


def archived(tenant: str) -> Statement:
    """Return how many spans the archive has of a tenant."""
    parameters = Parameters()
    who = f"tenant = {parameters.add(tenant, 'String')}"
    return Statement(f"SELECT count() AS spans FROM {ARCHIVE} WHERE {who}", parameters.bound)


def among(trace_ids: list[str], parameters: Parameters) -> str:
    """Tell whether a trace is one of these, given as hex."""
    parts = [
        parameters.add(trace_ids[at : at + _IDS_MAX], "Array(String)")
        for at in range(0, max(1, len(trace_ids)), _IDS_MAX)
    ]
    ids = f"arrayJoin(arrayConcat({', '.join(parts)}))"
    return f"trace_id IN (SELECT toFixedString(unhex({ids}), 16))"


def bounded(wanted: str) -> str:
    """
    Bound the time by where these traces lie: constants by the time that indexes are read.

    And the hours, by which spans are sorted: many traces lie here and there in their range.
    """
    first, last = (f"intDiv({bound}, {HOUR_NS})" for bound in ("first", "last"))
    # One text, which is asked once.
    bounds = (
        f"(SELECT (min(first), max(last), groupUniqArrayArray(range({first}, {last} + 1))) "
        f"FROM trace_bounds WHERE {wanted})"
    )
    return (
        f"time >= tupleElement({bounds}, 1) AND time <= tupleElement({bounds}, 2) "
        f"AND intDiv(time, {HOUR_NS}) IN (SELECT arrayJoin(tupleElement({bounds}, 3)))"
    )


def _points(plan: Records, parameters: Parameters) -> Statement:
    joined = points.joined(plan, parameters)
    names = ", ".join(
        {
            "value_double": f"if(value_type = {AS_DOUBLE}, value_double, NULL) AS value_double",
            "value_int": f"if(value_type = {AS_INT}, value_int, NULL) AS value_int",
        }.get(name, name)
        for name in ("service_name", *schema.POINTS.names, *PLACE)
    )
    limit = parameters.add(plan.limit, "UInt64")
    sql = f"SELECT {names} FROM (SELECT * FROM {joined} ORDER BY {pages.ORDER} LIMIT {limit})"
    return Statement(sql, parameters.bound)
