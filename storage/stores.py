"""Several stores as one: each signal has the first that takes it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

import pyarrow as pa

from pipeline.plan import Explain, Metrics, Plan, Range, Series, Services
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
        async with aclosing(self._of[_signal(plan)].run(plan, cost)) as answer:
            async for batch in answer:
                yield batch

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
