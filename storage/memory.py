"""A store in memory: the fake that ships; for tests and a first look, nothing is kept."""

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.plan import (
    CUT,
    And,
    Archive,
    Changes,
    Column,
    Compare,
    Condition,
    Dependencies,
    Exists,
    Explain,
    Find,
    Heads,
    Holds,
    Keys,
    Ledger,
    Metrics,
    Not,
    OneOf,
    Operations,
    Or,
    Path,
    Plan,
    Positions,
    Question,
    Range,
    Records,
    Series,
    Services,
    Spans,
    Table,
    Trace,
    Traces,
    Values,
)
from pipeline.ports import Commit, Cost, Counts, Group, Recovery
from pipeline.signal import Signal
from storage import answers, archive, survey
from storage.answers import COUNTED, LEDGER, POSITIONS, RECORDS, SUMMARY
from storage.evaluate import Row, matches
from storage.fields import (
    PARTS,
    check,
    check_heads,
    check_level,
    check_partitions,
    check_step,
    check_text,
    check_trace_ids,
    check_whole,
)
from storage.ranges import rows as in_memory
from storage.ranges.compute import compute
from storage.ranges.groups import group
from storage.ranges.source import check_range, check_series, sources
from storage.tables import covers, ordinals, services
from storage.tabulate import plain, tabulate
from storage.traces import examine, newest, summary

_PLACES = ["time", "epoch", "partition", "sequence", "ordinal"]


class MemoryStore:
    """Stores groups and answers plans; a `Store` and a `QueryBackend`. A commit is atomic."""

    signals = frozenset(Signal)

    def __init__(self) -> None:
        self._rows: defaultdict[tuple[Signal, str], list[pa.Table]] = defaultdict(list)
        self._groups: defaultdict[tuple[Signal, int], list[Group]] = defaultdict(list)
        self._archived: defaultdict[str, pa.Table] = defaultdict(RECORDS[Signal.TRACES].empty_table)

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
            self._rows[group.signal, batch.tenant].append(_stored(group.signal, batch.rows, group))
        self._groups[group.signal, group.partition].append(group)

    def counts(self, signal: Signal) -> Iterator[tuple[str, Counts]]:
        """Yield the ledger's counts of every commit, by tenant."""
        for (of_signal, _), groups in self._groups.items():
            if of_signal is signal:
                for group in groups:
                    yield from group.counts.items()

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        if isinstance(plan, Explain):
            row = {"sql": "", "parameters": "{}", "indexes": []}  # every row is looked at
            yield pa.RecordBatch.from_pylist([row], schema=answers.EXPLAINED)
            return
        began_ns = time.monotonic_ns()
        table = self._archive(plan) if isinstance(plan, Archive) else self._answer(plan)
        if cost is not None:
            cost.engine_ns += time.monotonic_ns() - began_ns
        if not isinstance(plan, Positions | Ledger):
            table = table.slice(0, plan.limit)
        yield _one(table)

    def _answer(self, plan: Question | Positions | Ledger) -> pa.Table:
        match plan:
            case Records():
                check(plan.signal, plan.where)
                return self._records(plan)
            case Traces():
                return self._traces(plan)
            case Trace():
                check_trace_ids([plan.trace_id])
                spans = self._all(Signal.TRACES, plan.tenant)
                wanted = pa.scalar(plan.trace_id, schema.TRACE_ID)
                of_trace = spans.filter(pc.equal(spans["trace_id"], wanted))
                return of_trace.sort_by([("time", "ascending"), ("span_id", "ascending")])
            case Spans():
                return self._spans(plan)
            case Table():
                found = self._matching(plan.signal, plan)
                held = (one.of.condition for one in plan.columns if isinstance(one.of, Holds))
                return tabulate(plan, _asked(found, *held).to_pylist())
            case Positions():
                return self._positions(plan)
            case Ledger():
                return self._ledger(plan)
            case Heads():
                return _table(answers.HEADS, self._heads(plan.signal))
            case Services():
                signals = [plan.signal] if plan.signal else list(Signal)
                named = {one.value: self._rows_of(one, plan.tenant) for one in signals}
                return _table(answers.SERVICES, survey.services(plan.prefix, named))
            case _:
                return self._survey(plan)

    def _over_time(self, plan: Series | Range) -> pa.Table:
        check_series(plan.where)
        rows = self._all(Signal.METRICS, plan.tenant)
        found = in_memory.identified(plan.tenant, rows, plan.where)
        series = in_memory.series(found)
        if isinstance(plan, Series):
            return series
        check_range(plan)
        every = [(one, in_memory.points(plan, one, found)) for one in sources(plan, series)]
        return compute(plan, group(plan, series), every)

    def _positions(self, plan: Positions) -> pa.Table:
        check_partitions(plan.partitions)
        found = []
        for (signal, partition), groups in self._groups.items():
            if partition < plan.partitions and groups:
                last = asdict(max((one.commit for one in groups), key=_place))
                found.append({"signal": str(signal), "partition": partition, **last})
        return pa.Table.from_pylist(found, schema=POSITIONS)

    def _ledger(self, plan: Ledger) -> pa.Table:
        check_step(plan.step_ns)
        until = {(one.signal, one.partition): (one.epoch, one.last) for one in plan.until}
        sums: defaultdict[tuple[str, int], Counts] = defaultdict(Counts)
        for log, groups in self._groups.items():
            for one in groups:
                counts, at = one.counts.get(plan.tenant), one.commit.last_stored_ns
                counted = log not in until or _place(one.commit) <= until[log]
                if counts and counted and plan.start_ns <= at < plan.end_ns:
                    start_ns = at - (at - plan.start_ns) % plan.step_ns
                    sums[str(one.signal), start_ns].add(counts)
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

    def _survey(
        self, plan: Changes | Keys | Values | Operations | Dependencies | Metrics | Series | Range
    ) -> pa.Table:
        match plan:
            case Series() | Range():
                return self._over_time(plan)
            case Changes():
                return _table(answers.HEADS, self._changes(plan))
            case Keys():
                check_level(plan.level)
                found = survey.every_key(plan, self._rows_of(plan.signal, plan.tenant))
                return _table(answers.KEYS, found)
            case Values():
                check_text(plan.signal, plan.field)
                rows = self._rows_of(plan.signal, plan.tenant)
                return _table(answers.VALUES, survey.values(plan, rows))
            case Operations():
                rows = self._rows_of(Signal.TRACES, plan.tenant)
                return _table(answers.OPERATIONS, survey.operations(plan, rows))
            case Dependencies():
                rows = self._rows_of(Signal.TRACES, plan.tenant)
                return _table(answers.DEPENDENCIES, survey.dependencies(plan, rows))
            case Metrics():
                rows = self._rows_of(Signal.METRICS, plan.tenant)
                return _table(answers.METRICS, survey.metrics(plan, rows))

    def _rows_of(self, signal: Signal, tenant: str) -> Sequence[Row]:
        """Return what questions ask of records, without what is slow to make Python of."""
        return plain(self._all(signal, tenant)).to_pylist()

    def _heads(self, signal: Signal) -> list[tuple[int, int, int, int]]:
        found = []
        for (of_signal, partition), groups in self._groups.items():
            if of_signal is signal:
                last = max((one.commit for one in groups), key=_place)
                found.append((partition, *_place(last), last.committed_ns))
        return sorted(found)

    def _changes(self, plan: Changes) -> list[tuple[int, int, int, int]]:
        check_heads(plan.heads)
        known = {one.partition: (one.epoch, one.sequence) for one in plan.heads}
        newest = self._heads(plan.signal)
        found = {one for one in newest if one[1] > known.get(one[0], (-1, 0))[0]}
        rows = self._within(plan.signal, plan).select(["partition", "epoch", "sequence"])
        for one in rows.to_pylist():
            if (one["epoch"], one["sequence"]) > known.get(one["partition"], (-1, 0)):
                found.add((*one.values(), 0))
        for head in plan.heads:
            groups = self._groups.get((plan.signal, head.partition), ())
            places = {(*_place(one.commit), one.commit.committed_ns) for one in groups}
            if (head.epoch, head.sequence, head.committed_ns) not in places:
                found.add((0, 0, 0, 0))
        return sorted(found)

    def _all(self, signal: Signal, tenant: str) -> pa.Table:
        return pa.concat_tables(
            [RECORDS[signal].empty_table(), *self._rows.get((signal, tenant), ())]
        )

    def _matching(self, signal: Signal, plan: Records | Traces | Table) -> pa.Table:
        return _where(self._within(signal, plan), plan.where)

    def _within(self, signal: Signal, plan: Records | Traces | Table | Changes) -> pa.Table:
        rows = self._all(signal, plan.tenant)
        start, end = (
            pa.scalar(min(max(0, ns), 2**64 - 1), pa.uint64())
            for ns in (plan.start_ns, plan.end_ns)
        )
        within = pc.and_(pc.greater_equal(rows["time"], start), pc.less(rows["time"], end))
        return rows.filter(within)

    def _records(self, plan: Records) -> pa.Table:
        found = self._matching(plan.signal, plan)
        places = [survey.place(row) for row in found.select(_PLACES).to_pylist()]
        order = sorted(range(len(places)), key=places.__getitem__, reverse=True)
        after = plan.after
        chosen = [at for at in order if after is None or places[at] < after]
        return found.take(pa.array(chosen, pa.int64()))

    def _archive(self, plan: Archive) -> pa.Table:
        wanted = Spans(plan.tenant, (plan.trace_id,), plan.limit)
        kept = self._spans(replace(wanted, archived=True))
        fresh = archive.absent(self._spans(wanted), kept)
        if fresh.num_rows:
            archived = self._archived[plan.tenant]
            copied = archive.copied(plan, fresh, len(archived)).select(archived.column_names)
            self._archived[plan.tenant] = pa.concat_tables([archived, copied])
        return archive.answer(len(kept) + len(fresh))

    def _spans(self, plan: Spans) -> pa.Table:
        check_trace_ids(plan.trace_ids)
        spans = self._all(Signal.TRACES, plan.tenant)
        if plan.archived:
            spans = self._archived[plan.tenant]
        wanted = pa.array(plan.trace_ids, schema.TRACE_ID)
        found = spans.filter(pc.is_in(spans["trace_id"], wanted))
        order = pc.sort_indices(
            found, sort_keys=[(name, "ascending") for name in ("trace_id", "time", "span_id")]
        )
        return found.take(order).select(answers.span_columns(plan).names)

    def _traces(self, plan: Traces) -> pa.Table:
        check_trace_ids([plan.after.trace_id] if plan.after else [])
        spans = self._all(Signal.TRACES, plan.tenant)
        if plan.whole is None:
            check(Signal.TRACES, plan.where)
            matching = self._matching(Signal.TRACES, plan)
            places, cut = newest(plan, matching.to_pylist())[: plan.limit], False
        else:
            check_whole(plan.whole)
            within = self._within(Signal.TRACES, plan)
            places, cut = examine(
                plan, plan.whole, _asked(spans, plan.whole), _asked(within, plan.whole)
            )
        times = {one.trace_id: one.matched_ns for one in places}
        chosen = list(times)
        of_traces = spans.filter(pc.is_in(spans["trace_id"], pa.array(chosen, schema.TRACE_ID)))
        rows = sorted(of_traces.to_pylist(), key=lambda one: one["trace_id"])
        summaries = [
            summary(trace_id, list(group)) | {"matched_ns": times[trace_id]}
            for trace_id, group in groupby(rows, key=lambda one: one["trace_id"])
        ]
        summaries.sort(key=lambda one: (one["start_ns"], one["trace_id"]), reverse=True)
        found = pa.Table.from_pylist(summaries, schema=SUMMARY)
        return found.replace_schema_metadata({CUT: b"1"} if cut else None)


def _where(rows: pa.Table, condition: Condition | None) -> pa.Table:
    if condition is None:
        return rows
    found = [matches(condition, one) for one in _asked(rows, condition).to_pylist()]
    return rows.filter(pa.array(found, pa.bool_()))


def _asked(rows: pa.Table, *conditions: Condition) -> pa.Table:
    """Return the rows with what these conditions ask about, and little else."""
    return rows if any(map(_of_parts, conditions)) else plain(rows)


def _of_parts(condition: Condition | None) -> bool:
    """Tell whether a condition asks for attributes of events or links."""
    match condition:
        case And(parts) | Or(parts):
            return any(map(_of_parts, parts))
        case Not(part):
            return _of_parts(part)
        case Path(steps):
            return any(map(_of_parts, steps))
        case Compare(field) | Find(field) | OneOf(field) | Exists(field):
            return not isinstance(field, Column) and field.level in PARTS
        case _:
            return False


def _table(columns: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    of = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(one, kind.type) for one, kind in zip(of, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=columns)


def _stored(signal: Signal, rows: pa.RecordBatch, group: Group) -> pa.Table:
    """Return the rows as they are answered."""
    columns: Mapping[str, Any] = {
        "service_name": services(rows["resource"]),
        **{name: rows[name] for name in rows.schema.names},
        "epoch": pa.repeat(group.commit.epoch, len(rows)),
        "partition": pa.repeat(group.partition, len(rows)),
        "ordinal": ordinals(rows["sequence"]),
    }
    return pa.table(dict(columns)).select(RECORDS[signal].names).cast(RECORDS[signal])


def _place(commit: Commit) -> tuple[int, int]:
    return commit.epoch, commit.last


def _one(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
