"""Series, and the points of a range, from ClickHouse; `storage/ranges` computes with them."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from typing import Final

from pipeline.plan import Range, Series
from pipeline.schema import GAUGE, SUMMARY
from pipeline.signal import Signal
from storage.answers import SERIES
from storage.compile.condition import Conditions
from storage.compile.parameters import Parameters, Statement
from storage.compile.rows import within
from storage.ranges.source import POINTS_MAX, How, Source, first_ns, floor_ns
from storage.tables import AS_INT

_VALUE: Final = f"if(value_type = {AS_INT}, toFloat64(value_int), value_double)"


def series(plan: Series | Range, limit: int) -> Statement:
    """Return the series that a condition finds, each once."""
    parameters = Parameters()
    bound = parameters.add(limit, "UInt64")
    return Statement(
        f"SELECT {', '.join(SERIES.names)} FROM series WHERE {_where(plan, parameters)} "
        f"ORDER BY metric_name, series_id, variant LIMIT 1 BY series_id LIMIT {bound}",
        parameters.bound,
    )


def points(plan: Range, source: Source) -> Statement:
    """Return the points of a source, as its columns say."""
    parameters = Parameters()
    of_kind = f"metric_type = {parameters.add(source.metric_type, 'UInt8')}"
    if source.metric_type not in {GAUGE, SUMMARY}:
        of_kind += f" AND aggregation_temporality = {parameters.add(source.temporality, 'Int32')}"
    chosen = f"SELECT series_id FROM series WHERE {_where(plan, parameters)} AND {of_kind}"
    where = [
        f"tenant = {parameters.add(plan.tenant, 'String')}",
        *within(first_ns(plan, source), plan.end_ns, parameters),
        f"series_id IN ({chosen})",
        "bitAnd(flags, 1) = 0",
    ]
    value = f"toFloat64(assumeNotNull({source.measured})) AS value"
    if source.table == "number_points":
        value = f"{_VALUE} AS value"
        where.append("value_type != 0 AND NOT isNaN(value)")
    if source.needs and source.table != "summary_points":
        where.append(f"isNotNull({source.needs})")
    body = f"FROM {source.table} WHERE {' AND '.join(where)}"
    step = parameters.add(plan.step_ns, "Int64")
    start = parameters.add(plan.start_ns, "Int64")
    limit = parameters.add(POINTS_MAX + 1, "UInt64")
    number = f"intDiv(toInt64(time) - {start}, {step})"
    names = ", ".join(source.columns.names)
    if source.how is How.SUMMED:
        sql = (
            "SELECT series_id, step, toFloat64(count()) AS count, sum(value) AS sum, "
            "min(value) AS min, max(value) AS max "
            f"FROM (SELECT series_id, {number} AS step, {value} {body}) "
            f"GROUP BY series_id, step LIMIT {limit}"
        )
        return Statement(sql, parameters.bound)
    if source.how is How.WHOLE:
        return Statement(
            f"SELECT {names} FROM (SELECT *, {value} {body}) LIMIT {limit}", parameters.bound
        )
    floor = f"intDiv(toInt64(time) - {parameters.add(floor_ns(plan), 'Int64')}, {step})"
    sql = f"""SELECT {names} FROM (SELECT *,
    time = max(time) OVER (PARTITION BY series_id, {floor}) AS last,
    row_number() OVER near = 1 AS opens,
    lagInFrame((start_time_unix_nano, value)) OVER near AS before,
    leadInFrame((start_time_unix_nano, value)) OVER near AS after,
    start_time_unix_nano AS began
FROM (SELECT *, {value} {body})
WINDOW near AS (PARTITION BY series_id ORDER BY time, start_time_unix_nano, value
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))
WHERE last OR opens OR value < before.2 OR after.2 < value
OR (before.1 > 0 AND began > before.1) OR (began > 0 AND after.1 > began) LIMIT {limit}"""
    return Statement(sql, parameters.bound)


def _where(plan: Series | Range, parameters: Parameters) -> str:
    who = parameters.add(plan.tenant, "String")
    parts = [f"tenant = {who}"]
    if plan.where is not None:
        parts.append(Conditions(Signal.METRICS, who, parameters).sql(plan.where))
    return " AND ".join(parts)
