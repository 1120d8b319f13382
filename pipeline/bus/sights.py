"""What a follower of the tail has not seen yet, and the tail inside one process."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

import pyarrow as pa

from pipeline.bus.config import BusConfig
from pipeline.errors import Rejected
from pipeline.ports import Group, Sight
from pipeline.signal import Signal

BACKLOG_BYTES_MAX: Final = 32 * 2**20
"""What waits for one follower; what comes then is missed."""
FRESH_S: Final = 2.0
"""What waits for longer is missed: whoever is behind is to see what is new, not what was."""


class Backlog:
    """A `Follower`: what is added waits to be taken, within bounds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: deque[tuple[float, pa.RecordBatch]] = deque()
        self._bytes = 0
        self._missed = 0
        self._come = asyncio.Event()

    def add(self, rows: pa.RecordBatch) -> None:
        """Add records, or miss them where there is no room."""
        if self._bytes + rows.nbytes > BACKLOG_BYTES_MAX:
            self.miss(rows.num_rows)
            return
        self._waiting.append((self._clock(), rows))
        self._bytes += rows.nbytes
        self._come.set()

    def miss(self, records: int) -> None:
        """Count records that did not come as far as here."""
        if records:
            self._missed += records
            self._come.set()

    async def take(self) -> Sight:
        """Wait for something to see and return all of it."""
        await self._come.wait()
        self._come.clear()
        old = self._clock() - FRESH_S
        while len(self._waiting) > 1 and self._waiting[0][0] < old:  # the newest is seen at any age
            self._missed += self._waiting.popleft()[1].num_rows
        sight = Sight([rows for _, rows in self._waiting], self._missed)
        self._waiting.clear()
        self._bytes = self._missed = 0
        return sight


class MemoryTail:
    """A `Tail` for a worker and followers of one process."""

    def __init__(self, config: BusConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._backlogs: dict[Signal, dict[str, set[Backlog]]] = {signal: {} for signal in Signal}

    def followed(self, signal: Signal) -> Collection[str]:
        """Return the tenants of whom somebody follows the signal."""
        return self._backlogs[signal].keys()

    def show(self, group: Group) -> None:
        """Show the group's records to who follows them."""
        followed = self._backlogs[group.signal]
        for batch in group.batches:
            for backlog in followed.get(batch.tenant, ()):
                rows = newest(batch.rows, self._config.tail_bytes_max)
                backlog.miss(len(batch) - rows.num_rows)
                backlog.add(rows)

    @asynccontextmanager
    async def follow(self, signal: Signal, tenant: str) -> AsyncIterator[Backlog]:
        """See what is committed from now on."""
        followed, backlog = self._backlogs[signal], Backlog(self._clock)
        followed.setdefault(tenant, set()).add(backlog)
        try:
            yield backlog
        finally:
            followed[tenant].remove(backlog)
            if not followed[tenant]:
                del followed[tenant]


class NoTail:
    """A `Tail` of a process from which no bus is to be seen."""

    def followed(self, signal: Signal) -> Collection[str]:
        """Return nobody."""
        del signal
        return ()

    def show(self, group: Group) -> None:
        """Show nothing."""

    @asynccontextmanager
    async def follow(self, signal: Signal, tenant: str) -> AsyncIterator[Backlog]:
        """Raise Rejected."""
        del signal, tenant
        raise Rejected(
            "records pass through the bus of another process: a live tail here needs bus.url"
        )
        yield


def newest(rows: pa.RecordBatch, bytes_max: int) -> pa.RecordBatch:
    """Return the last of the rows, at least one, that have about so many bytes."""
    if rows.nbytes <= bytes_max:
        return rows
    return rows.slice(rows.num_rows - max(1, rows.num_rows * bytes_max // rows.nbytes))
