"""The ledger's plans to PostgreSQL's SQL: both look at commit records only."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from pipeline.plan import Ledger, Positions
from pipeline.signal import Signal
from storage.answers import COUNTED
from storage.compile import parameters
from storage.compile.series_ranges import HOUR_NS
from storage.compile.timescale import Statement
from storage.fields import check_partitions, check_step
from storage.timescale.text import written


def positions(plan: Positions) -> Statement:
    """Return the newest commit record of each log."""
    check_partitions(plan.partitions)
    return Statement(
        "SELECT DISTINCT ON (partition) signal, partition, epoch, last, log FROM commits "
        "WHERE signal = $1 AND partition < $2::int4 ORDER BY partition, epoch DESC, last DESC",
        (Signal.METRICS.value, plan.partitions),
    )


def ledger(plan: Ledger) -> Statement:
    """Return the sums of a tenant's counts, by signal and interval."""
    check_step(plan.step_ns)
    bound = parameters.Positions()
    tenant = bound.add(written(plan.tenant), "text")
    start, end, step, hour = (
        bound.add(min(number, 2**63 - 1), "int8")
        for number in (plan.start_ns, plan.end_ns, plan.step_ns, plan.now_ns // HOUR_NS)
    )
    within = [f"last_stored_ns >= {start}", f"last_stored_ns < {end}"]
    within += [
        f"NOT (partition = {bound.add(one.partition, 'int4')} AND (epoch, last) > "
        f"({bound.add(one.epoch, 'int8')}, {bound.add(one.last, 'int8')}))"
        for one in plan.until
        if one.signal is Signal.METRICS
    ]
    sums = ", ".join(f"sum(n.{name})::int8 AS {name}" for name in COUNTED)
    names = ", ".join(f"counted.{name}" for name in COUNTED)
    sql = f"""WITH chosen AS (
    SELECT signal, {start} + (last_stored_ns - {start}) / {step} * {step} AS start_ns,
        counts, refusals, expiries FROM commits WHERE {" AND ".join(within)}
), counted AS (
    SELECT signal, start_ns, {sums} FROM chosen, unnest(counts) AS n
    WHERE n.tenant = {tenant} GROUP BY 1, 2
), over AS (
    SELECT start_ns, sum(e.records)::int8 AS expired FROM chosen, unnest(expiries) AS e
    WHERE e.tenant = {tenant} AND e.hour <= {hour} GROUP BY 1
), refused AS (
    SELECT start_ns, array_agg(reason ORDER BY reason COLLATE "C") AS reasons,
        array_agg(records ORDER BY reason COLLATE "C") AS records
    FROM (SELECT start_ns, r.reason, sum(r.records)::int8 AS records
        FROM chosen, unnest(refusals) AS r WHERE r.tenant = {tenant} GROUP BY 1, 2) AS each
    GROUP BY 1
)
SELECT counted.signal, counted.start_ns, {names}, coalesce(over.expired, 0),
    coalesce(refused.reasons, '{{}}'), coalesce(refused.records, '{{}}')
FROM counted LEFT JOIN over USING (start_ns) LEFT JOIN refused USING (start_ns)
ORDER BY counted.signal, counted.start_ns"""
    return Statement(sql, bound.bound)
