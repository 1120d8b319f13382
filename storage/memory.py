"""A store in memory: the fake that ships; for tests and a first look, nothing is kept."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.plan import (
    CUT,
    Condition,
    Keys,
    Ledger,
    Limited,
    Plan,
    Positions,
    Records,
    Table,
    Trace,
    Traces,
)
from pipeline.ports import Commit, Counts, Group, Recovery
from pipeline.signal import Signal
from storage.answers import COUNTED, KEYS, LEDGER, POSITIONS, RECORDS, SUMMARY
from storage.evaluate import keys, matches
from storage.fields import check, check_whole
from storage.tables import covers, services
from storage.tabulate import tabulate
from storage.traces import examine, newest, summary


class MemoryStore:
    """Stores groups and answers plans; a `Store` and a `QueryBackend`. A commit is atomic."""

    signals = frozenset(Signal)

    def __init__(self) -> None:
        self._rows: defaultdict[tuple[Signal, str], list[pa.Table]] = defaultdict(list)
        self._groups: defaultdict[tuple[Signal, int], list[Group]] = defaultdict(list)

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Return the newest commit record; nothing can lie above it."""
        groups = self._groups[signal, partition]
        newest = max((one.commit for one in groups), key=_place, default=None)
        return Recovery(newest)

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        """Return the commit records that touch these sequences."""
        found = (one.commit for one in self._groups[signal, partition])
        touching = (one for one in found if one.last >= first and one.first <= last)
        return sorted(touching, key=_place)

    async def commit(self, group: Group, recovery: Recovery) -> None:
        """Keep the group."""
        if covers(recovery.last, group.commit):
            return
        for batch in group.batches:
            self._rows[group.signal, batch.tenant].append(_answer(group.signal, batch.rows))
        self._groups[group.signal, group.partition].append(group)

    def counts(self, signal: Signal) -> Iterator[tuple[str, Counts]]:
        """Yield the ledger's counts of every commit, by tenant."""
        for (of_signal, _), groups in self._groups.items():
            if of_signal is signal:
                for group in groups:
                    yield from group.counts.items()

    async def run(self, plan: Plan) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        match plan:
            case Records():
                check(plan.signal, plan.where)
                found = self._matching(plan.signal, plan)
                table = found.sort_by([("time", "descending")])
            case Traces():
                table = self._traces(plan)
            case Trace():
                spans = self._all(Signal.TRACES, plan.tenant)
                wanted = pa.scalar(plan.trace_id, schema.TRACE_ID)
                of_trace = spans.filter(pc.equal(spans["trace_id"], wanted))
                table = of_trace.sort_by([("time", "ascending"), ("span_id", "ascending")])
            case Keys():
                table = self._keys(plan)
            case Table():
                found = self._matching(plan.signal, plan)
                table = tabulate(plan, _plain(found).to_pylist())
            case Positions():
                table = self._positions(plan)
            case Ledger():
                table = self._ledger(plan)
        yield _one(table.slice(0, plan.limit) if isinstance(plan, Limited) else table)

    def _positions(self, plan: Positions) -> pa.Table:
        found = []
        for (signal, partition), groups in self._groups.items():
            if partition < plan.partitions and groups:
                last = asdict(max((one.commit for one in groups), key=_place))
                found.append({"signal": str(signal), "partition": partition, **last})
        return pa.Table.from_pylist(found, schema=POSITIONS)

    def _ledger(self, plan: Ledger) -> pa.Table:
        until = {(one.signal, one.partition): (one.epoch, one.last) for one in plan.until}
        sums: defaultdict[tuple[str, int], Counts] = defaultdict(Counts)
        for log, groups in self._groups.items():
            for group in groups:
                counts, at = group.counts.get(plan.tenant), group.commit.last_stored_ns
                counted = log not in until or _place(group.commit) <= until[log]
                if counts and counted and plan.start_ns <= at < plan.end_ns:
                    start_ns = at - (at - plan.start_ns) % plan.step_ns
                    sums[str(group.signal), start_ns].add(counts)
        rows = [
            {
                "signal": signal,
                "start_ns": start_ns,
                "expired": 0,
                **{name: getattr(counts, name) for name in COUNTED},
                "reasons": [str(reason) for reason in sorted(counts.reasons)],
                "reason_records": [counts.reasons[reason] for reason in sorted(counts.reasons)],
            }
            for (signal, start_ns), counts in sorted(sums.items(), key=lambda one: one[0])
        ]
        return pa.Table.from_pylist(rows, schema=LEDGER)

    def _keys(self, plan: Keys) -> pa.Table:
        found: set[tuple[str, str, int]] = set()
        names = ["attributes", "resource", "scope"]
        for row in self._all(plan.signal, plan.tenant).select(names).to_pylist():
            found.update(keys(plan, row))
        columns = zip(*sorted(found), strict=True) if found else ((), (), ())
        arrays = [pa.array(one, of.type) for one, of in zip(columns, KEYS, strict=True)]
        return pa.Table.from_arrays(arrays, schema=KEYS)

    def _all(self, signal: Signal, tenant: str) -> pa.Table:
        return pa.concat_tables(
            [RECORDS[signal].empty_table(), *self._rows.get((signal, tenant), ())]
        )

    def _matching(self, signal: Signal, plan: Records | Traces | Table) -> pa.Table:
        return _where(self._within(signal, plan), plan.where)

    def _within(self, signal: Signal, plan: Records | Traces | Table) -> pa.Table:
        rows = self._all(signal, plan.tenant)
        start, end = (
            pa.scalar(min(max(0, ns), 2**64 - 1), pa.uint64())
            for ns in (plan.start_ns, plan.end_ns)
        )
        within = pc.and_(pc.greater_equal(rows["time"], start), pc.less(rows["time"], end))
        return rows.filter(within)

    def _traces(self, plan: Traces) -> pa.Table:
        spans = self._all(Signal.TRACES, plan.tenant)
        if plan.whole is None:
            check(Signal.TRACES, plan.where)
            chosen, cut = newest(self._matching(Signal.TRACES, plan))[: plan.limit], False
        else:
            check_whole(plan.whole)
            within = self._within(Signal.TRACES, plan)
            chosen, cut = examine(plan, plan.whole, _plain(spans), _plain(within))
        of_traces = spans.filter(pc.is_in(spans["trace_id"], pa.array(chosen, schema.TRACE_ID)))
        rows = sorted(of_traces.to_pylist(), key=lambda one: one["trace_id"])
        summaries = [
            summary(trace_id, list(group))
            for trace_id, group in groupby(rows, key=lambda one: one["trace_id"])
        ]
        summaries.sort(key=lambda one: (one["start_ns"], one["trace_id"]), reverse=True)
        found = pa.Table.from_pylist(summaries, schema=SUMMARY)
        return found.replace_schema_metadata({CUT: b"1"} if cut else None)


def _where(rows: pa.Table, condition: Condition | None) -> pa.Table:
    if condition is None:
        return rows
    found = [matches(condition, one) for one in _plain(rows).to_pylist()]
    return rows.filter(pa.array(found, pa.bool_()))


def _plain(rows: pa.Table) -> pa.Table:
    """Leave out events, buckets and the like: nothing asks for them, and they are slow to read."""
    names = [
        field.name
        for field in rows.schema
        if not pa.types.is_nested(field.type) or field.name == "attributes"
    ]
    return rows.select(names)


def _answer(signal: Signal, rows: pa.RecordBatch) -> pa.Table:
    """Return the rows as they are answered."""
    columns: Mapping[str, Any] = {
        "service_name": services(rows["resource"]),
        **{name: rows[name] for name in rows.schema.names},
    }
    return pa.table(dict(columns)).select(RECORDS[signal].names).cast(RECORDS[signal])


def _place(commit: Commit) -> tuple[int, int]:
    return commit.epoch, commit.last


def _one(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
