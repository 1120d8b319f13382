"""Groups in; plans in, Arrow out: `open_store` for an engine, `open_remote` for another process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from storage.clickhouse import ClickHouse, open_clickhouse, pending_migrations
from storage.config import StorageConfig
from storage.memory import MemoryStore
from storage.remote import open_remote
from storage.service import StorageService
from storage.stores import Stores, Whole
from storage.target import Target
from storage.timescale.store import Timescale, open_timescale

__all__ = [
    "ClickHouse",
    "MemoryStore",
    "StorageConfig",
    "StorageService",
    "Timescale",
    "Whole",
    "open_remote",
    "open_store",
    "pending",
]


@asynccontextmanager
async def open_store(
    config: StorageConfig, folder: Path, *, schema_wait_s: float | None = None
) -> AsyncIterator[Whole]:
    """
    Open the store that the configuration names, its schema up to date; raises Setup.

    Without a URL it is chdb in `folder`/clickhouse; points may have one of their own. What is
    opened is a `Store` and a `QueryBackend`. With `schema_wait_s` another process migrates
    ClickHouse, and is waited for so long.
    """
    async with AsyncExitStack() as up:
        store: Whole
        if config.url.startswith("memory:"):
            store = MemoryStore()
        else:
            target = _target(config, folder)
            opening = open_clickhouse(target, config, schema_wait_s=schema_wait_s)
            store = await up.enter_async_context(opening)
        if config.metrics.url:
            points = await up.enter_async_context(open_timescale(config.metrics.server(), config))
            store = Stores(points, store)
        yield store


async def pending(config: StorageConfig, folder: Path) -> list[str]:
    """Return the names of migrations that were not applied yet; changes nothing, raises Setup."""
    names = await _pending(config, folder)
    if config.metrics.url:
        names += await Timescale(config.metrics.server(), config).pending()
    return names


async def _pending(config: StorageConfig, folder: Path) -> list[str]:
    if config.url.startswith("memory:"):
        return []
    target = _target(config, folder)
    if target.path is not None and not target.path.exists():
        return pending_migrations()  # opening an engine would create the folder
    store = ClickHouse(target, config)
    try:
        return await store.pending()
    finally:
        await store.close()


def _target(config: StorageConfig, folder: Path) -> Target:
    if not config.url:
        return Target(path=folder / "clickhouse")
    return config.target()
