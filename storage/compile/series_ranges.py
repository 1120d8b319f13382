"""Series, and the points of a range, from PostgreSQL; `storage/ranges` computes with them."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Any, Final

import pyarrow as pa

from pipeline.plan import Range, Series
from pipeline.schema import GAUGE, SUMMARY
from storage.answers import SERIES
from storage.compile.parameters import Positions
from storage.compile.series_condition import Conditions, Found
from storage.compile.timescale import Statement
from storage.ranges.source import POINTS_MAX, How, Source, first_ns, floor_ns
from storage.timescale.text import written

_VALUE: Final = "coalesce(p.value_double, p.value_int::float8)"
_UNSIGNED: Final = "(s.series_id # '-9223372036854775808'::int8)"
HOUR_NS: Final = 3600 * 10**9
_LONG_NS: Final = 24 * HOUR_NS
"""Ranges from which hours that were added up before are read."""
_ENVELOPES: Final = {"resource": "r.text", "scope": "c.text"}


def series(plan: Series | Range, found: Found, limit: int) -> Statement:
    """Return the series that a condition finds, each once."""
    parameters = Positions()
    where = _where(plan, parameters, found)
    names = ", ".join(_ENVELOPES.get(name, f"s.{name}") for name in SERIES.names)
    sql = (
        f"SELECT DISTINCT ON (s.metric_name, {_UNSIGNED}) {names} FROM series AS s "
        "JOIN resources AS r ON r.id = s.resource JOIN scopes AS c ON c.id = s.scope "
        f"WHERE {where} ORDER BY s.metric_name, {_UNSIGNED}, "
        f"(s.variant # '-9223372036854775808'::int8) LIMIT {parameters.add(limit, 'int8')}"
    )
    return Statement(sql, parameters.bound)


def in_hours(plan: Range, source: Source) -> bool:
    """Tell whether what the hours of `number_hours` amount to answers a question."""
    whole = plan.step_ns % HOUR_NS == 0 and plan.start_ns % HOUR_NS == 0
    long = plan.end_ns - plan.start_ns >= _LONG_NS
    return whole and long and source.table == "number_points" and source.how is How.SUMMED


FRESH: Final = """SELECT NOT EXISTS (
    SELECT FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log
    WHERE hypertable_id = a.raw_hypertable_id
    AND lowest_modified_value < $2 AND greatest_modified_value >= $1
) AND NOT EXISTS (
    SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
    WHERE materialization_id = mat_hypertable_id
    AND lowest_modified_value < least($2, w.watermark) AND greatest_modified_value >= $1
) FROM _timescaledb_catalog.continuous_agg AS a
JOIN _timescaledb_catalog.continuous_aggs_watermark AS w USING (mat_hypertable_id)
WHERE a.user_view_schema = current_schema() AND a.user_view_name = 'number_hours'"""
"""Whether no late point has changed hours of a time range since they were added up."""


def hours(plan: Range, source: Source, found: Found) -> Statement:
    """Return the sums of a source from whole hours, and from points what follows the last one."""
    parameters = Positions()
    start, step, until, end = (
        parameters.add(ns, "int8")
        for ns in (plan.start_ns, plan.step_ns, plan.end_ns // HOUR_NS * HOUR_NS, plan.end_ns)
    )
    limit = parameters.add(POINTS_MAX + 1, "int8")
    of_series = f"{_of_kind(source, parameters)} AND {_where(plan, parameters, found)}"
    series_ = f"JOIN series AS s ON s.id = p.series AND {of_series}"
    sql = f"""SELECT series_id, step, sum(count)::float8, sum(sum), min(min), max(max) FROM (
SELECT s.series_id, (p.hour - {start}) / {step} AS step, p.count, p.sum, p.min, p.max
FROM number_hours AS p {series_} WHERE p.hour >= {start} AND p.hour < {until}
UNION ALL SELECT s.series_id, (p.time - {start}) / {step}, 1, {_VALUE}, {_VALUE}, {_VALUE}
FROM number_points AS p {series_} WHERE p.time >= {until} AND p.time < {end}
AND p.flags & 1 = 0 AND {_VALUE} <> 'NaN') AS whole GROUP BY 1, 2 LIMIT {limit}"""
    return Statement(sql, parameters.bound)


def points(plan: Range, source: Source, found: Found) -> Statement:
    """Return the points of a source, as its columns say."""
    parameters = Positions()
    of_kind = _of_kind(source, parameters)
    first, end = (
        parameters.add(max(0, ns), "int8") for ns in (first_ns(plan, source), plan.end_ns)
    )
    number = source.table == "number_points"
    value = _VALUE if number else f"p.{source.measured}::float8"
    there = f" AND {_VALUE} <> 'NaN'" if number else ""
    if source.needs:
        there = f" AND p.{source.needs} IS NOT NULL"
    body = f"""FROM {source.table} AS p JOIN series AS s ON s.id = p.series
WHERE {_where(plan, parameters, found)} AND {of_kind}
AND p.time >= {first} AND p.time < {end} AND p.flags & 1 = 0{there}"""
    limit = parameters.add(POINTS_MAX + 1, "int8")
    if source.how is How.SUMMED:
        start, step = (parameters.add(ns, "int8") for ns in (plan.start_ns, plan.step_ns))
        sql = (
            f"SELECT s.series_id, (p.time - {start}) / {step} AS step, count(*)::float8, "
            f"sum({value}), min({value}), max({value}) {body} GROUP BY 1, 2 LIMIT {limit}"
        )
        return Statement(sql, parameters.bound)
    names = ", ".join(_column(field, value) for field in source.columns)
    if source.how is How.WHOLE:
        return Statement(f"SELECT {names} {body} LIMIT {limit}", parameters.bound)
    chosen = ", ".join(source.columns.names)
    floor, step = (parameters.add(ns, "int8") for ns in (floor_ns(plan), plan.step_ns))
    back = f"(p.time - {floor}) / {step}"
    sql = f"""SELECT {chosen} FROM (SELECT {names}, {value} AS measured,
    p.time = max(p.time) OVER (PARTITION BY s.series_id, {back}) AS last,
    row_number() OVER near = 1 AS opens,
    lag(p.start_time_unix_nano) OVER near AS began_before,
    lead(p.start_time_unix_nano) OVER near AS began_after,
    lag({value}) OVER near AS before, lead({value}) OVER near AS after
{body}
WINDOW near AS (PARTITION BY s.series_id ORDER BY p.time, p.start_time_unix_nano, {value})) AS p
WHERE last OR opens OR measured < before OR after < measured
OR (began_before > 0 AND start_time_unix_nano > began_before)
OR (start_time_unix_nano > 0 AND began_after > start_time_unix_nano) LIMIT {limit}"""
    return Statement(sql, parameters.bound)


def _of_kind(source: Source, parameters: Positions) -> str:
    of_kind = f"s.metric_type = {parameters.add(source.metric_type, 'int2')}"
    if source.metric_type in {GAUGE, SUMMARY}:
        return of_kind
    return f"{of_kind} AND s.aggregation_temporality = {parameters.add(source.temporality, 'int4')}"


def _column(field: "pa.Field[Any]", value: str) -> str:
    if field.name == "series_id":
        return "s.series_id"
    return f"{value} AS value" if field.name == "value" else f"p.{field.name}"


def _where(plan: Series | Range, parameters: Positions, found: Found) -> str:
    tenant = parameters.add(written(plan.tenant), "text")
    parts = [f"s.tenant = {tenant}"]
    if plan.where is not None:
        parts.append(Conditions(tenant, parameters, found).sql(plan.where))
    return " AND ".join(parts)
