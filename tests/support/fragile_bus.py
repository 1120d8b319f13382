"""A memory bus whose operations a test may fail, and whose log may be replaced under its reader."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus, MemoryReader, _Log
from pipeline.errors import Unavailable
from pipeline.ports import Delivery
from tests.support.worker_parts import SIGNAL

Step = Callable[[str], Awaitable[None]]


async def nothing(name: str) -> None:
    """Let every operation be."""


@dataclass(frozen=True)
class Copy:
    """What a log held at a moment."""

    identity: str
    last: int
    deliveries: tuple[Delivery, ...]


class FragileReader:
    """Belongs to the log that it first saw, as `ports.Reader` says."""

    def __init__(self, bus: "FragileBus", after: int) -> None:
        self._bus = bus
        self._after = after
        self._log: _Log | None = None
        self._reader: MemoryReader | None = None

    async def take(self, bytes_max: int, wait_s: float) -> Sequence[Delivery]:
        await self._bus.step("take")
        if self._reader is None:
            if self._bus.log.last < self._after:
                raise Unavailable("the log ends before what was read from it")
            self._log = self._bus.log
            self._reader = MemoryReader(self._log, self._after)
        elif self._log is not self._bus.log:
            raise Unavailable("another log")
        return await self._reader.take(bytes_max, wait_s)


class FragileBus(MemoryBus):
    """The log of one signal and partition; `step` runs before every operation of the committer."""

    def __init__(self, step: Step = nothing, **settings: Any) -> None:
        ticks = iter(range(1_000, 10**9))
        self.tick = lambda: next(ticks)
        super().__init__(BusConfig(url="memory://", **settings), self.tick)
        self.step = step
        self.taken = 0
        self.purges: list[int] = []
        self._number = 0

    @property
    def log(self) -> _Log:
        return self._logs[SIGNAL, 0]

    @property
    def sequences(self) -> list[int]:
        return [one.sequence for one in self.log.deliveries]

    def recreate(self, first: int = 1) -> None:
        self._number += 1
        self._logs[SIGNAL, 0] = _Log(f"log {self._number}", last=first - 1)

    def copy(self) -> Copy:
        return Copy(self.log.identity, self.log.last, tuple(self.log.deliveries))

    def restore(self, copy: Copy) -> None:
        size = sum(len(one.message.payload) for one in copy.deliveries)
        self._logs[SIGNAL, 0] = _Log(copy.identity, copy.last, size, list(copy.deliveries))

    @asynccontextmanager
    async def read(self, signal: Any, partition: int, after: int) -> AsyncIterator[Any]:
        await self.step("read")
        yield FragileReader(self, after)
        await self.step("close")

    async def state(self, signal: Any, partition: int) -> Any:
        await self.step("state")
        return await super().state(signal, partition)

    async def stored_ns(self, signal: Any, partition: int, sequence: int) -> int | None:
        await self.step("stored_ns")
        assert sequence > 0
        return await super().stored_ns(signal, partition, sequence)

    async def bury(self, *args: Any) -> None:
        await self.step("bury")
        await super().bury(*args)

    async def purge(self, signal: Any, partition: int, below: int) -> None:
        await self.step("purge")
        self.purges.append(below)
        await super().purge(signal, partition, below)
