"""Several stores as one: each signal has the first that takes it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.plan import (
    Explain,
    Ledger,
    Metrics,
    Plan,
    Positions,
    Range,
    Series,
    Services,
)
from pipeline.ports import Commit, Cost, Group, QueryBackend, Recovery, Store
from pipeline.signal import Signal
from storage.answers import SERVICES


class Whole(Store, QueryBackend, Protocol):
    """What stores groups of its `signals`, and answers plans about them."""


class Stores:
    """
    Passes groups and plans on by their signal; a `Store` and a `QueryBackend`.

    A group has one signal, so it lies in one store, which keeps the promise of `Store` for it.
    """

    def __init__(self, *stores: Whole) -> None:
        self._of = {signal: one for one in reversed(stores) for signal in one.signals}
        self.signals = frozenset(self._of)

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Look up where a log stands; see `pipeline.ports.Store`."""
        return await self._of[signal].recover(signal, partition)

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        """Return the commit records that touch these sequences."""
        return await self._of[signal].history(signal, partition, first, last)

    async def commit(self, group: Group, recovery: Recovery) -> None:
        """Write the group; see `pipeline.ports.Store`."""
        await self._of[group.signal].commit(group, recovery)

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        if isinstance(plan, Services) and plan.signal is None:
            yield await self._services(plan, cost)
            return
        if isinstance(plan, Positions | Ledger):
            yield await self._of_every(plan, cost)
            return
        async with aclosing(self._of[_signal(plan)].run(plan, cost)) as answer:
            async for batch in answer:
                yield batch

    async def _of_every(self, plan: Positions | Ledger, cost: Cost | None) -> pa.RecordBatch:
        """Ask every store for the commit records of the signals that it takes."""
        found = []
        for store in dict.fromkeys(self._of.values()):
            taken = [signal.value for signal, one in self._of.items() if one is store]
            async with aclosing(store.run(plan, cost)) as answer:
                rows = pa.Table.from_batches([batch async for batch in answer])
            found.append(rows.filter(pc.is_in(rows["signal"], pa.array(taken))))
        whole = pa.concat_tables(found)
        order = [name for name in ("signal", "partition", "start_ns") if name in whole.column_names]
        rows = whole.sort_by([(name, "ascending") for name in order]).combine_chunks()
        return next(iter(rows.to_batches()), pa.RecordBatch.from_pylist([], schema=rows.schema))

    async def _services(self, plan: Services, cost: Cost | None) -> pa.RecordBatch:
        """Ask every store for its services, and put their signals together."""
        found: dict[str, set[str]] = {}
        for store in dict.fromkeys(self._of.values()):
            async with aclosing(store.run(plan, cost)) as answer:
                async for batch in answer:
                    for row in batch.to_pylist():
                        found.setdefault(row["service_name"], set()).update(row["signals"])
        rows = [
            {"service_name": name, "signals": sorted(found[name])}
            for name in sorted(found)[: plan.limit]
        ]
        return pa.RecordBatch.from_pylist(rows, schema=SERVICES)


def _signal(plan: Plan) -> Signal:
    """Return the signal whose records a plan asks for."""
    question = plan.of if isinstance(plan, Explain) else plan
    if isinstance(question, Metrics | Range | Series):
        return Signal.METRICS
    return getattr(question, "signal", None) or Signal.TRACES
