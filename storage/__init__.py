"""Groups in; plans in, Arrow out: `open_store` for an engine, `open_remote` for another process."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from storage.clickhouse import ClickHouse, open_clickhouse, pending_migrations
from storage.config import StorageConfig
from storage.memory import MemoryStore
from storage.remote import open_remote
from storage.service import StorageService
from storage.target import Target

__all__ = [
    "ClickHouse",
    "MemoryStore",
    "StorageConfig",
    "StorageService",
    "open_remote",
    "open_store",
    "pending",
]


def open_store(
    config: StorageConfig, folder: Path, *, schema_wait_s: float | None = None
) -> AbstractAsyncContextManager[ClickHouse | MemoryStore]:
    """
    Open the store that the configuration names, its schema up to date; raises Setup.

    Without a URL it is chdb in `folder`/clickhouse. What is opened is a `Store` and a
    `QueryBackend`. With `schema_wait_s` another process migrates, and is waited for so long.
    """
    if config.url.startswith("memory:"):
        return _memory()
    return open_clickhouse(_target(config, folder), config, schema_wait_s=schema_wait_s)


async def pending(config: StorageConfig, folder: Path) -> list[str]:
    """Return the names of migrations that were not applied yet; changes nothing, raises Setup."""
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


@asynccontextmanager
async def _memory() -> AsyncIterator[MemoryStore]:
    yield MemoryStore()


def _target(config: StorageConfig, folder: Path) -> Target:
    if not config.url:
        return Target(path=folder / "clickhouse")
    return config.target()
