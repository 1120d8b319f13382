"""Metric points: those of every kind, joined with the series that they share columns with."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Mapping
from typing import Final

from pipeline.plan import And, Column, Compare, Condition, Not, Or, Records, Table
from pipeline.signal import Signal
from storage.answers import PLACE
from storage.compile import pages
from storage.compile.condition import Conditions
from storage.compile.parameters import Parameters
from storage.compile.rows import within
from storage.series import SERIES_COLUMNS
from storage.tables import POINT_TABLES

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


def joined(plan: Records | Table, parameters: Parameters) -> str:
    """Return what follows FROM; what is asked of series prunes points."""
    who = parameters.add(plan.tenant, "String")
    conditions = Conditions(Signal.METRICS, who, parameters)
    of_series, of_points = ["true"], ["true"]
    for part in _parts(plan.where):
        (of_points if _asks_points(part) else of_series).append(conditions.sql(part))
    series = f"tenant = {who} AND {' AND '.join(of_series)}"
    scope = [f"tenant = {who}", *within(plan.start_ns, plan.end_ns, parameters)]
    if isinstance(plan, Records):
        scope += pages.after(plan.after, parameters)
    if len(of_series) > 1:
        scope.append(f"series_id IN (SELECT series_id FROM series WHERE {series})")
    kinds = " UNION ALL ".join(_kind(table, " AND ".join(scope)) for table in POINT_TABLES)
    shared = ", ".join(("series_id", "variant", "service_name", *SERIES_COLUMNS))
    # SEMI: a series that was written again and is not merged yet still joins each point once.
    return f"""({kinds}) AS points
SEMI LEFT JOIN (SELECT {shared} FROM series WHERE {series}) AS series
USING (series_id, variant) WHERE {" AND ".join(of_points)}"""


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
