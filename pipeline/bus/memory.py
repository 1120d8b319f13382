"""A bus in memory: the shipped fake, and `memory://` for trials. Nothing outlives the process."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self
from uuid import uuid4

from pipeline.bus.config import BusConfig
from pipeline.bus.memory_letters import MemoryLetters
from pipeline.errors import Overloaded, TooLarge
from pipeline.ports import Delivery, LogState, Message
from pipeline.signal import Signal


@dataclass(slots=True)
class _Log:
    identity: str
    last: int = 0
    bytes: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    def index(self, sequence: int) -> int:
        """Return where the first delivery above the sequence stands."""
        return bisect_right(self.deliveries, sequence, key=lambda delivery: delivery.sequence)


class MemoryReader:
    """Reads one log of a `MemoryBus`."""

    def __init__(self, log: _Log, after: int) -> None:
        self._log = log
        self._after = after

    async def take(self, bytes_max: int, wait_s: float) -> Sequence[Delivery]:
        """Return what is there, as `ports.Reader` says."""
        log = self._log
        async with log.grown:
            try:
                async with asyncio.timeout(wait_s):
                    await log.grown.wait_for(lambda: log.index(self._after) < len(log.deliveries))
            except TimeoutError:
                return []
            taken: list[Delivery] = []
            size = 0
            for delivery in log.deliveries[log.index(self._after) :]:
                taken.append(delivery)
                size += delivery.size
                if size >= bytes_max:
                    break
            self._after = taken[-1].sequence
            return taken


class MemoryBus(MemoryLetters):
    """A `Bus` that holds everything in this process, bounded like the real one."""

    def __init__(
        self,
        config: BusConfig,
        clock_ns: Callable[[], int] = time.time_ns,
        identities: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        super().__init__(config, clock_ns)
        self.partitions = config.partitions
        self._config = config
        self._clock_ns = clock_ns
        self._turns = {signal: count() for signal in Signal}
        self._logs = {
            (signal, partition): _Log(identities())
            for signal in Signal
            for partition in range(config.partitions)
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def publish(self, signal: Signal, message: Message) -> None:
        """Append a message, as `ports.Bus` says."""
        size = len(message.payload)
        if size > self._config.message_bytes_max:
            raise TooLarge(
                f"{size} bytes; bus.message_bytes_max is {self._config.message_bytes_max}"
            )
        log = self._logs[signal, next(self._turns[signal]) % self.partitions]
        async with log.grown:
            if log.bytes + size > self._config.stream_bytes_max:
                raise Overloaded("the bus has no room: maximum bytes exceeded")
            log.bytes += size
            log.last += 1
            log.deliveries.append(Delivery(log.last, self._clock_ns(), message))
            log.grown.notify_all()

    @asynccontextmanager
    async def read(self, signal: Signal, partition: int, after: int) -> AsyncIterator[MemoryReader]:
        """Read from the first message whose sequence is above `after`."""
        yield MemoryReader(self._logs[signal, partition], after)

    async def state(self, signal: Signal, partition: int) -> LogState:
        """Return what the log holds."""
        log = self._logs[signal, partition]
        first = log.deliveries[0].sequence if log.deliveries else log.last + 1
        return LogState(log.identity, first, log.last, log.bytes / self._config.stream_bytes_max)

    async def stored_ns(self, signal: Signal, partition: int, sequence: int) -> int | None:
        """Return the time of a message, or None when it is not there."""
        log = self._logs[signal, partition]
        index = log.index(sequence - 1)
        if index == len(log.deliveries) or log.deliveries[index].sequence != sequence:
            return None
        return log.deliveries[index].stored_ns

    async def heads(
        self, signal: Signal, partition: int, after: int, most: int
    ) -> Sequence[Delivery]:
        """Return what stands above `after`, without the payloads."""
        log = self._logs[signal, partition]
        start = log.index(after)
        return [
            replace(one, content=replace(one.message, payload=b""))
            for one in log.deliveries[start : start + most]
        ]

    async def purge(self, signal: Signal, partition: int, below: int) -> None:
        """Forget the messages whose sequence is below `below`."""
        log = self._logs[signal, partition]
        index = log.index(below - 1)
        log.bytes -= sum(delivery.size for delivery in log.deliveries[:index])
        del log.deliveries[:index]
