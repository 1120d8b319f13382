"""What was stored since: the look-up that tells whether an answer that was kept is still right."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from collections.abc import Iterator

from pipeline.plan import Changes, Head
from storage.compile.parameters import Parameters, Statement
from storage.compile.rows import within
from storage.fields import check_heads
from storage.tables import RECORD_TABLES


def changes(plan: Changes) -> Statement:
    """
    Return the rows of the time range beyond the heads, and the newer logs; at most `limit` of each.

    What lies up to a head is all there and stays as it is: that is what its commit record says. So
    that record must be there still. A log that was made anew begins with one of its own, before its
    first row (`pipeline.ports.Commit`): rows are sought in the logs of the heads only, and newer
    logs among the records.
    """
    check_heads(plan.heads)
    parameters = Parameters()
    limit = parameters.add(plan.limit, "UInt64")
    of_signal = f"signal = {parameters.add(plan.signal.value, 'String')}"
    newer = _newer(plan.heads, parameters)
    at = "partition, epoch, last AS sequence, committed_ns"
    parts = [f"SELECT {at} FROM commits WHERE {of_signal} AND ({newer}) LIMIT {limit}"]
    if plan.heads:
        still = f"SELECT uniqExact(partition) FROM commits WHERE {of_signal} AND "
        still += f"({' OR '.join(_heads(plan.heads, '=', 'last', parameters, committed=True))})"
        there = parameters.add(len({one.partition for one in plan.heads}), "UInt64")
        parts.append(
            "SELECT toUInt16(0) AS partition, toUInt32(0) AS epoch, toUInt64(0) AS sequence, "
            f"toUInt64(0) AS committed_ns WHERE ({still}) != {there}"
        )
        who = f"tenant = {parameters.add(plan.tenant, 'String')}"
        rows = [who, *within(plan.start_ns, plan.end_ns, parameters)]
        # The index reads the first of these conditions.
        rows.append(f"sequence > {parameters.add(min(h.sequence for h in plan.heads), 'UInt64')}")
        rows.append(f"({' OR '.join(_heads(plan.heads, '>', 'sequence', parameters))})")
        at = "partition, epoch, sequence, toUInt64(0) AS committed_ns"
        parts += [
            f"SELECT {at} FROM {table} WHERE {' AND '.join(rows)} LIMIT {limit}"
            for table in RECORD_TABLES[plan.signal]
        ]
    union = " UNION ALL ".join(f"({part})" for part in parts)
    return Statement(f"SELECT * FROM ({union}) LIMIT {limit}", parameters.bound)


def _heads(
    heads: tuple[Head, ...],
    operator: str,
    column: str,
    parameters: Parameters,
    *,
    committed: bool = False,
) -> Iterator[str]:
    """Yield what compares a column with each head, within its log."""
    for one in heads:
        parts = [
            f"partition = {parameters.add(one.partition, 'UInt16')}",
            f"epoch = {parameters.add(one.epoch, 'UInt32')}",
            f"{column} {operator} {parameters.add(one.sequence, 'UInt64')}",
        ]
        if committed:
            parts.append(f"committed_ns = {parameters.add(one.committed_ns, 'UInt64')}")
        yield f"({' AND '.join(parts)})"


def _newer(heads: tuple[Head, ...], parameters: Parameters) -> str:
    """Return what picks the records of newer logs, in ranges that the primary key prunes by."""
    known = {one.partition: one.epoch for one in heads}
    most = max(known, default=-1)
    ranges = [f"partition > {parameters.add(most, 'Int32')}"]
    for partition in range(most + 1):
        place = f"partition = {parameters.add(partition, 'UInt16')}"
        if partition in known:
            place += f" AND epoch > {parameters.add(known[partition], 'UInt32')}"
        ranges.append(f"({place})")
    return " OR ".join(ranges)
