"""The durable log between the doors and the committer; only the wiring imports this package."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from pipeline.bus.config import MEMORY, BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.bus.nats import NatsBus
from pipeline.bus.server import EmbeddedServer
from pipeline.bus.sights import MemoryTail, NoTail
from pipeline.bus.tail import NatsTail
from pipeline.folder import DataFolder
from pipeline.ports import Bus, Tail

__all__ = ["BusConfig", "open_bus", "open_tail"]


@asynccontextmanager
async def open_bus(
    config: BusConfig, folder: DataFolder, clock_ns: Callable[[], int] = time.time_ns
) -> AsyncIterator[Bus]:
    """
    Open the bus that `bus.url` names, with a server of our own in the folder when it is empty.

    Enter from the main thread (`EmbeddedServer`). Raises Setup. `clock_ns` is the time of the
    memory bus; NATS has its own.
    """
    if config.url == MEMORY:
        yield MemoryBus(config, clock_ns)
        return
    async with AsyncExitStack() as up:
        if config.url:
            bus = NatsBus(config, _servers(config))
        else:
            server = await up.enter_async_context(EmbeddedServer(config, folder))
            bus = NatsBus(config, [server.url], has_room=server.has_room)
        yield await up.enter_async_context(bus)


@asynccontextmanager
async def open_tail(config: BusConfig, bus: Bus | None) -> AsyncIterator[Tail]:
    """
    Open the tail of the bus, or without one of ours that of `bus.url`.

    Where that is inside another process, nothing that is committed is to be seen here.
    """
    if isinstance(bus, NatsBus) or config.url not in {"", MEMORY}:
        servers = bus.servers if isinstance(bus, NatsBus) else _servers(config)
        async with NatsTail(config, servers) as tail:
            yield tail
    else:
        yield MemoryTail(config) if bus else NoTail()


def _servers(config: BusConfig) -> list[str]:
    return [part.strip() for part in config.url.split(",")]
