"""Plans about points to PostgreSQL's SQL; values enter it only as parameters."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline import schema
from pipeline.plan import Place, Records
from storage.answers import PLACE
from storage.compile.parameters import Positions
from storage.compile.series_condition import Conditions, Found
from storage.timescale.text import written

_LATEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters, in their order."""

    sql: str
    parameters: Sequence[Any] = ()


_POINT: Final = (
    "series", "sequence", "time", "time_unix_nano", "start_time_unix_nano", "flags", "exemplars",
    *PLACE,
)  # fmt: skip
_NOTHING: Final = {
    "value_double": "NULL::float8",
    "value_int": "NULL::int8",
    "count": "0::int8",
    "sum": "NULL::float8",
    "min": "NULL::float8",
    "max": "NULL::float8",
    "bucket_counts": "'{}'::int8[]",
    "explicit_bounds": "'{}'::float8[]",
    "scale": "0::int4",
    "zero_count": "0::int8",
    "zero_threshold": "0::float8",
    "positive_offset": "0::int4",
    "positive_bucket_counts": "'{}'::int8[]",
    "negative_offset": "0::int4",
    "negative_bucket_counts": "'{}'::int8[]",
    "quantile_values": "'{}'::quantile[]",
}
"""Columns that only some tables have, as the others read them."""

_HISTOGRAM: Final = frozenset({"count", "sum", "min", "max"})
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "number_points": frozenset({"value_double", "value_int"}),
    "histogram_points": _HISTOGRAM | {"bucket_counts", "explicit_bounds"},
    "exponential_histogram_points": _HISTOGRAM
    | {"scale", "zero_count", "zero_threshold"}
    | {
        f"{side}_{what}"
        for side in ("positive", "negative")
        for what in ("offset", "bucket_counts")
    },
    "summary_points": frozenset({"count", "sum", "quantile_values"}),
}
_PLACE: Final = ("time", "epoch", "partition", "sequence", "ordinal")
_ORDER: Final = ", ".join(f"p.{name} DESC" for name in _PLACE)
_TEXTS: Final = {"resource": "r.text", "scope": "c.text"}


def records(plan: Records, found: Found) -> Statement:
    """Return the newest points that match, with the columns of the schema and service_name."""
    parameters = Positions()
    tenant = parameters.add(written(plan.tenant), "text")
    start, end = (
        parameters.add(min(max(0, ns), _LATEST), "int8") for ns in (plan.start_ns, plan.end_ns)
    )
    kinds = " UNION ALL ".join(
        f"SELECT {', '.join((*_POINT, *_own(table)))} FROM {table} "
        f"WHERE time >= {start} AND time < {end}"
        for table in _OWN
    )
    where = [f"s.tenant = {tenant}"]
    if plan.after is not None:
        where.append(_after(plan.after, parameters))
    if plan.where is not None:
        where.append(Conditions(tenant, parameters, found).sql(plan.where))
    names = ", ".join(_named(name) for name in ("service_name", *schema.POINTS.names, *PLACE))
    limit = parameters.add(plan.limit, "int8")
    sql = f"""SELECT {names} FROM ({kinds}) AS p
JOIN series AS s ON s.id = p.series
JOIN resources AS r ON r.id = s.resource
JOIN scopes AS c ON c.id = s.scope
WHERE {" AND ".join(where)} ORDER BY {_ORDER} LIMIT {limit}"""
    return Statement(sql, parameters.bound)


def _after(place: Place, parameters: Positions) -> str:
    """Return the condition of points that come after a place."""
    own = (place.time_ns, place.epoch, place.partition, place.sequence, place.ordinal)
    bound = ", ".join(parameters.add(min(number, _LATEST), "int8") for number in own)
    return f"({', '.join(f'p.{name}' for name in _PLACE)}) < ({bound})"


def _own(table: str) -> list[str]:
    return [
        name if name in _OWN[table] else f"{nothing} AS {name}"
        for name, nothing in _NOTHING.items()
    ]


def _named(name: str) -> str:
    if name in _TEXTS:
        return f"{_TEXTS[name]} AS {name}"
    return f"{'p' if name in _POINT or name in _NOTHING else 's'}.{name}"
