"""Buses for tests: the fake and the real one behind one handle."""

import asyncio
import os
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from time import monotonic_ns
from typing import Any, TypeVar

from nats.aio.client import Client

from pipeline.bus.config import BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.bus.nats import NatsBus
from pipeline.bus.server import EmbeddedServer
from pipeline.errors import Unavailable
from pipeline.folder import DataFolder
from pipeline.letter import Choice, Letter, Refused
from pipeline.ports import Bus, Delivery, Message, Reader

DEADLINE_S = 30.0
T = TypeVar("T")


async def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds; fail when it does not in time."""
    async with asyncio.timeout(deadline_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def answered(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until the bus is there again."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0.01)


def message(payload: bytes = b"payload", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "tenant": "default",
        "accepted": 1,
        "refused": 0,
        "arrived_ns": 1_700_000_000,
    } | changes
    return Message(payload=payload, **fields)


async def take_all(reader: Reader, number: int, bytes_max: int = 1 << 20) -> list[Delivery]:
    """Take until so many deliveries came."""
    taken: list[Delivery] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(taken) < number:
            taken += await reader.take(bytes_max, 1.0)
    return taken


async def all_letters(bus: Bus, **choice: Any) -> list[Letter]:
    """Every dead letter of a bus."""
    page = await bus.letters(Choice(**choice), 10_000, 1 << 30)
    assert page.next is None
    return list(page.letters)


def refused(payload: bytes = b"payload", **changes: Any) -> Refused:
    fields: dict[str, Any] = {
        "tenant": "default",
        "reason": "bad",
        "records": 1,
        "arrived_ns": 1_700_000_000,
        "size": len(payload),
    } | changes
    return Refused(payload=payload, **fields)


class MemoryRig:
    """The fake."""

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[MemoryBus]:
        ticks = count(1_800_000_000_000_000_000)
        now_ns = lambda: next(ticks) + monotonic_ns()  # noqa: E731 - rises from call to call
        async with MemoryBus(BusConfig(**settings), clock_ns=now_ns) as bus:
            yield bus

    @asynccontextmanager
    async def reopen_anew(self, bus: Bus, **settings: Any) -> AsyncIterator[Bus]:
        """Open a bus whose logs were made anew."""
        async with self.open(**settings) as other:
            yield other


class NatsRig:
    """The real one, with a server of its own."""

    def __init__(self, folder: DataFolder, server: EmbeddedServer) -> None:
        self.folder = folder
        self.server = server

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[NatsBus]:
        async with NatsBus(BusConfig(**settings), [self.server.url], connect_wait_s=10) as bus:
            yield bus

    @asynccontextmanager
    async def reopen_anew(self, bus: Bus, **settings: Any) -> AsyncIterator[Bus]:
        """Open a bus whose logs were made anew."""
        await self.remove_streams()
        async with self.open(**settings) as other:
            yield other

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect as a stranger."""
        client = Client()
        await client.connect([self.server.url])
        try:
            yield client
        finally:
            await client.close()

    async def remove_streams(self) -> None:
        async with self.client() as client:
            manager = client.jsm()
            for stream in await manager.streams_info():
                await manager.delete_stream(str(stream.config.name))

    def pid(self) -> int:
        pid = self.server.pid
        assert pid is not None
        return pid

    def kill(self) -> int:
        """SIGKILL the server; return the process id it had."""
        pid = self.pid()
        os.kill(pid, signals.SIGKILL)
        return pid

    async def killed(self) -> None:
        """SIGKILL the server and wait until it is another process."""
        pid = self.kill()
        await until(lambda: self.server.pid not in {None, pid})


@asynccontextmanager
async def nats_rig(path: Path, **settings: Any) -> AsyncIterator[NatsRig]:
    async with AsyncExitStack() as up:
        folder = up.enter_context(DataFolder(path / "data"))
        server = await up.enter_async_context(EmbeddedServer(BusConfig(**settings), folder))
        yield NatsRig(folder, server)
