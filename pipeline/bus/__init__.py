"""The durable log between the doors and the committer; only the wiring imports this package."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from pipeline.bus.config import MEMORY, BusConfig
from pipeline.bus.memory import MemoryBus
from pipeline.bus.nats import NatsBus
from pipeline.bus.server import EmbeddedServer
from pipeline.folder import DataFolder
from pipeline.ports import Bus

__all__ = ["BusConfig", "open_bus"]


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
            bus = NatsBus(config, [part.strip() for part in config.url.split(",")])
        else:
            server = await up.enter_async_context(EmbeddedServer(config, folder))
            bus = NatsBus(config, [server.url], has_room=server.has_room)
        yield await up.enter_async_context(bus)
