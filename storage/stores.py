"""Several stores as one: each signal has the first that takes it."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import pyarrow as pa

from pipeline.plan import Plan, Trace, Traces
from pipeline.ports import Commit, Group, QueryBackend, Recovery, Store
from pipeline.signal import Signal


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

    def run(self, plan: Plan) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        signal = Signal.TRACES if isinstance(plan, Trace | Traces) else plan.signal
        return self._of[signal].run(plan)
