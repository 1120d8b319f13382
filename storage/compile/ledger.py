"""The ledger's plans to ClickHouse SQL: both look at commit records only."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Iterator
from typing import Final

from pipeline.plan import Ledger, Positions
from pipeline.signal import Signal
from storage.answers import COUNTED
from storage.compile.parameters import Parameters, Statement
from storage.fields import check_partitions, check_step

HOUR_NS: Final = 3600 * 10**9


def positions(plan: Positions) -> Statement:
    """Return the newest commit record of each log, each found by the primary key."""
    check_partitions(plan.partitions)
    parameters = Parameters()
    return Statement(" UNION ALL ".join(_newest(plan, parameters)), parameters.bound)


def _newest(plan: Positions, parameters: Parameters) -> Iterator[str]:
    for signal in Signal:
        of_signal = parameters.add(signal.value, "String")
        for partition in range(plan.partitions):
            where = f"signal = {of_signal} AND partition = {partition}"
            yield (
                f"SELECT * FROM (SELECT signal, partition, epoch, last, log FROM commits "
                f"WHERE {where} ORDER BY epoch DESC, last DESC LIMIT 1)"
            )


def ledger(plan: Ledger) -> Statement:
    """Return the sums of a tenant's counts, by signal and interval."""
    check_step(plan.step_ns)
    parameters = Parameters()
    tenant = parameters.add(plan.tenant, "String")
    start, end, step = (
        parameters.add(number, "UInt64") for number in (plan.start_ns, plan.end_ns, plan.step_ns)
    )
    hour = parameters.add(plan.now_ns // HOUR_NS, "UInt32")
    within = [
        f"last_stored_ns >= {start}",
        f"last_stored_ns < {end}",
        f"has(counts.tenant, {tenant})",
        *(
            f"NOT (signal = {parameters.add(one.signal.value, 'String')} "
            f"AND partition = {parameters.add(one.partition, 'UInt16')} AND (epoch, last) > "
            f"({parameters.add(one.epoch, 'UInt32')}, {parameters.add(one.last, 'UInt64')}))"
            for one in plan.until
        ),
    ]
    sums = ",\n    ".join(f"sum(counts.{name}[at]) AS {name}" for name in COUNTED)
    # A tenant has one place in `counts`, and several in the other two.
    sql = f"""SELECT toString(signal) AS signal,
    {start} + intDiv(last_stored_ns - {start}, {step}) * {step} AS start_ns,
    {sums},
    sum(arraySum(one -> if(one.tenant = {tenant} AND one.hour <= {hour}, one.records, 0),
        expiries)) AS expired,
    sumMap(mine.reason, mine.records) AS by_reason,
    arrayMap(one -> toString(one), by_reason.1) AS reasons,
    by_reason.2 AS reason_records
FROM (SELECT signal, last_stored_ns, counts, expiries, indexOf(counts.tenant, {tenant}) AS at,
    arrayFilter(one -> one.tenant = {tenant}, refusals) AS mine
FROM commits WHERE {" AND ".join(within)})
GROUP BY signal, start_ns
ORDER BY signal, start_ns"""
    return Statement(sql, parameters.bound)
