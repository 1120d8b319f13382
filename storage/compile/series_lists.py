"""Plans that PostgreSQL answers from the lists of series, resources and scopes."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Sequence
from typing import Final

from pipeline.plan import (
    AttributeField,
    Changes,
    Column,
    Heads,
    Keys,
    Level,
    Metrics,
    Services,
    Values,
)
from storage.compile.parameters import Positions
from storage.compile.series_condition import SCOPE
from storage.compile.timescale import Statement
from storage.fields import check_heads, check_level, check_text
from storage.tables import POINT_TABLES
from storage.timescale.text import written

TABLES: Final = {Level.RECORD: "series", Level.RESOURCE: "resources", Level.SCOPE: "scopes"}
"""Where the attributes of each level stand."""


def heads(plan: Heads) -> Statement:
    """Return the newest commit record of each log."""
    return Statement(
        "SELECT DISTINCT ON (partition) partition, epoch, last, committed_ns "
        "FROM commits WHERE signal = $1 "
        "ORDER BY partition, epoch DESC, last DESC LIMIT $2::int8",
        (plan.signal.value, plan.limit),
    )


def changes(plan: Changes) -> Statement:
    """Return points of the time range beyond the heads, newer logs, and whether heads are gone."""
    check_heads(plan.heads)
    parameters = Positions()
    named = {
        "partition": "int4[]",
        "epoch": "int8[]",
        "sequence": "int8[]",
        "committed_ns": "int8[]",
    }
    columns = ", ".join(
        parameters.add([min(getattr(one, name), 2**63 - 1) for one in plan.heads], kind)
        for name, kind in named.items()
    )
    signal = parameters.add(plan.signal.value, "text")
    tenant = parameters.add(written(plan.tenant), "text")
    start, end = (
        parameters.add(min(max(0, ns), 2**63 - 1), "int8") for ns in (plan.start_ns, plan.end_ns)
    )
    limit = parameters.add(plan.limit, "int8")
    beyond = " UNION ALL ".join(
        f"(SELECT p.partition, p.epoch, p.sequence, 0 FROM {table} AS p "
        f"JOIN series AS s ON s.id = p.series AND s.tenant = {tenant} "
        "JOIN heads AS h ON h.partition = p.partition AND h.epoch = p.epoch "
        f"AND p.sequence > h.sequence WHERE p.time >= {start} AND p.time < {end} LIMIT {limit})"
        for table in POINT_TABLES
    )
    sql = f"""WITH heads AS (
    SELECT * FROM unnest({columns}) AS h(partition, epoch, sequence, committed_ns)
)
SELECT * FROM ((SELECT c.partition, c.epoch, c.last, c.committed_ns FROM commits AS c
    WHERE c.signal = {signal} AND NOT EXISTS (
        SELECT FROM heads AS h WHERE h.partition = c.partition AND h.epoch >= c.epoch
    ) LIMIT {limit})
UNION ALL (SELECT 0, 0, 0, 0 FROM heads AS h WHERE NOT EXISTS (
        SELECT FROM commits AS c WHERE c.signal = {signal} AND c.partition = h.partition
        AND c.epoch = h.epoch AND c.last = h.sequence AND c.committed_ns = h.committed_ns
    ) LIMIT 1)
UNION ALL {beyond}) AS found LIMIT {limit}"""
    return Statement(sql, parameters.bound)


def keys(plan: Keys, known: Sequence[str]) -> Statement:
    """Return the keys of attributes with their levels and types; `known` are those of patterns."""
    check_level(plan.level)
    parameters = Positions()
    where = [_named(parameters, plan.tenant, "key", plan.prefix)]
    if plan.names or plan.patterns:
        asked = [written(key) for key in {*plan.names, *known}]
        where.append(f"key = ANY({parameters.add(asked, 'text[]')})")
    if plan.level is not Level.ANY:
        where.append(f"level = {parameters.add(plan.level.value, 'text')}")
    limit = parameters.add(plan.limit, "int8")
    return Statement(
        f"SELECT DISTINCT key, level, type FROM attribute_keys WHERE {' AND '.join(where)} "
        f"ORDER BY key, level, type LIMIT {limit}",
        parameters.bound,
    )


def services(plan: Services) -> Statement:
    """Return the services that sent points."""
    parameters = Positions()
    where = _named(parameters, plan.tenant, "service_name", plan.prefix)
    limit = parameters.add(plan.limit, "int8")
    return Statement(
        f"SELECT service_name, ARRAY['metrics'] FROM series WHERE {where} "
        f"GROUP BY service_name ORDER BY service_name LIMIT {limit}",
        parameters.bound,
    )


def metrics(plan: Metrics) -> Statement:
    """Return what metrics there are, from their series."""
    parameters = Positions()
    where = _named(parameters, plan.tenant, "metric_name", plan.prefix)
    limit = parameters.add(plan.limit, "int8")
    own = "aggregation_temporality, is_monotonic"
    names = f"metric_name, metric_type, metric_unit, {own}"
    return Statement(
        "SELECT metric_name, metric_type, metric_unit, max(metric_description), "
        f"{own}, count(DISTINCT series_id) FROM series WHERE {where} "
        f"GROUP BY {names} ORDER BY {names} LIMIT {limit}",
        parameters.bound,
    )


def values(plan: Values) -> Statement:
    """Return the texts that a field has."""
    check_text(plan.signal, plan.field)
    parameters = Positions()
    sources = " UNION ".join(_sources(plan.field, plan.tenant, plan.prefix, parameters))
    limit = parameters.add(plan.limit, "int8")
    sql = f"SELECT DISTINCT value FROM ({sources}) AS found ORDER BY value LIMIT {limit}"
    return Statement(sql, parameters.bound)


def _sources(
    field: Column | AttributeField, tenant: str, prefix: str, parameters: Positions
) -> list[str]:
    if isinstance(field, Column):
        table = "scopes" if field.name in SCOPE else "series"
        column = SCOPE.get(field.name, field.name)
        where = _named(parameters, tenant, column, prefix)
        return [f"SELECT {column} AS value FROM {table} WHERE {where}"]
    levels = TABLES if field.level is Level.ANY else (field.level,)
    who = _named(parameters, tenant, "a.value", prefix)
    key = parameters.add(written(field.key), "text")
    return [
        f"SELECT a.value FROM {TABLES[level]} AS t, unnest(t.attributes) AS a "
        f"WHERE {who} AND a.key = {key}"
        for level in levels
    ]


def _named(parameters: Positions, tenant: str, name: str, prefix: str) -> str:
    who = f"tenant = {parameters.add(written(tenant), 'text')}"
    # A prefix that ends in half of a pair cannot be: pairs are written whole.
    return f"{who} AND starts_with({name}, {parameters.add(written(prefix), 'text')})"
